"""Pareto fronts over two columns: a series of proven solves (ε-constraint)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from archsim.dse.selection.optimum import TOLERANCE
from archsim.dse.selection.problem import Budget, Objective, Problem, Term
from archsim.dse.selection.select import Selection, Status, prune, solve
from archsim.dse.selection.session import Progress
from archsim.errors import InputError

LIMIT = "limit of the front's x"


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """A selection that, if `proven`, none beats in one of `x` and `y` without losing in the other.

    As everywhere, proven means to 1e-6 of a value, and exactly for columns of integers.
    """

    x: float
    y: float
    selection: Selection

    @property
    def proven(self) -> bool:
        return self.selection.status == "OPTIMAL" and self.selection.then_gap <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Front:
    """Points from the least x to the least y; `complete` if it is proven that there is no other."""

    points: tuple[FrontPoint, ...]
    status: Status  # of the first solve: INFEASIBLE if there is no point at all
    complete: bool


def pareto_front(
    problem: Problem,
    x: str | Term,
    y: str | Term,
    points: int | None = 15,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    workers: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    on_point: Callable[[FrontPoint], None] | None = None,
) -> Front:
    """The front of two columns' sums under the problem's budgets; its own objective isn't read.

    A Term instead of a name stands for a maximum; weights don't matter. The ends are the least x and the
    least y. From there y is minimised under limits on x that are evenly spaced, so that there are at most
    `points` in all, or under every limit that matters (None). `time_limit_s` is for each solve. Ctrl-C ends
    the series with what was found.
    """
    if points is not None and points < 2:
        raise InputError(f"a front has at least its 2 ends; {points} was asked for")
    across, up = (Term(axis) if isinstance(axis, str) else replace(axis, weight=1.0) for axis in (x, y))
    pruned = prune(problem, (across, up))
    found: list[FrontPoint] = []  # with rows of the pruned problem

    def best(of: Term, then: Term, limit: float = math.inf) -> Selection:
        budget = Budget(LIMIT, across.column, limit, across.combine)
        sub = replace(pruned.problem, objective=Objective((of,), (then,)), budgets=(*problem.budgets, budget))
        known = [point for point in found if point.x <= limit]
        hint = min(known, key=lambda point: point.y).selection.rows if known else None
        selection = solve(
            sub, time_limit_s=time_limit_s, gap=gap, workers=workers, hint=hint, on_progress=on_progress
        )
        if selection.rows is not None:
            x_value, y_value = (_total(pruned.problem, term, selection.rows) for term in (across, up))
            found.append(FrontPoint(x_value, y_value, selection))
            if on_point is not None:
                on_point(replace(found[-1], selection=pruned.original(selection)))
        return selection

    first = best(across, up)
    ended = first.rows is None or first.interrupted or best(up, across).interrupted
    if not ended:
        limits = _limits(found, points)
        ended = any(best(up, across, limit).interrupted for limit in limits)
    whole = first.status == "INFEASIBLE" or (points is None and not ended)
    complete = whole and all(point.proven for point in found)
    kept = (replace(point, selection=pruned.original(point.selection)) for point in _undominated(found))
    return Front(tuple(kept), first.status, complete)


def _total(problem: Problem, term: Term, rows: tuple[int, ...]) -> float:
    return problem.total(term.column, rows, term.combine)


def _limits(found: list[FrontPoint], points: int | None) -> Iterator[float]:
    """Limits on x, from the largest, below the latest point: above it that point is the best one already."""
    least, most = found[0].x, found[-1].x
    step = 0.0 if points is None else (most - least) / (points - 1)
    while found[-1].x > least:
        x = found[-1].x
        limit = math.nextafter(x, -math.inf)
        if points is not None:
            limit = least + (math.ceil((x - least) / step) - 1) * step
            if limit <= least:
                return
        yield min(limit, math.nextafter(x, -math.inf))


def _undominated(found: list[FrontPoint]) -> list[FrontPoint]:
    """Without points found twice, and without those that a later one beat because no proof was reached."""
    kept: list[FrontPoint] = []
    for point in sorted(found, key=lambda point: (point.x, point.y)):
        if not kept or point.y < kept[-1].y:
            kept.append(point)
    return kept
