"""A machine that switches the supply of one SRAM between layers.

A table has every mapping at every voltage of the rail. What differs between voltages is what the memory's
accesses and leakage cost and how many of its cells fail; the clock is one. Between layers at different
voltages the machine stops until the supply has settled, and so does it at the start where the last layer's
voltage is another than the first's: inferences follow each other. Data at rest keep; only accesses fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from archsim.accelerators.latency import cycles_alone
from archsim.accelerators.machine import (
    Action,
    FloatArray,
    Machine,
    Options,
    Performed,
    Row,
    UndervoltedMachine,
)
from archsim.components.figure import Figure
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph, in_line

if TYPE_CHECKING:
    from archsim.accelerators.low_voltage import Rail
    from archsim.components.sram_supply import Stored
    from archsim.workloads.layer import Layer
    from archsim.workloads.precision import Precision

SUPPLY = "supply"
"""The column of a table that says at which voltage of the rail a row runs."""
SUPPLY_V = "supply_v"
"""The key of a mapping that does."""


class SwitchedRail:
    """See `archsim.accelerators.machine.UndervoltedMachine`; `levels` are its machines by the rail's voltage.

    `sram_sites` are those at the lowest voltage, area and leakage (without a row) at the highest.
    Raises InputError where a voltage allows less than the others' clock.
    """

    composition: Literal["sequential", "pipelined"] = "sequential"

    def __init__(self, memory: str, rail: Rail, levels: Mapping[float, UndervoltedMachine]) -> None:
        self.memory, self.rail, self.levels = memory, rail, dict(levels)
        self._safe = safe = self.levels[max(self.levels)]
        for volts, machine in self.levels.items():
            if machine.clock_mhz != safe.clock_mhz:
                raise InputError(
                    f"memory {memory!r}: low_voltage.rail: all voltages have one clock; {volts:g} V allows "
                    f"{machine.clock_mhz:.4g} MHz of {safe.clock_mhz:.4g}; leave it out, or lower the clock"
                )
        self.name, self.family, self.precision = safe.name, safe.family, safe.precision
        self.clock_mhz, self.timing, self.capacities = safe.clock_mhz, safe.timing, safe.capacities
        self.outer_memory, self.counts_from_zero = safe.outer_memory, safe.counts_from_zero
        self.peak_macs_per_cycle = safe.peak_macs_per_cycle
        self.dram_bytes_per_cycle = safe.dram_bytes_per_cycle
        self.sram_sites = self.levels[min(self.levels)].sram_sites
        self.switch_cycles = ceil(rail.switch_us * self.clock_mhz)
        self.switch_energy = Figure(rail.switch_nj * 1e3, "given as low_voltage.rail.switch_nj", 1.0)

    def settings(self) -> Mapping[str, Any]:
        common = dict(self._safe.settings())
        others = {name: sram for name, sram in common.pop("sram", {}).items() if name != self.memory}
        rail = {"memory": self.memory, **self.rail.model_dump()}
        return common | ({"sram": others} if others else {}) | {"rail": rail}

    def area(self) -> Mapping[str, Figure]:
        return self._safe.area()

    def leakage(self) -> Mapping[str, Figure]:
        """At the highest voltage."""
        return self._safe.leakage()

    def leakage_while(self, row: Row) -> Mapping[str, Figure]:
        return self._at(row).leakage()

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """The tables of all voltages, one after the other."""
        tables = [
            machine.options(layer, precisions, minimize=minimize, front=front)
            for machine in self.levels.values()
        ]
        return _joined(tables, list(self.levels))

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        volts = mapping.get(SUPPLY_V)
        if volts not in self.levels:
            allowed = ", ".join(f"{each:g}" for each in self.levels)
            raise InputError(f"layer {layer.name!r}: mapping.{SUPPLY_V} is {volts!r}; allowed: {allowed}")
        rest = {key: value for key, value in mapping.items() if key != SUPPLY_V}
        row = self.levels[float(volts)].row(layer, rest)
        return replace(row, mapping={**row.mapping, SUPPLY_V: float(volts)})

    def performed(self, row: Row) -> Performed:
        did = self._at(row).performed(row)
        return replace(did, mapping={**did.mapping, SUPPLY_V: self._volts(row)})

    def performed_in_line(self, rows: Sequence[Row]) -> list[Performed]:
        """A switch is of the layer that it is for."""
        switch = Action(f"{self.memory} rail", "switch", 1.0, self.switch_energy)
        return [
            replace(did, actions=(*did.actions, switch)) if is_switched else did
            for is_switched, did in zip(self._switches(rows), map(self.performed, rows), strict=True)
        ]

    def stored(self, row: Row) -> Sequence[Stored]:
        return self._at(row).stored(row)

    def weight_bit_errors(self, options: Options) -> FloatArray:
        by_level = [machine.weight_bit_errors(options) for machine in self.levels.values()]
        return np.stack(by_level)[options.mapping[SUPPLY], np.arange(len(options))]

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Layers at one voltage as they are in line without a rail, a pause before those at another."""
        graphs: list[tuple[TimedGraph, str, int]] = []
        waits = iter(self._switches(rows))
        for volts, part in groupby(rows, self._volts):
            own = list(part)
            pauses = [next(waits) for _ in own]
            graph = self.levels[volts].program(own)
            graphs.append((graph, f"{own[0].layer.name}:{SUPPLY}", self.switch_cycles * pauses[0]))
        return in_line(graphs)

    def cycles_alone(self, row: Row) -> int:
        return cycles_alone(self._at(row), row)

    def _switches(self, rows: Sequence[Row]) -> list[bool]:
        """Whether the supply is switched before each row, the last one before the first."""
        volts = [self._volts(row) for row in rows]
        return [own != before for own, before in zip(volts, [volts[-1], *volts[:-1]], strict=True)]

    def _volts(self, row: Row) -> float:
        return float(row.mapping[SUPPLY_V])

    def _at(self, row: Row) -> UndervoltedMachine:
        return self.levels[self._volts(row)]


