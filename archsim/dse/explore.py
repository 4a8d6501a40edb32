"""Search over hardware points and selections together: bounds decide which points are solved."""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archsim.dse.executions import Executions
from archsim.dse.fitting import solve_that_fits
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.leaders import bounds_by_leader, leaders
from archsim.dse.point import Point
from archsim.dse.points import is_priced, price
from archsim.dse.quantities import AREA, Goal
from archsim.dse.selection.session import relative_gap
from archsim.dse.solve_point import PointResult, bound_of

FIRST_GAP = 0.1
"""To which the first point is solved: it is to give a plan soon, and to rule out others."""
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
    nearest: PointResult | None = None  # where nothing fits: of pipelines that do but for their FIFOs

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
    executions: Executions = field(default_factory=Executions)
    most_solved: float = math.inf
    """Selection problems that a pipeline's point may take for its FIFOs (`solve_that_fits`)."""
    known: list[tuple[Formulation, Mapping[Point, float]]] = field(default_factory=list)
    """Bounds of earlier searches: they hold for the same goal under limits that are no wider."""

    last: Point | None = None  # of the best plan of the search before

    def search(self, formulation: Formulation, *, time_limit_s: float = math.inf, gap: float = 0.0) -> Found:
        """The best selection on any point: least goal, then least second goal, then least area.

        Points are solved from the least bound up, until no bound is below the best value (less `gap`). Of
        points that may be as good, those are solved that may be better in the second goal. On Ctrl-C, or when
        the time is over, the best known is returned with the bound that is proven.
        """
        run = _Search(self, formulation, time.monotonic() + time_limit_s, gap)
        try:
            run.run()
        except TimeoutError:
            pass  # in the middle of pricing
        except KeyboardInterrupt:
            run.interrupted = True
        self.known.append((formulation, run.bounds))
        self.last = None if run.best is None else run.best.point
        return run.found()


