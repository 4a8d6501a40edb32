"""Every tile size worth having, for one tier of buffers: all whole numbers but those that another one beats.

A mapping's cost rises with every count of each axis: with the elements of a tile (what must be held), with
the number of tiles (how often other operands come in), with folds, beats and loads of the array, and with the
input its tiles touch. So a size that is no better in any of these than another one can be left out, whatever
the bit-widths, capacities and unit energies are. Only the size of the last, ragged tile is not among them: a
tile that does nothing but shorten it is not tried (it could hide part of one tile's store).

As runs of pixels (see `flat_pixels`), whole array widths are tried: for every number of runs the shortest.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dominance import unbeaten
from archsim.accelerators.systolic.axes import (
    Axis,
    IntArray,
    Nesting,
    PixelAxis,
    ProductAxis,
    channel_axis,
    product_axis,
)
from archsim.accelerators.systolic.extents import input_window
from archsim.accelerators.systolic.flat_pixels import flat_pixel_axis
from archsim.accelerators.systolic.folds import folds_of
from archsim.accelerators.systolic.streams import streams_of
from archsim.workloads.layer import Contraction

MOST_RECTANGLES = 1 << 16
"""With more rectangles of pixels than this only those of unbeaten rows and columns are tried."""


class Role:
    """What an axis is to the array, as the counts that its candidates are judged by."""

    def __init__(self, side: str, width: int, cores: int, load_cycles: int) -> None:
        """`side`: rows, columns or streamed; `width`: PEs along it; `load_cycles`: see `streams`."""
        self.key = side, width, cores, load_cycles

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Role) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def is_streamed(self) -> bool:
        return self.key[0] == "streamed"

    @property
    def is_plain(self) -> bool:
        """Nothing of the array's cost depends on how the axis is cut, but by the number of tiles."""
        _, _, cores, load_cycles = self.key
        return self.is_streamed and cores == 1 and not load_cycles

    def costs(self, axis: Axis) -> list[IntArray]:
        """What the array pays for each candidate; with several cores, if the axis is shared out or not."""
        side, width, most_cores, load_cycles = self.key
        found: list[IntArray] = []
        for cores in sorted({1, most_cores}):
            if side == "streamed":
                streams = streams_of(axis, cores, load_cycles)
                found += [streams.beats, *streams.core_loads.T, *streams.exposed.T, *-streams.exposed_last.T]
            else:
                folds = folds_of(axis, width, cores)
                several = axis.tiles[:, 0] > width * cores
                found += [folds.time, folds.total, several.astype(np.int64)]
        return found


@lru_cache(maxsize=1024)
def complete_channels(c: Contraction, role: Role) -> Axis:
    """The N axis."""
    axis = channel_axis(c, _every(c.K))
    return axis.take(_smallest_unbeaten(_table(axis, role)))


@lru_cache(maxsize=1024)
def complete_products(c: Contraction, role: Role) -> ProductAxis:
    """The K axis (C·R·S flattened)."""
    axis = product_axis(c, _every(c.C * c.R * c.S))
    return axis.take(_smallest_unbeaten(_table(axis, role, axis.channels_sum, axis.channels_max)))


@lru_cache(maxsize=1024)
def complete_pixels(c: Contraction, role: Role) -> tuple[PixelAxis, bool]:
    """The M axis as rectangles of pixels, and whether all of them were tried."""
    dims = [_lines(c, side) for side in (-1, 0, 1)]
    tried_all = np.prod([len(d) for d in dims]) <= MOST_RECTANGLES
    if role.is_plain or not tried_all:
        dims = [d[unbeaten(d[:, :-1])] for d in dims]
    axis = _rectangles(c, dims)
    return axis.take(unbeaten(_table(axis, role, axis.window_sum, axis.window_max))), bool(
        role.is_plain or tried_all
    )


@lru_cache(maxsize=1024)
def complete_runs(c: Contraction, role: Role) -> PixelAxis | None:
    """The M axis as runs of pixels that fill the array, where it lies over the array."""
    size, width = c.B * c.P * c.Q, role.key[1]
    if role.is_streamed or c.B == c.Q == 1:
        return None
    widths = {-(-size // (n * width)) * width for n in range(1, -(-size // width) + 1)}
    nestings: list[tuple[Nesting, ...]] = [((t,),) for t in sorted(widths) if t < size]
    if not nestings:
        return None
    axis = flat_pixel_axis(c, nestings)
    return axis.take(unbeaten(_table(axis, role, axis.window_sum, axis.window_max)))


def without_count(axis: Axis, role: Role, *windows: IntArray) -> IntArray:
    """Indexes of candidates that matter where the number of tiles is of no consequence, if there are
    several."""
    return unbeaten(_table(axis, role, *windows, counted=False))


def _every(size: int) -> list[tuple[Nesting, ...]]:
    """Every tile size of one dimension, as nestings."""
    return list(zip(zip(range(1, size + 1), strict=False), strict=False))


def _smallest_unbeaten(table: IntArray) -> IntArray:
    """`unbeaten` of a table by growing tile size (its first column), of which most differ in nothing else."""
    differs = np.any(table[1:, 1:] != table[:-1, 1:], axis=1)
    some = np.flatnonzero(np.concatenate([[True], differs]))
    return some[unbeaten(table[some])]


def _table(axis: Axis, role: Role, *windows: IntArray, counted: bool = True) -> IntArray:
    counts = axis.counts[:, 0]
    if not (counted or role.is_streamed):
        counts = (counts > 1).astype(np.int64)
    inputs = [w.reshape(len(axis)) for w in windows]
    return np.stack([axis.tiles[:, 0], counts, *inputs, *role.costs(axis)], axis=1)


def _lines(c: Contraction, side: int) -> npt.NDArray[np.int64]:
    """(tile, tiles, input lines of all tiles, of the largest, of the first, last tile) of every tile size.

    `side` is −1 for images of the batch, 0 for rows, 1 for columns.
    """
    if side < 0:
        return np.array([(t, -(-c.B // t), c.B, t, t, (c.B - 1) % t + 1) for t in range(1, c.B + 1)])
    size, kernel, limit = (c.P, c.Q)[side], (c.R, c.S)[side], c.input_size[side]
    stride, dilation, pad = c.stride[side], c.dilation[side], c.padding[side]
    rows = []
    for t in range(1, size + 1):
        total, largest = input_window(size, t, kernel, stride, dilation, pad, limit)
        first = input_window(t, t, kernel, stride, dilation, pad, limit)[0]
        rows.append((t, -(-size // t), total, largest, first, (size - 1) % t + 1))
    return np.array(rows)


def _rectangles(c: Contraction, dims: list[npt.NDArray[np.int64]]) -> PixelAxis:
    b, p, q = dims
    together = (b[:, np.newaxis, np.newaxis] * p[np.newaxis, :, np.newaxis] * q).reshape(-1, b.shape[1])
    tiles, counts, total, largest, first, last = (column[:, np.newaxis] for column in together.T)
    sizes = [[int(t) for t in d[:, 0]] for d in dims]
    return PixelAxis(
        size=c.B * c.P * c.Q,
        dims=("B", "P", "Q"),
        nestings=tuple(((x,), (y,), (z,)) for x, y, z in product(*sizes)),
        sizes=(c.B, c.P, c.Q),
        tiles=tiles,
        counts=counts,
        last=last,
        window_sum=total[:, :, np.newaxis],
        window_max=largest[:, :, np.newaxis],
        window_first=first[:, 0],
    )
