"""Pareto fronts against those of all selections."""

from __future__ import annotations

import numpy as np
import pytest
from exhaustive import COLUMNS, WHOLE, Exhaustive, problems
from hypothesis import given, settings

from archsim.dse.selection.front import pareto_front
from archsim.dse.selection.problem import Choices, Problem, Term, minimize
from archsim.errors import InputError

X, Y = COLUMNS[:2]


def all_points(problem: Problem, combine: str = "sum") -> list[tuple[float, float]]:
    every = Exhaustive(problem)
    points = {(every.total(rows, X, combine), every.total(rows, Y, "sum")) for rows in every.feasible()}
    return sorted(p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points))


@settings(max_examples=40, deadline=None)
@given(problems(WHOLE))
def test_the_whole_front_is_that_of_exhaustive_search(problem: Problem) -> None:
    front = pareto_front(problem, X, Y, points=None)
    assert [(point.x, point.y) for point in front.points] == all_points(problem)
    assert front.complete
    assert (front.status == "INFEASIBLE") == (not front.points)


@settings(max_examples=20, deadline=None)
@given(problems(WHOLE))
def test_a_maximum_may_be_an_axis(problem: Problem) -> None:
    front = pareto_front(problem, Term(X, combine="max"), Y, points=None)
    assert [(point.x, point.y) for point in front.points] == all_points(problem, "max")


@pytest.mark.parametrize("points", [2, 4, 9])
def test_a_series_has_its_ends_and_points_of_the_front_between(points: int) -> None:
    rng = np.random.default_rng(3)
    tables = []
    for layer in range(5):
        x = np.arange(1.0, 7.0)
        tables.append(Choices(f"layer{layer}", {X: x, Y: np.round(90 / x + rng.integers(0, 9, 6))}))
    problem = Problem(tuple(tables), minimize(X, then=Y))
    whole = all_points(problem)
    heard = []
    front = pareto_front(problem, X, Y, points, on_point=heard.append)
    found = [(point.x, point.y) for point in front.points]
    assert set(found) <= set(whole)
    assert found[0] == whole[0]
    assert found[-1] == whole[-1]
    assert points - 2 <= len(found) <= points
    assert all(point.proven for point in front.points)
    assert len(heard) >= len(found)


def test_a_front_of_one_point_is_refused() -> None:
    problem = Problem((Choices("a", {X: np.ones(1), Y: np.ones(1)}),), minimize(X, then=Y))
    with pytest.raises(InputError, match="at least its 2 ends"):
        pareto_front(problem, X, Y, 1)
    assert len(pareto_front(problem, X, Y, 2).points) == 1
