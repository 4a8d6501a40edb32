"""When chosen rows begin and end: the kernel's answer, or a family's own that is the same to the cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archsim.kernel import engine

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Row
    from archsim.kernel.execution import Execution

Span = tuple[int, int]
"""First start and last end of what a layer does."""


def spans(machine: Machine, rows: Sequence[Row]) -> list[Span]:
    """The span of every row when they run in order.

    A family may have a method `spans` that knows them without executing the graph.
    """
    own = getattr(machine, "spans", None)
    return kernel_spans(rows, engine.simulate(machine.program(rows))) if own is None else own(rows)


def cycles_alone(machine: Machine, row: Row) -> int:
    """What a row takes, run alone."""
    return spans(machine, [row])[0][1]


def kernel_spans(rows: Sequence[Row], execution: Execution) -> list[Span]:
    """The spans in an execution, in which a layer's actors are named `<layer>:<part>`."""
    found: dict[str, Span] = {}
    for name, run in execution.actors.items():
        layer = name.rsplit(":", 1)[0]
        start, end = found.get(layer, (run.start, run.end))
        found[layer] = min(start, run.start), max(end, run.end)
    return [found[row.layer.name] for row in rows]
