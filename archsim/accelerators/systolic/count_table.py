"""Counts of single mappings as one table, priced for many precisions and machines by matrix products."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.counts import counts_of
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.pricing import Amounts, Form, Prices, grids, latency_bound, port_cycles
from archsim.accelerators.systolic.schedule_bound import lockstep_cycles
from archsim.accelerators.systolic.stationary import StationaryArray

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

MOST_KEPT = 1 << 17
"""Amounts of a table that are kept for the next machine."""

MOST_PRODUCTS = 1 << 18
"""Multiplications of one matrix product: OpenBLAS shares larger ones out over threads that wait for each
other longer than they work."""


@dataclass(frozen=True, eq=False)
class Part:
    """Mappings of one block: the array at work on them (a flat nest), and the loop order."""

    block: int
    array: StationaryArray
    orders: tuple[str, ...]

    def take(self, chosen: Int) -> Part:
        rows = self.array.nest.rows
        assert rows is not None
        m, n, k = (rows[axis][chosen] for axis in "MNK")
        return Part(self.block, self.array.at(m, n, k), self.orders)


@dataclass(frozen=True, eq=False)
class CountTable:
    """`values` (distinct counts, mappings); `place` gives a count's row in it. The last row is 1.

    The mappings are all those of `whole`, or the `chosen` (ascending) ones.
    """

    whole: tuple[Part, ...]
    values: Float
    place: dict[Hashable, int]
    compute_cycles: Int
    chosen: Int | None = None

    def weighed(self, forms: Weighing) -> Float:
        """(forms, precisions, mappings). Few ones are kept: machine after machine asks for the same."""
        known = self._weighed.get(forms)
        if known is None:
            known = forms(self.values)
            if known.size <= MOST_KEPT:
                self._weighed.clear()
                self._weighed[forms] = known
        return known

    @cached_property
    def _weighed(self) -> dict[Weighing, Float]:
        return {}

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        if self.chosen is None:
            return self.whole
        return tuple(part.take(own) for part, own in _split(self.whole, self.chosen))

    @classmethod
    def of(cls, part: Part, hierarchy: Hierarchy) -> CountTable:
        counts = counts_of(part.array, hierarchy, part.orders)
        shape = part.array.nest.shape
        distinct = {id(grid): grid for _, grid in grids(counts)}
        rows = {identity: row for row, identity in enumerate(distinct)}
        place = {key: rows[id(grid)] for key, grid in grids(counts)}
        values = np.empty((len(distinct) + 1, *shape))
        for row, grid in zip(values, [*distinct.values(), 1.0], strict=True):
            row[...] = grid
        return cls((part,), values, place, np.broadcast_to(counts.compute_cycles, shape))

    @classmethod
    def joined(cls, tables: Sequence[CountTable]) -> CountTable:
        """Tables one after the other; all have the same counts in the same places."""
        if len(tables) == 1:
            return tables[0]
        return cls(
            whole=tuple(part for table in tables for part in table.parts),
            values=np.concatenate([table.values for table in tables], axis=1),
            place=tables[0].place,
            compute_cycles=np.concatenate([table.compute_cycles for table in tables]),
        )

    def __len__(self) -> int:
        return self.values.shape[1]

    def split(self, chosen: Int) -> list[tuple[Part, Int]]:
        """The chosen (ascending) mappings of each part, counted within the part."""
        return _split(self.parts, chosen)

    def take(self, chosen: Int) -> CountTable:
        """Some of the mappings, ascending."""
        of_whole = chosen if self.chosen is None else self.chosen[chosen]
        values, cycles = self.values[:, chosen], self.compute_cycles[chosen]
        return CountTable(self.whole, values, self.place, cycles, of_whole)


def _split(parts: Sequence[Part], chosen: Int) -> list[tuple[Part, Int]]:
    starts = np.cumsum([0, *(part.array.nest.shape[0] for part in parts)])
    at = np.searchsorted(chosen, starts)
    return [
        (part, chosen[a:b] - start)
        for part, start, a, b in zip(parts, starts[:-1], at[:-1], at[1:], strict=True)
        if b > a
    ]


@dataclass(frozen=True, eq=False)
class Weighing:
    """Forms as one matrix over a table's counts: (forms, precisions, counts)."""

    weights: Float

    @classmethod
    def of(cls, forms: Sequence[Form], place: dict[Hashable, int], precisions: int) -> Weighing:
        counts = max(place.values()) + 2
        weights = np.zeros((len(forms), precisions, counts))
        for matrix, form in zip(weights, forms, strict=True):
            for key, weight in form.weights.items():
                matrix[:, place[key]] += weight
            matrix[:, -1] += form.constant
        return cls(weights)

    def __call__(self, values: Float) -> Float:
        """(forms, precisions, mappings)"""
        forms, precisions, counts = self.weights.shape
        weights, mappings = self.weights.reshape(-1, counts), values.shape[1]
        if mappings * weights.size <= MOST_PRODUCTS:
            return (weights @ values).reshape(forms, precisions, mappings)
        result = np.empty((forms * precisions, mappings))
        step = max(1, MOST_PRODUCTS // weights.size)
        for start in range(0, mappings, step):
            some = slice(start, start + step)
            result[:, some] = weights @ values[:, some]
        return result.reshape(forms, precisions, mappings)


class TablePricing:
    """Prices tables that have their counts in the places of `place`; arrays are (precisions, mappings)."""

    def __init__(self, prices: Prices, place: dict[Hashable, int]) -> None:
        self.prices = prices
        self.memories = list(prices.amounts.held)
        counted = tuple(place.items())
        self._amounts = _weighed_amounts(prices.amounts, counted, tuple(m.name for m in prices.ports))
        actions = _weighed_actions(prices.amounts, counted)
        units = prices.unit_energies[:, :, np.newaxis]
        self._total_energy = Weighing((units * actions.weights).sum(axis=0)[np.newaxis])
        self._place = place
        self.leakage = sum(prices.costs.leakage_pj_per_cycle.values())

    def price(self, table: CountTable) -> PricedTable:
        (energy,) = self._total_energy(table.values)
        dram, loads, store, *others = table.weighed(self._amounts)
        held = dict(zip(self.memories, others, strict=False))
        ports: Float | None = None
        rest = others[len(self.memories) :]
        for memory, read, written in zip(self.prices.ports, rest[::2], rest[1::2], strict=True):
            cycles = port_cycles(memory, read, written)
            ports = cycles if ports is None else np.maximum(ports, cycles)
        busiest = table.compute_cycles if ports is None else np.maximum(table.compute_cycles, ports)
        cycles = latency_bound(self.prices, busiest, dram, loads + store)
        if cycles.shape != energy.shape:
            cycles = np.broadcast_to(cycles, energy.shape)
        return PricedTable(self, table, energy, dram, loads, store, held, ports, cycles)

    def component_energy(self, table: CountTable) -> dict[str, Float]:
        """pJ by component, leakage apart."""
        return dict(zip(self.prices.energy, self._energy(table.values), strict=True))

    @cached_property
    def _energy(self) -> Weighing:
        return Weighing.of(list(self.prices.energy.values()), self._place, len(self.prices.precisions))


@lru_cache(maxsize=4096)
def _weighed_amounts(
    amounts: Amounts, place: tuple[tuple[Hashable, int], ...], ports: tuple[str, ...]
) -> Weighing:
    """Bits moved to and from DRAM, loaded first, stored last, held by each memory, read and written at
    `ports`."""
    exposed, output = amounts.exposed.weights, ("exposed", "output")
    loads, store = (
        Form({k: w for k, w in exposed.items() if (k == output) is last}) for last in (False, True)
    )
    at_ports = [form[name] for name in ports for form in (amounts.read, amounts.written)]
    forms = [amounts.dram, loads, store, *amounts.held.values(), *at_ports]
    return Weighing.of(forms, dict(place), len(amounts.widths["input"]))


@lru_cache(maxsize=4096)
def _weighed_actions(amounts: Amounts, place: tuple[tuple[Hashable, int], ...]) -> Weighing:
    """Times of each action (memories: bits)."""
    return Weighing.of(list(amounts.actions.values()), dict(place), len(amounts.widths["input"]))


@dataclass(frozen=True, eq=False)
class PricedTable:
    """`energy_pj` is without leakage; `loads` and `store` are bits of the first load and the last store."""

    pricing: TablePricing
    table: CountTable
    energy_pj: Float
    dram_bits: Float
    loads: Float
    store: Float
    held_bits: dict[str, Float]
    ports: Float | None
    cycles: Float  # lower bound

    def fits(self) -> Bool:
        fits = np.ones(self.energy_pj.shape, dtype=bool)
        for name, bits in self.held_bits.items():
            fits &= bits <= self.pricing.prices.capacity[name]
        return fits

    def take(self, chosen: Int) -> PricedTable:
        return PricedTable(
            pricing=self.pricing,
            table=self.table.take(chosen),
            energy_pj=self.energy_pj[:, chosen],
            dram_bits=self.dram_bits[:, chosen],
            loads=self.loads[:, chosen],
            store=self.store[:, chosen],
            held_bits={name: bits[:, chosen] for name, bits in self.held_bits.items()},
            ports=None if self.ports is None else self.ports[:, chosen],
            cycles=self.cycles[:, chosen],
        )

    def cycles_high(self) -> Float:
        """Upper bound of the latency: a lockstep double buffer, or load, work and store in turn."""
        prices, table = self.pricing.prices, self.table
        rate, latency = prices.costs.dram_bits_per_cycle, prices.costs.dram_latency_cycles
        if rate is None and self.ports is None:
            return self.cycles
        # the lockstep bound knows one tier
        lockstep = prices.double_buffered and all(part.array.nest.levels == 1 for part in table.parts)
        found = []
        start = 0
        for part in table.parts:
            own = slice(start, start + part.array.nest.shape[0])
            start = own.stop
            ports = None if self.ports is None else self.ports[:, own]
            if lockstep:
                found.append(lockstep_cycles(part.array, part.orders[0], prices.amounts.widths, rate, ports))
                continue
            nest = part.array.nest
            positions = nest.counts("M", 0) * nest.counts("N", 0) * nest.counts("K", 0) * part.array.groups
            serial = table.compute_cycles[own] + (0.0 if ports is None else ports + positions)
            moving = 0.0 if rate is None else self.dram_bits[:, own] / rate + 2 * positions
            found.append(np.broadcast_to(serial + moving, (len(prices.precisions), len(positions))))
        steps = np.concatenate(found, axis=1)
        if rate is not None and lockstep:
            steps = steps + np.ceil(self.loads / rate) + np.ceil(self.store / rate)
        return steps + latency