def performed_in_line(machine: Machine, rows: Sequence[Row]) -> list[Performed]:
    """What rows that run in order do, with the switches between them where there is a rail."""
    if isinstance(machine, SwitchedRail):
        return machine.performed_in_line(rows)
    return [machine.performed(row) for row in rows]


def leakage_by_layer(machine: Machine, rows: Sequence[Row]) -> dict[str, Mapping[str, Figure]]:
    """mW by component while a layer runs; nothing where that is always the machine's."""
    if not isinstance(machine, SwitchedRail):
        return {}
    return {row.layer.name: machine.leakage_while(row) for row in rows}


def _joined(tables: Sequence[Options], volts: Sequence[float]) -> Options:
    """Tables of one layer at several voltages as one; `leakage_pj_per_cycle` has an entry a row then."""
    first, counts = tables[0], [len(table) for table in tables]

    def of_rows(name: str) -> dict[str, Any]:
        parts = [getattr(table, name) for table in tables]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    books: dict[str, dict[str, Any]] = {SUPPLY: {SUPPLY_V: np.array(volts)}}
    codes = {SUPPLY: np.repeat(np.arange(len(tables)), counts)}
    for column, book in first.codebooks.items():
        parts = [table.codebooks[column] for table in tables]
        books[column] = {key: np.concatenate([part[key] for part in parts]) for key in book}
        sizes = [len(next(iter(part.values()))) for part in parts]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        codes[column] = np.concatenate(
            [table.mapping[column] + start for table, start in zip(tables, starts, strict=True)]
        )
    leakage = {
        name: np.repeat([float(np.max(table.leakage_pj_per_cycle[name])) for table in tables], counts)
        for name in first.leakage_pj_per_cycle
    }
    columns = ("precision", "cycles", "cycles_high")
    return replace(
        first,
        **{name: np.concatenate([getattr(table, name) for table in tables]) for name in columns},
        **{name: of_rows(name) for name in ("energy_pj", "traffic_bytes", "held_bytes", "resources")},
        mapping=codes,
        codebooks=books,
        priced=sum(table.priced for table in tables),
        exact=all(table.exact for table in tables),
        complete=all(table.complete for table in tables),
        unlisted=min(table.unlisted for table in tables),
        leakage_pj_per_cycle=leakage,
    )
