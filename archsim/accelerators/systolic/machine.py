"""The executable model of a `systolic` accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.low_voltage import SramSite, passed, sram_settings
from archsim.accelerators.machine import Action, FloatArray, Options, Performed, Row, Tallied
from archsim.accelerators.options_front import check_front
from archsim.accelerators.systolic.chosen import Counted
from archsim.accelerators.systolic.contraction_options import cheapest_row, contraction_options
from archsim.accelerators.systolic.contraction_program import contraction_program
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.findings import findings_of
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.layer_steps import LayerSteps
from archsim.accelerators.systolic.pricing import never_stalls
from archsim.accelerators.systolic.program import (
    LayerProgram,
    graph_of,
    transfer_cycles,
    undivided_program,
)
from archsim.accelerators.systolic.readable import read_mapping, read_vector_mapping, readable
from archsim.accelerators.systolic.row_facts import RowFacts
from archsim.accelerators.systolic.sites import at_sram_clock, sites_of, sram_clock_of
from archsim.accelerators.systolic.space import Space, space_of
from archsim.accelerators.systolic.spec import Register, Sram, SystolicSpec
from archsim.accelerators.systolic.stored import stored_in_chunks, stored_of
from archsim.accelerators.systolic.timing import capacities_of, timing_of
from archsim.accelerators.systolic.vector import vector_actions, vector_latency
from archsim.accelerators.systolic.vector_program import vector_program
from archsim.accelerators.systolic.vector_table import vector_options
from archsim.accelerators.systolic.walk import Tail, ends_in_line, walked
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
from archsim.components.technology import supply_v
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.precision import Precision


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
        self.precision = Precision.parse(spec.array.mac_bits)
        self.outer_memory = self.hierarchy.dram.name
        self.clock_mhz = spec.technology.clock_mhz
        self.peak_macs_per_cycle = float(spec.array.rows * spec.array.columns * spec.array.cores)
        self._known = findings_of(spec, tile_candidates)
        self._facts = RowFacts(spec, self.hierarchy, self._known)
        self._costs = self.costs(Precision())  # of what no precision changes
        bits = self._costs.dram_bits_per_cycle
        self.dram_bytes_per_cycle = None if bits is None else bits / 8
        self.timing = timing_of(spec, self._costs)
        self.capacities = capacities_of(spec)

    def costs(self, precision: Precision) -> Costs:
        return self._facts.costs(precision)

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
        return self._costs.area_mm2

    def leakage(self) -> Mapping[str, Figure]:
        return self._costs.leakage_mw

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
            check_front(front, self._quantities())
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

    def cheapest_row(self, layer: Layer, minimize: str) -> Row | None:
        """The row that `best_row` would take from the table, found without one; None where there must be
        a table."""
        c = layer.contraction
        if c is None:
            return self._vector_row(layer)
        known = self._known.cheapest
        asked = c, layer.has_static_weights, tuple(layer.ops.items()), layer.precision, minimize
        if asked not in known:
            space, costs = self._space(c, searched=True), self.costs(layer.precision)
            known[asked] = cheapest_row(layer, self.spec, self.hierarchy, costs, space, minimize)
        found = known[asked]
        return None if found is None else replace(found, layer=layer)

    def _quantities(self) -> list[str]:
        """What a front can have."""
        held = [f"held:{m.name}" for tier in self.hierarchy.tiers for m in tier.memories]
        return ["cycles", "energy_pj", f"traffic:{self.hierarchy.dram.name}", *held]

    def _space(self, contraction: Contraction, *, searched: bool) -> Space:
        known, tiers = self._known.spaces, len(self.hierarchy.tiers)
        key = contraction, searched and tiers > 1
        if key not in known:
            known[key] = space_of(contraction, self.spec, tiers, self.tile_candidates, searched=searched)
        return known[key]

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row of a readable mapping (see `readable`), priced; its tiles must fit the memories."""
        if layer.contraction is None:
            read_vector_mapping(layer, mapping)
            return self._vector_row(layer)
        read = read_mapping(layer, mapping, self.spec, len(self.hierarchy.tiers))
        unpriced = Row(layer, read, 0.0, 0.0)
        priced = self._facts.priced(unpriced)
        for name, bits in priced.held_bits.items():
            needs, has = float(bits.max()), priced.prices.capacity[name]
            if needs > has:
                raise InputError(
                    f"layer {layer.name!r}: mapping.tile does not fit: {name} would hold {needs / 8:,.0f} "
                    f"bytes and has {has / 8:,.0f}; make tiles smaller"
                )
        cycles, energy_pj = float(priced.cycles.max()), float(priced.total_energy_pj.max())
        return Row(layer, read, cycles, energy_pj)

    def _vector_row(self, layer: Layer) -> Row:
        """The one way to run what is no contraction."""
        work, costs = self._facts.vector_work(layer), self.costs(layer.precision)
        cycles = vector_latency(work, costs)
        counts = vector_actions(layer, work, self.spec, self.hierarchy)
        spent = sum(count * costs.energy_pj[action].value for action, count in counts.items())
        return Row(layer, {}, cycles, spent + cycles * sum(costs.leakage_pj_per_cycle.values()))

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row, leakage apart (that follows from the latency)."""
        costs = self.costs(row.layer.precision)
        counted = self._facts.counted(row)
        busy = {"compute": counted.busy_cycles, **self._facts.port_busy(row)}
        if costs.dram_bits_per_cycle is not None:
            busy[self.hierarchy.dram.name] = counted.dram_bits / costs.dram_bits_per_cycle
        return Performed(
            actions=tuple(
                Action(*action, count, costs.energy_pj[action]) for action, count in counted.actions.items()
            ),
            dram_bytes=counted.dram_bits / 8,
            compute_cycles=ceil(counted.busy_cycles),
            bound_by=max(busy, key=lambda name: busy[name]),
            mapping=self._readable(row, counted),
        )

    def _readable(self, row: Row, counted: Counted) -> Mapping[str, object]:
        if row.layer.contraction is None:
            return {"unit": "vector_unit", "chunks": counted.repeats}
        return readable(row, self.spec, counted.repeats)

    def stored(self, row: Row) -> tuple[Stored, ...]:
        layer = row.layer
        if layer.contraction is None:
            work = self._facts.vector_work(layer)
            return stored_in_chunks(layer, work, self.spec, self.hierarchy)
        return stored_of(layer, self._facts.chosen(row), self.spec, self.hierarchy)

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """Every mapping's weights pass all memories that hold weights."""
        holders = {
            m.name for m in self.spec.memories if isinstance(m, Sram | Register) and "weight" in m.holds
        }
        return np.full(len(options), passed(site for site in self.sram_sites if site.memory in holders))

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Rows one after the other; each layer's first weights are fetched early where they fit."""
        costs = self._costs
        has_dram = costs.dram_bits_per_cycle is not None
        programs: list[LayerProgram] = []
        before: Counted | None = None
        for row in rows:
            counted = self._facts.counted(row)
            prefetch = before is not None and has_dram and self._has_room(row, counted, before)
            programs.append(self._layer_program(row, prefetch=prefetch))
            before = counted
        return graph_of(programs, costs.dram_latency_cycles, has_dram)

    def cycles_alone(self, row: Row) -> int:
        """What the kernel finds when it executes `program` of this row."""
        return self._tail(self._facts.steps(row), prefetch=0).end()

    def tally(self, rows: Sequence[Row]) -> list[Tallied]:
        """See `CountedMachine`."""
        tails: list[Tail] = []
        prefetches: list[int] = []
        tallied: list[tuple[Mapping[tuple[str, str], float], float]] = []
        known: dict[object, tuple[LayerSteps, Counted]] = {}
        known_tails: dict[tuple[int, int], Tail] = {}
        before: Counted | None = None
        for row in rows:
            layer = row.layer
            what = layer.contraction or layer.name
            alike = id(row.mapping), what, layer.precision, tuple(layer.ops.items())
            if alike not in known:
                known[alike] = self._facts.steps(row), self._facts.counted(row)
            steps, counted = known[alike]
            prefetch = self._prefetch_cycles(row, steps, counted, before)
            if (id(steps), prefetch) not in known_tails:
                known_tails[id(steps), prefetch] = self._tail(steps, prefetch)
            tails.append(known_tails[id(steps), prefetch])
            prefetches.append(prefetch)
            tallied.append((counted.actions, counted.dram_bits / 8))
            before = counted
        ends = ends_in_line(tails, prefetches)
        return [Tallied(end, *each) for end, each in zip(ends, tallied, strict=True)]

    def unit_energies(self, precision: Precision) -> Mapping[tuple[str, str], Figure]:
        return self.costs(precision).energy_pj

    def _prefetch_cycles(self, row: Row, steps: LayerSteps, counted: Counted, before: Counted | None) -> int:
        if before is None or not self._has_room(row, counted, before):
            return 0
        early = min(steps.early_bits, steps.first.load_bits)
        return transfer_cycles(early, self._costs.dram_bits_per_cycle)

    def _tail(self, steps: LayerSteps, prefetch: int) -> Tail:
        costs = self._costs
        depth = 2 if self._is_double_buffered else 1
        return walked(steps, costs.dram_bits_per_cycle, depth, costs.dram_latency_cycles - prefetch)

    @property
    def _is_double_buffered(self) -> bool:
        return all(m.double_buffered for m in self.hierarchy.tiers[0].memories)

    def _layer_program(self, row: Row, *, prefetch: bool) -> LayerProgram:
        costs = self.costs(row.layer.precision)
        double = self._is_double_buffered
        if row.layer.contraction is None:
            work = self._facts.vector_work(row.layer)
            return vector_program(row.layer, work, costs, double_buffered=double)
        chosen = self._facts.chosen(row)
        if never_stalls(self.spec, costs):
            return undivided_program(row.layer.name, int(chosen.counts.compute_cycles.max()))
        tiles, groups = self._facts.tiles(row)
        return contraction_program(
            row.layer.name, groups, tiles, costs, depth=2 if double else 1, prefetch=prefetch
        )

    def _has_room(self, row: Row, counted: Counted, before: Counted) -> bool:
        """Whether the row's first weight tile fits beside what the row `before` holds."""
        memory = self.hierarchy.tiers[0].holder("weight")
        if memory is None or row.layer.contraction is None or not row.layer.has_static_weights:
            return False
        bits = counted.weight_tile * row.layer.precision.weight_bits
        return before.held_bits.get(memory.name, 0.0) + bits <= memory.capacity_bits
