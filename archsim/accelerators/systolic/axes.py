"""The three axes of a layer's GEMM view, cut into nested tiles: every candidate a row of small arrays.

M (output pixels: B·P·Q), N (output channels: K) and K (products per output: C·R·S). A buffer tile is one
block of each. Costs of a mapping factor into functions of one axis, so everything that depends on ragged
edges and halos is worked out here, once per axis candidate, and combined by broadcasting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.extents import IntArray, channels_of_tiles, pieces_of_cuts
from archsim.accelerators.systolic.windows import Nesting, channels_of_cuts, first_window, window
from archsim.workloads.layer import Contraction

KERNEL_CASES = ((False, False), (True, False), (False, True), (True, True))
"""Whether a tile spans a single kernel (row, column) at a time instead of all of them."""

Nestings = Sequence[tuple[Nesting, ...]] | IntArray
"""Tile sizes by candidate, dimension and level."""


@dataclass(frozen=True)
class Axis:
    """Candidates of one axis. Arrays are (candidates, levels), level 0 being the outermost on-chip buffer."""

    size: int
    dims: tuple[str, ...]
    sizes: tuple[int, ...]  # per dimension
    cuts: IntArray  # tile sizes: candidates × dimensions × levels
    tiles: IntArray  # elements of a full tile
    counts: IntArray  # tiles in the whole axis, exactly
    last: IntArray  # elements of the very last tile

    def __len__(self) -> int:
        return len(self.cuts)

    @cached_property
    def nestings(self) -> tuple[tuple[Nesting, ...], ...]:
        """`cuts` as plain numbers."""
        return tuple(tuple(map(tuple, candidate)) for candidate in self.cuts.tolist())

    @cached_property
    def turns(self) -> npt.NDArray[np.bool_]:
        """Whether any loop that brings in a level's tiles has more than one iteration."""
        tiles = self.cuts
        whole = np.broadcast_to(np.array(self.sizes)[:, np.newaxis], (len(self), len(self.sizes), 1))
        around = np.minimum.accumulate(np.concatenate([whole, tiles[:, :, :-1]], axis=2), axis=2)
        return np.any(around > tiles, axis=1)

    @cached_property
    def pieces(self) -> tuple[IntArray, IntArray]:
        """(elements, count) of the innermost tiles, (candidates, different tiles) each; counts may be 0."""
        cut = [_pieces(size, self.cuts[:, dim]) for dim, size in enumerate(self.sizes) if size > 1]
        return _combined(cut or [_pieces(1, self.cuts[:, 0])])

    @cached_property
    def groups(self) -> tuple[IntArray, IntArray, npt.NDArray[np.bool_]]:
        """Of an axis cut once: (count, elements, whether the first) of alike tiles, (candidates, groups).

        The last group is the very last tile; of the products axis (K) the first group is its first tile.
        """
        dims = self.cuts[:, :, 0]
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
        return replace(self, **arrays)


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


def pixel_axis(c: Contraction, nestings: Nestings, cases: int = 1) -> PixelAxis:
    """The M axis with these nested tiles of (B, P, Q), for the first `cases` of KERNEL_CASES."""
    base = axis_of(("B", "P", "Q"), (c.B, c.P, c.Q), nestings)
    levels = base.tiles.shape[1]
    windows = [
        [[window(c, nesting, level, case) for case in KERNEL_CASES[:cases]] for level in range(levels)]
        for nesting in nestings
    ]
    table = np.array(windows, dtype=np.int64).reshape(len(nestings), levels, cases, 2)
    return PixelAxis(
        **field_values(base),
        window_sum=table[..., 0],
        window_max=table[..., 1],
        window_first=np.array([first_window(c, nesting) for nesting in nestings], dtype=np.int64),
    )


def channel_axis(c: Contraction, nestings: Nestings) -> Axis:
    """The N axis with these nested tiles of output channels."""
    return axis_of(("K",), (c.K,), nestings)


