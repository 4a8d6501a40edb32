"""Tiles of a layer in L1 and in L2: sizes worth trying, ragged edges and halos exact, and how often each is
moved.

An L1 tile is P×Q output pixels, K output and C input channels; an L2 tile is whole L1 tiles: P2 rows of all
columns and K2 output channels, all input channels. Loops, outermost first: the L2 tiles, then the L1 tiles in
one, input channels innermost, so that partial sums never leave L1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product
from math import ceil, prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.systolic.extents import input_window, tile_candidates

Array = npt.NDArray[np.float64]
Order = Literal["weight", "input"]
ORDERS: tuple[Order, ...] = ("weight", "input")
"""Which operand stays while the other is passed by."""
L2_CUTS = 4
FEW = 4096
"""Tiles of a layer that are all tried."""


@dataclass(frozen=True)
class Tiles:
    """L1 tiles, one entry a candidate: sizes, how many, the size of the last, input rows and columns read."""

    shape: Shape
    P: Array
    Q: Array
    K: Array
    C: Array
    rows: Array  # input rows read by all tiles of the P loop, those shared by neighbours counted twice
    rows_most: Array
    rows_first: Array
    columns: Array
    columns_most: Array
    columns_first: Array

    def __len__(self) -> int:
        return len(self.P)

    def take(self, rows: npt.NDArray[np.int64]) -> Tiles:
        """Only some of the candidates."""
        columns = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "shape"}
        return Tiles(self.shape, **columns)

    def trips(self, dim: str) -> Array:
        return self._trips[dim]

    def last(self, dim: str) -> Array:
        return self._last[dim]

    @cached_property
    def _trips(self) -> dict[str, Array]:
        return {dim: np.ceil(getattr(self.shape, dim) / getattr(self, dim)) for dim in "PQKC"}

    @cached_property
    def _last(self) -> dict[str, Array]:
        sizes = {dim: (getattr(self.shape, dim), getattr(self, dim)) for dim in "PQKC"}
        return {dim: size - (self._trips[dim] - 1) * tile for dim, (size, tile) in sizes.items()}

    @cached_property
    def corners(self) -> Corners:
        """Full and last tiles in every dimension; combinations that no candidate has are left out."""
        counts, sizes, sums, kinds = [], [], [], []
        # n channel tiles: all but the last store their sums, all but the first load them
        more = self.trips("C") - 1
        for last in product((False, True), repeat=4):
            count = np.ones(len(self))
            for dim, ragged in zip("PQKC", last, strict=True):
                count = count * (1.0 if ragged else self.trips(dim) - 1)
            if not count.any():
                continue
            counts.append(count)
            kinds.append(tuple(zip("PQKC", last, strict=True)))
            sizes.append([self.last(d) if ragged else getattr(self, d) for d, ragged in kinds[-1]])
            sums.append(np.minimum(more, 1) if last[3] else (2 * more - 1) / np.maximum(more, 1))
        by_dim = np.array(sizes).transpose(1, 0, 2)
        return Corners(tuple(kinds), np.array(counts), dict(zip("PQKC", by_dim, strict=True)), np.array(sums))


@dataclass(frozen=True)
class Corners:
    """Kinds of tile of every candidate, (kinds, candidates): how many, their sizes, partial sums passed.

    `kinds`: by dimension, whether it is the last tile along it.
    """

    kinds: tuple[tuple[tuple[str, bool], ...], ...]
    count: Array
    sizes: dict[str, Array]
    sums: Array


def tiles_of(shape: Shape, sizes: Iterable[tuple[int, ...]] | Array) -> Tiles:
    """The given (P, Q, K, C) tiles."""
    rows = sizes if isinstance(sizes, np.ndarray) else list(sizes)
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 4)
    rows, columns = (input_windows(shape, side, table[:, side]) for side in (0, 1))
    return Tiles(
        shape,
        *(table[:, i] for i in range(4)),
        *(rows[:, i] for i in range(3)),
        *(columns[:, i] for i in range(3)),
    )


@dataclass(frozen=True)
class Choice:
    """`most` sizes are tried per loop dimension (and those that leave no unit idle); None: every size.

    like_dory: only what DORY does with PULP-NN's kernels: input channels are never cut, a convolution's rows
    are split over the cores, a depthwise one's channels.
    """

    most: int | None
    like_dory: bool = False

    def takes_all(self, shape: Shape) -> bool:
        """Whether every tile there is is tried: asked for, or no more than FEW."""
        few = prod(getattr(shape, dim) for dim in "PQKC") <= FEW
        return not self.like_dory and (self.most is None or few)


def candidate_tiles(shape: Shape, choice: Choice, patch: int, lanes: int, channels: int, cores: int) -> Tiles:
    """Sizes worth trying: every even cut (or a geometric choice of them) and multiples of `patch` pixels,
    `cores` rows, `lanes` output and `channels` input channels, which leave no unit idle.
    """
    if choice.takes_all(shape) or choice.most is None:
        return tiles_of(shape, product(*(range(1, getattr(shape, dim) + 1) for dim in "PQKC")))
    most = choice.most
    rows = tile_candidates(shape.P, most, _multiples(shape.P, (patch, cores)))
    columns = tile_candidates(shape.Q, max(2, most // 2))
    outputs = tile_candidates(shape.K, most, _multiples(shape.K, (lanes, 4)))
    inputs = tile_candidates(shape.C, max(3, most // 2), _multiples(shape.C, (channels,)))
    return tiles_of(shape, product(rows, columns, outputs, [shape.C] if choice.like_dory else inputs))


def _multiples(size: int, steps: Sequence[int]) -> tuple[int, ...]:
    """Powers of two times each step, and the largest multiple of it."""
    found: set[int] = set()
    for step in steps:
        found |= {step << i for i in range(12) if step << i < size} | {size // step * step}
    return tuple(found)


def input_windows(shape: Shape, side: int, tiles: Array) -> Array:
    """`_window` of every tile, (tiles, 3)."""
    sizes, which = np.unique(tiles, return_inverse=True)
    return np.array([_window(shape, side, int(size)) for size in sizes.tolist()], dtype=np.float64)[which]


def _window(shape: Shape, side: int, tile: int) -> tuple[int, int, int]:
    """(sum over tiles, largest, first) of the input rows (side 0) or columns (1) that tiles read."""
    size, kernel = (shape.P, shape.R) if side == 0 else (shape.Q, shape.S)
    stride, dilation, limit = shape.stride[side], shape.dilation[side], shape.input_size[side]
    pad = shape.padding[side]
    total, largest = input_window(size, tile, kernel, stride, dilation, pad, limit)
    first, _ = input_window(min(tile, size), min(tile, size), kernel, stride, dilation, pad, limit)
    return total, largest, first


@dataclass(frozen=True)
class L2Tile:
    """How many L1 tiles an L2 tile holds in rows and output channels, by candidate; and what that means."""

    P2: Array  # rows
    K2: Array  # channels
    rows: Array  # input rows read from L3 by all L2 tiles
    rows_most: Array
    rows_first: Array
    trips_p: Array
    trips_k: Array

    def loops(self, tiles: Tiles, order: Order) -> list[tuple[str, Array]]:
        """(dimension, trips) of every loop, outermost first. Inner trips are those of a full L2 tile."""
        inner_k, inner_p = np.ceil(self.K2 / tiles.K), np.ceil(self.P2 / tiles.P)
        outer = [("K", self.trips_k), ("P", self.trips_p)]
        inner = [("K", inner_k), ("P", inner_p), ("Q", tiles.trips("Q"))]
        if order == "input":
            outer, inner = outer[::-1], [*inner[1:], inner[0]]
        return [*outer, *inner, ("C", tiles.trips("C"))]


def l2_tile(tiles: Tiles, p2: Array, k2: Array) -> L2Tile:
    """L2 tiles of so many rows and output channels: whole L1 tiles, or all there are."""
    shape = tiles.shape
    read, most, first = input_windows(shape, 0, p2).T
    return L2Tile(p2, k2, read, most, first, np.ceil(shape.P / p2), np.ceil(shape.K / k2))


def even_l2_tile(tiles: Tiles, cut_p: int, cut_k: int) -> L2Tile:
    """L2 tiles of about a `cut`-th of the layer, in whole L1 tiles."""
    sizes = []
    for dim, cut in (("P", cut_p), ("K", cut_k)):
        within = np.ceil(tiles.trips(dim) / cut) * getattr(tiles, dim)
        sizes.append(np.minimum(within, getattr(tiles.shape, dim)))
    return l2_tile(tiles, *sizes)


def l2_cuts(size: int) -> list[int]:
    """Numbers of L2 tiles along a dimension worth trying."""
    return sorted({min(size, 1 << i) for i in range(L2_CUTS)} | {min(size, ceil(size / 4))})


def visits(loops: Sequence[tuple[str, Array]], dims: str, trips: Mapping[str, Array]) -> Array:
    """How often each tile of an operand with these dimensions is brought in: once, or again for every trip of
    a loop it does not depend on that has a loop of more than one trip inside which replaces it.

    `loops` are outermost first; `trips` are all L1 tiles of a dimension, which the loops of two levels make
    together (fewer than the product where the last L2 tile is smaller).
    """
    replaced = np.zeros(len(loops[0][1]), dtype=bool)
    times: dict[str, Array] = {}
    for dim, here in reversed(loops):
        if dim in dims:
            replaced |= here > 1
            continue
        inner = times.get(dim)
        every = trips[dim] if inner is None else here
        times[dim] = (
            np.where(replaced, every, 1.0)
            if inner is None
            else np.maximum(inner, np.where(replaced, every, 1.0))
        )
    return np.asarray(prod(times.values(), start=np.ones(len(replaced))))
