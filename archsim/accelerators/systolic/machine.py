"""The executable model of a `systolic` accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.machine import Action, Options, Performed, Row
from archsim.accelerators.systolic.arrays import ArrayModel, array_at, candidate_arrays, chosen_nest, tiles_of
from archsim.accelerators.systolic.contraction_program import (
    contraction_program,
    contraction_tiles,
    groups_of,
)
from archsim.accelerators.systolic.costs import Costs, costs_of
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.pricing import Priced, never_stalls, price
from archsim.accelerators.systolic.program import LayerProgram, graph_of, undivided_program
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.table import contraction_options
from archsim.accelerators.systolic.vector import vector_actions, vector_latency, vector_work
from archsim.accelerators.systolic.vector_program import vector_program
from archsim.components.figure import Figure
from archsim.components.technology import supply_v
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.precision import Precision

TILE_CANDIDATES = 8


class SystolicMachine:
    """See `archsim.accelerators.machine.Machine`. `tile_candidates`: sizes tried per loop dimension."""

    family = "systolic"
    composition: Literal["sequential"] = "sequential"

    def __init__(self, spec: SystolicSpec, *, tile_candidates: int = TILE_CANDIDATES) -> None:
        self.spec = spec
        self.name = spec.name
        self.hierarchy = Hierarchy.of(spec)
        self.tile_candidates = tile_candidates
        self.precision = Precision.parse(spec.array.mac_bits)
        self.clock_mhz = spec.technology.clock_mhz
        self.peak_macs_per_cycle = float(spec.array.rows * spec.array.columns * spec.array.cores)
        self._costs: dict[Precision, Costs] = {}
        self._arrays: dict[Contraction, list[ArrayModel]] = {}
        self._mapped_rows: dict[object, tuple[Nest, Priced]] = {}
        bits = self.costs(Precision()).dram_bits_per_cycle
        self.dram_bytes_per_cycle = None if bits is None else bits / 8

    def costs(self, precision: Precision) -> Costs:
        if precision not in self._costs:
            self._costs[precision] = costs_of(self.spec, precision)
        return self._costs[precision]

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
        }

    def area(self) -> Mapping[str, Figure]:
        return self.costs(Precision()).area_mm2

    def leakage(self) -> Mapping[str, Figure]:
        return self.costs(Precision()).leakage_mw

    def options(
        self, layer: Layer, precisions: Sequence[Precision] = (), *, minimize: str | None = None
    ) -> Options:
        """Every candidate mapping of a contraction, or the one way to stream anything else.

        `precisions` default to the layer's own. With `minimize` only rows near the cheapest are kept.
        Raises InputError when no tile fits the buffers.
        """
        precisions = tuple(precisions) or (layer.precision,)
        costs = {p: self.costs(p) for p in precisions}
        if layer.contraction is not None:
            arrays = self._candidates(layer.contraction)
            return contraction_options(layer, precisions, self.spec, self.hierarchy, costs, arrays, minimize)
        return self._vector_options(layer, precisions)

    def _candidates(self, contraction: Contraction) -> list[ArrayModel]:
        if contraction not in self._arrays:
            tiers = len(self.hierarchy.tiers)
            self._arrays[contraction] = candidate_arrays(contraction, self.spec, tiers, self.tile_candidates)
        return self._arrays[contraction]

    def _vector_options(self, layer: Layer, precisions: Sequence[Precision]) -> Options:
        cycles, dram_bytes = [], []
        energy: dict[str, list[float]] = {}
        held: dict[str, list[float]] = {}
        for precision in precisions:
            at = layer.with_precision(precision)
            work = vector_work(at, self.spec, self.hierarchy)
            costs = self.costs(precision)
            latency = vector_latency(work, costs)
            cycles.append(latency)
            dram_bytes.append((work.load_bits + work.store_bits) / 8)
            spent = {name: latency * pj for name, pj in costs.leakage_pj_per_cycle.items()}
            for (component, action), count in vector_actions(at, work, self.spec, self.hierarchy).items():
                pj = count * costs.unit_energy(component, action).value
                spent[component] = spent.get(component, 0.0) + pj
            for component, pj in spent.items():
                energy.setdefault(component, []).append(pj)
            for name, bits in work.held_bits.items():
                held.setdefault(name, []).append(bits / 8)
        return Options(
            layer=layer,
            precisions=tuple(precisions),
            precision=np.arange(len(precisions)),
            cycles=np.array(cycles),
            energy_pj={name: np.array(values) for name, values in energy.items()},
            traffic_bytes={self.hierarchy.dram.name: np.array(dram_bytes)},
            held_bytes={name: np.array(values) for name, values in held.items()},
            mapping={},
            codebooks={},
            priced=len(precisions),
        )

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
            priced = self._mapped(row)[1]
            counts = {key: float(grid.max()) for key, grid in priced.actions.items()}
            compute = int(priced.compute_cycles.max())
            busy = {"compute": float(compute)} | {k: float(v.max()) for k, v in priced.memory_cycles.items()}
            dram_bits = float(priced.dram_bits.max())
            mapping = _readable(row, self.spec, int(priced.folds.max()))
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

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Rows one after the other; each layer's first weights are fetched early where they fit."""
        costs = self.costs(Precision())
        has_dram = costs.dram_bits_per_cycle is not None
        programs: list[LayerProgram] = []
        before: Mapping[str, float] | None = None  # bits held by the row before
        for row in rows:
            prefetch = before is not None and has_dram and self._has_room(row, before)
            programs.append(self._layer_program(row, prefetch=prefetch))
            before = self._held_bits(row)
        return graph_of(programs, costs.dram_latency_cycles, has_dram)

    def _layer_program(self, row: Row, *, prefetch: bool) -> LayerProgram:
        costs = self.costs(row.layer.precision)
        double = all(m.double_buffered for m in self.hierarchy.tiers[0].memories)
        if row.layer.contraction is None:
            work = vector_work(row.layer, self.spec, self.hierarchy)
            return vector_program(row.layer, work, costs, double_buffered=double)
        nest, priced = self._mapped(row)
        if never_stalls(self.spec, costs):
            return undivided_program(row.layer.name, int(priced.compute_cycles.max()))
        tiles = contraction_tiles(row.layer, self.spec, self.hierarchy, nest, row.mapping, priced)
        groups = groups_of(row.layer.contraction.G, priced.together)
        return contraction_program(
            row.layer.name, groups, tiles, costs, depth=2 if double else 1, prefetch=prefetch
        )

    def _has_room(self, row: Row, before: Mapping[str, float]) -> bool:
        """Whether the row's first weight tile fits beside what the row before holds."""
        memory = self.hierarchy.tiers[0].holder("weight")
        if memory is None or row.layer.contraction is None or not row.layer.has_static_weights:
            return False
        tile = self._mapped(row)[0]
        bits = int((tile.tiles("N", 0) * tile.tiles("K", 0)).max()) * row.layer.precision.weight_bits
        return before.get(memory.name, 0.0) + bits <= memory.capacity_bits

    def _held_bits(self, row: Row) -> Mapping[str, float]:
        if row.layer.contraction is None:
            return vector_work(row.layer, self.spec, self.hierarchy).held_bits
        return {name: float(grid.max()) for name, grid in self._mapped(row)[1].held_bits.items()}

    def _mapped(self, row: Row) -> tuple[Nest, Priced]:
        """The one-mapping nest of a row and its price."""
        layer = row.layer
        assert layer.contraction is not None
        orders, split = tuple(map(str, row.mapping["order"])), str(row.mapping["split"]) or None
        tiles = tiles_of(row.mapping, self.spec)
        ops, cuts = tuple(layer.ops.items()), tuple(tiles.items())
        key = (layer.contraction, layer.precision, layer.has_static_weights, ops, cuts, orders, split)
        if key not in self._mapped_rows:
            nest = chosen_nest(layer.contraction, self.spec, tiles)
            costs = self.costs(layer.precision)
            array = array_at(nest, self.spec, len(self.hierarchy.tiers), split, lowered(layer.contraction))
            priced = price(layer, array, self.spec, self.hierarchy, costs, orders)
            self._mapped_rows[key] = nest, priced
        return self._mapped_rows[key]


def _readable(row: Row, spec: SystolicSpec, folds: int) -> dict[str, object]:
    """A row's mapping as plain values: tile sizes from the outermost buffer in."""
    tiles = {dim: list(sizes) for dim, sizes in tiles_of(row.mapping, spec).items()}
    mapping: dict[str, object] = {"tile": tiles, "order": [str(o) for o in row.mapping["order"]]}
    if str(row.mapping["split"]):
        mapping["split"] = str(row.mapping["split"])
    return mapping | {"folds": folds}
