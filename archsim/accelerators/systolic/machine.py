"""The executable model of a `systolic` accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.low_voltage import SramSite, passed, sram_settings
from archsim.accelerators.machine import Action, FloatArray, Options, Performed, Row
from archsim.accelerators.systolic.arrays import tiles_of
from archsim.accelerators.systolic.chosen import Chosen, Structure, chosen_mapping, row_key
from archsim.accelerators.systolic.contraction_options import contraction_options
from archsim.accelerators.systolic.contraction_program import (
    Groups,
    contraction_program,
    contraction_tiles,
    groups_of,
)
from archsim.accelerators.systolic.contraction_tiles import ContractionTiles
from archsim.accelerators.systolic.costs import Costs, costs_of
from archsim.accelerators.systolic.findings import findings_of
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.layer_steps import (
    Turns,
    contraction_steps,
    undivided_steps,
    vector_steps,
)
from archsim.accelerators.systolic.pricing import grids, never_stalls, prices_of
from archsim.accelerators.systolic.program import (
    LayerProgram,
    graph_of,
    undivided_program,
)
from archsim.accelerators.systolic.readable import read_mapping, read_vector_mapping, readable
from archsim.accelerators.systolic.recent import Recent
from archsim.accelerators.systolic.sites import at_sram_clock, sites_of, sram_clock_of
from archsim.accelerators.systolic.space import Space, space_of
from archsim.accelerators.systolic.spec import Register, Sram, SystolicSpec
from archsim.accelerators.systolic.stored import stored_in_chunks, stored_of
from archsim.accelerators.systolic.timing import capacities_of, timing_of
from archsim.accelerators.systolic.vector import (
    vector_actions,
    vector_work,
)
from archsim.accelerators.systolic.vector_program import vector_program
from archsim.accelerators.systolic.vector_table import vector_options
from archsim.accelerators.systolic.walk import walked
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
from archsim.components.technology import supply_v
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.precision import Precision

MOST_STEPS = 4096
_known_steps: Recent[object, Turns] = Recent(MOST_STEPS)
"""By row, array and what else decides them: many specs share them."""


class SystolicMachine:
    """See `archsim.accelerators.machine.Machine`.

    With one tier of buffers and a classical dataflow tables are complete: every tile size that another one
    does not beat. Behind two tiers (of one core whose folds do not overlap) there are too many nested tilings
    for a table, but with `minimize` all are searched. Elsewhere, and wherever `tile_candidates` is given,
    about so many sizes are tried per loop dimension.
    """

    family = "systolic"
    composition: Literal["sequential"] = "sequential"

    def __init__(self, spec: SystolicSpec, *, tile_candidates: int | None = None) -> None:
        self.sram_sites: Sequence[SramSite] = sites_of(spec)
        self._sram_settings = sram_settings(self.sram_sites, sram_clock_of(spec))
        self.spec = spec = at_sram_clock(spec)
        self.name = spec.name
        self.hierarchy = Hierarchy.of(spec)
        self.tile_candidates = tile_candidates
        self._structure = Structure(spec, self.hierarchy)
        self.precision = Precision.parse(spec.array.mac_bits)
        self.outer_memory = self.hierarchy.dram.name
        self.clock_mhz = spec.technology.clock_mhz
        self.peak_macs_per_cycle = float(spec.array.rows * spec.array.columns * spec.array.cores)
        self._known = findings_of(spec, tile_candidates)
        bits = self.costs(Precision()).dram_bits_per_cycle
        self.dram_bytes_per_cycle = None if bits is None else bits / 8
        self.timing = timing_of(spec, self.costs(Precision()))
        self.capacities = capacities_of(spec)
        self._has_ports = any(isinstance(m, Sram) and m.bandwidth_bits_per_cycle for m in spec.memories)

    def costs(self, precision: Precision) -> Costs:
        known = self._known.costs
        if precision not in known:
            known[precision] = costs_of(self.spec, precision, next(iter(known.values()), None))
        return known[precision]

    @property
    def counts_from_zero(self) -> bool:
        return self.spec.array.counts_from_zero

    def settings(self) -> Mapping[str, Any]:
        array, technology = self.spec.array, self.spec.technology
        return {
            "family": self.family,
            "dataflow": array.dataflow,
            "rows": array.rows,
            "columns": array.columns,
            "cores": array.cores,
            "node_nm": technology.node_nm,
            "vdd_v": supply_v(technology.node_nm, technology.vdd_v),
            "clock_mhz": technology.clock_mhz,
            **self._sram_settings,
        }

    def area(self) -> Mapping[str, Figure]:
        return self.costs(Precision()).area_mm2

    def leakage(self) -> Mapping[str, Figure]:
        return self.costs(Precision()).leakage_mw

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every mapping of a contraction that some count makes worth having (see `complete_axes`), or the one
        way to stream anything else. `precisions` default to the layer's own.

        Raises InputError when no tile fits the buffers, or for a quantity that `front` cannot have.
        """
        precisions = tuple(dict.fromkeys(precisions)) or (layer.precision,)
        if front is not None:
            front = self._front(front)
        if layer.contraction is None:
            return vector_options(layer, precisions, self.spec, self.hierarchy, self.costs)
        asked = layer.contraction, layer.has_static_weights, tuple(layer.ops.items()), precisions, minimize
        if front is None and asked in self._known.tables:
            return replace(self._known.tables[asked], layer=layer)
        costs = {p: self.costs(p) for p in precisions}
        space = self._space(layer.contraction, searched=minimize is not None)
        options = contraction_options(
            layer, self.spec, self.hierarchy, costs, space, minimize=minimize, front=front
        )
        if minimize is not None and front is None:
            self._known.tables[asked] = options
        return options

    def _front(self, names: Sequence[str]) -> tuple[str, ...]:
        buffers = [m.name for tier in self.hierarchy.tiers for m in tier.memories]
        known = ["cycles", "energy_pj", f"traffic:{self.hierarchy.dram.name}"]
        known += [f"held:{name}" for name in buffers]
        for name in names:
            if name not in known:
                raise InputError(f"{self.name}: front: {name!r} is not known; allowed: {', '.join(known)}")
        if not names:
            raise InputError(f"{self.name}: front names no quantity; allowed: {', '.join(known)}")
        return tuple(names)

    def _space(self, contraction: Contraction, *, searched: bool) -> Space:
        known, tiers = self._known.spaces, len(self.hierarchy.tiers)
        key = contraction, searched and tiers > 1
        if key not in known:
            known[key] = space_of(contraction, self.spec, tiers, self.tile_candidates, searched=searched)
        return known[key]

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row of a readable mapping (see `readable`), priced; its tiles must fit the memories."""
        if layer.contraction is None:
            read = read_vector_mapping(layer, mapping)
            table = vector_options(layer, (layer.precision,), self.spec, self.hierarchy, self.costs)
            return Row(layer, read, float(table.cycles[0]), float(table.total_energy_pj[0]))
        read = read_mapping(layer, mapping, self.spec, len(self.hierarchy.tiers))
        unpriced = Row(layer, read, 0.0, 0.0)
        priced = self._priced(unpriced)
        for name, bits in priced.held_bits.items():
            needs, has = float(bits.max()), priced.prices.capacity[name]
            if needs > has:
                raise InputError(
                    f"layer {layer.name!r}: mapping.tile does not fit: {name} would hold {needs / 8:,.0f} "
                    f"bytes and has {has / 8:,.0f}; make tiles smaller"
                )
        cycles, energy_pj = float(priced.cycles.max()), float(priced.total_energy_pj.max())
        return Row(layer, read, cycles, energy_pj)

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row, leakage apart (that follows from the latency)."""
        layer = row.layer
        costs = self.costs(layer.precision)
        if layer.contraction is None:
            work = vector_work(layer, self.spec, self.hierarchy)
            counts = vector_actions(layer, work, self.spec, self.hierarchy)
            transfer = (work.load_bits + work.store_bits) / (costs.dram_bits_per_cycle or float("inf"))
            busy = {"compute": work.vector_cycles, self.hierarchy.dram.name: transfer}
            mapping: Mapping[str, object] = {"unit": "vector_unit", "chunks": work.chunks}
            dram_bits: float = work.load_bits + work.store_bits
            compute = ceil(work.vector_cycles)
        else:
            priced = self._priced(row)
            counts = priced.actions
            compute = int(priced.counts.compute_cycles.max())
            busy = {"compute": float(compute)} | {k: float(v.max()) for k, v in priced.memory_cycles.items()}
            dram_bits = float(priced.dram_bits.max())
            if costs.dram_bits_per_cycle is not None:
                busy[self.hierarchy.dram.name] = dram_bits / costs.dram_bits_per_cycle
            mapping = readable(row, self.spec, int(priced.counts.folds.max()))
        return Performed(
            actions=tuple(
                Action(component, action, count, costs.unit_energy(component, action))
                for (component, action), count in counts.items()
            ),
            dram_bytes=dram_bits / 8,
            compute_cycles=compute,
            bound_by=max(busy, key=lambda name: busy[name]),
            mapping=mapping,
        )

    def stored(self, row: Row) -> tuple[Stored, ...]:
        layer = row.layer
        if layer.contraction is None:
            work = vector_work(layer, self.spec, self.hierarchy)
            return stored_in_chunks(layer, work, self.spec, self.hierarchy)
        return stored_of(layer, self._chosen(row), self.spec, self.hierarchy)

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """Every mapping's weights pass all memories that hold weights."""
        holders = {
            m.name for m in self.spec.memories if isinstance(m, Sram | Register) and "weight" in m.holds
        }
        return np.full(len(options), passed(site for site in self.sram_sites if site.memory in holders))

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Rows one after the other; each layer's first weights are fetched early where they fit."""
        costs = self.costs(Precision())
        has_dram = costs.dram_bits_per_cycle is not None
        programs: list[LayerProgram] = []
        for before, row in zip((None, *rows), rows, strict=False):
            prefetch = before is not None and has_dram and self._has_room(row, before)
            programs.append(self._layer_program(row, prefetch=prefetch))
        return graph_of(programs, costs.dram_latency_cycles, has_dram)

    def cycles_alone(self, row: Row) -> int:
        """What the kernel finds when it executes `program` of this row."""
        costs = self.costs(Precision())
        depth = 2 if self._is_double_buffered else 1
        return walked(self._steps(row), costs.dram_bits_per_cycle, depth, costs.dram_latency_cycles)

    def _steps(self, row: Row) -> Turns:
        layer = row.layer
        if layer.contraction is None:
            return vector_steps(vector_work(layer, self.spec, self.hierarchy))
        chosen = self._chosen(row)
        if never_stalls(self.spec, self.costs(layer.precision)):
            return undivided_steps(int(chosen.counts.compute_cycles.max()))
        ports = self._port_cycles(row)
        key = row_key(row, self.spec), self._structure, ports, self.spec.array.mac.accumulator_bits
        if key not in _known_steps:
            tiles, groups = self._tiles(row, chosen, ports)
            _known_steps[key] = contraction_steps(tiles, groups)
        return _known_steps[key]

    def _tiles(self, row: Row, chosen: Chosen, ports: Sequence[float]) -> tuple[ContractionTiles, Groups]:
        assert row.layer.contraction is not None
        cuts = tiles_of(row.mapping, self.spec)
        tiles = contraction_tiles(row.layer, self.spec, self.hierarchy, chosen, cuts, ports)
        return tiles, groups_of(row.layer.contraction.G, chosen.array.together)

    def _port_cycles(self, row: Row) -> tuple[float, ...]:
        """Busy time of each buffer whose bandwidth is finite."""
        if not self._has_ports:
            return ()
        return tuple(float(cycles.max()) for cycles in self._priced(row).memory_cycles.values())

    @property
    def _is_double_buffered(self) -> bool:
        return all(m.double_buffered for m in self.hierarchy.tiers[0].memories)

    def _layer_program(self, row: Row, *, prefetch: bool) -> LayerProgram:
        costs = self.costs(row.layer.precision)
        double = self._is_double_buffered
        if row.layer.contraction is None:
            work = vector_work(row.layer, self.spec, self.hierarchy)
            return vector_program(row.layer, work, costs, double_buffered=double)
        chosen = self._chosen(row)
        if never_stalls(self.spec, costs):
            return undivided_program(row.layer.name, int(chosen.counts.compute_cycles.max()))
        tiles, groups = self._tiles(row, chosen, self._port_cycles(row))
        return contraction_program(
            row.layer.name, groups, tiles, costs, depth=2 if double else 1, prefetch=prefetch
        )

    def _has_room(self, row: Row, before: Row) -> bool:
        """Whether the row's first weight tile fits beside what the row `before` holds."""
        memory = self.hierarchy.tiers[0].holder("weight")
        if memory is None or row.layer.contraction is None or not row.layer.has_static_weights:
            return False
        tile = self._chosen(row).nest
        bits = int((tile.tiles("N", 0) * tile.tiles("K", 0)).max()) * row.layer.precision.weight_bits
        return self._held_bits(before).get(memory.name, 0.0) + bits <= memory.capacity_bits

    def _held_bits(self, row: Row) -> Mapping[str, float]:
        if row.layer.contraction is None:
            return vector_work(row.layer, self.spec, self.hierarchy).held_bits
        return {name: float(grid.max()) for name, grid in self._priced(row).held_bits.items()}

    def _chosen(self, row: Row) -> Chosen:
        contraction, *_, cuts, orders, split = row_key(row, self.spec)
        return chosen_mapping(contraction, self._structure, cuts, orders, split)

    def _priced(self, row: Row) -> GridPrices:
        """The price of a row's mapping."""
        layer, key = row.layer, row_key(row, self.spec)
        if key not in self._known.rows:
            counts = self._chosen(row).counts
            costs = {layer.precision: self.costs(layer.precision)}
            counted = [key for key, _ in grids(counts)]
            prices = prices_of(layer, counted, self.spec, self.hierarchy, costs)
            self._known.rows[key] = GridPrices(counts, prices, 0)
        return self._known.rows[key]
