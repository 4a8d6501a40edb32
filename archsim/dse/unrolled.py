"""A workload as a schedule executes it: a layer that runs again is there again, under a name of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from archsim.dse.retention import Retention
from archsim.errors import InputError
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload

if TYPE_CHECKING:
    from archsim.accelerators.machine import Row

AGAIN = "@"
"""Between a layer's (or tensor's) name and the number of its execution, from the second on."""


def executed_layer(name: str) -> str:
    """The workload's layer that a layer of `unrolled` executes."""
    base, mark, number = name.rpartition(AGAIN)
    return base if mark and number.isdecimal() else name


def unrolled(workload: Workload, steps: Sequence[Retention]) -> Workload:
    """Layers in the order of `steps`, reading what is kept then; every layer once if there are none.

    Lifetimes of its tensors are those of the schedule, and so is its peak memory. Raises InputError for steps
    that leave a layer out or read what is not kept.
    """
    if not steps:
        return workload
    layers = {layer.name: layer for layer in workload.layers}
    given = {t.name: t for t in workload.inputs}
    versions: dict[str, list[tuple[int, Tensor]]] = {}  # of a tensor: kept to the end of which step
    times: dict[str, int] = {}
    made: list[Layer] = []
    for number, step in enumerate(steps):
        if step.layer not in layers:
            raise InputError(f"schedule: step {number} executes {step.layer!r}, no layer of {workload.name}")
        layer = layers[step.layer]
        times[step.layer] = execution = times.get(step.layer, 0) + 1
        inputs = tuple(given.get(t.name) or _kept(versions, t, number, step.layer) for t in layer.inputs)
        outputs = tuple(Tensor(_named(t.name, execution), t.shape) for t in layer.outputs)
        for tensor, output in zip(layer.outputs, outputs, strict=True):
            versions.setdefault(tensor.name, []).append((step.kept_until, output))
        name = _named(layer.name, execution)
        made.append(replace(layer, name=name, inputs=inputs, outputs=outputs))
    missing = [name for name in layers if name not in times]
    if missing:
        raise InputError(f"schedule: layer {missing[0]!r} of {workload.name} is never executed")
    wanted = tuple(_kept(versions, t, len(steps) - 1, "the network's reader") for t in workload.outputs)
    return replace(workload, layers=tuple(made), outputs=wanted)


def unrolled_rows(
    workload: Workload, rows: Sequence[Row], steps: Sequence[Retention]
) -> tuple[Workload, list[Row]]:
    """The workload as executed and the rows of its layers; `rows` are one a layer of the workload."""
    executed = unrolled(workload, steps)
    of = {row.layer.name: row for row in rows}
    found = []
    for layer in executed.layers:
        row = of[executed_layer(layer.name) if steps else layer.name]
        found.append(replace(row, layer=layer.with_precision(row.layer.precision)))
    return executed, found


def _named(name: str, execution: int) -> str:
    return name if execution == 1 else f"{name}{AGAIN}{execution}"


def _kept(
    versions: Mapping[str, Sequence[tuple[int, Tensor]]], tensor: Tensor, step: int, reader: str
) -> Tensor:
    """The version of a tensor that was made last and is still there."""
    for until, version in reversed(versions.get(tensor.name, ())):
        if until >= step:
            return version
    raise InputError(f"schedule: at step {step} {tensor.name!r}, which {reader} reads, is not kept")
