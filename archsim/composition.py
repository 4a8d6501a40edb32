"""How a machine's layers make up a run: one after the other, or as the stages of a pipeline, all at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archsim.accelerators.machine import is_pipelined, taken
from archsim.accelerators.pipeline.fifos import locked_up
from archsim.accelerators.stagewise import is_stagewise
from archsim.kernel import engine
from archsim.kernel.execution import DeadlockError, Execution
from archsim.kernel.steady import steady_state
from archsim.run import LayerRun, ResourceUse

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Performed, PipelinedMachine, Row
    from archsim.kernel.timeline import Timeline
    from archsim.workloads.layer import Contraction
    from archsim.workloads.workload import Workload

SHOWN_INPUTS = 3
"""Inputs in a pipeline's timeline: enough to see it fill, work and drain."""
WHOLE_MACHINE = "(whole machine)"
"""In energy tables, what belongs to no stage of a pipeline: leakage over the interval."""


@dataclass(frozen=True)
class TimedRows:
    """Chosen rows as the kernel ran them.

    `leaking_cycles`: how long leakage is counted, by layer or for the whole machine. `memory`: activation
    bytes by layer, alive while it runs or held by the stage.
    """

    layers: tuple[LayerRun, ...]
    interval_cycles: float
    leaking_cycles: Mapping[str, float]
    memory: tuple[tuple[str, int], ...]
    peak_memory_bytes: int
    peak_memory_layer: str
    peak_macs_per_cycle: float
    resources: tuple[ResourceUse, ...]
    timeline: Timeline | None


def time_rows(
    machine: Machine,
    workload: Workload,
    rows: Sequence[Row],
    performed: Sequence[Performed],
    *,
    timeline: bool,
) -> TimedRows:
    """Run rows, one a layer of the workload in order. Raises InputError where a pipeline locks up."""
    if is_pipelined(machine):
        return _pipelined(machine, rows, performed, timeline)
    execution = engine.simulate(machine.program(rows), timeline=timeline)
    layers = _one_by_one(machine, rows, performed, execution)
    peak = workload.peak_memory
    return TimedRows(
        layers=layers,
        interval_cycles=float(sum(layer.latency_cycles for layer in layers)),
        leaking_cycles={layer.name: float(layer.latency_cycles) for layer in layers},
        memory=tuple((entry.layer, entry.bytes) for entry in workload.live_memory),
        peak_memory_bytes=peak.bytes,
        peak_memory_layer=peak.layer,
        peak_macs_per_cycle=machine.peak_macs_per_cycle,
        resources=(),
        timeline=execution.timeline,
    )


def _pipelined(
    machine: PipelinedMachine, rows: Sequence[Row], performed: Sequence[Performed], timeline: bool
) -> TimedRows:
    try:
        kept = machine.kept_pace(rows) if is_stagewise(machine) else None
        steady = steady_state(lambda inputs: machine.program(rows, inputs), kept)
        shown = engine.simulate(machine.program(rows, SHOWN_INPUTS), timeline=True) if timeline else None
    except DeadlockError as error:
        raise locked_up(error) from None
    memory = tuple((row.layer.name, round(did.held_bytes)) for row, did in zip(rows, performed, strict=True))
    return TimedRows(
        layers=_stages(rows, performed, steady.first, steady.interval_cycles),
        interval_cycles=steady.interval_cycles,
        leaking_cycles={WHOLE_MACHINE: steady.interval_cycles},
        memory=memory,
        peak_memory_bytes=sum(held for _, held in memory),
        peak_memory_layer=max(memory, key=lambda entry: entry[1])[0],
        peak_macs_per_cycle=sum(
            row.layer.macs / did.compute_cycles
            for row, did in zip(rows, performed, strict=True)
            if row.layer.macs and did.compute_cycles
        ),
        resources=tuple(
            ResourceUse(name, used, machine.capacity[name])
            for name, used in taken(machine, rows, performed).items()
            if used or 0 < machine.capacity[name] < math.inf
        ),
        timeline=None if shown is None else shown.timeline,
    )


def _one_by_one(
    machine: Machine, rows: Sequence[Row], performed: Sequence[Performed], execution: Execution
) -> tuple[LayerRun, ...]:
    """A layer's latency is counted from the end of the layer before: what overlaps with that is free."""
    spans = _spans(execution)
    runs: list[LayerRun] = []
    before = 0
    for row, did in zip(rows, performed, strict=True):
        start, end, _ = spans[row.layer.name]
        latency = end - before - (1 if machine.counts_from_zero and row.layer.macs else 0)
        possible = machine.peak_macs_per_cycle * latency
        used = row.layer.macs / possible if possible else 0.0
        runs.append(_layer_run(row, did, latency, latency, latency, used, start, end))
        before = end
    return tuple(runs)


def _stages(
    rows: Sequence[Row], performed: Sequence[Performed], first: Execution, interval: float
) -> tuple[LayerRun, ...]:
    """A layer's latency is what it adds to the end of the first input, beyond the layers before it."""
    spans = _spans(first)
    runs: list[LayerRun] = []
    before = 0
    for row, did in zip(rows, performed, strict=True):
        start, end, busiest = spans[row.layer.name]
        own = max(busiest, round(row.cycles))  # with its transfers from and to memory
        used = min(1.0, did.compute_cycles / interval) if interval and row.layer.macs else 0.0
        runs.append(_layer_run(row, did, max(0, end - before), own, round(interval), used, start, end))
        before = max(before, end)
    return tuple(runs)


def _layer_run(
    row: Row,
    did: Performed,
    latency: int,
    interval: int,
    available: int,
    utilization: float,
    start: int,
    end: int,
) -> LayerRun:
    """`available`: cycles in which the layer could compute; what it does not use are stalls."""
    layer = row.layer
    return LayerRun(
        name=layer.name,
        operator=layer.operator,
        macs=layer.macs,
        latency_cycles=latency,
        compute_cycles=did.compute_cycles,
        stall_cycles=max(0, available - did.compute_cycles),
        utilization=utilization,
        bound_by=did.bound_by,
        energy_pj=0.0,
        dram_bytes=round(did.dram_bytes),
        weight_bits=layer.precision.weight_bits,
        activation_bits=layer.precision.activation_bits,
        mapping=dict(did.mapping),
        start_cycle=start,
        end_cycle=end,
        interval_cycles=interval,
        fused=layer.fused,
        loops={} if layer.contraction is None else _long_loops(layer.contraction),
    )


def _long_loops(contraction: Contraction) -> dict[str, int]:
    return {dim: size for dim in "BGKCPQRS" if (size := getattr(contraction, dim)) > 1}


def _spans(execution: Execution) -> dict[str, tuple[int, int, int]]:
    """(first start, last end, cycles of the busiest) of each layer's actors, named `<layer>:<part>`."""
    spans: dict[str, tuple[int, int, int]] = {}
    for name, run in execution.actors.items():
        layer = name.rsplit(":", 1)[0]
        start, end, busiest = spans.get(layer, (run.start, run.end, 0))
        spans[layer] = min(start, run.start), max(end, run.end), max(busiest, run.busy_cycles)
    return spans
