"""Every pair of nested tile sizes worth having, for a classical array behind two tiers of buffers.

As for one tier (see `complete_axes`) a pair can be left out that another one beats in all counts of its axis:
the elements of both tiles, the number of each, whether the inner one cuts the outer, folds of the array and
the input that tiles touch. The size of the last, ragged tile is not among them here either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Generic

import numpy as np

from archsim.accelerators.dominance import unbeaten
from archsim.accelerators.systolic.axes import (
    Axis,
    IntArray,
    PixelAxis,
    ProductAxis,
    channel_axis,
    product_axis,
)
from archsim.accelerators.systolic.candidate_tree import CandidateTree
from archsim.accelerators.systolic.complete_axes import AnyAxis, Role, run_widths
from archsim.accelerators.systolic.extents import tile_candidates
from archsim.accelerators.systolic.flat_pixels import flat_pixel_axis
from archsim.accelerators.systolic.folds import folds_of
from archsim.accelerators.systolic.windows import lines_of_cuts, lines_read
from archsim.workloads.layer import Contraction

MOST_SIZES, MOST_EVEN, MOST_MULTIPLES = 724, 64, 256
"""Of a dimension longer than the first not every size is tried, but so many that cut it evenly, and so many
multiples of the array's width and of a whole channel."""

MOST_RECTANGLES = 1 << 16
"""With more rectangles of pixels than this, where they lie over the array, only those of unbeaten rows and
columns are tried."""


@dataclass(frozen=True, eq=False)
class Nested(Generic[AnyAxis]):
    """The pairs of an axis and what they are judged by: tiles and their numbers, both by level, whether the
    inner ones cut the outer ones, and more. `complete`: none is missing."""

    axis: AnyAxis
    judged: IntArray
    complete: bool

    @cached_property
    def tree(self) -> CandidateTree:
        return CandidateTree.of(self.judged)


def nested_channels(c: Contraction, role: Role) -> Nested[Axis]:
    """The N axis."""
    return _channels(Contraction(K=c.K), role)


@lru_cache(maxsize=256)
def _channels(c: Contraction, role: Role) -> Nested[Axis]:
    sizes = _sizes(c.K, role.width)
    return _unbeaten_pairs(channel_axis(c, _pairs(sizes)), role, (), len(sizes) == c.K)


def nested_products(c: Contraction, role: Role) -> Nested[ProductAxis]:
    """The K axis (C·R·S flattened)."""
    return _products(Contraction(C=c.C, R=c.R, S=c.S), role)


@lru_cache(maxsize=256)
def _products(c: Contraction, role: Role) -> Nested[ProductAxis]:
    size = c.C * c.R * c.S
    sizes = _sizes(size, role.width, c.R * c.S)
    axis = product_axis(c, _pairs(sizes))
    touched = (*axis.channels_sum.T, *axis.channels_max.T) if c.R * c.S > 1 else ()
    return _unbeaten_pairs(axis, role, touched, len(sizes) == size)


def nested_pixels(c: Contraction, role: Role) -> Nested[PixelAxis]:
    """The M axis as rectangles of pixels."""
    return _pixels(replace(c, K=1, C=1, G=1), role)


@lru_cache(maxsize=256)
def _pixels(c: Contraction, role: Role) -> Nested[PixelAxis]:
    lines = [_Lines.of(c, side) for side in (-1, 0, 1)]
    tried_all = np.prod([len(each.cuts) for each in lines]) <= MOST_RECTANGLES
    if role.is_streamed or not tried_all:
        lines = [each.take(_unbeaten_of(each.judged)) for each in lines]
    axis = _rectangles(c, lines)
    read = (*axis.window_sum[..., 0].T, *axis.window_max[..., 0].T, axis.window_first)
    complete = all(each.complete for each in lines) and bool(role.is_streamed or tried_all)
    return _unbeaten_pairs(axis, role, read, complete)


def nested_runs(c: Contraction, role: Role) -> Nested[PixelAxis] | None:
    """The M axis as runs of pixels that fill the array, where it lies over the array."""
    if role.is_streamed or c.B == c.Q == 1:
        return None
    return _runs(replace(c, K=1, C=1, G=1), role)


@lru_cache(maxsize=256)
def _runs(c: Contraction, role: Role) -> Nested[PixelAxis] | None:
    widths = run_widths(c.B * c.P * c.Q, role.width)
    if not widths:
        return None
    pairs = _pairs(np.array(widths))[:, 0]
    axis = flat_pixel_axis(c, [(tuple(pair),) for pair in pairs.tolist()])
    read = (*axis.window_sum[..., 0].T, *axis.window_max[..., 0].T, axis.window_first)
    return _unbeaten_pairs(axis, role, read, complete=True)


