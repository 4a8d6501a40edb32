"""The mappings of a contraction that a table prices: which tilings, under which loop orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.arrays import ArrayModel, is_unrolled
from archsim.accelerators.systolic.axes import Axis, IntArray
from archsim.accelerators.systolic.complete_axes import (
    AnyAxis,
    Candidates,
    Role,
    complete_channels,
    complete_pixels,
    complete_products,
    complete_runs,
)
from archsim.accelerators.systolic.folds import DATAFLOWS
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import IRRELEVANT, LOOP_ORDERS, Nest
from archsim.accelerators.systolic.spec import Array, SystolicSpec
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.accelerators.systolic.stationary_nest import stationary_nests
from archsim.accelerators.systolic.unrolled import UnrolledArray, unrolled_nest
from archsim.workloads.layer import Contraction

TILE_CANDIDATES = 8
"""Sizes tried per loop dimension where not all of them can be."""

Orders = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Block:
    """All combinations of a nest's candidates under some loop orders.

    `codes`: for each axis (M, N, K) the candidates' places in the space's lists.
    """

    array: ArrayModel
    orders: tuple[Orders, ...]
    codes: tuple[IntArray, IntArray, IntArray]

    @property
    def mappings(self) -> int:
        return int(np.prod(self.array.nest.shape)) * len(self.orders)


@dataclass(frozen=True, eq=False)
class Space:
    """`pixels`, `channels` and `products` list the candidates of the axes; `complete`: nothing is left
    out."""

    blocks: tuple[Block, ...]
    pixels: tuple[Axis, ...]
    channels: Axis
    products: Axis
    complete: bool

    @cached_property
    def orders(self) -> tuple[Orders, ...]:
        return tuple(dict.fromkeys(orders for block in self.blocks for orders in block.orders))

    @cached_property
    def splits(self) -> tuple[str | None, ...]:
        return tuple(dict.fromkeys(block.array.split for block in self.blocks))

    @cached_property
    def codebooks(self) -> dict[str, dict[str, npt.NDArray[Any]]]:
        """What the index columns of a table stand for: tile sizes, loop orders, the axis shared by cores."""
        return {
            "m": _pixel_book(self.pixels),
            "n": _tile_book(self.channels),
            "k": _tile_book(self.products),
            "order": {"order": np.array(self.orders)},
            "split": {"split": np.array([split or "" for split in self.splits])},
        }

    @cached_property
    def mappings(self) -> int:
        return sum(block.mappings for block in self.blocks)


def space_of(contraction: Contraction, spec: SystolicSpec, tiers: int, tile_candidates: int | None) -> Space:
    """Every tiling (see `complete_axes`) of a classical array behind one tier of buffers; for other machines,
    or with `tile_candidates`, a geometric choice of about so many sizes per dimension.
    """
    c = lowered(contraction)
    if tile_candidates is None and tiers == 1 and not is_unrolled(spec):
        return _complete_space(c, _ArrayShape.of(spec.array))
    return _bounded_space(c, spec, tiers, tile_candidates or TILE_CANDIDATES)


def _bounded_space(c: Contraction, spec: SystolicSpec, tiers: int, most: int) -> Space:
    unrolled = is_unrolled(spec)
    nests = (
        [unrolled_nest(c, spec, tiers, most)] if unrolled else stationary_nests(c, spec.array, tiers, most)
    )
    orders = tuple(product(LOOP_ORDERS, repeat=nests[0].levels))
    blocks: list[Block] = []
    before = 0
    for nest in nests:
        codes = np.arange(len(nest.m)) + before, np.arange(len(nest.n)), np.arange(len(nest.k))
        for split in _splits(spec.array):
            array = (
                UnrolledArray(nest, spec, tiers, c)
                if unrolled
                else StationaryArray(nest, spec.array, split, c.G)
            )
            blocks.append(Block(array, orders, codes))
        before += len(nest.m)
    return Space(tuple(blocks), tuple(n.m for n in nests), nests[0].n, nests[0].k, complete=False)


def _splits(array: Array) -> Sequence[str | None]:
    """The axes that several cores can share out."""
    return tuple("MNK") if array.cores > 1 else (None,)


@dataclass(frozen=True)
class _ArrayShape:
    """What of an array decides which tilings are worth trying."""

    rows: int
    columns: int
    dataflow: str
    cores: int
    overlap_folds: bool

    @classmethod
    def of(cls, array: Array) -> _ArrayShape:
        return cls(array.rows, array.columns, array.dataflow, array.cores, array.overlap_folds)

    def role(self, axis: str) -> Role:
        flow = DATAFLOWS[self.dataflow]
        if axis == flow.streamed:
            return Role("streamed", 0, self.cores, self.rows if self.overlap_folds else 0)
        return Role("side", self.rows if axis == flow.rows else self.columns, self.cores, 0)


@lru_cache(maxsize=128)
def _complete_space(c: Contraction, shape: _ArrayShape) -> Space:
    roles = {axis: shape.role(axis) for axis in "MNK"}
    rectangles, runs = complete_pixels(c, roles["M"]), complete_runs(c, roles["M"])
    n, k = complete_channels(c, roles["N"]), complete_products(c, roles["K"])
    pixels = (rectangles,) if runs is None else (rectangles, runs)
    array = Array(
        rows=shape.rows,
        columns=shape.columns,
        dataflow=shape.dataflow,  # type: ignore[arg-type]
        cores=shape.cores,
        overlap_folds=shape.overlap_folds,
    )
    blocks: list[Block] = []
    for order in LOOP_ORDERS:
        free = IRRELEVANT[order]  # the innermost loop: the operand that stays does not mind its turns
        ns, n_codes = _tried(n, free == "N")
        ks, k_codes = _tried(k, free == "K")
        before = 0
        for m in pixels:
            ms, m_codes = _tried(m, free == "M")
            nest = Nest(ms, ns, ks)
            for split in _splits(array):
                stationary = StationaryArray(nest, array, split, c.G)
                blocks.append(Block(stationary, ((order,),), (m_codes + before, n_codes, k_codes)))
            before += len(m.all)
    return Space(tuple(blocks), tuple(m.all for m in pixels), n.all, k.all, rectangles.complete)


def _tried(candidates: Candidates[AnyAxis], free: bool) -> tuple[AnyAxis, IntArray]:
    """The candidates to try and their places, if the axis's number of tiles is of no consequence or is."""
    if free:
        return candidates.few, candidates.codes
    return candidates.all, np.arange(len(candidates.all))


def _pixel_book(axes: Sequence[Axis]) -> dict[str, npt.NDArray[Any]]:
    """Tile sizes of the candidates of all pixel axes in turn; 0 for dimensions an axis does not have."""
    dims = dict.fromkeys(dim for axis in axes for dim in axis.dims)
    books = [(_tile_book(axis), (len(axis), axis.tiles.shape[1])) for axis in axes]
    nothing = {dim: [np.zeros(shape, dtype=np.int64) for _, shape in books] for dim in dims}
    return {
        dim: np.concatenate(
            [book.get(dim, zeros) for (book, _), zeros in zip(books, nothing[dim], strict=True)]
        )
        for dim in dims
    }


def _tile_book(axis: Axis) -> dict[str, npt.NDArray[Any]]:
    """Tile sizes of each candidate, (candidates, levels) by dimension."""
    return {dim: axis.cuts[:, i] for i, dim in enumerate(axis.dims)}
