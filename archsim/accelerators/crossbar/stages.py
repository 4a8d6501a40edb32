"""Layers as the stages of a pipeline, line by line: what ISAAC and PUMA do with a network that stays on chip.

Tokens are lines of a feature map (of a sequence: its items). A stage begins as soon as the lines that a
window needs have come in, and passes each line on as it is done. Between stages stand the tiles' buffers: in
front of a convolution with room for the lines that are counted for it (`lines_held`), elsewhere for an image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from archsim.accelerators.crossbar.job import lines_held
from archsim.accelerators.pipeline.program import Part, Stage, input_port, pipeline_graph
from archsim.kernel.graph import TimedGraph
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer, Tensor

ROUNDING = 1e-9


@dataclass(frozen=True)
class StageTimes:
    """Cycles of one input: bringing it from the buffers to the arrays, computing, putting the result away;
    bringing it from off chip and taking the result there, where that is the network's own.
    """

    load: float
    compute: float
    store: float
    fetch: float = 0.0
    spill: float = 0.0


def pipeline_of(stages: Sequence[tuple[Layer, StageTimes]], inputs: int) -> TimedGraph:
    """The graph for `inputs` inputs. What comes from off chip and goes there does so at the links' rate."""
    made = {t.name for layer, _ in stages for t in layer.outputs}
    read = {t.name for layer, _ in stages for t in layer.inputs}
    source: dict[str, Node] = {}
    sink: dict[str, Node] = {}
    for layer, times in stages:
        for t in layer.inputs:
            if t.name not in made:
                source[t.name] = _each_line(lines(t), times.fetch, lambda _: ({}, {"out": 1}))
        for t in layer.outputs:
            if t.name not in read:
                sink[t.name] = _each_line(lines(t), times.spill, lambda _: ({"in": 1}, {}))
    parts = [stage_of(layer, times) for layer, times in stages]
    return pipeline_graph(parts, source=source, sink=sink, inputs=inputs)


def lines(tensor: Tensor) -> int:
    """Of a feature map (batch, channels, rows, ...): batch × rows; of a sequence: batch × items."""
    shape = tensor.shape
    if len(shape) >= 4:
        return shape[0] * shape[2]
    return shape[0] * shape[1] if len(shape) == 3 else shape[0] if len(shape) == 2 else 1


def stage_of(layer: Layer, times: StageTimes) -> Stage:
    """Three parts: `load` takes what a line of results needs, `compute`, `store` gives the line."""
    results = lines(layer.outputs[0])
    needed = {input_port(i): lines_needed(layer, t, results) for i, t in enumerate(layer.inputs)}
    load = _each_line(results, times.load, lambda i: (_taken(needed, i), {"out": 1}))
    passing: tuple[Mapping[str, int], Mapping[str, int]] = ({"in": 1}, {"out": 1})
    return Stage(
        layer,
        (
            Part("load", load, category="load"),
            Part("compute", _each_line(results, times.compute, lambda _: passing)),
            Part("store", _each_line(results, times.store, lambda _: passing), category="store"),
        ),
        tuple(_room(layer, t, needed[input_port(i)]) for i, t in enumerate(layer.inputs)),
    )


def lines_needed(layer: Layer, tensor: Tensor, results: int) -> list[int]:
    """Lines of an input that must have come in before each line of the results; in the end all of them."""
    c, total = layer.contraction, lines(tensor)
    if c is None or c.transposed or total != c.B * c.input_size[0] or results != c.B * c.P:
        return [ceil((i + 1) * total / results) for i in range(results)]
    reach = (c.R - 1) * c.dilation[0] + 1 - c.padding[0]
    rows = c.input_size[0]
    one = [min(rows, max(0, i * c.stride[0] + reach)) for i in range(c.P - 1)] + [rows]
    return [image * rows + line for image in range(c.B) for line in one]


def _taken(needed: Mapping[str, Sequence[int]], line: int) -> dict[str, int]:
    """What comes in anew for a line, by port."""
    before = {port: counts[line - 1] if line else 0 for port, counts in needed.items()}
    return {port: counts[line] - before[port] for port, counts in needed.items()}


def _room(layer: Layer, tensor: Tensor, needed: Sequence[int]) -> int:
    """Lines that may wait in front of a stage.

    What no window slides over (a sum, a pool, a product of two activations) has no lines counted. An image is
    then the most that may have to wait, as on the bypass of a residual; few lines of it do (at most 5 in
    ResNet-18 on ISAAC), and the buffers of an addition's tiles hold nothing else.
    """
    most = max(b - a for a, b in zip([0, *needed], needed, strict=False))
    c = layer.contraction
    if c is None or c.transposed or lines(tensor) != c.B * c.input_size[0]:
        return max(lines(tensor), most)
    return max(lines_held(c), most)


def _each_line(
    count: int, cycles: float, rates: Callable[[int], tuple[Mapping[str, int], Mapping[str, int]]]
) -> Node:
    """So many firings that take `cycles` together, as even as whole cycles allow."""
    total = ceil(cycles - ROUNDING)

    def firing(i: int) -> Firing:
        take, give = rates(i)
        return Firing(total * (i + 1) // count - total * i // count, take, give)

    keyed = [(leaf.cycles, tuple(leaf.take.items()), leaf) for leaf in map(firing, range(count))]
    runs = [list(run) for _, run in groupby(keyed, key=lambda entry: entry[:2])]
    return Loop(1, [Loop(len(run), [run[0][2]]) for run in runs])