def product_axis(c: Contraction, nestings: Nestings) -> ProductAxis:
    """The K axis with these nested tiles of the flattened C·R·S loop."""
    kernel = c.R * c.S
    size = c.C * kernel
    base = axis_of(("CRS",), (size,), nestings)
    levels = base.tiles.shape[1]
    if levels == 1:
        total, largest = channels_of_tiles(size, base.tiles[:, 0], kernel).T[:, :, np.newaxis]
    else:
        total, largest = channels_of_cuts(size, base.cuts[:, 0], kernel)
    return ProductAxis(
        **field_values(base),
        channels_sum=total,
        channels_max=largest,
        channels_first=-(-base.tiles[:, 0] // kernel),
        kernel_case=np.zeros((len(nestings), levels), dtype=np.int64),
    )


def kernel_axis(c: Contraction, nestings: Nestings) -> ProductAxis:
    """The K axis with these nested tiles of (C, R, S); tiles of R and S are the whole kernel or 1."""
    base = axis_of(("C", "R", "S"), (c.C, c.R, c.S), nestings)
    levels = base.tiles.shape[1]
    shape = (len(nestings), levels)
    cases = [
        [KERNEL_CASES.index((n[1][level] < c.R, n[2][level] < c.S)) for level in range(levels)]
        for n in nestings
    ]
    return ProductAxis(
        **field_values(base),
        channels_sum=np.full(shape, c.C, dtype=np.int64),
        channels_max=base.cuts[:, 0],
        channels_first=base.cuts[:, 0, 0],
        kernel_case=np.array(cases, dtype=np.int64).reshape(shape),
    )


def axis_of(dims: tuple[str, ...], sizes: tuple[int, ...], nestings: Nestings) -> Axis:
    cuts = np.array(nestings, dtype=np.int64)
    candidates, _, levels = cuts.shape
    if levels == 1:
        around = np.array(sizes)
        once = cuts[:, :, 0]
        tiles, counts, last = (
            parts.prod(axis=1)[:, np.newaxis] for parts in (once, -(-around // once), (around - 1) % once + 1)
        )
        return Axis(prod(sizes), dims, sizes, cuts, tiles, counts, last)
    counts, last = (np.ones((candidates, levels), dtype=np.int64) for _ in range(2))
    for dim, size in enumerate(sizes):
        if size == 1:
            continue
        extent = size
        for level, (_, pieces) in enumerate(pieces_of_cuts(size, cuts[:, dim])):
            counts[:, level] *= pieces.sum(axis=1)
            extent = (extent - 1) % cuts[:, dim, level] + 1
            last[:, level] *= extent
    return Axis(prod(sizes), dims, sizes, cuts, cuts.prod(axis=1), counts, last)


def _pieces(size: int, cuts: IntArray) -> tuple[IntArray, IntArray]:
    """(extents, counts) of one dimension's innermost tiles."""
    if cuts.shape[1] > 1:
        *_, innermost = pieces_of_cuts(size, cuts)
        return innermost
    tile = cuts[:, 0]
    whole, rest = size // tile, size % tile
    if not rest.any():
        return tile[:, np.newaxis], whole[:, np.newaxis]
    counts = np.stack([whole, (rest > 0).astype(np.int64)], axis=1)
    return np.stack([tile, np.maximum(rest, 1)], axis=1), counts


def field_values(axis: Axis) -> dict[str, Any]:
    return {field.name: getattr(axis, field.name) for field in fields(axis)}


def _combined(cut: Sequence[tuple[IntArray, IntArray]]) -> tuple[IntArray, IntArray]:
    """Every combination of the pieces of several dimensions."""
    (extents, counts), *others = cut
    for extent, count in others:
        extents = (extents[:, :, np.newaxis] * extent[:, np.newaxis, :]).reshape(len(extents), -1)
        counts = (counts[:, :, np.newaxis] * count[:, np.newaxis, :]).reshape(len(counts), -1)
    return extents, counts
