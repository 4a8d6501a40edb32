"""The least product of two sums, by a series of proven weighted sums.

Where x > 0 and y > 0 the product is quasi-concave, so its least value over selections is at a corner of the
convex hull of their (x, y): at the optimum of some weighted sum. Corners are found between two known ones by
minimising along the normal of the line that joins them (Aneja, Nair 1979). Each weighted sum proves that no
selection lies below its line; between two corners nothing is better than where their lines meet, and
intervals in which even that is no better than the best known are not looked into.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from archsim.dse.instance import Cost, Instance, sum_of
from archsim.dse.optimum import RESOLVED, Optimum, minimise
from archsim.dse.problem import IntArray
from archsim.dse.session import Session
from archsim.errors import InputError


@dataclass(frozen=True, slots=True)
class _Line:
    """No selection has `across * x + up * y < bound`."""

    across: float
    up: float
    bound: float


@dataclass(frozen=True, slots=True, eq=False)
class _Corner:
    x: float
    y: float
    chosen: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class _Interval:
    """Between two corners, and above the lines that were proven at them."""

    left: _Corner
    left_line: _Line
    right: _Corner
    right_line: _Line

    def bound(self) -> float:
        """The product where the lines meet."""
        first, second = self.left_line, self.right_line
        determinant = first.across * second.up - first.up * second.across
        if determinant <= 0:  # parallel: one line through both corners
            return min(self.left.x * self.left.y, self.right.x * self.right.y)
        x = (first.bound * second.up - first.up * second.bound) / determinant
        y = (first.across * second.bound - first.bound * second.across) / determinant
        return max(x, 0.0) * max(y, 0.0)

    def normal(self) -> tuple[float, float]:
        """Weights for which both corners cost the same."""
        return self.left.y - self.right.y, self.right.x - self.left.x


def minimise_product(
    instance: Instance, session: Session, *, gap: float = 0.0, workers: int = 1, hint: IntArray | None = None
) -> Optimum:
    """The selection with the least product of the first two costs, and the proven bound of the product.

    Raises InputError where a sum might be negative.
    """
    floors = [_least_sum(instance, cost) for cost in instance.costs[:2]]
    best = Optimum(useful=np.ones(len(instance.rows), dtype=bool))
    ends = []
    for weights, floor in zip(((1.0, 0.0), (0.0, 1.0)), floors, strict=True):
        found, line = _solve(instance, session, weights, workers, hint)
        if found is None:
            best.bound = math.inf if line.bound == math.inf else floors[0] * floors[1]
            return best
        ends.append((found, _Line(*weights, max(line.bound, floor))))
        _offer(best, found)
        hint = found.chosen
    (left, left_line), (right, right_line) = ends
    _close(instance, session, best, _Interval(left, left_line, right, right_line), gap, workers)
    return best


def _close(
    instance: Instance, session: Session, best: Optimum, whole: _Interval, gap: float, workers: int
) -> None:
    """Split the interval of the lowest bound until the bound reaches the best known product."""
    number = itertools.count()  # so that the heap never compares intervals
    waiting = [(whole.bound(), next(number), whole)]
    settled = math.inf  # the least bound of intervals that can't be split any more
    while waiting:
        best.bound = min(settled, waiting[0][0], best.value)
        if best.gap <= max(gap, RESOLVED) or session.over:
            return
        _, _, interval = heapq.heappop(waiting)
        across, up = interval.normal()
        found, line = None, interval.left_line
        if across > 0 and up > 0:
            found, line = _solve(instance, session, (across, up), workers, interval.left.chosen)
        if found is None:
            settled = min(settled, interval.bound())
            continue
        _offer(best, found)
        parts = (
            _Interval(interval.left, interval.left_line, found, line),
            _Interval(found, line, interval.right, interval.right_line),
        )
        for part in parts:
            if _same(found, interval.left) or _same(found, interval.right):
                settled = min(settled, part.bound())
            else:
                heapq.heappush(waiting, (part.bound(), next(number), part))
    best.bound = min(settled, best.value)


def _same(first: _Corner, second: _Corner) -> bool:
    return (first.x, first.y) == (second.x, second.y)


def _solve(
    instance: Instance,
    session: Session,
    weights: tuple[float, float],
    workers: int,
    hint: IntArray | None,
) -> tuple[_Corner | None, _Line]:
    costs = [cost.times(weight) for cost, weight in zip(instance.costs, weights, strict=False) if weight]
    weighted = replace(instance, costs=(sum_of(costs),))
    session.enter(f"sum with weights {weights[0]:g} and {weights[1]:g}")
    found = minimise(weighted, session, workers=workers, hint=hint)
    line = _Line(*weights, found.bound)
    if found.chosen is None:
        return None, line
    x, y = (cost.of(found.chosen) for cost in instance.costs[:2])
    return _Corner(x, y, found.chosen), line


def _offer(best: Optimum, corner: _Corner) -> None:
    if corner.x * corner.y < best.value:
        best.chosen, best.value = corner.chosen, corner.x * corner.y


def _least_sum(instance: Instance, cost: Cost) -> float:
    """A bound that needs no solver: every layer's least."""
    least = np.zeros(instance.layers)
    if len(instance.rows):
        least = np.full(instance.layers, cost.values.max())
        np.minimum.at(least, instance.layer, cost.values)
    total = math.fsum(
        [cost.constant, *least.tolist(), *(float(peak.min(initial=math.inf)) for peak in cost.peaks)]
    )
    if total < 0:
        raise InputError(f"a product is minimised of sums >= 0 only; one of them may be {total:g}")
    return total
