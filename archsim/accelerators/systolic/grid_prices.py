"""Prices over whole grids of mappings (see `nest`), at one precision."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from archsim.accelerators.systolic.counts import Counts
from archsim.accelerators.systolic.nest import Grid
from archsim.accelerators.systolic.pricing import Form, Prices, grids, latency_bound, port_cycles


@dataclass(frozen=True)
class GridPrices:
    """`at` is the index of the precision in `prices`."""

    counts: Counts
    prices: Prices
    at: int

    @cached_property
    def cycles(self) -> Grid:
        """Lower bound of the layer's latency."""
        busiest = self.counts.compute_cycles
        for memory in self.prices.ports:
            busiest = np.maximum(busiest, self.memory_cycles[memory.name])
        return latency_bound(self.prices, busiest, self.dram_bits, self.value(self.prices.amounts.exposed))

    @cached_property
    def cycles_high(self) -> Grid:
        """Upper bound of the latency: load, work and store in turn."""
        costs = self.prices.costs
        high: Grid = self.counts.compute_cycles + float(costs.dram_latency_cycles)
        for cycles in self.memory_cycles.values():
            high = high + (cycles + self.counts.positions)
        if costs.dram_bits_per_cycle is not None:
            high = high + (self.dram_bits / costs.dram_bits_per_cycle + 2 * self.counts.positions)
        return high

    @cached_property
    def memory_cycles(self) -> Mapping[str, Grid]:
        """Busy time of each buffer whose bandwidth is finite."""
        read, written = self.prices.amounts.read, self.prices.amounts.written
        return {
            m.name: port_cycles(m, self.value(read[m.name]), self.value(written[m.name]))
            for m in self.prices.ports
        }

    @cached_property
    def dram_bits(self) -> Grid:
        return self.value(self.prices.amounts.dram)

    @cached_property
    def held_bits(self) -> Mapping[str, Grid]:
        """By memory; of registers, what each PE holds."""
        return {name: self.value(form) for name, form in self.prices.amounts.held.items()}

    @cached_property
    def fits(self) -> Grid:
        fits: Grid = np.ones((), dtype=bool)
        for name, bits in self.held_bits.items():
            fits = fits & (bits <= self.prices.capacity[name])
        return fits

    def energy_pj(self, rows: Callable[[Grid], Grid] = np.asarray) -> dict[str, Grid]:
        """By component; leakage over `cycles` included. `rows` picks those wanted from each grid."""
        energy = {name: self.value(form, rows) for name, form in self.prices.energy.items()}
        cycles = rows(self.cycles)
        for component, pj_per_cycle in self.prices.costs.leakage_pj_per_cycle.items():
            part = cycles * pj_per_cycle
            energy[component] = energy[component] + part if component in energy else part
        return energy

    @cached_property
    def actions(self) -> Mapping[tuple[str, str], float]:
        """(component, action) -> times, of a grid of one mapping."""
        word_bits = self.prices.word_bits
        counted = {key: float(grid.max()) for key, grid in self._grids.items()}

        def amount(form: Form) -> float:
            constant = np.broadcast_to(form.constant, len(self.prices.precisions))[self.at]
            parts = (counted[key] * float(weight[self.at]) for key, weight in form.weights.items())
            return float(constant) + sum(parts)

        return {
            (component, action): amount(form) / word_bits.get(component, 1)
            for (component, action), form in self.prices.amounts.actions.items()
        }

    @cached_property
    def total_energy_pj(self) -> Grid:
        leakage = sum(self.prices.costs.leakage_pj_per_cycle.values())
        return self.value(self.prices.total_energy) + self.cycles * leakage

    def value(self, form: Form, rows: Callable[[Grid], Grid] = np.asarray) -> Grid:
        """A form's value everywhere: equal counts are weighed once, small grids added first."""
        weighed: dict[int, float] = {}
        found: dict[int, Grid] = {}
        for key, weight in form.weights.items():
            grid = self._grids[key]
            weighed[id(grid)] = weighed.get(id(grid), 0.0) + float(weight[self.at])
            found[id(grid)] = grid
        constant = form.constant
        result: Grid = np.array(np.broadcast_to(constant, len(self.prices.precisions))[self.at], dtype=float)
        for key, grid in sorted(found.items(), key=lambda entry: entry[1].size):
            if weighed[key]:
                result = result + rows(grid) * weighed[key]
        return result

    @cached_property
    def _grids(self) -> Mapping[Hashable, Grid]:
        return {key: np.asarray(grid) for key, grid in grids(self.counts)}
