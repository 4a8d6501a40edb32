"""Explanations of infeasible problems, checked by trying every selection."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
from exhaustive import AWKWARD, WHOLE, Exhaustive, problems
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.dse.selection.explain import explain_infeasible
from archsim.dse.selection.problem import Budget, Choices, Problem, Tie, minimize


@settings(max_examples=150, deadline=None)
@given(st.one_of(problems(WHOLE), problems(AWKWARD)))
def test_the_set_is_minimal_and_each_move_is_enough_and_no_more(problem: Problem) -> None:
    every = Exhaustive(problem)
    conflict = explain_infeasible(problem)
    if every.feasible():
        assert conflict is None
        return
    assert conflict is not None
    assert conflict.proven
    named = [move.budget for move in conflict.moves]
    assert not every.feasible(tuple(named))
    for fewer in itertools.combinations(named, max(len(named) - 1, 0)):
        assert not named or every.feasible(fewer)
    for move in conflict.moves:
        others = tuple(budget for budget in problem.budgets if budget is not move.budget)
        if move.least_limit is None:
            assert not every.feasible(others)
            continue
        assert move.least_limit > move.budget.limit
        assert every.feasible((*others, replace(move.budget, limit=move.least_limit)))
        less = math.nextafter(move.least_limit, -math.inf)
        assert not every.feasible((*others, replace(move.budget, limit=less)))
    assert len(conflict.sentences()) == 1 + len(named)


def opposed(energy_limit: float, noise_limit: float) -> Problem:
    """Two layers, each either cheap and noisy or dear and exact."""
    table = {"energy_pj": np.array([1.0, 10.0]), "noise": np.array([5.0, 0.0])}
    return Problem(
        (Choices("a", table), Choices("b", table)),
        minimize("energy_pj", then="noise"),
        (Budget("energy", "energy_pj", energy_limit), Budget("accuracy", "noise", noise_limit)),
    )


def test_two_budgets_that_conflict() -> None:
    conflict = explain_infeasible(opposed(10, 4))
    assert conflict is not None
    assert conflict.sentences() == [
        "Nothing is feasible: energy <= 10, accuracy <= 4 can't be met together.",
        "energy must rise to 20, by 100 % if all others stay.",
        "accuracy must rise to 10, by 150 % if all others stay.",
    ]


def test_one_budget_that_nothing_meets() -> None:
    conflict = explain_infeasible(opposed(1, 100))
    assert conflict is not None
    assert conflict.sentences() == [
        "Nothing is feasible: energy <= 1 can't be met, whatever is chosen.",
        "energy must rise to 2, by 100 %.",
    ]


def test_ties_without_a_common_key() -> None:
    column = {"energy_pj": np.ones(1)}
    choices = (
        Choices("a", column, {"weight_bits": np.array([4])}),
        Choices("b", column, {"weight_bits": np.array([8])}),
    )
    tie = Tie(("a", "b"), ("weight_bits",))
    conflict = explain_infeasible(Problem(choices, minimize("energy_pj", then="energy_pj"), (), (tie,)))
    assert conflict is not None
    assert conflict.budgets == ()
    assert "tied have no keys in common" in conflict.sentences()[0]
