"""One point of the hardware space: a machine, and per layer the rows that may be worth choosing on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.machine import is_pipelined, surroundings
from archsim.dse.bits import BitSpace
from archsim.dse.executions import Executions, mapping_keys

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Options, Row
    from archsim.dse.selection.problem import FloatArray
    from archsim.workloads.layer import Layer


@dataclass(eq=False)
class LayerTable:
    """Rows of one layer (and of all that are alike) on one machine.

    `cycles` are bounds from below until a row is `executed` on the kernel, then what it took; `energy_pj`
    follows, as leakage grows with time. So a selection of executed rows has its true cost, and any other
    costs no less than its columns say.
    """

    options: Options
    cycles: FloatArray
    energy_pj: FloatArray
    executed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, options: Options) -> LayerTable:
        whole = np.ceil(options.cycles - 1e-6)
        known = np.full(len(options), options.exact)
        return cls(options, whole, options.energy_at(whole), known)

    def execute(self, machine: Machine, rows: Iterable[int], executions: Executions) -> int:
        """Run rows, each alone, on the kernel; how many of the table were not known before."""
        new = [row for row in dict.fromkeys(rows) if not self.executed[row]]
        self._learn({row: executions.run(machine, self.options, self.keys, row) for row in new})
        return len(new)

    def recall(self, machine: Machine, executions: Executions) -> None:
        """Take over what is known already of mappings of this table, from machines of the same timing."""
        for number, precision in enumerate(self.options.precisions):
            known = executions.known(machine, self.options, precision)
            if known:
                rows = np.flatnonzero((self.options.precision == number) & ~self.executed).tolist()
                self._learn({row: known[self.keys[row]] for row in rows if self.keys[row] in known})

    def _learn(self, cycles: Mapping[int, int]) -> None:
        if cycles:
            rows = list(cycles)
            self.cycles[rows] = list(cycles.values())
            self.executed[rows] = True
            self.energy_pj = self.options.energy_at(self.cycles)

    @cached_property
    def keys(self) -> list[bytes]:
        return mapping_keys(self.options)


@dataclass(eq=False)
class Point:
    """`values` are the open fields by path; `tables` are one a layer, the same object for layers alike.

    Their rows are a front over the quantities in `front`. `rough` tables, by quantity, bound that one alone.
    `unfit` says why no table could be made: a layer fits no memory.
    """

    values: Mapping[str, Any]
    machine: Machine
    area_mm2: float
    number: int = 0  # of the combination: neighbours share most of what is counted
    tables: Sequence[LayerTable] = field(default=(), repr=False)
    front: frozenset[str] = frozenset()
    rough: dict[str, Sequence[LayerTable]] = field(default_factory=dict, repr=False)
    unfit: str = ""

    def rows(self, layers: Sequence[Layer], chosen: Sequence[int]) -> list[Row]:
        """The chosen row of each layer, under the layer's own name (layers alike share a table)."""
        found = []
        for layer, table, index in zip(layers, self.tables, chosen, strict=True):
            row = table.options.row(index)
            found.append(replace(row, layer=layer.with_precision(row.layer.precision)))
        return found


def layer_tables(machine: Machine, space: BitSpace, front: Sequence[str]) -> list[LayerTable]:
    """A table per layer of every row that is on the front of the named quantities.

    Raises InputError when a layer has no row that fits the machine.
    """
    made: dict[object, LayerTable] = {}
    tables = []
    for layer, precisions in zip(space.workload.layers, space.precisions, strict=True):
        work = layer.name if is_pipelined(machine) else layer.work
        alike = work, precisions, surroundings(machine, layer)
        if alike not in made:
            made[alike] = LayerTable.of(machine.options(layer, precisions, front=front))
        tables.append(made[alike])
    return tables
