"""The three axes of a layer's GEMM view, cut into nested tiles: every candidate a row of small arrays.

M (output pixels: B·P·Q), N (output channels: K) and K (products per output: C·R·S). A buffer tile is one
block of each. Costs of a mapping factor into functions of one axis, so everything that depends on ragged
edges and halos is worked out here, once per axis candidate, and combined by broadcasting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from math import prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.extents import (
    Extents,
    channels_of_tiles,
    channels_touched,
    input_window,
    nested_extents,
    tile_candidates,
)
from archsim.workloads.layer import Contraction

KERNEL_CASES = ((False, False), (True, False), (False, True), (True, True))
"""Whether a tile spans a single kernel (row, column) at a time instead of all of them."""

IntArray = npt.NDArray[np.int64]
Nesting = tuple[int, ...]
"""Tile sizes of one dimension, outermost buffer first; each is at most the one before."""


@dataclass(frozen=True)
class Axis:
    """Candidates of one axis. Arrays are (candidates, levels), level 0 being the outermost on-chip buffer."""

    size: int
    dims: tuple[str, ...]
    nestings: tuple[tuple[Nesting, ...], ...]  # per candidate, per dimension
    sizes: tuple[int, ...]  # per dimension
    tiles: IntArray  # elements of a full tile
    counts: IntArray  # tiles in the whole axis, exactly
    last: IntArray  # elements of the very last tile

    def __len__(self) -> int:
        return len(self.nestings)

    @cached_property
    def turns(self) -> npt.NDArray[np.bool_]:
        """Whether any loop that brings in a level's tiles has more than one iteration."""
        tiles = np.array(self.nestings)  # candidates × dimensions × levels
        whole = np.broadcast_to(np.array(self.sizes)[:, np.newaxis], (len(self), len(self.sizes), 1))
        around = np.minimum.accumulate(np.concatenate([whole, tiles[:, :, :-1]], axis=2), axis=2)
        return np.any(around > tiles, axis=1)

    @cached_property
    def pieces(self) -> tuple[IntArray, IntArray]:
        """(elements, count) of the innermost tiles, (candidates, different tiles) each; counts may be 0."""
        if self.tiles.shape[1] == 1:
            return _whole_and_rest(self.sizes, np.array(self.nestings)[:, :, 0])
        found = [
            list(_combined([nested_extents(s, n) for s, n in zip(self.sizes, nesting, strict=True)]))
            for nesting in self.nestings
        ]
        most = max(map(len, found))
        table = np.array([each + [(1, 0)] * (most - len(each)) for each in found], dtype=np.int64)
        return table[:, :, 0], table[:, :, 1]

    @cached_property
    def groups(self) -> tuple[IntArray, IntArray, npt.NDArray[np.bool_]]:
        """Of an axis cut once: (count, elements, whether the first) of alike tiles, (candidates, groups).

        The last group is the very last tile; of the products axis (K) the first group is its first tile.
        """
        dims = np.array(self.nestings)[:, :, 0]
        extents = counts = np.ones((len(self), 1), dtype=np.int64)
        for size, tile in zip(self.sizes, dims.T, strict=True):
            if size == 1:
                continue
            extent = np.stack([tile, (size - 1) % tile + 1], axis=1)
            count = np.stack([(size - 1) // tile, np.ones_like(tile)], axis=1)
            extents = (extents[:, :, np.newaxis] * extent[:, np.newaxis, :]).reshape(len(self), -1)
            counts = (counts[:, :, np.newaxis] * count[:, np.newaxis, :]).reshape(len(self), -1)
        if self.dims == ("CRS",) and counts.shape[1] == 2:
            several, last = counts.T
            counts = np.stack([np.minimum(several, 1), np.maximum(several - 1, 0), last], axis=1)
            extents = extents[:, [0, 0, 1]]
        first = np.zeros(counts.shape, dtype=bool)
        first[:, 0] = self.dims == ("CRS",)
        first[:, -1] = self.counts[:, 0] == 1
        return counts, extents, first

    def take(self, chosen: IntArray) -> Self:
        """The axis with some of its candidates."""
        arrays = {
            name: value[chosen] for name, value in field_values(self).items() if isinstance(value, np.ndarray)
        }
        return replace(self, nestings=tuple(self.nestings[i] for i in chosen.tolist()), **arrays)


@dataclass(frozen=True)
class PixelAxis(Axis):
    """The M axis with the input pixels (rows × columns × batch) that its tiles read, halo included.

    The last index of the windows is the kernel case (see KERNEL_CASES): how much of the kernel a tile of
    the K axis spans decides how many rows and columns it reads.
    """

    window_sum: IntArray  # over all tiles of a level, and all kernel positions
    window_max: IntArray
    window_first: IntArray  # (candidates,): of the first tile at level 0


@dataclass(frozen=True)
class ProductAxis(Axis):
    """The K axis with the input channels that its tiles touch and the part of the kernel they span."""

    channels_sum: IntArray
    channels_max: IntArray
    kernel_case: IntArray
    channels_first: IntArray  # (candidates,): of the first tile at level 0


def pixel_axis(c: Contraction, nestings: Sequence[tuple[Nesting, ...]], cases: int = 1) -> PixelAxis:
    """The M axis with these nested tiles of (B, P, Q), for the first `cases` of KERNEL_CASES."""
    base = axis_of(("B", "P", "Q"), (c.B, c.P, c.Q), nestings)
    levels = base.tiles.shape[1]
    windows = [
        [[_window(c, nesting, level, case) for case in KERNEL_CASES[:cases]] for level in range(levels)]
        for nesting in nestings
    ]
    table = np.array(windows, dtype=np.int64).reshape(len(nestings), levels, cases, 2)
    return PixelAxis(
        **field_values(base),
        window_sum=table[..., 0],
        window_max=table[..., 1],
        window_first=np.array([_first_window(c, nesting) for nesting in nestings], dtype=np.int64),
    )


def channel_axis(c: Contraction, nestings: Sequence[tuple[Nesting, ...]]) -> Axis:
    """The N axis with these nested tiles of output channels."""
    return axis_of(("K",), (c.K,), nestings)


def product_axis(c: Contraction, nestings: Sequence[tuple[Nesting, ...]]) -> ProductAxis:
    """The K axis with these nested tiles of the flattened C·R·S loop."""
    kernel = c.R * c.S
    size = c.C * kernel
    base = axis_of(("CRS",), (size,), nestings)
    levels = base.tiles.shape[1]
    if levels == 1:
        table = channels_of_tiles(size, base.tiles[:, 0], kernel)[:, np.newaxis, :]
    else:
        table = np.array(
            [[_channels(size, n[0][: level + 1], kernel) for level in range(levels)] for n in nestings],
            dtype=np.int64,
        ).reshape(len(nestings), levels, 2)
    return ProductAxis(
        **field_values(base),
        channels_sum=table[:, :, 0],
        channels_max=table[:, :, 1],
        channels_first=-(-base.tiles[:, 0] // kernel),
        kernel_case=np.zeros((len(nestings), levels), dtype=np.int64),
    )


def kernel_axis(c: Contraction, nestings: Sequence[tuple[Nesting, ...]]) -> ProductAxis:
    """The K axis with these nested tiles of (C, R, S); tiles of R and S are the whole kernel or 1."""
    base = axis_of(("C", "R", "S"), (c.C, c.R, c.S), nestings)
    levels = base.tiles.shape[1]
    shape = (len(nestings), levels)
    channels = np.array([[n[0][level] for level in range(levels)] for n in nestings], dtype=np.int64)
    cases = [
        [KERNEL_CASES.index((n[1][level] < c.R, n[2][level] < c.S)) for level in range(levels)]
        for n in nestings
    ]
    return ProductAxis(
        **field_values(base),
        channels_sum=np.full(shape, c.C, dtype=np.int64),
        channels_max=channels.reshape(shape),
        channels_first=channels.reshape(shape)[:, 0],
        kernel_case=np.array(cases, dtype=np.int64).reshape(shape),
    )


def pixel_nestings(
    c: Contraction, levels: int, most: int, widths: Sequence[int]
) -> list[tuple[Nesting, ...]]:
    """Tiles of (B, P, Q) worth trying; `widths` are tile sizes that fill the array exactly."""
    few = max(2, most // 3)
    return list(
        product(
            _nestings(c.B, levels, min(few, 3)),
            _nestings(c.P, levels, most, widths if c.Q == 1 else ()),
            _nestings(c.Q, levels, few),
        )
    )


def flat_nestings(size: int, levels: int, widths: Sequence[int]) -> list[tuple[Nesting, ...]]:
    """Runs of pixels that fill the array exactly (see `flat_pixels`)."""
    return [(n,) for n in _chains([w for w in widths if w < size], levels)]


def channel_nestings(
    c: Contraction, levels: int, most: int, widths: Sequence[int]
) -> list[tuple[Nesting, ...]]:
    return [(n,) for n in _nestings(c.K, levels, most, widths)]


def product_nestings(
    c: Contraction, levels: int, most: int, widths: Sequence[int]
) -> list[tuple[Nesting, ...]]:
    """Tiles of C·R·S worth trying: whole channels, and `widths` that fill the array exactly."""
    kernel = c.R * c.S
    channels = [t * kernel for t in tile_candidates(c.C, most if levels == 1 else max(3, most // levels))]
    return [(n,) for n in _nestings(c.C * kernel, levels, 2, (*channels, *widths))]


def _nestings(size: int, levels: int, most: int, preferred: Sequence[int] = ()) -> list[Nesting]:
    """Every non-increasing choice of one tile size a level; the more levels, the fewer sizes are tried."""
    per_level = most if levels == 1 else max(3, most // levels)
    sizes = tile_candidates(size, per_level, tuple(preferred))
    return _chains(sizes, levels)


def _chains(sizes: Sequence[int], levels: int) -> list[Nesting]:
    """Every non-increasing choice of one size a level."""
    chains: list[Nesting] = [()]
    for _ in range(levels):
        chains = [(*chain, t) for chain in chains for t in sizes if not chain or t <= chain[-1]]
    return chains


def axis_of(dims: tuple[str, ...], sizes: tuple[int, ...], nestings: Sequence[tuple[Nesting, ...]]) -> Axis:
    levels = len(nestings[0][0])
    if levels == len(dims) == 1:
        return _single_axis(dims, sizes, nestings)
    tiles = [[prod(n[level] for n in nesting) for level in range(levels)] for nesting in nestings]
    counts = [
        [
            prod(
                sum(k for _, k in nested_extents(s, n[: level + 1]))
                for s, n in zip(sizes, nesting, strict=True)
            )
            for level in range(levels)
        ]
        for nesting in nestings
    ]
    last = [
        [
            prod(_last(s, n[: level + 1]) for s, n in zip(sizes, nesting, strict=True))
            for level in range(levels)
        ]
        for nesting in nestings
    ]
    shape = (len(nestings), levels)
    return Axis(
        size=prod(sizes),
        dims=dims,
        nestings=tuple(nestings),
        sizes=sizes,
        tiles=np.array(tiles, dtype=np.int64).reshape(shape),
        counts=np.array(counts, dtype=np.int64).reshape(shape),
        last=np.array(last, dtype=np.int64).reshape(shape),
    )


def _single_axis(
    dims: tuple[str, ...], sizes: tuple[int, ...], nestings: Sequence[tuple[Nesting, ...]]
) -> Axis:
    """One dimension cut once."""
    (size,), tiles = sizes, np.array(nestings, dtype=np.int64).reshape(len(nestings), 1)
    return Axis(
        size=size,
        dims=dims,
        nestings=tuple(nestings),
        sizes=sizes,
        tiles=tiles,
        counts=-(-size // tiles),
        last=(size - 1) % tiles + 1,
    )


def _whole_and_rest(sizes: Sequence[int], tiles: IntArray) -> tuple[IntArray, IntArray]:
    """Of dimensions cut once: every combination of full and last tiles."""
    extents = counts = np.ones((len(tiles), 1), dtype=np.int64)
    for size, tile in zip(sizes, tiles.T, strict=True):
        whole, rest = size // tile, size % tile
        extent = np.stack([tile, np.maximum(rest, 1)], axis=1)
        count = np.stack([whole, rest > 0], axis=1)
        if not rest.any():
            extent, count = extent[:, :1], count[:, :1]
        extents = (extents[:, :, np.newaxis] * extent[:, np.newaxis, :]).reshape(len(tiles), -1)
        counts = (counts[:, :, np.newaxis] * count[:, np.newaxis, :]).reshape(len(tiles), -1)
    return extents, counts


def field_values(axis: Axis) -> dict[str, Any]:
    return {field.name: getattr(axis, field.name) for field in fields(axis)}


def _last(size: int, nesting: Nesting) -> int:
    for tile in nesting:
        size = (size - 1) % tile + 1
    return size


def _combined(pieces: Sequence[Extents]) -> Iterator[tuple[int, int]]:
    for combination in product(*pieces):
        yield prod(e for e, _ in combination), prod(k for _, k in combination)


def _window(
    c: Contraction, nesting: tuple[Nesting, ...], level: int, case: tuple[bool, bool]
) -> tuple[int, int]:
    """(sum over tiles, largest tile) of batch × input rows × input columns read at `level`."""
    batch, rows, columns = nesting
    row_sum, row_max = _window_1d(c, rows, level, 0, single=case[0])
    column_sum, column_max = _window_1d(c, columns, level, 1, single=case[1])
    return c.B * row_sum * column_sum, batch[level] * row_max * column_max


def _first_window(c: Contraction, nesting: tuple[Nesting, ...]) -> int:
    batch, rows, columns = (n[0] for n in nesting)
    top, left = c.padding[:2]
    height = input_window(rows, rows, c.R, c.stride[0], c.dilation[0], top, c.input_size[0])[0]
    width = input_window(columns, columns, c.S, c.stride[1], c.dilation[1], left, c.input_size[1])[0]
    return batch * height * width


def _window_1d(c: Contraction, nesting: Nesting, level: int, side: int, *, single: bool) -> tuple[int, int]:
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


def _channels(size: int, nesting: Nesting, kernel: int) -> tuple[int, int]:
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
