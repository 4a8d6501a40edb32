"""The least product of two sums, by a series of proven weighted sums.

Where x >= 0 and y >= 0 the product is quasi-concave, so its least value over selections is at a corner of the
convex hull of their (x, y): at the optimum of some weighted sum. Each weighted sum that is minimised yields a
corner, and a line below which no selection lies. The least product on the chain of those lines is the bound,
and it is at a vertex of the chain. The next weights are those for which the corners on both sides of that
vertex cost the same (Aneja, Nair 1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from archsim.dse.selection.instance import Cost, Instance, sum_of
from archsim.dse.selection.optimum import RESOLVED, Optimum, minimise
from archsim.dse.selection.problem import IntArray
from archsim.dse.selection.session import Session
from archsim.errors import InputError

Weights = tuple[float, float]


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


def minimise_product(
    instance: Instance, session: Session, *, gap: float = 0.0, workers: int = 1, hint: IntArray | None = None
) -> Optimum:
    """The selection with the least product of the first two costs, and the proven bound of the product.

    Raises InputError where a sum might be negative.
    """
    floors = [_least_sum(instance, cost) for cost in instance.costs[:2]]
    best = Optimum(np.ones(len(instance.rows), dtype=bool), bound=floors[0] * floors[1])
    lines = [_Line(1.0, 0.0, floors[0]), _Line(0.0, 1.0, floors[1])]
    corners: list[_Corner] = []
    tried: set[Weights] = set()
    weights: Weights | None = (1.0, 0.0)
    while weights is not None and best.gap > max(gap, RESOLVED) and not session.over:
        tried.add(weights)
        corner, line = _solve(instance, session, weights, workers, hint)
        if corner is None:
            best.bound = math.inf if line.bound == math.inf and not corners else best.bound
            return best
        hint = corner.chosen
        corners.append(corner)
        lines.append(line)
        if corner.x * corner.y < best.value:
            best.chosen, best.value = corner.chosen, corner.x * corner.y
        vertex = _lowest_vertex(lines)
        best.bound = min(max(best.bound, vertex[0] * vertex[1]), best.value)
        weights = _next_weights(corners, vertex, tried)
    return best


def _lowest_vertex(lines: Sequence[_Line]) -> tuple[float, float]:
    """Where the product is least on the chain of lines: x >= some bound, y above every other line.

    The chain's vertices are among the points above which two lines meet.
    """
    table = np.array([(line.across, line.up, line.bound) for line in lines])
    across, up, bound = table.T
    least_x = (bound[up == 0] / across[up == 0]).max()
    rising = table[up > 0]
    first, second = rising[:, None, :], rising[None, :, :]
    determinant = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        meet = (first[..., 2] * second[..., 1] - first[..., 1] * second[..., 2]) / determinant
    xs = np.concatenate([[least_x], meet[np.isfinite(meet) & (meet > least_x)]])
    ys = ((rising[:, 2] - rising[:, 0] * xs[:, None]) / rising[:, 1]).max(axis=1)
    lowest = int((xs * ys).argmin())
    return float(xs[lowest]), float(ys[lowest])


def _next_weights(
    corners: Sequence[_Corner], vertex: tuple[float, float], tried: Set[Weights]
) -> Weights | None:
    """The normal of the line through the corners beside the vertex; if that was tried, the product's gradient
    at the vertex; None if that was tried too.
    """
    x, y = vertex
    left = max((c for c in corners if c.x <= x), key=lambda c: (c.x, -c.y), default=None)
    right = min((c for c in corners if c.x > x), key=lambda c: (c.x, c.y), default=None)
    candidates = [(y, x)]
    if left is None or right is None:
        candidates.insert(0, (0.0, 1.0))  # the other end of the hull
    else:
        candidates.insert(0, (left.y - right.y, right.x - left.x))
    usable = (w for w in candidates if min(w) >= 0 and max(w) > 0 and w not in tried)
    return next(usable, None)


def _solve(
    instance: Instance,
    session: Session,
    weights: Weights,
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
