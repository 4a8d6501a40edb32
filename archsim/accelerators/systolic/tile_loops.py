"""The loops over a chosen mapping's outermost tiles, run-length coded, with what each tile moves and costs.

The kernel executes these loops. Iterations that move and cost the same are one segment, so the size of what
is built grows with the number of different tiles, not of tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import prod

from archsim.accelerators.systolic.extents import input_window
from archsim.accelerators.systolic.flat_pixels import pixels_read
from archsim.accelerators.systolic.nest import IRRELEVANT, LOOP_ORDERS
from archsim.workloads.layer import Contraction

AXIS_OF = {"BPQ": "M", "B": "M", "P": "M", "Q": "M", "K": "N", "CRS": "K"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive iterations of one tile loop that are alike."""

    count: int
    extent: int  # elements along the dimension
    reads: int  # input rows, columns, pixels or channels the tile needs
    first: bool  # the loop's first iteration (marked only in loops that some operand stays in)
    last: bool


Tile = Mapping[str, Piece]
"""The current piece of each tile loop, by dimension."""


@dataclass(frozen=True)
class TileLoop:
    dim: str
    trips: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class TileLoops:
    """The loops of one group of the layer, outermost first; loops of a single iteration are kept."""

    loops: tuple[TileLoop, ...]
    resets: dict[str, frozenset[str]]
    """Per operand: the loops inside which it stays; it is brought in when all of them are at their first
    iteration, and (for outputs) put away when all are at their last."""

    def dims_of(self, axis: str) -> tuple[str, ...]:
        return self._dims[axis]

    @cached_property
    def _dims(self) -> dict[str, tuple[str, ...]]:
        return {axis: tuple(x.dim for x in self.loops if AXIS_OF[x.dim] == axis) for axis in "MNK"}

    def starts(self, operand: str, tile: Tile) -> bool:
        """Whether this tile is the first of a visit: the operand must be brought in."""
        return all(tile[dim].first for dim in self.resets[operand])

    def ends_output(self, tile: Tile) -> bool:
        """Whether the output tile is put away after this tile."""
        return all(tile[dim].last for dim in self.resets["output"])

    def product(self, tile: Tile, axis: str) -> int:
        """Elements of the tile along an axis."""
        return prod(tile[dim].extent for dim in self.dims_of(axis))

    def pixels(self, tile: Tile) -> int:
        """Input pixels the tile needs."""
        return prod(tile[dim].reads for dim in self.dims_of("M"))

    def positions(self) -> int:
        total = 1
        for loop in self.loops:
            total *= loop.trips
        return total

    def positions_per_output(self) -> int:
        """Consecutive tiles that add to one output tile before it is put away."""
        total = 1
        for loop in self.loops:
            total *= loop.trips if loop.dim in self.resets["output"] else 1
        return total


def tile_loops(c: Contraction, tiles: Mapping[str, int], order: str) -> TileLoops:
    """Loops over the outermost buffer's tiles in the order that keeps `order`'s operand in place."""
    dims = [dim for axis in LOOP_ORDERS[order] for dim in AXIS_OF if AXIS_OF[dim] == axis and dim in tiles]
    trips = {dim: -(-_size(c, dim) // tiles[dim]) for dim in dims}
    resets = {operand: _stays_in(dims, trips, operand) for operand in IRRELEVANT}
    # telling a first or last iteration apart where nobody asks would only make more pieces
    first = frozenset({"CRS"}).union(*resets.values())
    last = resets["output"] | {"CRS"}
    loops = tuple(
        TileLoop(dim, trips[dim], _pieces(c, dim, tiles[dim], dim in first, dim in last)) for dim in dims
    )
    return TileLoops(loops, resets)


def _stays_in(dims: Sequence[str], trips: Mapping[str, int], operand: str) -> frozenset[str]:
    inside: set[str] = set()
    for dim in reversed(dims):
        if trips[dim] == 1:
            continue
        if AXIS_OF[dim] != IRRELEVANT[operand]:
            break
        inside.add(dim)
    return frozenset(inside)


def _size(c: Contraction, dim: str) -> int:
    return prod(getattr(c, each) for each in dim)


def _pieces(c: Contraction, dim: str, tile: int, mark_first: bool, mark_last: bool) -> tuple[Piece, ...]:
    size = _size(c, dim)
    described = (
        (
            min(tile, size - start),
            _reads(c, dim, start, min(tile, size - start)),
            mark_first and start == 0,
            mark_last and start + tile >= size,
        )
        for start in range(0, size, tile)
    )
    return tuple(Piece(sum(1 for _ in alike), *piece) for piece, alike in groupby(described))


def _reads(c: Contraction, dim: str, start: int, extent: int) -> int:
    if dim in ("P", "Q"):
        side = "PQ".index(dim)
        kernel, stride = (c.R, c.S)[side], c.stride[side]
        pad = c.padding[side] - start * stride
        return input_window(extent, extent, kernel, stride, c.dilation[side], pad, c.input_size[side])[0]
    if dim == "BPQ":
        return pixels_read(c, start, extent)
    if dim == "CRS":
        kernel = c.R * c.S
        return (start + extent - 1) // kernel - start // kernel + 1
    return extent
