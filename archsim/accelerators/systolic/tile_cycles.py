"""Cycles the array works on one outermost tile: the closed forms of its model, tile by tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import Protocol

from archsim.accelerators.systolic.axes import Nesting
from archsim.accelerators.systolic.extents import nested_extents
from archsim.accelerators.systolic.folds import fold_overhead, split_folds
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.accelerators.systolic.tile_loops import DIMS_OF, Tile, TileLoops


class TileCycles(Protocol):
    @property
    def fill(self) -> int:
        """Cycles before the first tile of a group."""
        ...

    def cycles(self, tile: Tile) -> int: ...


@dataclass(frozen=True)
class StationaryTileCycles:
    """`kept_depth` is Nest.depth of the operand that is stationary in the array."""

    array: StationaryArray
    tiles: Mapping[str, Nesting]
    loops: TileLoops
    kept_depth: int
    single_fold: bool

    @classmethod
    def of(
        cls, array: StationaryArray, tiles: Mapping[str, Nesting], loops: TileLoops, orders: Sequence[str]
    ) -> StationaryTileCycles:
        """`array` holds the one-mapping nest of `tiles`."""
        depth = array.nest.depth(array.flow.stationary, array.nest.levels - 1, orders)
        return cls(array, tiles, loops, int(depth.max()), bool(array.single_fold.all()))

    @property
    def fill(self) -> int:
        return self._overhead() if self.array.array.overlap_folds else 0

    def cycles(self, tile: Tile) -> int:
        flow, array = self.array.flow, self.array.array
        folds = self._folds(tile, flow.rows, array.rows) * self._folds(tile, flow.columns, array.columns)
        overhead = self._overhead()
        if array.overlap_folds:
            beats = prod(self.tiles[dim][-1] for dim in DIMS_OF[flow.streamed])
            overhead = max(0, array.rows - beats)
        return folds * (self._beats(tile, flow.streamed) + self._loads(tile) * overhead)

    def _overhead(self) -> int:
        return fold_overhead(self.array.flow, self.array.array.rows, self.array.array.columns)

    def _folds(self, tile: Tile, axis: str, width: int) -> int:
        cores = self.array.cores(axis)
        return sum(split_folds(e, width, cores)[0] * n for e, n in self._inner(tile, axis))

    def _beats(self, tile: Tile, axis: str) -> int:
        return sum(ceil(e / self.array.cores(axis)) * n for e, n in self._inner(tile, axis))

    def _loads(self, tile: Tile) -> int:
        """How often each fold of this tile loads its stationary operand."""
        flow = self.array.flow
        if not self.single_fold:
            return sum(count for _, count in self._inner(tile, flow.streamed))
        if self.kept_depth == 0:
            return int(self.loops.starts(flow.stationary, tile))
        # levels 1 .. kept_depth − 1 lie inside this tile
        return sum(count for _, count in self._inner(tile, flow.streamed, self.kept_depth))

    def _inner(self, tile: Tile, axis: str, until: int | None = None) -> list[tuple[int, int]]:
        """(elements, count) of the tiles of deeper levels that this tile is cut into."""
        result = [(1, 1)]
        for dim in DIMS_OF[axis]:
            pieces = nested_extents(tile[dim].extent, tuple(self.tiles[dim][1:until]))
            result = [(e * f, n * k) for e, n in result for f, k in pieces]
        return result


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
