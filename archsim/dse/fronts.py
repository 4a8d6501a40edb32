"""Pareto fronts of a study over two or three quantities: a series of searches, each with its proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from archsim.dse.explore import Explorer, Found
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.quantities import Goal, Quantity
from archsim.dse.solve_point import PointResult

EXACT = 1e-6
SLACK = 1e-9
"""A limit that is a point's own value is met by that point in spite of rounding."""


@dataclass(frozen=True)
class FrontPoint:
    """A selection that, if `proven`, none beats in one quantity without losing in another (to 1e-6)."""

    values: tuple[float, ...]
    asked: Formulation  # what was minimised here, under which limits
    found: Found

    @property
    def result(self) -> PointResult:
        assert self.found.best is not None
        return self.found.best

    @property
    def proven(self) -> bool:
        return self.found.gap <= EXACT and self.result.then_gap <= EXACT


@dataclass(frozen=True)
class Front:
    """Points in the order of the first quantity. Empty if nothing is feasible (then `found` tells)."""

    quantities: tuple[Quantity, ...]
    points: tuple[FrontPoint, ...]
    first: Found
    interrupted: bool


def front(
    explorer: Explorer,
    formulation: Formulation,
    quantities: Sequence[Quantity],
    points: int,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    on_point: Callable[[FrontPoint], None] = lambda _: None,
) -> Front:
    """At most about `points` points of the front, its ends among them; `time_limit_s` is for each search."""
    reading_all = replace(formulation, other=tuple(quantities))
    series = _Series(explorer, reading_all, tuple(quantities), time_limit_s, gap, on_point)
    if len(quantities) == 2:
        series.between_ends(points, ())
    else:
        series.in_slices(points)
    return Front(tuple(quantities), tuple(series.undominated()), series.searches[0], series.interrupted)


@dataclass
class _Series:
    explorer: Explorer
    formulation: Formulation
    quantities: tuple[Quantity, ...]
    time_limit_s: float
    gap: float
    on_point: Callable[[FrontPoint], None]

    def __post_init__(self) -> None:
        self.points: list[FrontPoint] = []
        self.searches: list[Found] = []
        self.interrupted = False

    def least(self, of: Quantity, then: Quantity, limits: Sequence[Limit]) -> FrontPoint | None:
        """One search; None where it finds nothing, or after Ctrl-C."""
        if self.interrupted:
            return None
        asked = self.formulation.with_goal(Goal(((of, 1.0),), then))
        asked = asked.with_limits(*self.formulation.limits, *limits)
        found = self.explorer.search(asked, time_limit_s=self.time_limit_s, gap=self.gap)
        self.searches.append(found)
        self.interrupted |= found.interrupted
        if found.best is None:
            return None
        best = found.best
        values = tuple(
            self.formulation.used(best.point, best.rows or (), q, between=best.between)
            for q in self.quantities
        )
        point = FrontPoint(values, asked, found)
        self.points.append(point)
        self.on_point(point)
        return point

    def between_ends(self, count: int, limits: Sequence[Limit]) -> None:
        """The ends over the first two quantities, then the second under even limits of the first."""
        x, y = self.quantities[:2]
        left, right = self.least(x, y, limits), self.least(y, x, limits)
        if left is None or right is None or count <= 2:
            return
        low, high = left.values[0], right.values[0]
        step = (high - low) / (count - 1)
        at = high
        while step > 0 and not self.interrupted:
            bound = low + (math.ceil((at - low) / step * (1 - SLACK)) - 1) * step
            if bound <= low * (1 + SLACK):
                return
            point = self.least(y, x, (*limits, Limit(x, bound)))
            if point is None:
                return
            at = min(point.values[0], bound)

    def in_slices(self, count: int) -> None:
        """Fronts of the first two under even limits of the third, from none to its least."""
        x, _, z = self.quantities
        slices = max(2, round(math.sqrt(count)))
        each = max(2, count // slices)
        lowest = self.least(z, x, ())
        if lowest is None:
            return
        self.between_ends(each, ())
        low, high = lowest.values[2], max(point.values[2] for point in self.points)
        for number in range(1, slices):
            limit = high - (high - low) * number / slices
            self.between_ends(each, (Limit(z, limit),))

    def undominated(self) -> list[FrontPoint]:
        kept: list[FrontPoint] = []
        for point in sorted(self.points, key=lambda p: p.values):
            if not any(_beats(other.values, point.values) for other in kept):
                kept.append(point)
        return kept


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b * (1 + SLACK) for a, b in zip(one, other, strict=True))
