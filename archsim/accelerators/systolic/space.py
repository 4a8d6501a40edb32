"""The mappings of a contraction that a table prices: which tilings, under which loop orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.arrays import ArrayModel, is_unrolled
from archsim.accelerators.systolic.axes import Axis, IntArray
from archsim.accelerators.systolic.candidate_tree import CandidateTree
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
from archsim.accelerators.systolic.groups import grouped
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import IRRELEVANT, LOOP_ORDERS, Nest
from archsim.accelerators.systolic.nested_axes import (
    nested_channels,
    nested_pixels,
    nested_products,
    nested_runs,
)
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
class TreeBlock(Block):
    """All combinations of nested candidates, as trees (see `candidate_tree`) of each axis: the candidates of
    the array's nest are the trees' nodes, and `codes` are −1 for those that stand for several.
    """

    trees: Mapping[str, CandidateTree]

    @property
    def mappings(self) -> int:
        single = [int(np.count_nonzero(tree.candidate >= 0)) for tree in self.trees.values()]
        return prod(single) * len(self.orders)


@dataclass(frozen=True, eq=False)
class Space:
    """`pixels`, `channels` and `products` list the candidates of the axes; `complete`: nothing is left
    out."""

    blocks: tuple[Block, ...]
    pixels: tuple[Axis, ...]
    channels: Axis
    products: Axis
    complete: bool

    @property
    def is_nested(self) -> bool:
        """Whether the blocks are trees, to be searched and not to be listed."""
        return isinstance(self.blocks[0], TreeBlock)

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

    def mapping(self, place: Sequence[int]) -> dict[str, Any]:
        """What the codebooks say of a mapping by its block (of one loop order) and candidates of M, N, K."""
        number, *candidates = place
        block = self.blocks[number]
        (orders,) = block.orders
        at = {axis: codes[c] for axis, codes, c in zip("mnk", block.codes, candidates, strict=True)}
        at |= {"order": self.orders.index(orders), "split": self.splits.index(block.array.split)}
        return {
            key: values[at[name]] for name, book in self.codebooks.items() for key, values in book.items()
        }

    @cached_property
    def mappings(self) -> int:
        return sum(block.mappings for block in self.blocks)


def space_of(
    contraction: Contraction,
    spec: SystolicSpec,
    tiers: int,
    tile_candidates: int | None,
    *,
    searched: bool = False,
) -> Space:
    """Every tiling (see `complete_axes`) of a classical array behind one tier of buffers, and, to be
    `searched`, behind two (see `nested_axes`); for other machines, or with `tile_candidates`, a geometric
    choice of about so many sizes per dimension.
    """
    c, array = lowered(contraction), spec.array
    if tile_candidates is None and not is_unrolled(spec):
        shape = _ArrayShape.of(array)
        if tiers == 1:
            return _complete_space(c, shape)
        if tiers == 2 and searched and shape.cores == 1 and not shape.overlap_folds:
            return _nested_space(c, shape)
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

    @property
    def array(self) -> Array:
        return Array(
            rows=self.rows,
            columns=self.columns,
            dataflow=self.dataflow,  # type: ignore[arg-type]
            cores=self.cores,
            overlap_folds=self.overlap_folds,
        )

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
    array = shape.array
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


@lru_cache(maxsize=128)
def _nested_space(c: Contraction, shape: _ArrayShape) -> Space:
    rectangles, runs = nested_pixels(c, shape.role("M")), nested_runs(c, shape.role("M"))
    n, k = nested_channels(c, shape.role("N")), nested_products(c, shape.role("K"))
    pixels = (rectangles,) if runs is None else (rectangles, runs)
    orders = tuple(product(LOOP_ORDERS, repeat=2))
    blocks: list[Block] = []
    before = 0
    for m in pixels:
        trees = {"M": m.tree, "N": n.tree, "K": k.tree}
        single = StationaryArray(Nest(m.axis, n.axis, k.axis), shape.array, None, c.G)
        nodes = grouped(single, {axis: tree.groups for axis, tree in trees.items()})
        m_codes = np.where(m.tree.candidate < 0, -1, m.tree.candidate + before)
        blocks.append(TreeBlock(nodes, orders, (m_codes, n.tree.candidate, k.tree.candidate), trees))
        before += len(m.axis)
    complete = all(axis.complete for axis in (*pixels, n, k))
    return Space(tuple(blocks), tuple(m.axis for m in pixels), n.axis, k.axis, complete)


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
