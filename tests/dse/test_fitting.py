"""Pipelines that fit with their FIFOs: searches and balanced choices against every choice of rows."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest

from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import taken
from archsim.dse.replay import run_plan
from archsim.dse.search import search
from archsim.dse.study import Study
from archsim.simulation import simulate
from archsim.workloads.layer import Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.precision import Precision
from archsim.workloads.trace import write_trace

BITS = Precision(4, 4, 4)
PLENTY = 1_000_000


def accelerator(luts: int, **changes: Any) -> dict[str, Any]:
    """With `luts` usable LUTs, of which all else is made, too."""
    device = {"node_nm": 28.0, "lut": luts, "bram18": 0, "dsp": 0, "ff": PLENTY, "static_w": 0.1}
    return {
        "family": "dataflow",
        "name": "small",
        "device": device,
        "usable": {"lut": 1.0},
        "clock_mhz": 100.0,
        "weights": ["lutram"],
        "multipliers": ["lut"],
        **changes,
    }


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Convolutions with an addition around the second, whose FIFO has to hold lines of the image."""
    net = NetworkBuilder("bypassed")
    a = net.conv("a", Tensor("input", (1, 2, 10, 10)), 2, 1)
    b = net.conv("b", a, 2, 3, padding=1)
    net.conv("d", net.add("c", a, b), 2, 1)
    path = tmp_path_factory.mktemp("workloads") / "bypassed.csv"
    write_trace(net.build().with_precision(BITS), path)
    return str(path)


@dataclass(frozen=True)
class Choice:
    cycles: float
    stages: float  # LUTs
    fifos: float


@pytest.fixture(scope="module")
def choices(trace: str) -> list[Choice]:
    """All foldings of all stages."""
    workload = load_workload(trace)
    machine: Any = load_accelerator(accelerator(PLENTY)).for_workload(workload)  # type: ignore[attr-defined]
    outs = [4] * (len(workload.layers) - 1) + [8]  # the result of a study is 8 bits wide
    tables = [
        machine.options(layer, [BITS.with_output_bits(bits)])
        for layer, bits in zip(workload.layers, outs, strict=True)
    ]
    found = []
    for indices in itertools.product(*(range(len(table)) for table in tables)):
        rows = [table.row(index) for table, index in zip(tables, indices, strict=True)]
        stages = sum(float(t.resources["lut"][i]) for t, i in zip(tables, indices, strict=True))
        fifos = machine.between(rows).get("lut", 0.0)
        used = taken(machine, rows, [machine.performed(row) for row in rows])
        assert used["lut"] == pytest.approx(stages + fifos)
        found.append(Choice(max(row.cycles for row in rows), stages, fifos))
    return found


def study(trace: str, luts: int, **changes: Any) -> Study:
    return Study.model_validate(
        {
            "workload": trace,
            "accelerator": accelerator(luts),
            "bits": {"weights": [4], "activations": [4]},
            "minimize": "interval",
            "baseline_bits": "w4a4",
            "marginals": False,
        }
        | changes
    )


def least(choices: list[Choice], luts: float, *, fifos: bool) -> float:
    """Cycles of the fastest choice that fits, with its FIFOs or without."""
    fitting = [c.cycles for c in choices if c.stages + fifos * c.fifos <= luts]
    return min(fitting, default=float("inf"))


@pytest.mark.parametrize("luts", [1650, 1700, 1850, 2000, 2250, 2300, 2410, 2550])
def test_the_fastest_that_fits_with_its_fifos(trace: str, choices: list[Choice], luts: int) -> None:
    """None is faster, which is proven also where the stages alone would fit at a faster pace."""
    plan = search(study(trace, luts), workers=1).plan
    best = least(choices, luts, fifos=True)
    assert plan is not None
    assert plan.objective is not None
    assert plan.best_bound is not None
    assert plan.objective * 100e3 == pytest.approx(best)
    assert plan.best_bound * 100e3 == pytest.approx(best)
    assert plan.status == "OPTIMAL"
    assert plan.warnings == []
    assert all(use.used <= use.capacity for use in run_plan(plan).resources)


def test_stages_alone_may_fit_at_a_faster_pace(choices: list[Choice]) -> None:
    """Else the test above would pass without FIFOs."""
    for luts in (1650, 1850, 2250, 2550):
        assert least(choices, luts, fifos=False) < least(choices, luts, fifos=True)


def test_that_none_fits_is_proven(trace: str, choices: list[Choice]) -> None:
    luts = 1600
    assert least(choices, luts, fifos=False) < least(choices, luts, fifos=True) == float("inf")
    outcome = search(study(trace, luts), workers=1)
    assert (outcome.status, outcome.plan) == ("INFEASIBLE", None)


def test_the_nearest_is_told_where_none_was_found(trace: str) -> None:
    """Where FIFOs are given the others depend on all stages: nothing is proven beyond the stages."""
    given = accelerator(1600, fifos={"c.in": 40})
    outcome = search(study(trace, 1600, accelerator=given), workers=1)
    assert outcome.plan is not None
    assert outcome.status == outcome.plan.status == "UNKNOWN"
    assert outcome.plan.gap is None
    (warning,) = outcome.plan.warnings
    assert "what stands between them take" in warning


def test_fifos_count_as_what_a_plan_takes(trace: str, choices: list[Choice]) -> None:
    """In a budget, and in the goal."""
    tight = search(study(trace, PLENTY, budgets={"resource.lut": 2250}), workers=1).plan
    assert tight is not None
    assert tight.objective is not None
    assert tight.objective * 100e3 == pytest.approx(least(choices, 2250, fifos=True))
    assert 0 < tight.budgets[0].used <= 2250
    small = search(study(trace, PLENTY, minimize="resource.lut"), workers=1).plan
    assert small is not None
    assert small.objective is not None
    assert small.objective == pytest.approx({u.name: u.used for u in run_plan(small).resources}["lut"])
    assert small.status == tight.status == "OPTIMAL"
    assert small.objective == pytest.approx(min(choice.stages + choice.fifos for choice in choices))


@pytest.mark.parametrize("luts", [1640, 1700, 1860, 2000, 2250, 2410, 2600])
def test_a_run_balances_its_stages_with_room_for_fifos(trace: str, choices: list[Choice], luts: int) -> None:
    run = simulate(load_workload(trace).with_precision(BITS), accelerator(luts))
    assert run.totals.interval_cycles == least(choices, luts, fifos=True)
    assert all(use.used <= use.capacity for use in run.resources)
    assert run.warnings == ()


def test_a_run_tells_that_its_fifos_do_not_fit(trace: str) -> None:
    run = simulate(load_workload(trace).with_precision(BITS), accelerator(1600))
    (warning,) = run.warnings
    assert warning == "the stages and what stands between them take 1,633 lut, 1,600 may be used"
