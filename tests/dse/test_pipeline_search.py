"""Searches over a pipeline against every choice of rows, one by one."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.accelerators.library import load_accelerator
from archsim.dse.replay import run_plan
from archsim.dse.search import search
from archsim.dse.selection.problem import Budget, Choices, Objective, Problem, Term
from archsim.dse.selection.select import solve
from archsim.dse.study import Study
from archsim.errors import InputError
from archsim.workloads.layer import Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.precision import Precision
from archsim.workloads.trace import write_trace

DEVICE = {"node_nm": 28.0, "lut": 4_000, "bram18": 12, "dsp": 16, "dsp_kind": "dsp48e1", "static_w": 0.1}
SPEC = {"family": "dataflow", "name": "small", "device": DEVICE, "clock_mhz": 100.0, "weights": ["lutram"]}
BITS = Precision(4, 4, 4)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three dense layers, 12-8-6-4."""
    net = NetworkBuilder("small")
    x = Tensor("input", (1, 12))
    for number, width in enumerate((8, 6, 4)):
        x = net.linear(f"fc{number}", x, width, activation="relu")
    path = tmp_path_factory.mktemp("workloads") / "small.csv"
    write_trace(net.build().with_precision(BITS), path)
    return str(path)


def study(trace: str, **changes: Any) -> Study:
    return Study.model_validate(
        {
            "workload": trace,
            "accelerator": SPEC,
            "bits": {"weights": [4], "activations": [4]},
            "minimize": "interval",
            "baseline_bits": "w4a4",
            "marginals": False,
        }
        | changes
    )


def every_choice(trace: str) -> list[tuple[float, float]]:
    """(largest cycles, energy) of all choices on the fronts of the tables that fit the device."""
    workload = load_workload(trace)
    machine: Any = load_accelerator(SPEC).for_workload(workload)  # type: ignore[attr-defined]
    front = ("cycles", "energy_pj", *(f"resource:{name}" for name in machine.capacity))
    outs = (4, 4, 8)  # the result of a study is 8 bits wide
    tables = [
        machine.options(layer, [BITS.with_output_bits(bits)], front=front)
        for layer, bits in zip(workload.layers, outs, strict=True)
    ]
    found = []
    for rows in itertools.product(*(range(len(table)) for table in tables)):
        pairs = list(zip(tables, rows, strict=True))
        taken = {name: sum(t.resources[name][r] for t, r in pairs) for name in machine.capacity}
        if all(taken[name] <= limit for name, limit in machine.capacity.items()):
            energy = sum(float(t.total_energy_pj[r]) for t, r in pairs)
            found.append((max(float(t.cycles[r]) for t, r in pairs), energy))
    return found


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_least_peak_of_drawn_problems(data: st.DataObject) -> None:
    choices = []
    for number in range(data.draw(st.integers(1, 4))):
        rows = data.draw(st.integers(1, 4))
        column = st.lists(st.integers(0, 9).map(float), min_size=rows, max_size=rows)
        columns = {name: np.array(data.draw(column)) for name in ("pace", "cost", "a", "b")}
        choices.append(Choices(f"layer{number}", columns))
    budgets = tuple(Budget(name, name, float(data.draw(st.integers(0, 20)))) for name in ("a", "b"))
    objective = Objective((Term("pace", combine="max"),), (Term("cost"), Term("pace", 2.0, "max")))
    problem = Problem(tuple(choices), objective, budgets)
    plans = [
        rows for rows in itertools.product(*(range(c.rows) for c in choices)) if not problem.broken(rows)
    ]
    found = solve(problem)
    if not plans:
        assert found.status == "INFEASIBLE"
        return
    best = min((problem.value(rows), problem.cost(objective.then, rows)) for rows in plans)
    assert (found.status, found.objective, found.best_bound) == ("OPTIMAL", best[0], best[0])
    assert found.then == pytest.approx(best[1])


def test_the_fastest_pipeline_that_fits_is_proven(trace: str) -> None:
    outcome = search(study(trace), workers=1)
    assert outcome.plan is not None
    least = min(every_choice(trace))
    assert outcome.plan.status == "OPTIMAL"
    assert outcome.plan.objective == pytest.approx(least[0] / 100e3)
    run = run_plan(outcome.plan)
    assert run.totals.interval_cycles == pytest.approx(least[0], abs=2)
    assert all(use.used <= use.capacity * 1.01 for use in run.resources)


def test_a_plan_fits_its_device_with_all_fifos() -> None:
    """Their depths are worked out for the whole pipeline; the fastest stages leave no room for them."""
    changes = {
        "workload": "cnv-w1a1",
        "accelerator": SPEC | {"device": "pynq-z1", "weights": ["lutram", "bram"]},
    }
    bits = {"weights": [1], "activations": [1], "layers": {"first": {"activations": [8]}}}
    plan = search(study("", **changes, bits=bits, baseline_bits="w1a1"), workers=1).plan
    assert plan is not None
    assert plan.warnings == []
    assert plan.search["between_stages"]["lut"] > 0
    assert plan.search["times_solved"] > 1
    assert all(use.used <= use.capacity for use in run_plan(plan).resources)


def test_least_luts_at_a_frame_rate(trace: str) -> None:
    outcome = search(study(trace, minimize="resource.lut", budgets={"frames_per_s": 2e6}), workers=1)
    assert outcome.plan is not None
    assert outcome.plan.status == "OPTIMAL"
    assert outcome.plan.totals["frames_per_s"] >= 2e6
    fastest = search(study(trace), workers=1).plan
    assert fastest is not None
    used = {r.name: r.used for r in run_plan(outcome.plan).resources}
    most = {r.name: r.used for r in run_plan(fastest).resources}
    assert used["lut"] < most["lut"]


def test_least_energy_counts_the_static_power(trace: str) -> None:
    outcome = search(study(trace, minimize="energy", budgets={"frames_per_s": 1e6}), workers=1)
    assert outcome.plan is not None
    static_pj = 0.1 * 1e12 / 100e6  # a cycle
    choices = [(cycles, energy) for cycles, energy in every_choice(trace) if cycles <= 100]
    best = min(energy + static_pj * cycles for cycles, energy in choices)
    assert outcome.plan.objective * 1e9 == pytest.approx(best, rel=1e-6)


def test_an_impossible_rate_is_explained(trace: str) -> None:
    outcome = search(study(trace, budgets={"frames_per_s": 2e8}), workers=1)
    assert outcome.status == "INFEASIBLE"
    assert outcome.conflict is not None
    assert any("latency_ms" in sentence for sentence in outcome.conflict.sentences())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimize": "edp"}, "edp of a pipeline is no product"),
        ({"budgets": {"energy_mj": 1}}, "energy_mj of a pipeline cannot be limited"),
        ({"budgets": {"power_mw": 1}}, "power_mw of a pipeline cannot be limited"),
    ],
)
def test_what_a_pipeline_cannot_be_asked(trace: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        search(study(trace, **changes), workers=1)
