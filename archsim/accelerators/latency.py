"""What a row takes, run alone: the kernel's answer, or a family's own that is the same to the cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archsim.kernel import engine

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Row


def cycles_alone(machine: Machine, row: Row) -> int:
    """A family may have a method `cycles_alone` that knows them without executing the graph."""
    own = getattr(machine, "cycles_alone", None)
    return engine.simulate(machine.program([row])).cycles if own is None else own(row)
