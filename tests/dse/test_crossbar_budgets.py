"""Searches on crossbars: copies of weights under a budget of arrays, layers that keep their arrays."""

from typing import Any

import pytest
import yaml

from archsim.dse.search import search
from archsim.dse.study import Study
from archsim.library_paths import library_folder
from archsim.simulation import simulate

ISAAC = yaml.safe_load((library_folder("accelerators") / "isaac.yaml").read_text())


def small(tiles: int, **changes: Any) -> dict[str, Any]:
    return {**ISAAC, "tile": {**ISAAC["tile"], "count": tiles}, **changes}


def best(accelerator: dict[str, Any], minimize: str, **fields: Any):
    study = Study(workload="resnet8", accelerator=accelerator, minimize=minimize, marginals=False, **fields)
    outcome = search(study, workers=1)
    assert outcome.status == "OPTIMAL"
    assert outcome.plan is not None
    return outcome.plan


def crossbars(layers: Any) -> int:
    return sum(layer.mapping.get("crossbars", 0) for layer in layers)


def test_archsim_run_balances_as_well_as_the_proven_search():
    machine = small(6)
    plan = best(machine, "interval")
    assert simulate("resnet8", machine).totals.interval_cycles == plan.totals["interval_cycles"]


def test_fewer_arrays_make_a_longer_interval():
    machine = small(6)
    free, tight = (best(machine, "interval", budgets=b) for b in ({}, {"resource.crossbars": 150}))
    assert crossbars(tight.layers) <= 150
    assert tight.totals["interval_cycles"] > free.totals["interval_cycles"]


def test_layers_one_after_the_other_share_arrays_that_they_keep():
    machine = small(1, composition="sequential")
    plan, run = best(machine, "latency"), simulate("resnet8", machine)
    assert crossbars(plan.layers) <= 96
    assert crossbars(run.layers) <= 96
    assert plan.totals["latency_cycles"] <= run.totals.latency_cycles
    assert run.totals.latency_cycles == pytest.approx(plan.totals["latency_cycles"], rel=0.02)
