"""Rows and schedule chosen together, against every choice of rows with the best schedule of each."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from recompute_cases import least_extra, long_skip, random_skip, random_workload, u_net

from archsim.dse.plan import Plan, Step
from archsim.dse.recompute import Memory, solve_with_recompute, with_executions
from archsim.dse.replay import run_plan
from archsim.dse.retention import Graph, Retention
from archsim.dse.search import search
from archsim.dse.selection.problem import Choices, Problem, minimize
from archsim.dse.study_files import load_study
from archsim.dse.unrolled import unrolled
from archsim.errors import InputError
from archsim.workloads.trace import write_trace

EXECUTIONS = 3
REPEATING = (9, 12)
"""A case and a limit that only repetition meets, or meets best."""


class Case:
    """A drawn graph whose layers choose among rows of different cost, second cost and output size."""

    def __init__(self, number: int) -> None:
        rng = Random(f"recompute {number}")
        drawn = random_skip(rng) if number % 2 else random_workload(rng, rng.randint(3, 5))
        self.graph = Graph.of(drawn)
        self.inputs = self.graph.inputs
        names = self.graph.names[self.inputs :]
        self.tables = []
        for name, size in zip(names, self.graph.sizes[self.inputs :], strict=True):
            rows = rng.randint(1, 3)
            columns = {c: np.array([float(rng.randint(1, 9)) for _ in range(rows)]) for c in ("cost", "then")}
            sizes = np.array([rng.randint((size + 1) // 2, size) for _ in range(rows)])
            self.tables.append(Choices(name, columns, {"size": sizes}))
        given = [(0, np.full(self.tables[0].rows, size)) for size in self.graph.sizes[: self.inputs]]
        self.sizes = [*given, *((i, table.keys["size"]) for i, table in enumerate(self.tables))]

    def solve(self, limit: int):
        problem = Problem(
            tuple(with_executions(table, EXECUTIONS, ("cost", "then")) for table in self.tables),
            minimize("cost", then="then"),
        )
        sizes = tuple((layer, np.tile(of_rows, EXECUTIONS)) for layer, of_rows in self.sizes)
        memory = Memory(self.graph, sizes, limit, EXECUTIONS)
        return solve_with_recompute(problem, memory, time_limit_s=60)

    def least(self, limit: int) -> float | None:
        """Over every choice of rows, each with the schedule that repeats the least."""
        best = None
        for rows in itertools.product(*(range(table.rows) for table in self.tables)):
            costs = [int(table.columns["cost"][row]) for table, row in zip(self.tables, rows, strict=True)]
            sizes = tuple(int(of_rows[rows[layer]]) for layer, of_rows in self.sizes)
            here = replace(self.graph, sizes=sizes, costs=(*(0,) * self.inputs, *costs))
            extra = least_extra(here, limit)
            if extra is not None and (best is None or sum(costs) + extra < best):
                best = sum(costs) + extra
        return best


@pytest.mark.parametrize("number", range(12))
def test_against_every_choice_of_rows(number):
    case = Case(number)
    high = sum(case.graph.sizes)
    for limit in range(4, high, max(1, high // 9)):
        expected = case.least(limit)
        found, steps = case.solve(limit)
        if expected is None:
            assert found.status == "INFEASIBLE"
            continue
        assert (found.status, found.objective) == ("OPTIMAL", expected)
        times = [1 + row // table.rows for table, row in zip(case.tables, found.rows, strict=True)]
        assert len(steps) in (0, sum(times))
        if (number, limit) == REPEATING:
            assert max(times) > 1


def test_executed_in_order():
    workload = long_skip()
    names = ["wide", "down", "deep", "up", "wide", "join"]
    steps = [Retention(name, until) for name, until in zip(names, (1, 2, 3, 5, 5, 5), strict=True)]
    executed = unrolled(workload, steps)
    assert [layer.name for layer in executed.layers] == ["wide", "down", "deep", "up", "wide@2", "join"]
    assert [t.name for t in executed.layers[-1].inputs] == ["up.out", "wide.out@2"]
    assert executed.peak_memory.bytes < workload.peak_memory.bytes
    assert unrolled(workload, ()) is workload
    with pytest.raises(InputError, match=r"'wide\.out', which join reads, is not kept"):
        unrolled(workload, [s for s in steps if s is not steps[4]])
    with pytest.raises(InputError, match="'join' of skip is never executed"):
        unrolled(workload, steps[:-1])
    with pytest.raises(InputError, match="executes 'other', no layer of skip"):
        unrolled(workload, [Retention("other", 0)])


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    path = tmp_path_factory.mktemp("recompute") / "unet.csv"
    write_trace(u_net(3, 16), path)
    return path


def study(trace, **changes):
    return load_study(
        {
            "workload": str(trace),
            "accelerator": "gap9",
            "budgets": {"peak_activation_kib": 5.0},
            "allow_recompute": True,
            "marginals": False,
        }
        | changes
    )


def test_a_plan_that_executes_layers_again_is_replayed_equal(trace, tmp_path):
    plan = search(study(trace), workers=1).plan
    assert plan is not None
    assert plan.status == "OPTIMAL"
    times = {layer.name: sum(s.layer == layer.name for s in plan.schedule) for layer in plan.layers}
    assert max(times.values()) == 2
    cycles = sum(layer.latency_cycles * times[layer.name] for layer in plan.layers)
    assert plan.objective == pytest.approx(cycles / 370e3)
    assert plan.totals["peak_memory_bytes"] <= 5.0 * 1024
    (use,) = plan.budgets
    assert use.used * 1024 == plan.totals["peak_memory_bytes"]
    path = tmp_path / "plan.json"
    plan.to_json(path)
    again = run_plan(Plan.model_validate(json.loads(path.read_text())))
    assert again.totals.latency_cycles == plan.totals["latency_cycles"]
    assert again.totals.energy_mj == plan.totals["energy_mj"]
    assert len(again.layers) == len(plan.schedule) > len(plan.layers)


def test_wider_memory_costs_no_more_and_bits_may_save_the_repetition(trace):
    def best(**changes):
        return search(study(trace, **changes), workers=1).plan

    tight, wide = best(), best(budgets={"peak_activation_kib": 5.5})
    assert wide.objective <= tight.objective
    enough = best(budgets={"peak_activation_kib": 100.0})
    assert enough.schedule == []
    assert enough.objective <= wide.objective
    narrow = best(bits={"weights": [8], "activations": [4, 8]}, accelerator="marsellus")
    plain = best(accelerator="marsellus")
    assert narrow.objective <= plain.objective
    alone = best(bits={"weights": [8], "activations": [4, 8]}, accelerator="marsellus", allow_recompute=False)
    assert narrow.objective <= alone.objective


def test_no_repetition_helps(trace):
    outcome = search(study(trace, budgets={"peak_activation_kib": 2.0}), workers=1)
    assert outcome.plan is None
    assert outcome.conflict is not None
    (move,) = outcome.conflict.moves
    assert move.least is not None
    assert 4.75 < move.least < 5.1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budgets": {}}, "needs a limit"),
        ({"minimize": "edp"}, "edp is a product"),
    ],
)
def test_what_does_not_go_together(trace, changes, said):
    with pytest.raises(InputError, match=said):
        study(trace, **changes)


def test_a_schedule_that_is_none(trace):
    plan = search(study(trace), workers=1).plan
    broken = plan.model_copy(update={"schedule": [Step(layer="down0", kept_until=0)]})
    with pytest.raises(InputError, match="schedule"):
        run_plan(broken)
