"""Cycles the array works on one outermost tile: the closed forms of its model, tile by tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Protocol

from archsim.accelerators.systolic.extents import nested_extents
from archsim.accelerators.systolic.folds import split_folds
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.accelerators.systolic.streams import beats_of_tile, tiles_at
from archsim.accelerators.systolic.tile_loops import Tile, TileLoops
from archsim.accelerators.systolic.windows import Nesting


class TileCycles(Protocol):
    @property
    def fill(self) -> int:
        """Cycles before the first tile of a group."""
        ...

    def cycles(self, tile: Tile) -> int: ...


@dataclass(frozen=True)
class StationaryTileCycles:
    """`depth`: where the stationary operand is loaded anew (see `streams`); 0: once for the whole axis."""

    array: StationaryArray
    tiles: Mapping[str, Nesting]
    loops: TileLoops
    depth: int

    @classmethod
    def of(
        cls, array: StationaryArray, tiles: Mapping[str, Nesting], loops: TileLoops, orders: Sequence[str]
    ) -> StationaryTileCycles:
        """`array` holds the one-mapping nest of `tiles`."""
        return cls(array, tiles, loops, int(array.load_depth(orders).max()))

    @property
    def fill(self) -> int:
        if not self.array.array.overlap_folds:
            return 0
        return self.array.overhead - int(self.array.streams.exposed_last[0, self.depth])

    def cycles(self, tile: Tile) -> int:
        flow, array = self.array.flow, self.array.array
        folds = self._folds(tile, flow.rows, array.rows) * self._folds(tile, flow.columns, array.columns)
        beats = beats_of_tile(self._extents(tile), self._inner, 0, self.array.cores(flow.streamed))
        return folds * (beats + self._loading(tile))

    def _folds(self, tile: Tile, axis: str, width: int) -> int:
        dims = self.loops.dims_of(axis)
        inner = tuple(self.tiles[dim][1:] for dim in dims)
        return _folds_of(tuple(tile[dim].extent for dim in dims), inner, width, self.array.cores(axis))

    def _loading(self, tile: Tile) -> int:
        """Cycles a fold of this tile spends on loading its stationary operand."""
        flow, overlap = self.array.flow, self.array.array.overlap_folds
        if self.depth == 0:
            if not self.loops.starts(flow.stationary, tile):
                return 0
            return int(self.array.streams.exposed[0, 0]) if overlap else self.array.overhead
        # levels 1 .. depth − 1 lie inside this tile
        parts = tiles_at(self._extents(tile), self._inner, self.depth - 1)
        if not overlap:
            return self.array.overhead * sum(n for _, n in parts)
        cores = self.array.cores(flow.streamed)
        beats = ((beats_of_tile(e, self._inner, self.depth - 1, cores), n) for e, n in parts)
        return sum(n * max(0, self.array.array.rows - b) for b, n in beats)

    @property
    def _inner(self) -> list[Nesting]:
        """Nestings of the streamed dimensions inside an outermost tile."""
        return [self.tiles[dim][1:] for dim in self.loops.dims_of(self.array.flow.streamed)]

    def _extents(self, tile: Tile) -> list[int]:
        return [tile[dim].extent for dim in self.loops.dims_of(self.array.flow.streamed)]


@lru_cache(maxsize=1 << 14)  # most tiles of a layer, and of mappings tried after each other, are alike
def _folds_of(extents: tuple[int, ...], inner: tuple[Nesting, ...], width: int, cores: int) -> int:
    pieces = tiles_at(extents, inner, len(inner[0]))
    return sum(split_folds(prod(e), width, cores)[0] * n for e, n in pieces)


@dataclass(frozen=True)
class UnrolledTileCycles:
    """Steps of the array: the product of each dimension's."""

    tiles: Mapping[str, Nesting]
    kernel: tuple[int, int]
    fill: int = 0

    def cycles(self, tile: Tile) -> int:
        rows, columns = self.kernel
        extents = {dim: tile[dim].extent for dim in "BPQK"}
        extents |= {"C": tile["CRS"].extent // (rows * columns), "R": rows, "S": columns}
        return prod(
            sum(count for _, count in nested_extents(extent, tuple(self.tiles[dim][1:])))
            for dim, extent in extents.items()
        )
