"""Search over hardware points and selections together: bounds decide which points are solved."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archsim.dse.formulation import Formulation, Limit
from archsim.dse.point import Point
from archsim.dse.points import price
from archsim.dse.quantities import AREA, Goal
from archsim.dse.selection.session import relative_gap
from archsim.dse.solve_point import PointResult, bound_of, solve_point

EQUAL = 1e-9
"""Relative difference up to which two values of a goal are the same, and the second goal decides."""


@dataclass(frozen=True)
class Progress:
    """Where a search is; `dropped` counts points by the reason why they cannot hold the answer."""

    stage: str
    done: int
    points: int
    dropped: Mapping[str, int]
    incumbent: float | None
    bound: float
    elapsed_s: float

    @property
    def gap(self) -> float:
        return math.inf if self.incumbent is None else relative_gap(self.incumbent, self.bound)


@dataclass(frozen=True)
class Found:
    """The outcome of one search: `bound` holds for every point and selection.

    `best` is None if no selection is known; then nothing is feasible if `bound` is inf.
    """

    best: PointResult | None
    bound: float
    dropped: Mapping[str, int]
    solved: int
    interrupted: bool

    @property
    def gap(self) -> float:
        return math.inf if self.best is None else relative_gap(self.best.value, self.bound)


@dataclass
class Explorer:
    """Searches one hardware space. Tables and executed rows are kept from one search to the next."""

    spec: Mapping[str, Any]
    points: Sequence[Point]  # smallest area first
    workers: int = 1
    on_progress: Callable[[Progress], None] = lambda _: None
    started: float = field(default_factory=time.monotonic)

    def search(self, formulation: Formulation, *, time_limit_s: float = math.inf, gap: float = 0.0) -> Found:
        """The best selection on any point: least goal, then least second goal, then least area.

        Points are solved from the least bound up, until no bound is below the best value (less `gap`). Of
        points that may be as good, those are solved that may be better in the second goal. On Ctrl-C, or when
        the time is over, the best known is returned with the bound that is proven.
        """
        run = _Search(self, formulation, time.monotonic() + time_limit_s, gap)
        try:
            run.prepare()
            run.solve()
        except KeyboardInterrupt:
            run.interrupted = True
        return run.found()


class _Search:
    """The state of one search."""

    def __init__(self, explorer: Explorer, formulation: Formulation, ends: float, gap: float) -> None:
        self.explorer, self.formulation, self.ends, self.gap = explorer, formulation, ends, gap
        self.dropped = Counter[str]()
        self.bounds: dict[Point, float] = {}
        self.best: PointResult | None = None
        self.solved = 0
        self.complete = self.interrupted = False

    def prepare(self) -> None:
        """Price the points that may be within the area, and bound each."""
        areas = [x.at_most for x in self.formulation.limits if x.quantity == AREA]
        within = [p for p in self.explorer.points if all(p.area_mm2 <= area for area in areas)]
        self.dropped["area"] = len(self.explorer.points) - len(within)

        def priced(point: Point, bound: float) -> None:
            if point.unfit:
                self.dropped["no tile fits"] += 1
            else:
                self.bounds[point] = bound
            self.tell("pricing", len(self.bounds) + self.dropped["no tile fits"], len(within))

        price(
            within,
            self.explorer.spec,
            self.formulation,
            workers=self.explorer.workers,
            on_priced=priced,
        )
        self.complete = True

    def solve(self) -> None:
        order = sorted(self.bounds, key=lambda p: (self.bounds[p], p.area_mm2))
        for point in order:
            left = self.ends - time.monotonic()
            if left <= 0 or self.interrupted or self.bounds[point] == math.inf or self.hopeless(point):
                continue
            cutoff = math.inf if self.best is None else self.best.value * (1 + EQUAL)
            result = solve_point(
                self.formulation,
                point,
                cutoff=cutoff,
                time_limit_s=left,
                gap=self.gap,
                workers=self.explorer.workers,
            )
            self.solved += 1
            self.bounds[point] = max(self.bounds[point], result.bound)
            self.interrupted |= result.interrupted
            if result.rows is not None and (self.best is None or _better(result, self.best)):
                self.best = result
            self.tell("solving", self.solved, len(order))

    def hopeless(self, point: Point) -> bool:
        """Whether a point's bounds say that it is no better than the best known."""
        if self.best is None:
            return False
        bound, best = self.bounds[point], self.best
        if bound > best.value * (1 + EQUAL) or (self.gap and relative_gap(best.value, bound) <= self.gap):
            return True
        (first, _), *others = self.formulation.goal.terms
        if others or bound < best.value * (1 - EQUAL):
            return False
        as_good = Limit(first, best.value * (1 + EQUAL))
        second = self.formulation.with_goal(Goal(((self.formulation.goal.then, 1.0),), first))
        then = bound_of(second.with_limits(*second.limits, as_good), point)
        return then >= best.then * (1 - EQUAL)

    def found(self) -> Found:
        bound = min(self.bounds.values(), default=math.inf) if self.complete else -math.inf
        if self.best is not None:
            bound = min(bound, self.best.value)
        self.dropped["limits"] = sum(1 for bound in self.bounds.values() if bound == math.inf)
        dropped = {reason: count for reason, count in self.dropped.items() if count}
        return Found(self.best, bound, dropped, self.solved, self.interrupted)

    def tell(self, stage: str, done: int, points: int) -> None:
        open_bounds = min(self.bounds.values(), default=-math.inf) if self.complete else -math.inf
        known = None if self.best is None else self.best.value
        bound = open_bounds if known is None else min(open_bounds, known)
        elapsed = time.monotonic() - self.explorer.started
        self.explorer.on_progress(Progress(stage, done, points, dict(self.dropped), known, bound, elapsed))


def _better(result: PointResult, best: PointResult) -> bool:
    if abs(result.value - best.value) > EQUAL * abs(best.value):
        return result.value < best.value
    if abs(result.then - best.then) > EQUAL * abs(best.then):
        return result.then < best.then
    return result.point.area_mm2 < best.point.area_mm2
