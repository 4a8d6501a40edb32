"""Latencies that the kernel found, shared by points whose machines run a mapping in the same time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from archsim.kernel import engine

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Row


class Executions:
    """Rows are executed once per `Machine.timing`; of a machine without one, once for it alone."""

    def __init__(self) -> None:
        self._cycles: dict[Hashable, int] = {}

    def cycles(self, machine: Machine, row: Row) -> int:
        """What the row takes, run alone."""
        key = self._key(machine, row)
        if key not in self._cycles:
            self._cycles[key] = engine.simulate(machine.program([row])).cycles
        return self._cycles[key]

    def _key(self, machine: Machine, row: Row) -> Hashable:
        mapping = tuple((name, np.asarray(value).tobytes()) for name, value in row.mapping.items())
        timing = id(machine) if machine.timing is None else machine.timing
        # how what is no contraction is cut into chunks is not in its mapping, and follows the capacities
        held = None if row.layer.contraction is not None else machine.capacities
        return timing, held, row.layer.work, row.layer.precision, mapping
