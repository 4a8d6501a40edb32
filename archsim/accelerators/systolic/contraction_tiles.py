"""What every outermost tile of a chosen mapping moves over the DRAM channel, and how long it is worked on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from archsim.accelerators.systolic.tile_cycles import TileCycles
from archsim.accelerators.systolic.tile_loops import Tile, TileLoops


@dataclass(frozen=True)
class ContractionTiles:
    """One group of a contraction under one mapping, as the loops over its outermost tiles.

    `bits` are the widths of input, weight, output and sum; `held_outermost` the operands that the outermost
    tier of buffers holds. `spread_load_bits` and `spread_store_bits` are, per tile, those of operands that
    bypass it. `port_cycles_per_mac` is the slowest buffer port's time, shared out over the MACs.
    """

    bits: Mapping[str, int]
    held_outermost: frozenset[str]
    loops: TileLoops
    array: TileCycles
    spread_load_bits: float
    spread_store_bits: float
    port_cycles_per_mac: float

    def weight_bits_of(self, tile: Tile) -> int:
        return tile["K"].extent * tile["CRS"].extent * self.bits["weight"]

    def load_bits(self, tile: Tile) -> float:
        """Bits to fetch before the array can work on this tile."""
        held, bits, total = self.held_outermost, self.bits, self.spread_load_bits
        if "weight" in held and self.loops.starts("weight", tile):
            total += self.weight_bits_of(tile)
        if "input" in held and self.loops.starts("input", tile):
            total += self.loops.pixels(tile) * tile["CRS"].reads * bits["input"]
        if "output" in held and self.loops.starts("output", tile) and not tile["CRS"].first:
            total += self._outputs(tile) * bits["sum"]
        return total

    def store_bits(self, tile: Tile) -> float:
        """Bits to put away when the output tile is left: results after the last products, else sums."""
        if "output" not in self.held_outermost:
            return self.spread_store_bits
        return self._outputs(tile) * self.bits["output" if tile["CRS"].last else "sum"]

    def compute_cycles(self, tile: Tile) -> int:
        """Cycles of the array (or of the slowest buffer port, where that takes longer)."""
        macs = self._outputs(tile) * tile["CRS"].extent
        return max(self.array.cycles(tile), ceil(macs * self.port_cycles_per_mac))

    def _outputs(self, tile: Tile) -> int:
        return self.loops.product(tile, "M") * tile["K"].extent
