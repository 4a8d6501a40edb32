"""The input that nested tiles read: rows and columns under tiles of pixels, channels of tiles of products."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import gcd

import numpy as np

from archsim.accelerators.systolic.extents import IntArray, input_window
from archsim.workloads.layer import Contraction

Nesting = tuple[int, ...]
"""Tile sizes of one dimension, outermost buffer first; each is at most the one before."""

MOST_TILES = 1 << 18
"""Tiles listed at a time."""


def window(
    c: Contraction, nesting: tuple[Nesting, ...], level: int, case: tuple[bool, bool]
) -> tuple[int, int]:
    """(sum over tiles, largest tile) of batch × input rows × input columns read at `level`."""
    batch, rows, columns = nesting
    row_sum, row_max = _lines(c, rows, level, 0, single=case[0])
    column_sum, column_max = _lines(c, columns, level, 1, single=case[1])
    return c.B * row_sum * column_sum, batch[level] * row_max * column_max


def first_window(c: Contraction, nesting: tuple[Nesting, ...]) -> int:
    batch, rows, columns = (n[0] for n in nesting)
    top, left = c.padding[:2]
    height = input_window(rows, rows, c.R, c.stride[0], c.dilation[0], top, c.input_size[0])[0]
    width = input_window(columns, columns, c.S, c.stride[1], c.dilation[1], left, c.input_size[1])[0]
    return batch * height * width


@lru_cache(maxsize=10_000)
def _lines(c: Contraction, nesting: Nesting, level: int, side: int, *, single: bool) -> tuple[int, int]:
    """Walk the outer tiles, cut each by the inner; `single`: one kernel position at a time, all in turn."""
    size, kernel = (c.P, c.R) if side == 0 else (c.Q, c.S)
    span, positions = (1, range(kernel)) if single else (kernel, range(1))
    total = largest = 0
    for start, length in outer_tiles(size, nesting[:level]):
        for position in positions:
            pad = c.padding[side] - start * c.stride[side] - position * c.dilation[side]
            rows, most = input_window(
                length, nesting[level], span, c.stride[side], c.dilation[side], pad, c.input_size[side]
            )
            total, largest = total + rows, max(largest, most)
    return total, largest


def outer_tiles(size: int, nesting: Nesting) -> list[tuple[int, int]]:
    """(start, length) of every tile when `size` is cut by nesting[0], each piece by nesting[1], and so on."""
    pieces = [(0, size)]
    for tile in nesting:
        pieces = [(s + o, min(tile, n - o)) for s, n in pieces for o in range(0, n, tile)]
    return pieces


def lines_of_cuts(c: Contraction, cuts: IntArray, side: int) -> tuple[IntArray, IntArray]:
    """(sum over tiles, largest tile) of the input rows (side 0) or columns (side 1) read at every level, both
    (cuts, levels), where the output rows or columns are cut by `cuts` (cuts, levels)."""
    total, largest = np.zeros_like(cuts), np.zeros_like(cuts)
    for level in range(cuts.shape[1]):
        for some, first, starts, lengths in _tiles_of_cuts((c.P, c.Q)[side], cuts[:, : level + 1]):
            lines = lines_read(c, side, starts, lengths)
            total[some, level] = np.add.reduceat(lines, first)
            largest[some, level] = np.maximum.reduceat(lines, first)
    return total, largest


def lines_read(c: Contraction, side: int, starts: IntArray, lengths: IntArray) -> IntArray:
    """Distinct input rows or columns that tiles of output rows or columns read (see `input_window`).

    With g the greatest common divisor of stride and dilation, what an output row reads by kernel position r
    the row dilation / g before has read by position r + stride / g. So where there is such a position, only a
    tile's first dilation / g rows add to it by position r.
    """
    kernel, limit, pad = (c.R, c.S)[side], c.input_size[side], c.padding[side]
    stride, dilation = c.stride[side], c.dilation[side]
    common = gcd(stride, dilation)
    total = np.zeros_like(starts)
    for r in range(kernel):
        again = r + stride // common < kernel
        ends = starts + (np.minimum(lengths, dilation // common) if again else lengths)
        first = -(-(pad - r * dilation) // stride)  # output rows whose input row exists
        after = max(first, (limit - 1 + pad - r * dilation) // stride + 1)
        total += np.clip(ends, first, after) - np.clip(starts, first, after)
    return total


def _tiles_of_cuts(size: int, cuts: IntArray) -> Iterator[tuple[slice, IntArray, IntArray, IntArray]]:
    """(cuts, where each one's tiles begin, starts, lengths) of all innermost tiles when `size` is cut by
    `cuts` (cuts, levels); so many cuts at a time, in order."""
    tiles = np.cumsum(-(-size // cuts[:, 0]) * np.prod(-(-cuts[:, :-1] // cuts[:, 1:]), axis=1))
    begin = 0
    while begin < len(cuts):
        before = tiles[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(tiles, before + MOST_TILES)))
        yield slice(begin, end), *_tiles(size, cuts[begin:end])
        begin = end


def _tiles(size: int, cuts: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    which, starts = np.arange(len(cuts)), np.zeros(len(cuts), dtype=np.int64)
    lengths = np.full(len(cuts), size)
    for tiles in cuts.T:
        tile = tiles[which]
        number = -(-lengths // tile)
        outer = np.repeat(np.arange(len(which)), number)
        offset = (np.arange(len(outer)) - (np.cumsum(number) - number)[outer]) * tile[outer]
        lengths = np.minimum(tile[outer], lengths[outer] - offset)
        which, starts = which[outer], starts[outer] + offset
    return np.flatnonzero(np.diff(which, prepend=-1)), starts, lengths


def channels_of_cuts(size: int, cuts: IntArray, kernel: int) -> tuple[IntArray, IntArray]:
    """(sum over tiles, largest) of the channels that tiles of products touch at every level, both (cuts,
    levels)."""
    total, largest = np.zeros_like(cuts), np.zeros_like(cuts)
    for level in range(cuts.shape[1]):
        for some, first, starts, lengths in _tiles_of_cuts(size, cuts[:, : level + 1]):
            touched = (starts + lengths - 1) // kernel - starts // kernel + 1
            total[some, level] = np.add.reduceat(touched, first)
            largest[some, level] = np.maximum.reduceat(touched, first)
    return total, largest
