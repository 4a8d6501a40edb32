"""The relaxation's and HiGHS's claims, against trying every selection."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from exhaustive import WHOLE, Exhaustive, problems
from hypothesis import assume, given, settings

from archsim.dse.selection import optimum
from archsim.dse.selection.highs import solve_highs
from archsim.dse.selection.instance import Instance, build
from archsim.dse.selection.optimum import minimise
from archsim.dse.selection.problem import Problem
from archsim.dse.selection.relaxation import relax
from archsim.dse.selection.session import Session


def instance_of(problem: Problem) -> Instance:
    """Of the first objective; a product's terms are summed instead."""
    return build(problem, [problem.objective.terms])


def all_feasible(instance: Instance, problem: Problem) -> list[np.ndarray]:
    found = [instance.find(rows) for rows in Exhaustive(problem).feasible()]
    return [chosen for chosen in found if chosen is not None]


@settings(max_examples=200, deadline=None)
@given(problems(WHOLE))
def test_no_selection_is_below_the_relaxation_nor_its_rows_below_their_reduced_costs(
    problem: Problem,
) -> None:
    instance = instance_of(problem)
    assume(not len(instance.empty))
    relaxed = relax(instance)
    feasible = all_feasible(instance, problem)
    assert not (relaxed.infeasible and feasible)
    for chosen in feasible:
        cost = instance.cost.of(chosen)
        assert cost >= relaxed.bound
        assert cost >= relaxed.bound + relaxed.reduced[chosen].max() - 1e-9


def test_the_relaxation_is_the_linear_one() -> None:
    """One budget: the bound is the convex hull's, here half of each of two rows."""
    from archsim.dse.selection.problem import Budget, Choices, minimize

    table = {"energy_pj": np.array([10.0, 0.0]), "held_bytes": np.array([0.0, 10.0])}
    problem = Problem(
        (Choices("a", table),), minimize("energy_pj", then="held_bytes"), (Budget("b", "held_bytes", 5.0),)
    )
    assert math.isclose(relax(instance_of(problem)).bound, 5.0, rel_tol=1e-9)


@settings(max_examples=60, deadline=None)
@given(problems(WHOLE))
def test_highs_agrees(problem: Problem) -> None:
    instance = instance_of(problem)
    assume(len(instance.rows) and not len(instance.empty))
    attempt = solve_highs(instance, Session(60.0), hint=None, allowed_gap=0.0, seconds=60.0)
    feasible = all_feasible(instance, problem)
    if not feasible:
        assert attempt.chosen is None
        return
    least = min(instance.cost.of(chosen) for chosen in feasible)
    assert attempt.bound <= least
    if attempt.chosen is not None:  # a limit one unit in the last place below a sum is beyond its tolerance
        assert math.isclose(instance.cost.of(attempt.chosen), least, rel_tol=1e-6, abs_tol=1e-6)
        assert math.isclose(attempt.bound, least, rel_tol=1e-6, abs_tol=1e-6)


def test_highs_takes_over_where_cp_sat_stalls(monkeypatch, hard_problem: Callable[[], Problem]) -> None:
    """With no patience at all CP-SAT's first turn is empty; the optimum is the same."""
    problem = hard_problem()
    instance = instance_of(problem)
    expected = minimise(instance, Session(60.0))
    calls = []

    def counted(*arguments, **options):
        calls.append(1)
        return solve_highs(*arguments, **options)

    monkeypatch.setattr(optimum, "TURNS", (("cpsat", 1e-6), *optimum.TURNS[1:]))
    monkeypatch.setattr(optimum, "solve_highs", counted)
    found = minimise(instance, Session(60.0))
    assert calls
    assert found.value == expected.value
    assert found.gap <= 1e-6
