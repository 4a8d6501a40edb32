"""What every tile of a chosen mapping moves over the DRAM channel and how long the array works on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod

from archsim.accelerators.systolic.axes import Nesting
from archsim.accelerators.systolic.extents import nested_extents
from archsim.accelerators.systolic.folds import DATAFLOWS, fold_overhead, split_folds
from archsim.accelerators.systolic.pricing import operand_bits
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.tile_loops import DIMS_OF, Piece, TileLoops
from archsim.workloads.layer import Layer

Tile = Mapping[str, Piece]
"""The current piece of each tile loop, by dimension."""


@dataclass(frozen=True)
class ContractionTiles:
    """One contraction under one mapping, as the loops over its outermost tiles.

    `kept_depth` is Nest.depth of the operand that is stationary in the array. `spread_load_bits` and
    `spread_store_bits` are, per tile, those of operands that bypass the outermost buffer.
    `port_cycles_per_mac` is the slowest buffer port's time, shared out over the MACs.
    """

    layer: Layer
    spec: SystolicSpec
    held_outermost: frozenset[str]
    tiles: Mapping[str, Nesting]
    loops: TileLoops
    split: str | None
    kept_depth: int
    single_fold: bool
    spread_load_bits: float
    spread_store_bits: float
    port_cycles_per_mac: float

    @property
    def groups(self) -> int:
        assert self.layer.contraction is not None
        return self.layer.contraction.G

    @property
    def bits(self) -> dict[str, int]:
        return operand_bits(self.layer, self.spec)

    def starts(self, operand: str, tile: Tile) -> bool:
        """Whether this tile is the first of a visit: the operand must be brought in."""
        return all(tile[dim].first for dim in self.loops.resets[operand])

    def ends_output(self, tile: Tile) -> bool:
        """Whether the output tile is put away after this tile."""
        return all(tile[dim].last for dim in self.loops.resets["output"])

    def weight_bits_of(self, tile: Tile) -> int:
        return tile["K"].extent * tile["CRS"].extent * self.bits["weight"]

    def load_bits(self, tile: Tile) -> float:
        """Bits to fetch before the array can work on this tile."""
        bits, total = self.bits, self.spread_load_bits
        if self.starts("weight", tile) and "weight" in self.held_outermost:
            total += self.weight_bits_of(tile)
        if self.starts("input", tile) and "input" in self.held_outermost:
            pixels = prod(tile[dim].reads for dim in DIMS_OF["M"])
            total += pixels * tile["CRS"].reads * bits["input"]
        if self.starts("output", tile) and not tile["CRS"].first and "output" in self.held_outermost:
            total += self._outputs(tile) * bits["sum"]
        return total

    def store_bits(self, tile: Tile) -> float:
        """Bits to put away when the output tile is left: results after the last products, else sums."""
        if "output" not in self.held_outermost:
            return self.spread_store_bits
        return self._outputs(tile) * self.bits["output" if tile["CRS"].last else "sum"]

    def _outputs(self, tile: Tile) -> int:
        return prod(tile[dim].extent for dim in DIMS_OF["M"]) * tile["K"].extent

    def compute_cycles(self, tile: Tile) -> int:
        """Cycles of the array (or of the slowest buffer port, where that takes longer)."""
        flow, array = DATAFLOWS[self.spec.array.dataflow], self.spec.array
        folds = self._folds(tile, flow.rows, array.rows) * self._folds(tile, flow.columns, array.columns)
        beats = self._beats(tile, flow.streamed)
        overhead = fold_overhead(flow, array.rows, array.columns)
        loads = self._loads(tile, flow.stationary, flow.streamed)
        if array.overlap_folds:
            innermost = prod(self.tiles[dim][-1] for dim in DIMS_OF[flow.streamed])
            cycles = folds * (beats + loads * max(0, array.rows - innermost))
        else:
            cycles = folds * (beats + loads * overhead)
        macs = self._outputs(tile) * tile["CRS"].extent
        return max(cycles, ceil(macs * self.port_cycles_per_mac))

    def _folds(self, tile: Tile, axis: str, width: int) -> int:
        cores = self.spec.array.cores if axis == self.split else 1
        total = 0
        for extent, count in self._inner_extents(tile, axis):
            total += split_folds(extent, width, cores)[0] * count
        return total

    def _beats(self, tile: Tile, axis: str) -> int:
        cores = self.spec.array.cores if axis == self.split else 1
        return sum(ceil(extent / cores) * count for extent, count in self._inner_extents(tile, axis))

    def _loads(self, tile: Tile, stationary: str, streamed: str) -> int:
        """How often each fold of this tile loads its stationary operand."""
        if not self.single_fold:
            return sum(count for _, count in self._inner_extents(tile, streamed))
        if self.kept_depth == 0:
            return int(self.starts(stationary, tile))
        cut = self.kept_depth  # levels 1 .. kept_depth − 1 lie inside this tile
        return sum(count for _, count in self._inner_extents(tile, streamed, cut))

    def _inner_extents(self, tile: Tile, axis: str, until: int | None = None) -> list[tuple[int, int]]:
        """(elements, count) of the tiles of deeper levels that this tile is cut into."""
        result = [(1, 1)]
        for dim in DIMS_OF[axis]:
            pieces = nested_extents(tile[dim].extent, tuple(self.tiles[dim][1:until]))
            result = [(e * f, n * k) for e, n in result for f, k in pieces]
        return result