class _Search:
    """The state of one search."""

    def __init__(self, explorer: Explorer, formulation: Formulation, ends: float, gap: float) -> None:
        self.explorer, self.formulation, self.ends, self.gap = explorer, formulation, ends, gap
        self.dropped = Counter[str]()
        self.bounds: dict[Point, float] = {}
        self.best: PointResult | None = None
        self.nearest: PointResult | None = None
        self.results: dict[Point, PointResult] = {}
        self.renewed: dict[Point, int] = {}  # rows executed when a point was last bounded
        self.solved = 0
        self.interrupted = False

    def run(self) -> None:
        """Solve one point roughly, so that a plan is known early; price and bound the others; solve those."""
        explorer, formulation = self.explorer, self.formulation
        areas = [x.at_most for x in formulation.limits if x.quantity == AREA]
        within = [p for p in explorer.points if all(p.area_mm2 <= area for area in areas)]
        self.dropped["area"] = len(explorer.points) - len(within)
        self.bounds = {point: formulation.floor(point) for point in within}
        for other, bounds in explorer.known:
            if formulation.is_within(other):
                self.note({point: bounds[point] for point in within if point in bounds})
        if len(within) > 1:
            self.solve([explorer.last if explorer.last in within else _middle_of_fastest(within)], FIRST_GAP)
        rough = formulation.rough_quantity(explorer.points[0].machine) is not None
        if formulation.reads_latency_only:
            self.price(self.promising(leaders(within)), rough=rough)
            self.note(bounds_by_leader(within, self.bounds, formulation.space))
        new = [p for p in self.promising(within) if not is_priced(p, formulation, rough=rough)]
        self.price(new, rough=rough)
        self.solve(within, self.gap)

    def note(self, bounds: Mapping[Point, float]) -> None:
        for point, bound in bounds.items():
            self.bounds[point] = max(bound, self.bounds[point])

    def promising(self, points: Sequence[Point]) -> list[Point]:
        return [point for point in points if not self.hopeless(point)]

    def price(self, points: Sequence[Point], *, rough: bool) -> None:
        done = 0

        def priced(point: Point, bound: float) -> None:
            nonlocal done
            done += 1
            self.note({point: bound})
            self.tell("pricing", done, len(points))
            if time.monotonic() >= self.ends:
                raise TimeoutError

        explorer = self.explorer
        price(
            points,
            explorer.spec,
            self.formulation,
            rough=rough,
            workers=explorer.workers,
            on_priced=priced,
        )

    def solve(self, points: Sequence[Point], gap: float) -> None:
        """Solve points from the least bound up, those that can't be better left out.

        A bound is renewed when its turn comes: it may be another search's, or ignore what was executed since.
        """
        queue = [(self.bounds[point], number, point) for number, point in enumerate(points)]
        heapq.heapify(queue)
        while queue and not self.interrupted:
            _, number, point = heapq.heappop(queue)
            if point in self.results or self.hopeless(point):
                continue
            if self.renewed.get(point) != self.explorer.executions.count:
                self.renew(point)
                heapq.heappush(queue, (self.bounds[point], number, point))
                continue
            left = self.ends - time.monotonic()
            if left <= 0:
                return
            self.solve_one(point, max(gap, self.gap), left)
            self.tell("solving", self.solved, len(points))

    def renew(self, point: Point) -> None:
        """Bound a point on whole tables with all that is known of their rows."""
        self.renewed[point] = self.explorer.executions.count
        if not self.formulation.has_tables(point):
            self.price([point], rough=False)
        if point.unfit:
            return
        for table in dict.fromkeys(point.tables):
            table.recall(point.machine, self.explorer.executions)
        self.note({point: bound_of(self.formulation, point)})

    def solve_one(self, point: Point, gap: float, seconds: float) -> None:
        result = solve_that_fits(
            self.formulation,
            point,
            self.explorer.executions,
            cutoff=math.inf if self.best is None else self.best.value * (1 + EQUAL),
            time_limit_s=seconds,
            gap=gap,
            most_solved=self.explorer.most_solved,
        )
        if gap == self.gap:
            self.results[point] = result
        self.note({point: result.bound})
        self.interrupted |= result.interrupted
        if result.excess:
            self.nearest = min(self.nearest or result, result, key=lambda each: each.excess)
        elif result.rows is not None and (self.best is None or not better(self.best, result)):
            self.best = result  # also an equal one: it may be proven further
        self.solved += 1

    def hopeless(self, point: Point) -> bool:
        """Whether a point's bounds say that it is no better than the best known.

        The best one's own is hopeless only when it was solved to the end: its second goal may get better.
        """
        bound, best = self.bounds[point], self.best
        if best is None or bound == math.inf:
            return bound == math.inf
        if best.point is point:
            return point in self.results
        if bound > best.value * (1 + EQUAL) or (self.gap and relative_gap(best.value, bound) <= self.gap):
            return True
        (first, _), *others = self.formulation.goal.terms
        if others or bound < best.value * (1 - EQUAL) or not self.formulation.has_tables(point):
            return False
        as_good = Limit(first, best.value * (1 + EQUAL))
        second = self.formulation.with_goal(Goal(((self.formulation.goal.then, 1.0),), first))
        then = bound_of(second.with_limits(*second.limits, as_good), point)
        return then >= best.then * (1 - EQUAL)

    @property
    def bound(self) -> float:
        """Below which no point has a plan: what is known of the points within the area."""
        bound = min(self.bounds.values(), default=math.inf)
        return bound if self.best is None else min(bound, self.best.value)

    def found(self) -> Found:
        reasons = Counter(
            "no tile fits" if p.unfit else "limits" for p, b in self.bounds.items() if b == math.inf
        )
        dropped = {reason: count for reason, count in (self.dropped + reasons).items() if count}
        nearest = self.nearest if self.best is None else None
        return Found(self.best, self.bound, dropped, self.solved, self.interrupted, nearest)

    def tell(self, stage: str, done: int, points: int) -> None:
        known = None if self.best is None else self.best.value
        elapsed = time.monotonic() - self.explorer.started
        unfit = {"no tile fits": sum(1 for point in self.bounds if point.unfit)}
        dropped = {**self.dropped, **unfit}
        self.explorer.on_progress(Progress(stage, done, points, dropped, known, self.bound, elapsed))


def _middle_of_fastest(points: Sequence[Point]) -> Point:
    """Of the points with the most MACs a cycle the one of middle area: `points` have the smallest first."""
    fastest = max(point.machine.peak_macs_per_cycle for point in points)
    alike = [point for point in points if point.machine.peak_macs_per_cycle == fastest]
    return alike[len(alike) // 2]


def better(result: PointResult, best: PointResult) -> bool:
    if abs(result.value - best.value) > EQUAL * abs(best.value):
        return result.value < best.value
    if abs(result.then - best.then) > EQUAL * abs(best.then):
        return result.then < best.then
    return result.point.area_mm2 < best.point.area_mm2
