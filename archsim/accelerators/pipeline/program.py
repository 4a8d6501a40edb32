"""Stages and the FIFOs between them as one timed dataflow graph.

A layer is a stage: a chain of parts (padding, window generator, compute, ...), each an actor whose schedule
handles one input. Tokens are pixels: all channels of one position. Between parts of a stage, and between
stages along each tensor, stand FIFOs of so many pixels; a tensor that several layers read is copied into a
FIFO for each of them at once, as a stream duplicator does. A part writes its rates on channels that it calls
`in` (in1, in2 ... for further inputs of a layer) and `out`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archsim.kernel.graph import Actor, Channel, TimedGraph
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer

SOURCE, SINK = "(input)", "(output)"
"""Stages in front of the first and behind the last layers, in actors' names."""
SINK_ROOM = 2
"""Pixels of room in front of what takes a network's output away."""


@dataclass(frozen=True)
class Part:
    """One actor of a stage: its work on one input. `fifo`: pixels of room between the part before and it."""

    name: str
    schedule: Node
    fifo: int | None = 2
    category: str = "compute"


@dataclass(frozen=True)
class Stage:
    """A layer's parts in order. `fifos`: room, in pixels, on each of the layer's inputs."""

    layer: Layer
    parts: tuple[Part, ...]
    fifos: tuple[int | None, ...]


def input_port(index: int) -> str:
    """What the first part of a stage calls the layer's input of that place."""
    return f"in{index}" if index else "in"


def fifo_of(layer: Layer, at: str) -> str:
    """What the FIFO in front of a layer's input (`in`, `in1`), or of a part of its stage, is called."""
    return f"{layer.name}.{at}"


def fifo_name(tensor: str, reader: str) -> str:
    return f"{tensor} > {reader}"


def inner_fifo_name(layer: str, part: Part, following: Part) -> str:
    return f"{layer}:{part.name} > {following.name}"


def pipeline_graph(
    stages: Sequence[Stage], *, source: Mapping[str, Node], sink: Mapping[str, Node], inputs: int
) -> TimedGraph:
    """The graph for `inputs` inputs, one right behind the other.

    `source`: for each tensor that no stage makes, the schedule that brings it in (it gives `out`); `sink`:
    for each tensor that leaves, the schedule that takes it (`in`). Raises InputError where rates and FIFOs do
    not fit.
    """
    made = {tensor.name for stage in stages for tensor in stage.layer.outputs}
    actors: list[Actor] = []
    channels: list[Channel] = []
    readers: dict[str, list[str]] = {}
    for stage in stages:
        for place, (tensor, room) in enumerate(zip(stage.layer.inputs, stage.fifos, strict=True)):
            name = fifo_name(tensor.name, fifo_of(stage.layer, input_port(place)))
            readers.setdefault(tensor.name, []).append(name)
            channels.append(Channel(name, _writer(tensor.name, made, stages), _first(stage), room))
    for tensor, schedule in sink.items():
        name = fifo_name(tensor, SINK)
        readers.setdefault(tensor, []).append(name)
        channels.append(Channel(name, _writer(tensor, made, stages), f"{SINK} {tensor}:write", SINK_ROOM))
        actors.append(_actor(f"{SINK} {tensor}:write", schedule, {"in": [name]}, inputs, "dma"))
    for tensor, schedule in source.items():
        name = f"{SOURCE} {tensor}:read"
        actors.insert(0, _actor(name, schedule, {"out": readers[tensor]}, inputs, "dma"))
    for stage in stages:
        inner, parts = _stage(stage, readers, inputs)
        channels += inner
        actors += parts
    return TimedGraph(actors, channels)


def _stage(stage: Stage, readers: Mapping[str, list[str]], inputs: int) -> tuple[list[Channel], list[Actor]]:
    name = stage.layer.name
    ports = {
        input_port(place): [fifo_name(tensor.name, fifo_of(stage.layer, input_port(place)))]
        for place, tensor in enumerate(stage.layer.inputs)
    }
    channels: list[Channel] = []
    actors: list[Actor] = []
    for part, following in zip(stage.parts, [*stage.parts[1:], None], strict=True):
        if following is None:
            given = [fifo for tensor in stage.layer.outputs for fifo in readers.get(tensor.name, [])]
        else:
            given = [inner_fifo_name(name, part, following)]
            channels.append(
                Channel(given[0], f"{name}:{part.name}", f"{name}:{following.name}", following.fifo)
            )
        actors.append(
            _actor(f"{name}:{part.name}", part.schedule, {**ports, "out": given}, inputs, part.category)
        )
        ports = {"in": given}
    return channels, actors


def _actor(
    name: str, schedule: Node, ports: Mapping[str, Sequence[str]], inputs: int, category: str
) -> Actor:
    return Actor(name, Loop(inputs, [_on(schedule, ports)]), None, (), category)


def _on(node: Node, ports: Mapping[str, Sequence[str]]) -> Node:
    """The schedule with its rates on the channels that its ports stand for."""
    if isinstance(node, Loop):
        return Loop(node.count, [_on(child, ports) for child in node.body])
    assert isinstance(node, Firing)

    def spread(rates: Mapping[str, int]) -> dict[str, int]:
        return {channel: rate for port, rate in rates.items() for channel in ports.get(port, ())}

    return Firing(node.cycles, spread(node.take), spread(node.give), spread(node.need))


def _writer(tensor: str, made: set[str], stages: Sequence[Stage]) -> str:
    if tensor not in made:
        return f"{SOURCE} {tensor}:read"
    (stage,) = (s for s in stages if any(t.name == tensor for t in s.layer.outputs))
    return f"{stage.layer.name}:{stage.parts[-1].name}"


def _first(stage: Stage) -> str:
    return f"{stage.layer.name}:{stage.parts[0].name}"
