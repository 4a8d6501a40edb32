"""Counts of single mappings as one table, priced for many precisions and machines by matrix products."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.arrays import ArrayModel
from archsim.accelerators.systolic.counts import counts_of
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.pricing import Form, Prices, grids, latency_bound, port_cycles
from archsim.accelerators.systolic.schedule_bound import lockstep_cycles
from archsim.accelerators.systolic.stationary import StationaryArray

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CountTable:
    """Mappings under one loop order a level: an array at work on a flat nest, and its counts.

    `columns` (mappings, distinct counts); `place` gives a count's column, or the constant that it is.
    """

    array: ArrayModel
    orders: tuple[str, ...]
    rounds: int
    columns: Float
    place: dict[Hashable, int | float]
    compute_cycles: Int
    positions: Int

    @classmethod
    def of(cls, array: ArrayModel, orders: tuple[str, ...], hierarchy: Hierarchy, groups: int) -> CountTable:
        counts = counts_of(array, hierarchy, orders, groups)
        rows = array.nest.shape
        columns: dict[int, npt.NDArray[np.float64]] = {}
        seen: dict[int, int] = {}
        place: dict[Hashable, int | float] = {}
        kept = []  # or an array's id could be given to another one
        for key, grid in grids(counts):
            values = np.asarray(grid)
            if values.ndim == 0:
                place[key] = float(values)
                continue
            if id(values) not in seen:
                seen[id(values)] = len(columns)
                columns[len(columns)] = values
                kept.append(values)
            place[key] = seen[id(values)]
        table = np.empty((*rows, len(columns)))
        for i, values in columns.items():
            table[:, i] = values
        return cls(
            array=array,
            orders=orders,
            rounds=groups if isinstance(array, StationaryArray) else -(-groups // array.together),
            columns=table,
            place=place,
            compute_cycles=np.broadcast_to(counts.compute_cycles, rows),
            positions=np.broadcast_to(counts.positions, rows),
        )

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, chosen: Int) -> CountTable:
        nest = self.array.nest
        assert nest.rows is not None
        at = {name.lower(): index[chosen] for name, index in nest.rows.items()}
        return CountTable(
            array=self.array.at(**at),
            orders=self.orders,
            rounds=self.rounds,
            columns=self.columns[chosen],
            place=self.place,
            compute_cycles=self.compute_cycles[chosen],
            positions=self.positions[chosen],
        )


@dataclass(frozen=True, eq=False)
class TablePrices:
    """A table's prices; arrays are (mappings, precisions)."""

    table: CountTable
    prices: Prices

    def values(self, form: Form) -> Float:
        """A form's value for every mapping and precision."""
        precisions = len(self.prices.precisions)
        weights = np.zeros((self.table.columns.shape[1], precisions))
        constant = np.zeros(precisions) + form.constant
        for key, weight in form.weights.items():
            place = self.table.place[key]
            if isinstance(place, int):
                weights[place] += weight
            else:
                constant = constant + place * weight
        return self.table.columns @ weights + constant

    def fits(self) -> npt.NDArray[np.bool_]:
        fits = np.ones((len(self.table), len(self.prices.precisions)), dtype=bool)
        for name, form in self.prices.held.items():
            fits &= self.values(form) <= self.prices.capacity[name]
        return fits

    def ports(self) -> Float | None:
        """Busy cycles of the slowest buffer port, where any bandwidth is finite."""
        slowest: Float | None = None
        for memory in self.prices.ports:
            read, written = self.prices.read[memory.name], self.prices.written[memory.name]
            cycles = port_cycles(memory, self.values(read), self.values(written))
            slowest = cycles if slowest is None else np.maximum(slowest, cycles)
        return slowest

    def cycles(self, dram_bits: Float) -> Float:
        """Lower bound of the latency (see `latency_bound`)."""
        busiest: Float = self.table.compute_cycles[:, np.newaxis]
        ports = self.ports()
        if ports is not None:
            busiest = np.maximum(busiest, ports)
        if self.prices.costs.dram_bits_per_cycle is None:
            bound = latency_bound(self.prices, busiest, dram_bits, dram_bits)
            return np.broadcast_to(bound, dram_bits.shape)
        return latency_bound(self.prices, busiest, dram_bits, self.values(self.prices.exposed))

    def cycles_high(self, dram_bits: Float) -> Float:
        """Upper bound of the latency: a lockstep double buffer, or load, work and store in turn."""
        rate, ports = self.prices.costs.dram_bits_per_cycle, self.ports()
        latency = self.prices.costs.dram_latency_cycles
        compute = self.table.compute_cycles[:, np.newaxis]
        if rate is None and ports is None:
            return np.broadcast_to(compute + float(latency), dram_bits.shape)
        array = self.table.array
        if isinstance(array, StationaryArray) and array.nest.levels == 1 and self.prices.double_buffered:
            macs = array.groups * array.nest.m.size * array.nest.n.size * array.nest.k.size
            steps = lockstep_cycles(
                array,
                self.table.orders[0],
                self.table.rounds,
                self.prices.widths,
                rate,
                None if ports is None else ports / macs,
            )
            return steps + self._first_and_last(rate) + latency
        positions = self.table.positions[:, np.newaxis]
        serial = compute + (0.0 if ports is None else ports + positions)
        return serial + (0.0 if rate is None else dram_bits / rate + 2 * positions) + latency

    def _first_and_last(self, rate: float | None) -> Float | float:
        if rate is None:
            return 0.0
        exposed = self.prices.exposed
        loads = Form({key: w for key, w in exposed.weights.items() if key != ("exposed", "output")})
        store = Form({("exposed", "output"): exposed.weights["exposed", "output"]})
        return np.ceil(self.values(loads) / rate) + np.ceil(self.values(store) / rate)
