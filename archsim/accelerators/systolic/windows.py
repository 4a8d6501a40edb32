"""The input that nested tiles read: rows and columns under tiles of pixels, channels of tiles of products."""

from __future__ import annotations

import numpy as np

from archsim.accelerators.systolic.extents import channels_touched, input_window
from archsim.workloads.layer import Contraction

Nesting = tuple[int, ...]
"""Tile sizes of one dimension, outermost buffer first; each is at most the one before."""


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


def channels(size: int, nesting: Nesting, kernel: int) -> tuple[int, int]:
    """(sum over tiles, largest) of the channels that the innermost tiles touch."""
    if len(nesting) == 1:
        return channels_touched(size, nesting[0], kernel)
    starts, ends = np.array([0]), np.array([size])
    for tile in nesting:
        most = -(-int((ends - starts).max()) // tile)
        first = starts[:, np.newaxis] + np.arange(most) * tile
        last = np.minimum(first + tile, ends[:, np.newaxis])
        inside = first < last
        starts, ends = first[inside], last[inside]
    touched = (ends - 1) // kernel - starts // kernel + 1
    return int(touched.sum()), int(touched.max())
