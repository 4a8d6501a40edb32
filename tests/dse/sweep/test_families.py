"""Small sweeps over the machines of every family, their points run and searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweep_cases import tiny_trace, totals_by_simulate

from archsim.dse.search import search
from archsim.dse.study import Study
from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.files import load_sweep
from archsim.dse.sweep.outcome import FAILED, OK
from archsim.dse.sweep.sweep import TOTALS

Hardware = dict[str, list[Any]]
FAMILIES: dict[str, tuple[str, str | None, Hardware, str]] = {
    # accelerator, workload (None: a tiny one), hardware with a value that cannot be, what is said of that
    "systolic": ("systolic-32-edge", None, {"buffer.capacity_kib": [32, 0.0625]}, "memory"),
    "crossbar": ("pim-sram-65nm", None, {"adc.bits": [6, 7], "array.active_rows": [64, 1024]}, "512 rows"),
    "dataflow": ("finn-tfc-pynq-z1", "tfc-w1a1", {"clock_mhz": [50, 100], "folding.fc1.pe": [8, 7]}, "is 7"),
    "overlay": ("quasar-zcu102", None, {"engine.channels": [96, 384], "clock_mhz": [150, -1]}, "clock_mhz"),
    "cluster": ("gap9", None, {"cores.count": [4, 8], "operating_point.vdd_v": [0.8, 3]}, "vdd_v"),
}
BITS = {"dataflow": {"weights": [1], "activations": [1]}}


def told(family: str, folder: Path) -> dict[str, Any]:
    accelerator, workload, hardware, _ = FAMILIES[family]
    return {"accelerator": accelerator, "workload": workload or tiny_trace(folder), "hardware": hardware}


@pytest.mark.parametrize("family", FAMILIES)
def test_points_that_are_runs(family: str, tmp_path: Path) -> None:
    asked = told(family, tmp_path)
    evaluator = Evaluator.of(load_sweep(asked))
    designs = list(evaluator.space.designs(range(evaluator.space.size)))
    found = [evaluator.outcome(design) for design in designs]
    assert {outcome.status for outcome in found} == {OK, FAILED}
    for design, outcome in zip(designs, found, strict=True):
        if outcome.status == FAILED:
            assert outcome.error is not None
            assert FAMILIES[family][3] in outcome.error
            continue
        meant = totals_by_simulate(asked["workload"], asked["accelerator"], dict(design.fields))
        assert [getattr(outcome.totals, name) for name in TOTALS] == meant


@pytest.mark.parametrize("family", FAMILIES)
def test_points_that_are_searches(family: str, tmp_path: Path) -> None:
    asked = told(family, tmp_path)
    terms = {"minimize": "latency", "bits": BITS.get(family, {})}
    evaluator = Evaluator.of(load_sweep({**asked, "search": terms}))
    outcome = evaluator.outcome(next(iter(evaluator.space.designs([0]))))
    assert (outcome.status, outcome.proof) == (OK, "OPTIMAL"), outcome.error
    first = {path: values[:1] for path, values in asked["hardware"].items()}
    plan = search(Study(**{**asked, "hardware": first}, **terms), workers=1).plan
    assert plan is not None
    assert outcome.totals == plan.totals
