"""Every tile size worth having, for one tier of buffers: all whole numbers but those that another one beats.

A mapping's cost rises with every count of each axis: with the elements of a tile (what must be held), with
the number of tiles (how often other operands come in), with folds, beats and loads of the array, and with the
input its tiles touch. So a size that is no better in any of these than another one can be left out, whatever
the bit-widths, capacities and unit energies are. Only the size of the last, ragged tile is not among them: a
tile that does nothing but shorten it is not tried (it could hide part of one tile's store).

As runs of pixels (see `flat_pixels`), whole array widths are tried: for every number of runs the shortest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dominance import unbeaten
from archsim.accelerators.systolic.axes import (
    Axis,
    IntArray,
    PixelAxis,
    ProductAxis,
    channel_axis,
    product_axis,
)
from archsim.accelerators.systolic.extents import input_window
from archsim.accelerators.systolic.flat_pixels import flat_pixel_axis
from archsim.accelerators.systolic.folds import folds_of
from archsim.accelerators.systolic.streams import streams_of
from archsim.accelerators.systolic.windows import Nesting
from archsim.workloads.layer import Contraction

MOST_RECTANGLES = 1 << 16
"""With more rectangles of pixels than this only those of unbeaten rows and columns are tried."""

Inputs = tuple[str, ...]
"""Names of an axis's tables of what its tiles read."""


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
    def width(self) -> int:
        return self.key[1]

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
        if self.is_plain:
            return []  # beats are of no consequence, and loads are as many as tiles
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


AnyAxis = TypeVar("AnyAxis", bound=Axis)


@dataclass(frozen=True, eq=False)
class Candidates(Generic[AnyAxis]):
    """`few`: those of `all` that matter where the number of tiles is of no consequence, if there are several;
    `codes` are their places. `complete`: no tile size is missing.
    """

    all: AnyAxis
    few: AnyAxis
    codes: IntArray
    complete: bool = True

    @classmethod
    def of(cls, every: AnyAxis, chosen: IntArray, role: Role, inputs: Inputs, complete: bool = True) -> Self:
        """The chosen ones of every candidate; `inputs`: see `_table`."""
        axis = every.take(chosen)
        codes = unbeaten(_table(axis, role, inputs, counted=False))
        few = axis if len(codes) == len(axis) else axis.take(codes)
        return cls(axis, few, codes, complete)


def complete_channels(c: Contraction, role: Role) -> Candidates[Axis]:
    """The N axis."""
    return _channels(Contraction(K=c.K), role)


@lru_cache(maxsize=1024)
def _channels(c: Contraction, role: Role) -> Candidates[Axis]:
    axis = channel_axis(c, _every(c.K))
    return Candidates.of(axis, _smallest_unbeaten(_table(axis, role)), role, ())


def complete_products(c: Contraction, role: Role) -> Candidates[ProductAxis]:
    """The K axis (C·R·S flattened)."""
    return _products(Contraction(C=c.C, R=c.R, S=c.S), role)


@lru_cache(maxsize=1024)
def _products(c: Contraction, role: Role) -> Candidates[ProductAxis]:
    axis = product_axis(c, _every(c.C * c.R * c.S))
    inputs = ("channels_sum", "channels_max")
    return Candidates.of(axis, _smallest_unbeaten(_table(axis, role, inputs)), role, inputs)


def complete_pixels(c: Contraction, role: Role) -> Candidates[PixelAxis]:
    """The M axis as rectangles of pixels."""
    return _pixels(replace(c, K=1, C=1, G=1), role)


@lru_cache(maxsize=1024)
def _pixels(c: Contraction, role: Role) -> Candidates[PixelAxis]:
    dims = [_lines(c, side) for side in (-1, 0, 1)]
    tried_all = np.prod([len(d) for d in dims]) <= MOST_RECTANGLES
    if role.is_plain or not tried_all:
        dims = [d[unbeaten(d[:, :-1])] for d in dims]
    axis = _rectangles(c, dims)
    inputs = ("window_sum", "window_max")
    chosen = unbeaten(_table(axis, role, inputs))
    return Candidates.of(axis, chosen, role, inputs, complete=bool(role.is_plain or tried_all))


def complete_runs(c: Contraction, role: Role) -> Candidates[PixelAxis] | None:
    """The M axis as runs of pixels that fill the array, where it lies over the array."""
    if role.is_streamed or c.B == c.Q == 1:
        return None
    return _runs(replace(c, K=1, C=1, G=1), role)


@lru_cache(maxsize=1024)
def _runs(c: Contraction, role: Role) -> Candidates[PixelAxis] | None:
    nestings: list[tuple[Nesting, ...]] = [((t,),) for t in run_widths(c.B * c.P * c.Q, role.width)]
    if not nestings:
        return None
    axis = flat_pixel_axis(c, nestings)
    inputs = ("window_sum", "window_max")
    return Candidates.of(axis, unbeaten(_table(axis, role, inputs)), role, inputs)


def run_widths(size: int, width: int) -> list[int]:
    """For every number of runs the shortest that fill the array."""
    widths = {-(-size // (n * width)) * width for n in range(1, -(-size // width) + 1)}
    return sorted(t for t in widths if t < size)


def _every(size: int) -> IntArray:
    """Every tile size of one dimension, as cuts."""
    return np.arange(1, size + 1).reshape(-1, 1, 1)


def _smallest_unbeaten(table: IntArray) -> IntArray:
    """`unbeaten` of a table by growing tile size (its first column), of which most differ in nothing else."""
    differs = np.any(table[1:, 1:] != table[:-1, 1:], axis=1)
    some = np.flatnonzero(np.concatenate([[True], differs]))
    return some[unbeaten(table[some])]


def _table(axis: Axis, role: Role, inputs: Inputs = (), counted: bool = True) -> IntArray:
    """What candidates are judged by; `inputs` are read as well."""
    counts = axis.counts[:, 0]
    if not (counted or role.is_streamed):
        counts = (counts > 1).astype(np.int64)
    read = [getattr(axis, name).reshape(len(axis)) for name in inputs]
    return np.stack([axis.tiles[:, 0], counts, *read, *role.costs(axis)], axis=1)


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
    sizes = np.meshgrid(b[:, 0], p[:, 0], q[:, 0], indexing="ij")
    return PixelAxis(
        size=c.B * c.P * c.Q,
        dims=("B", "P", "Q"),
        sizes=(c.B, c.P, c.Q),
        cuts=np.stack(sizes, axis=-1).reshape(-1, 3, 1),
        tiles=tiles,
        counts=counts,
        last=last,
        window_sum=total[:, :, np.newaxis],
        window_max=largest[:, :, np.newaxis],
        window_first=first[:, 0],
    )
