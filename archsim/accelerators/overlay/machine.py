"""The executable model of an `overlay` accelerator."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.bram_rail import at_bram_supply, bram_site
from archsim.accelerators.low_voltage import SramSite, passed, sram_clock, sram_settings
from archsim.accelerators.machine import Action, DoesNotFit, FloatArray, Options, Performed, Row, UnitEnergies
from archsim.accelerators.options_front import undominated
from archsim.accelerators.overlay.engine import Engine, mean_weight_bits
from archsim.accelerators.overlay.program import (
    LayerProgram,
    Tile,
    graph_of,
    product_program,
    stream_program,
)
from archsim.accelerators.overlay.spec import NarrowRows, OverlaySpec
from archsim.accelerators.overlay.stored import CHUNKS, operand_bits, stored_of
from archsim.accelerators.overlay.tiles import (
    ORDERS,
    ROWS,
    Product,
    Tiles,
    candidates,
    compute_cycles,
    traffic,
    transfer_count,
)
from archsim.accelerators.patterns import check_patterns, is_pattern, setting_of
from archsim.components.dram import DRAM_KINDS
from archsim.components.figure import Figure
from archsim.components.fpga import busy_pj, device_named
from archsim.components.sram_supply import Stored
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

SUM_BITS = 32


class OverlayMachine:
    """See `archsim.accelerators.machine.Machine`."""

    family = "overlay"
    composition: Literal["sequential", "pipelined"] = "sequential"
    counts_from_zero = False
    outer_memory = "ddr"
    capacities: tuple[float, ...] = ()

    def __init__(self, spec: OverlaySpec) -> None:
        """Raises InputError where the engine or its buffers do not fit the device."""
        self.device = device_named(spec.device)
        self.rail = bram_site(spec.buffers.low_voltage, self.device.node_nm)
        self.sram_sites: Sequence[SramSite] = [self.rail]
        clock = sram_clock(spec.clock_mhz, self.sram_sites)
        self._sram_settings = sram_settings(self.sram_sites, clock)
        self.spec, self.name, self.clock_mhz = spec, spec.name, clock.mhz
        self.precision = Precision.parse(spec.precision)
        bandwidth = spec.memory.bandwidth_gb_s or self.device.ddr_bytes_per_s * 1e-9
        self.dram_bytes_per_cycle: float | None = bandwidth * 1e3 * spec.memory.efficiency / self.clock_mhz
        self.timing: Hashable = spec.model_dump_json(exclude={"name", "description"})
        self.engine = Engine(self.name, spec, self.device, self.precision)
        self.engine.check_fit()
        self.use = self.engine.resources()
        self.energies = at_bram_supply(dict(busy_pj(self.device)), self.rail)
        memory = DRAM_KINDS["ddr4" if self.device.node_nm < 28 else "ddr3"]
        self.ddr_pj_per_byte = memory.energy_pj_per_bit.scaled(8)
        narrowest = Precision(1, 1, 1)
        self.peak_macs_per_cycle = float(np.prod(self.engine.sizes(narrowest)))

    def for_workload(self, workload: Workload) -> OverlayMachine:
        """Raises InputError for `narrow_rows` of a layer that the network does not have. Patterns need not
        match any: the engine runs other networks too."""
        named = {name: rows for name, rows in self.spec.narrow_rows.items() if not is_pattern(name)}
        check_patterns(workload, "narrow_rows", named)
        return self

    def settings(self) -> Mapping[str, Any]:
        engine = self.spec.engine
        return {
            "family": self.family,
            "device": self.device.part,
            "engine": f"{engine.pixels}x{engine.channels}x{engine.products}",
            "node_nm": self.device.node_nm,
            "clock_mhz": self.clock_mhz,
            **self._sram_settings,
        }

    def area(self) -> Mapping[str, Figure]:
        """None: what an FPGA's design takes are its resources (`use`)."""
        return {}

    def leakage(self) -> Mapping[str, Figure]:
        given = Figure(self.spec.host.power_w * 1e3, f"given in {self.name}: host.power_w", 1.0)
        return {"device": self.device.static_w.scaled(1e3), "processor": given}

    def costs(self, precision: Precision) -> UnitEnergies:
        at_work = {(name, "busy cycle"): self.energies[name] for name in self.use}
        return UnitEnergies({**at_work, ("ddr", "byte"): self.ddr_pj_per_byte})

    def transfer_cycles(self, size: float) -> int:
        if not size:
            return 0
        assert self.dram_bytes_per_cycle is not None
        return self.spec.memory.latency_cycles + ceil(size / self.dram_bytes_per_cycle)

    @property
    def start_cycles(self) -> int:
        return round(self.spec.host.layer_us * self.clock_mhz)

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every tiling that the buffers hold. Raises DoesNotFit when none does."""
        blocks = [self._block(layer.with_precision(p)) for p in precisions or (layer.precision,)]
        tiles = [block.tiles for block in blocks]
        columns = {key: np.concatenate([getattr(t, key) for t in tiles]) for key in ("m", "n", "k", "order")}
        books = {key: np.unique(column) for key, column in columns.items()}
        cycles = np.concatenate([b.cycles for b in blocks])
        moved = np.concatenate([b.moved for b in blocks])
        work = np.concatenate([b.compute for b in blocks])
        leakage = {
            name: figure.value * 1e3 / self.clock_mhz
            for name, figure in self.leakage().items()
            if figure.value
        }
        energy = {name: work * used * self.energies[name].value for name, used in self.use.items()}
        energy |= {name: cycles * pj for name, pj in leakage.items()}
        table = Options(
            layer=layer,
            precisions=tuple(precisions) or (layer.precision,),
            precision=np.concatenate([np.full(len(b.cycles), i) for i, b in enumerate(blocks)]),
            cycles=cycles,
            energy_pj=energy | {"ddr": moved * self.ddr_pj_per_byte.value},
            traffic_bytes={"ddr": moved},
            held_bytes={name: np.concatenate([b.held[name] for b in blocks]) for name in blocks[0].held},
            mapping={key: np.searchsorted(books[key], column) for key, column in columns.items()},
            codebooks={key: {key: book} for key, book in books.items()},
            priced=sum(b.priced for b in blocks),
            cycles_high=np.concatenate([b.cycles_high for b in blocks]),
            leakage_pj_per_cycle=leakage,
        )
        return table if front is None else undominated(table, front)

    def _block(self, layer: Layer) -> _Block:
        """A layer at its precision: all tilings that fit, priced."""
        start = float(self.start_cycles)
        if layer.contraction is None:
            one = np.ones(1, dtype=np.int64)
            load, compute, store = self._stream(layer)
            cycles = np.array([start + max(load + store, compute)], dtype=np.float64)
            moved = np.array([float(layer.input_bytes + layer.output_bytes)])
            nothing = {name: np.zeros(1) for name in ("input", "weight", "output")}
            tile = Tiles(one, one, one, one * ROWS)
            most = np.array([start + load + compute + store], dtype=np.float64)
            return _Block(tile, cycles, most, np.array([float(compute)]), moved, nothing, 1)
        product, engine = Product.of(layer), self._engine_sizes(layer)
        tiles = candidates(product, engine)
        moves = traffic(product, tiles, self._bits(layer), SUM_BITS)
        limits = self.spec.buffers
        fits = (
            (moves.held_input <= limits.input_kib * 1024)
            & (moves.held_weight <= limits.weight_kib * 1024)
            & (moves.held_output <= limits.output_kib * 1024)
        )
        if not fits.any():
            raise DoesNotFit(
                f"{self.name}: no tile of layer {layer.name!r} fits the buffers; make them larger"
            )
        kept = np.flatnonzero(fits)
        tiles = Tiles(tiles.m[kept], tiles.n[kept], tiles.k[kept], tiles.order[kept])
        compute = compute_cycles(product, tiles, engine, self.spec.engine.pipeline_cycles)
        moved = (moves.input_bytes + moves.weight_bytes + moves.output_bytes)[kept]
        assert self.dram_bytes_per_cycle is not None
        cycles = start + np.maximum(compute, moved / self.dram_bytes_per_cycle)
        held = {
            "input": moves.held_input[kept],
            "weight": moves.held_weight[kept],
            "output": moves.held_output[kept],
        }
        # at any time a transfer or the engine is at work
        transfers = transfer_count(product, tiles) * (self.spec.memory.latency_cycles + 1)
        most = start + compute + moved / self.dram_bytes_per_cycle + transfers
        return _Block(tiles, cycles, most, compute, moved, held, len(fits))

    def _narrow_rows(self, layer: Layer) -> NarrowRows | None:
        return setting_of(layer, self.spec.narrow_rows) if layer.has_static_weights else None

    def _engine_sizes(self, layer: Layer) -> tuple[int, int, int]:
        return self.engine.sizes(layer.precision, self._narrow_rows(layer))

    def _bits(self, layer: Layer) -> tuple[float, int, int]:
        """As `operand_bits`, of weights the mean where some rows are narrow."""
        weights, inputs, outputs = operand_bits(layer)
        narrow = self._narrow_rows(layer)
        return mean_weight_bits(layer.precision, narrow) if narrow else weights, inputs, outputs

    def _stream(self, layer: Layer) -> tuple[int, int, int]:
        """Cycles of load, work and store of a layer that is no matrix product."""
        work = ceil(sum(layer.ops.values()) / self.spec.vector_lanes)
        read, written = (self.transfer_cycles(size) for size in (layer.input_bytes, layer.output_bytes))
        return read, work, written

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row that a readable mapping (of `Performed.mapping`) stands for. InputError: it is none."""
        table = self.options(layer)
        wanted = {"m": 1, "n": 1, "k": 1, "order": ROWS}
        if layer.contraction is not None:
            try:
                tile = mapping["tile"]
                wanted = {key: int(tile[key]) for key in ("m", "n", "k")}
                wanted["order"] = ORDERS.index(mapping["outer"])
            except (KeyError, TypeError, ValueError):
                raise InputError(
                    f"layer {layer.name!r}: the mapping needs a tile (m, n, k) and outer"
                ) from None
        alike = np.ones(len(table), dtype=bool)
        for key, value in wanted.items():
            alike &= table.codebooks[key][key][table.mapping[key]] == value
        if not alike.any():
            raise InputError(f"layer {layer.name!r}: tile {wanted} is none of this machine's")
        return table.row(int(np.flatnonzero(alike)[0]))

    def performed(self, row: Row) -> Performed:
        layer = row.layer
        block = self._chosen(row)
        compute, moved = float(block.compute[0]), float(block.moved[0])
        actions = [
            Action(name, "busy cycle", compute * used, self.energies[name]) for name, used in self.use.items()
        ]
        actions.append(Action("ddr", "byte", moved, self.ddr_pj_per_byte))
        assert self.dram_bytes_per_cycle is not None
        mapping: dict[str, Any] = {"unit": "vector"}
        if layer.contraction is not None:
            tile = {key: int(row.mapping[key]) for key in ("m", "n", "k")}
            mapping = {"unit": "engine", "tile": tile, "outer": ORDERS[int(row.mapping["order"])]}
            narrow = self._narrow_rows(layer)
            if narrow is not None:
                mapping["narrow_rows"] = f"{100 * narrow.share:g} % of {narrow.weight_bits} bits"
        return Performed(
            actions=tuple(actions),
            dram_bytes=moved,
            compute_cycles=ceil(compute),
            bound_by="compute" if compute >= moved / self.dram_bytes_per_cycle else "ddr",
            mapping=mapping,
        )

    def stored(self, row: Row) -> tuple[Stored, ...]:
        return stored_of(row, self.spec, self.rail)

    def weight_bit_errors(self, options: Options) -> FloatArray:
        return np.full(len(options), passed(self.sram_sites))

    def _chosen(self, row: Row) -> _Block:
        """The block of the layer with the one tiling of a row."""
        block = self._block(row.layer)
        alike = np.ones(len(block.cycles), dtype=bool)
        for key in ("m", "n", "k", "order"):
            alike &= getattr(block.tiles, key) == int(row.mapping[key])
        return block.take(np.flatnonzero(alike)[:1])

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        return graph_of([self._layer_program(row) for row in rows])

    def _layer_program(self, row: Row) -> LayerProgram:
        layer = row.layer
        if layer.contraction is None:
            load, compute, store = self._stream(layer)
            return stream_program(layer.name, CHUNKS, load, compute, store, self.start_cycles)
        tile = Tile(*(int(row.mapping[key]) for key in ("m", "n", "k", "order")))
        return product_program(
            layer.name,
            Product.of(layer),
            tile,
            self._engine_sizes(layer),
            self._bits(layer),
            self.transfer_cycles,
            self.start_cycles,
            self.spec.engine.pipeline_cycles,
        )


@dataclass(frozen=True)
class _Block:
    """Tilings of a layer at one precision; arrays of (rows,)."""

    tiles: Tiles
    cycles: np.ndarray
    cycles_high: np.ndarray
    compute: np.ndarray
    moved: np.ndarray
    held: Mapping[str, np.ndarray]
    priced: int

    def take(self, rows: np.ndarray) -> _Block:
        return replace(self, compute=self.compute[rows], moved=self.moved[rows])
