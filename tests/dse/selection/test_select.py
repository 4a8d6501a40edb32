"""solve() against trying every selection, and its promises: determinism, time, interruption."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exhaustive import AWKWARD, WHOLE, Exhaustive, problems
from hypothesis import given, settings

from archsim.dse.selection.problem import Budget, Choices, Objective, Problem, Tie, minimize, minimize_product
from archsim.dse.selection.select import marginal, solve
from archsim.dse.selection.session import Progress
from archsim.errors import InputError

TOLERANCE = 1e-6
Hard = Callable[..., Problem]


@settings(max_examples=150, deadline=None)
@given(problems(WHOLE))
def test_the_optimum_is_that_of_exhaustive_search(problem: Problem) -> None:
    """Whole numbers: both objectives agree exactly, and the gap is 0."""
    every = Exhaustive(problem)
    feasible = every.feasible()
    found = solve(problem)
    if not feasible:
        assert found.status == "INFEASIBLE"
        assert found.rows is None
        return
    assert found.status == "OPTIMAL"
    assert found.rows in feasible
    least = min(every.objective(rows) for rows in feasible)
    assert found.objective == every.objective(found.rows) == least
    assert found.best_bound == pytest.approx(least, rel=1e-9, abs=1e-9)
    # of what is no dearer in any term than the optimum found, the least second objective
    terms = problem.objective.terms
    separate = problem.objective.product or any(term.combine == "max" for term in terms)
    limits = every.terms(found.rows, terms) if separate else [least]
    equal = [
        rows
        for rows in feasible
        if np.less_equal(every.terms(rows, terms) if separate else [every.objective(rows)], limits).all()
    ]
    assert found.then == min(every.then(rows) for rows in equal)


@settings(max_examples=150, deadline=None)
@given(problems(AWKWARD))
def test_budgets_hold_to_the_last_bit_whatever_the_numbers(problem: Problem) -> None:
    """Limits lie on the sums of selections, or one unit in the last place below."""
    every = Exhaustive(problem)
    feasible = every.feasible()
    found = solve(problem)
    assert (found.status == "INFEASIBLE") == (not feasible)
    if not feasible:
        return
    assert found.status == "OPTIMAL"
    assert found.rows in feasible
    least = min(every.objective(rows) for rows in feasible)
    assert least <= every.objective(found.rows) <= least * (1 + TOLERANCE)
    assert found.best_bound <= least * (1 + 1e-12)
    assert found.objective - found.best_bound <= TOLERANCE * found.objective


def test_the_same_problem_gives_the_same_selection(hard_problem: Hard) -> None:
    problem = hard_problem()
    first, second = solve(problem), solve(problem)
    assert first.status == "OPTIMAL"
    assert first.rows == second.rows
    assert solve(problem, workers=2).objective == first.objective
    assert solve(problem, hint=[0] * 12).objective == first.objective
    assert solve(problem, hint=first.rows).rows == first.rows


def test_stops_at_the_gap_asked_for_and_says_so(hard_problem: Hard) -> None:
    problem = hard_problem(layers=40, rows=60)
    loose = solve(problem, gap=0.05)
    assert loose.status == "FEASIBLE"
    assert 1e-6 < loose.gap <= 0.05
    assert loose.objective is not None
    assert loose.best_bound < loose.objective


def test_stops_at_the_time_limit_with_the_incumbent_and_its_bound(hard_problem: Hard) -> None:
    found = solve(hard_problem(layers=60, rows=200), time_limit_s=0.5)
    assert found.wall_s < 30  # with room for a machine that is busy
    assert found.status in ("FEASIBLE", "UNKNOWN")
    assert found.best_bound > 0
    assert not found.interrupted


def test_progress_is_heard_and_an_interrupt_returns_the_incumbent(hard_problem: Hard) -> None:
    heard = []

    def ctrl_c_after_the_first_incumbent(progress: Progress) -> None:
        heard.append(progress)
        if progress.incumbent is not None:
            raise KeyboardInterrupt

    found = solve(
        hard_problem(layers=60, rows=200), time_limit_s=60, on_progress=ctrl_c_after_the_first_incumbent
    )
    assert found.interrupted
    assert found.status == "FEASIBLE"
    assert found.wall_s < 30
    assert found.objective is not None
    assert found.objective <= heard[-1].incumbent
    assert 0 < found.gap < 1
    bounds = [progress.bound for progress in heard]
    assert bounds == sorted(bounds)


def test_what_more_of_a_budget_buys() -> None:
    table = {"energy_pj": [4.0, 2.0, 1.0], "held_bytes": [10.0, 11.0, 30.0]}
    problem = Problem(
        (Choices("a", table), Choices("b", table)),
        minimize("energy_pj", then="held_bytes"),
        (Budget("memory", "held_bytes", 20.0), Budget("energy", "energy_pj", 8.0)),
    )
    best = solve(problem)
    assert best.objective == 8
    memory, energy = marginal(problem, best)
    assert (memory.budget, memory.limit, memory.selection.objective) == ("memory", 22.0, 4.0)
    assert memory.gain_percent == 50
    assert energy.gain_percent == 0
    assert [use.slack for use in best.budgets] == [0, 0]


def test_a_plans_own_totals_are_limits_that_it_meets() -> None:
    rng = np.random.default_rng(5)
    tables = tuple(Choices(str(i), {"energy_pj": rng.random(3) * 10.0**i}) for i in range(9))
    free = Problem(tables, minimize("energy_pj", then="energy_pj"))
    best = solve(free)
    assert best.objective is not None
    again = solve(replace(free, budgets=(Budget("energy", "energy_pj", best.objective),)))
    assert again.rows == best.rows
    less = Budget("energy", "energy_pj", math.nextafter(best.objective, 0))
    assert solve(replace(free, budgets=(less,))).status == "INFEASIBLE"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Choices("a", {"x": []}), "layer 'a' has no row"),
        (lambda: Choices("a", {"x": [1.0, np.nan]}), "row 1: x is nan"),
        (lambda: Choices("a", {"x": [1.0], "y": [1.0, 2.0]}), "one length"),
        (lambda: minimize_product("x", "y") and Objective((), ()), "needs a term"),
        (lambda: _problem(objective=minimize("z", then="x")), "reads 'z'.*columns of all layers: x"),
        (lambda: _problem(budgets=(Budget("b", "z", 1.0),)), "budget 'b' reads 'z'"),
        (lambda: _problem(budgets=(Budget("b", "x", math.nan),)), "limit nan"),
        (lambda: _problem(ties=(Tie(("a", "c"), ()),)), "layer 'c', which doesn't exist"),
        (lambda: _problem(ties=(Tie(("a", "b"), ("bits",)),)), "compares 'bits'"),
        (lambda: _problem(names=("a", "a")), "layer 'a' is there twice"),
        (lambda: solve(_problem(objective=minimize_product("x", "x"), sign=-1.0)), "sums >= 0 only"),
    ],
)
def test_bad_problems_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


def _problem(
    names: tuple[str, ...] = ("a", "b"), objective: Objective | None = None, sign: float = 1.0, **parts: Any
) -> Problem:
    choices = tuple(Choices(name, {"x": sign * np.array([1.0, 2.0])}) for name in names)
    return Problem(choices, objective or minimize("x", then="x"), **parts)


def test_ortools_is_loaded_by_the_first_solve_only() -> None:
    code = (
        "import sys, archsim.dse.selection.select, archsim.dse.selection.front;"
        "sys.exit('ortools' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_product_is_proven_where_lines_between_corners_are_nearly_parallel() -> None:
    choices = (
        Choices("a", {"x": [0.1, 0.2, 0.1 + 1e-9], "y": [0.1, 0.0, 0.0]}),
        Choices("b", {"x": [0.1, 0.0], "y": [0.1, 0.2]}),
    )
    found = solve(Problem(choices, minimize_product("x", "y")))
    assert found.status == "OPTIMAL"
    assert found.gap < 1e-9
    assert found.objective == pytest.approx(0.02, rel=1e-8)


def test_the_energy_delay_product_of_a_large_problem_beats_every_weighted_sum(hard_problem: Hard) -> None:
    problem = hard_problem(layers=30, rows=40)
    free = Problem(problem.choices, minimize_product("energy_pj", "latency_cycles"))
    best = solve(free)
    assert best.status == "OPTIMAL"
    assert best.objective is not None
    for angle in np.linspace(0.02, 1.55, 60):
        costs = [
            np.cos(angle) * c.columns["energy_pj"] + np.sin(angle) * c.columns["latency_cycles"]
            for c in free.choices
        ]
        rows = [int(cost.argmin()) for cost in costs]
        assert free.value(rows) >= best.best_bound
        assert free.value(rows) >= best.objective * (1 - 1e-9)