def _sizes(size: int, width: int = 0, kernel: int = 1) -> IntArray:
    """Tile sizes tried: all, or some of those that cut evenly, fill the array or are whole channels."""
    if size <= MOST_SIZES:
        return np.arange(1, size + 1)
    preferred: list[int] = []
    for step in {width, kernel} - {0, 1}:
        multiples = range(step, size, step)
        preferred += multiples[:: -(-len(multiples) // MOST_MULTIPLES)]
    return np.array(tile_candidates(size, MOST_EVEN, tuple(preferred)))[::-1]


def _pairs(sizes: IntArray) -> IntArray:
    """Every pair of sizes of which the second is no larger, as cuts of one dimension."""
    outer, inner = np.tril_indices(len(sizes))
    return np.stack([sizes[outer], sizes[inner]], axis=1)[:, np.newaxis]


def _unbeaten_pairs(axis: AnyAxis, role: Role, read: Sequence[IntArray], complete: bool) -> Nested[AnyAxis]:
    """`read` are columns of what tiles read; of the streamed axis nothing of the array depends on the cut but
    by the number of tiles."""
    folds = () if role.is_streamed else (folds_of(axis, role.width, 1).time,)
    cuts = axis.turns[:, 1].astype(np.int64)
    judged = np.stack([*axis.tiles.T, *axis.counts.T, cuts, *read, *folds], axis=1)
    chosen = _unbeaten_of(judged)
    return Nested(axis.take(chosen), judged[chosen], complete)


def _unbeaten_of(judged: IntArray) -> IntArray:
    """`unbeaten` of many pairs: most are beaten by one that has the same inner (outer) tile, as many outer
    (inner) tiles, and a smaller outer (inner) tile."""
    rows = np.arange(len(judged))
    for tile, other_tile, number in ((0, 1, 2), (1, 0, 3)) * 3:
        if len(rows) > 1:
            rows = rows[~_beaten_by_like(judged[rows], (other_tile, number), tile)]
    rows = np.sort(rows)
    return rows[unbeaten(judged[rows])]


def _beaten_by_like(judged: IntArray, alike: tuple[int, int], by: int) -> np.ndarray:
    """Rows that are no less in anything than the first, or the one before, of those `alike` in two columns,
    in the order of the column `by`."""
    order = np.lexsort((judged[:, by], *(judged[:, column] for column in alike)))
    table = judged[order]
    starts = np.concatenate([[True], (table[1:, alike] != table[:-1, alike]).any(axis=1)])
    first = np.maximum.accumulate(np.where(starts, np.arange(len(table)), 0))
    before = np.maximum(np.arange(len(table)) - 1, 0)
    beaten = (table[first] <= table).all(axis=1) | (table[before] <= table).all(axis=1)
    result = np.empty(len(table), dtype=bool)
    result[order] = beaten & ~starts
    return result


@dataclass(frozen=True, eq=False)
class _Lines:
    """One dimension of pixels cut in pairs: tiles (`cuts`), their number, the input lines that they read."""

    cuts: IntArray  # as all of these (pairs, levels)
    counts: IntArray
    read_sum: IntArray
    read_max: IntArray
    first: IntArray  # (pairs,): lines that the first outer tile reads
    last: IntArray
    complete: bool

    @classmethod
    def of(cls, c: Contraction, side: int) -> _Lines:
        """`side` is −1 for images of the batch, 0 for rows, 1 for columns."""
        size = (c.P, c.Q, c.B)[side]
        sizes = _sizes(size)
        axis = channel_axis(Contraction(K=size), _pairs(sizes))
        cuts = axis.cuts[:, 0]
        complete = len(sizes) == size
        if side < 0:
            total = np.full_like(cuts, size)
            return cls(cuts, axis.counts, total, cuts, cuts[:, 0], axis.last, complete)
        first = lines_read(c, side, np.zeros_like(cuts[:, 0]), cuts[:, 0])
        return cls(cuts, axis.counts, *lines_of_cuts(c, cuts, side), first, axis.last, complete)

    @property
    def judged(self) -> IntArray:
        cuts = (self.cuts[:, 0] > self.cuts[:, 1]).astype(np.int64)
        read = (*self.read_sum.T, *self.read_max.T, self.first)
        return np.stack([*self.cuts.T, *self.counts.T, cuts, *read], axis=1)

    def take(self, chosen: IntArray) -> _Lines:
        columns = {name: getattr(self, name)[chosen] for name in ("cuts", "counts", "first", "last")}
        return replace(self, read_sum=self.read_sum[chosen], read_max=self.read_max[chosen], **columns)


def _rectangles(c: Contraction, lines: Sequence[_Lines]) -> PixelAxis:
    places = np.indices([len(each.cuts) for each in lines]).reshape(3, -1)

    def product(name: str) -> IntArray:
        b, p, q = (getattr(each, name)[place] for each, place in zip(lines, places, strict=True))
        return b * p * q

    return PixelAxis(
        size=c.B * c.P * c.Q,
        dims=("B", "P", "Q"),
        sizes=(c.B, c.P, c.Q),
        cuts=np.stack([each.cuts[place] for each, place in zip(lines, places, strict=True)], axis=1),
        tiles=product("cuts"),
        counts=product("counts"),
        last=product("last"),
        window_sum=product("read_sum")[:, :, np.newaxis],
        window_max=product("read_max")[:, :, np.newaxis],
        window_first=product("first"),
    )
