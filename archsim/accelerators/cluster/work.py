"""Who does a tile: the cores (split by rows, pixels or channels), the engine, or both side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.core_kernels import SPLITS, Cores, contraction_cycles
from archsim.accelerators.cluster.engines import ENGINES, EngineKind, engine_cycles
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.workloads.precision import Precision

Array = npt.NDArray[np.float64]
SHARED_ROWS = (1, 2, 3, 4, 6, 8)
"""Rows of a tile that the cores take from the engine, where not every number is tried."""


@dataclass(frozen=True)
class Busy:
    """Cycles of tiles: until both are done, the engine's and the cores' own, and core-cycles at work."""

    cycles: Array
    engine: Array
    cores: Array


@dataclass(frozen=True)
class Surroundings:
    """What its network leaves to a layer: where its operands are, and what else lies in L2 meanwhile."""

    input: str
    weight: str
    output: str
    waiting_bytes: float  # tensors of other layers


@dataclass(frozen=True)
class Site:
    """The machine as a layer of one precision meets it: its units, transfers, clock."""

    spec: ClusterSpec
    clock_mhz: float
    precision: Precision
    cores: Cores
    around: Surroundings | None = None  # None: a layer by itself
    layouts: dict[Shape, Any] | None = field(default=None, compare=False)  # those known, None: none are kept

    @property
    def waiting_bytes(self) -> float:
        """Of L2, taken by what the layer neither reads nor makes."""
        return 0.0 if self.around is None else self.around.waiting_bytes

    @property
    def engine(self) -> EngineKind | None:
        return None if self.spec.engine is None else self.spec.engine.kind

    def ways(self, shape: Shape, *, every: bool) -> list[str]:
        """Names of ways to divide a tile; `every` number of rows that the cores may take, or a few."""
        found = [f"cores:{split}" for split in SPLITS]
        if self.engine is not None and ENGINES[self.engine].runs(shape, self.precision):
            found.append("engine")
            if self.spec.engine is not None and self.spec.engine.shares_layers:
                some = range(1, shape.P) if every else SHARED_ROWS
                found += [f"shared:{rows}" for rows in some if rows < shape.P]
        return found

    def lists_all_ways(self, shape: Shape) -> bool:
        """Whether `ways` leaves out no number of rows that cores may take from the engine."""
        return len(self.ways(shape, every=False)) == len(self.ways(shape, every=True))

    def transfer_cycles(
        self, size: Array | np.float64, transfers: Array | float = 1.0, lines: Array | float = 1.0
    ) -> Array:
        """Of transfers between L2 and L1, `size` bytes in all; nothing where cores work in L2."""
        dma = self.spec.dma
        if dma is None:
            return np.zeros_like(size)
        each = dma.setup_cycles + dma.latency_cycles
        return np.asarray(transfers * each + size / dma.bytes_per_cycle + lines * dma.line_cycles)

    def l3_cycles(self, size: Array | np.float64, transfers: Array | float = 1.0) -> Array:
        """Of transfers between L3 and L2, `size` bytes in all."""
        l3 = self.spec.l3
        assert l3 is not None
        each = l3.setup_cycles + l3.latency_ns * self.clock_mhz * 1e-3
        return np.asarray(transfers * each + size * self.clock_mhz / l3.bandwidth_mb_s)

    def busy(self, way: str, shape: Shape, sizes: Mapping[str, Array], sums: Array) -> Busy:
        """Cycles of tiles of the given sizes (P, Q, K, C)."""
        p, q, k, c = (sizes[dim] for dim in "PQKC")
        unit, _, detail = way.partition(":")
        tile_cycles, given = self.spec.overheads.tile_cycles, self.spec.engine
        nothing = np.zeros_like(p * q * k * c)
        if unit == "cores":
            cycles = contraction_cycles(self.cores, shape, detail, p, q, k, c, sums) + nothing
            active = cycles * self.cores.count * balance(self.cores.count, detail, p, q, k)
            return Busy(cycles + tile_cycles, nothing, active)
        assert given is not None
        if unit == "engine":
            busy = engine_cycles(given.kind, shape, self.precision, p, q, k, c, sums) + given.setup_cycles
            return Busy(busy + tile_cycles, busy, nothing)
        rows = np.where(p > int(detail), float(detail), 0.0)
        engine = (
            engine_cycles(given.kind, shape, self.precision, p - rows, q, k, c, sums) + given.setup_cycles
        )
        cores, active = nothing, nothing
        for split in ("pixels", "channels"):
            cycles = contraction_cycles(self.cores, shape, split, np.maximum(rows, 1), q, k, c, sums)
            better = (cycles < cores) | (cores == 0)
            worked = cycles * self.cores.count * balance(self.cores.count, split, np.maximum(rows, 1), q, k)
            cores, active = np.where(better, cycles, cores), np.where(better, worked, active)
        cores, active = np.where(rows > 0, cores, 0.0), np.where(rows > 0, active, 0.0)
        joined = np.maximum(engine, cores) + np.where(rows > 0, given.share_cycles, 0)
        return Busy(joined + tile_cycles, engine, active)


def balance(count: int, split: str, p: Array, q: Array, k: Array) -> Array:
    """Share of the cores' time in which they work: the others wait for the one that has most to do."""
    items = {"rows": p, "pixels": p * q, "channels": k}[split]
    return items / (count * np.ceil(items / count))
