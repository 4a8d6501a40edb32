"""What a machine's chosen rows move, hold and take step by step; found once, for all machines alike in it."""

from __future__ import annotations

from functools import cached_property

from archsim.accelerators.machine import Row
from archsim.accelerators.systolic.arrays import tiles_of
from archsim.accelerators.systolic.chosen import (
    Chosen,
    Counted,
    RowKey,
    Structure,
    Tiling,
    chosen_mapping,
    counting_of,
)
from archsim.accelerators.systolic.contraction_program import Groups, contraction_tiles, groups_of
from archsim.accelerators.systolic.contraction_tiles import ContractionTiles
from archsim.accelerators.systolic.costs import Costs, costs_of
from archsim.accelerators.systolic.findings import Findings
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.layer_steps import (
    LayerSteps,
    contraction_steps,
    undivided_steps,
    vector_steps,
)
from archsim.accelerators.systolic.pricing import grids, never_stalls, prices_of
from archsim.accelerators.systolic.recent import Recent
from archsim.accelerators.systolic.spec import Sram, SystolicSpec
from archsim.accelerators.systolic.vector import VectorWork, vector_actions, vector_work
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

MOST_STEPS = 4096
_known_steps: Recent[object, LayerSteps] = Recent(MOST_STEPS)
_known_counts: Recent[object, Counted] = Recent(MOST_STEPS)
"""By row, array and what else decides them: many specs share them."""


class RowFacts:
    """Of the rows of machines of one spec; `known` is what was found out about that spec before."""

    def __init__(self, spec: SystolicSpec, hierarchy: Hierarchy, known: Findings) -> None:
        self.spec, self.hierarchy, self.known = spec, hierarchy, known
        self._structure, self._counting = Structure(spec, hierarchy), counting_of(spec)
        self._has_ports = any(isinstance(m, Sram) and m.bandwidth_bits_per_cycle for m in spec.memories)

    def costs(self, precision: Precision) -> Costs:
        known = self.known.costs
        if precision not in known:
            known[precision] = costs_of(self.spec, precision, next(iter(known.values()), None))
        return known[precision]

    @cached_property
    def _never_stalls(self) -> bool:
        return never_stalls(self.spec, self.costs(Precision()))

    def vector_work(self, layer: Layer) -> VectorWork:
        known = self.known.vector_works
        shapes = layer.inputs, layer.weights, layer.outputs
        key = layer.operator, layer.precision, shapes, tuple(layer.ops.items())
        if key not in known:
            known[key] = vector_work(layer, self.spec, self.hierarchy)
        return known[key]

    def counted(self, row: Row) -> Counted:
        if row.layer.contraction is None:
            work = self.vector_work(row.layer)
            return Counted(
                actions=vector_actions(row.layer, work, self.spec, self.hierarchy),
                dram_bits=work.load_bits + work.store_bits,
                held_bits=work.held_bits,
                busy_cycles=work.vector_cycles,
                repeats=work.chunks,
            )
        key = self._key(row), self._structure, self._counting
        if key not in _known_counts:
            _known_counts[key] = Counted.of(self.priced(row))
        return _known_counts[key]

    def chosen(self, row: Row) -> Chosen:
        contraction, *_, cuts, orders, split = self._key(row)
        return chosen_mapping(contraction, self._structure, cuts, orders, split)

    def priced(self, row: Row) -> GridPrices:
        """The price of a contraction's mapping."""
        layer, key = row.layer, self._key(row)
        if key not in self.known.rows:
            counts = self.chosen(row).counts
            costs = {layer.precision: self.costs(layer.precision)}
            counted = [key for key, _ in grids(counts)]
            prices = prices_of(layer, counted, self.spec, self.hierarchy, costs)
            self.known.rows[key] = GridPrices(counts, prices, 0)
        return self.known.rows[key]

    def steps(self, row: Row) -> LayerSteps:
        if row.layer.contraction is None:
            return vector_steps(self.vector_work(row.layer))
        if self._never_stalls:
            return undivided_steps(int(self.counted(row).busy_cycles))
        ports = tuple(self.port_busy(row).values())
        key = self._key(row), self._structure, ports, self.spec.array.mac.accumulator_bits
        if key not in _known_steps:
            _known_steps[key] = contraction_steps(*self.tiles(row))
        return _known_steps[key]

    def tiles(self, row: Row) -> tuple[ContractionTiles, Groups]:
        """The outermost tiles of a contraction's group, and how its groups follow each other."""
        assert row.layer.contraction is not None
        chosen, cuts = self.chosen(row), dict(self._tiling(row)[0])
        ports = tuple(self.port_busy(row).values())
        tiles = contraction_tiles(row.layer, self.spec, self.hierarchy, chosen, cuts, ports)
        return tiles, groups_of(row.layer.contraction.G, chosen.array.together)

    def port_busy(self, row: Row) -> dict[str, float]:
        """Busy time of each buffer whose bandwidth is finite."""
        if not self._has_ports or row.layer.contraction is None:
            return {}
        return {name: float(cycles.max()) for name, cycles in self.priced(row).memory_cycles.items()}

    def _key(self, row: Row) -> RowKey:
        """Equal for rows of contractions that move and compute the same; the last three say how it is
        tiled."""
        layer, ops = row.layer, tuple(row.layer.ops.items())
        assert layer.contraction is not None
        return layer.contraction, layer.precision, layer.has_static_weights, ops, *self._tiling(row)

    def _tiling(self, row: Row) -> Tiling:
        """Rows of layers that are alike share one mapping, so it is read once."""
        known, number = self.known.tilings, id(row.mapping)
        if number not in known:
            orders, split = tuple(map(str, row.mapping["order"])), str(row.mapping["split"]) or None
            cuts = tuple(tiles_of(row.mapping, self.spec).items())
            known[number] = row.mapping, (cuts, orders, split)
        return known[number][1]
