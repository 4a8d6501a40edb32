"""A workload: layers in execution order and the tensors between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import networkx as nx

from archsim.errors import InputError
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.patch_names import is_of_a_patch
from archsim.workloads.precision import Precision


@dataclass(frozen=True)
class LiveMemory:
    """Bytes of activation tensors alive while a layer runs."""

    layer: str
    bytes: int


@dataclass(frozen=True)
class Workload:
    """A directed acyclic graph of layers, kept in execution order.

    `inputs` and `outputs` are the network's own. `warnings` are what an importer has to tell the user.
    `model` is the ONNX file that the layers were read from, where its weights can be looked up.
    Build one with `Workload.from_layers`, which checks and orders the layers.
    """

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    warnings: tuple[str, ...] = ()
    model: Path | None = field(default=None, compare=False)

    @classmethod
    def from_layers(
        cls,
        name: str,
        layers: Iterable[Layer],
        outputs: Sequence[str] = (),
        warnings: Sequence[str] = (),
        model: Path | None = None,
    ) -> Workload:
        """Check the layers, put them in topological order (keeping the given order where it is free to).

        A tensor that no layer makes is a network input. A tensor that no layer reads is a network output,
        and so are those named in `outputs`.
        Raises InputError for no layers, a repeated layer name, a tensor made twice, or a cycle.
        """
        layers = tuple(layers)
        if not layers:
            raise InputError(f"workload {name!r} has no layers")
        producer = _producers(name, layers)
        position = {layer.name: i for i, layer in enumerate(layers)}
        graph = _graph(layers, producer)
        try:
            order = list(nx.lexicographical_topological_sort(graph, key=position.__getitem__))
        except nx.NetworkXUnfeasible:
            cycle = " -> ".join(edge[0] for edge in nx.find_cycle(graph))
            raise InputError(f"workload {name!r}: the layers form a cycle: {cycle}") from None
        ordered = tuple(layers[position[n]] for n in order)
        read = {t.name: t for layer in ordered for t in layer.inputs}
        made = {t.name: t for layer in ordered for t in layer.outputs}
        for output in outputs:
            if output not in made:
                raise InputError(f"workload {name!r}: output tensor {output!r} is made by no layer")
        return cls(
            name=name,
            layers=ordered,
            inputs=tuple(t for n, t in read.items() if n not in made),
            outputs=tuple(t for n, t in made.items() if n not in read or n in outputs),
            warnings=tuple(warnings),
            model=model,
        )

    @cached_property
    def graph(self) -> nx.DiGraph:
        """Nodes are layer names (attribute `layer`); edges carry `tensors`, the tuple they pass on."""
        return _graph(self.layers, _producers(self.name, self.layers))

    @cached_property
    def first_alike(self) -> tuple[int, ...]:
        """By layer the place of the first layer whose best mapping is also its own."""
        first: dict[object, int] = {}
        return tuple(first.setdefault(_mapped_as(x), place) for place, x in enumerate(self.layers))

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Static parameters, a tensor shared by several layers counted once."""
        return sum(tensor.elements for tensor in self._weights().values())

    @property
    def weight_bytes(self) -> int:
        """Bytes of all static parameters, a shared tensor once, at the width of its widest reader."""
        bits: dict[str, int] = {}
        for layer in self.layers:
            for tensor in layer.weights:
                bits[tensor.name] = max(bits.get(tensor.name, 0), layer.precision.weight_bits)
        return sum(-(-tensor.elements * bits[name] // 8) for name, tensor in self._weights().items())

    @cached_property
    def tensor_bytes(self) -> dict[str, int]:
        """Bytes of each activation tensor at its producer's output width (an input's: the widest read)."""
        sizes: dict[str, int] = {}
        made = set()
        for layer in self.layers:
            for tensor in layer.inputs:
                if tensor.name not in made:
                    size = -(-tensor.elements * layer.precision.activation_bits // 8)
                    sizes[tensor.name] = max(sizes.get(tensor.name, 0), size)
            for tensor in layer.outputs:
                made.add(tensor.name)
                sizes[tensor.name] = -(-tensor.elements * layer.precision.output_bits // 8)
        return sizes

    @cached_property
    def lifetimes(self) -> dict[str, tuple[int, int]]:
        """By activation tensor: the first and the last layer, counted in execution order, while it is alive.

        A tensor lives from the layer that makes it (a network input: from the first layer; a patch of one:
        from its first reader) to the last layer that reads it (a network output: to the end); a layer's
        inputs and outputs are alive together. What patches make for later layers has its room from the start.
        """
        last = len(self.layers) - 1
        born = {t.name: 0 for t in self.inputs if not is_of_a_patch(t.name)}
        dies: dict[str, int] = {}
        for i, layer in enumerate(self.layers):
            born = dict.fromkeys((t.name for t in layer.inputs), i) | born
            for tensor in layer.outputs:
                born[tensor.name] = dies[tensor.name] = i
            for tensor in layer.inputs:
                dies[tensor.name] = i
        dies.update({t.name: last for t in self.outputs})
        patches = max((i for i, layer in enumerate(self.layers) if is_of_a_patch(layer.name)), default=last)
        return {n: (0 if born[n] <= patches < end else born[n], end) for n, end in dies.items()}

    @cached_property
    def live_memory(self) -> tuple[LiveMemory, ...]:
        """Activation bytes alive while each layer runs, in execution order (see `lifetimes`)."""
        change = [0] * (len(self.layers) + 1)
        for name, size in self.tensor_bytes.items():
            born, dies = self.lifetimes[name]
            change[born] += size
            change[dies + 1] -= size
        live, table = 0, []
        for layer, delta in zip(self.layers, change, strict=False):
            live += delta
            table.append(LiveMemory(layer.name, live))
        return tuple(table)

    @property
    def peak_memory(self) -> LiveMemory:
        """The most activation bytes alive at once, and the first layer where that happens."""
        return max(self.live_memory, key=lambda entry: entry.bytes)

    def with_precision(self, precision: Precision | Callable[[Layer], Precision]) -> Workload:
        """The same workload with every layer at `precision`, or at what the function says of the layer."""
        choose = precision if callable(precision) else lambda _layer: precision
        layers = tuple(layer.with_precision(choose(layer)) for layer in self.layers)
        return replace(self, layers=layers)

    def _weights(self) -> dict[str, Tensor]:
        return {tensor.name: tensor for layer in self.layers for tensor in layer.weights}


def _producers(name: str, layers: Sequence[Layer]) -> dict[str, str]:
    seen: set[str] = set()
    producer: dict[str, str] = {}
    for layer in layers:
        if layer.name in seen:
            raise InputError(f"workload {name!r}: two layers are named {layer.name!r}; names must differ")
        seen.add(layer.name)
        for tensor in layer.outputs:
            if tensor.name in producer:
                raise InputError(
                    f"workload {name!r}: tensor {tensor.name!r} is made by both "
                    f"{producer[tensor.name]!r} and {layer.name!r}"
                )
            producer[tensor.name] = layer.name
    return producer


def _graph(layers: Sequence[Layer], producer: dict[str, str]) -> nx.DiGraph:
    graph = nx.DiGraph()
    for layer in layers:
        graph.add_node(layer.name, layer=layer)
    for layer in layers:
        for tensor in layer.inputs:
            source = producer.get(tensor.name)
            if source is None:
                continue
            passed = graph.edges[source, layer.name]["tensors"] if graph.has_edge(source, layer.name) else ()
            if all(t.name != tensor.name for t in passed):
                graph.add_edge(source, layer.name, tensors=(*passed, tensor))
    return graph


def _mapped_as(layer: Layer) -> object:
    """Equal for layers of which one's best mapping is the other's. What is fused does not change a tiling."""
    if layer.contraction is not None:
        return layer.contraction, layer.precision, layer.has_static_weights
    shapes = tuple(tuple(t.shape for t in group) for group in (layer.inputs, layer.weights, layer.outputs))
    return layer.operator, layer.precision, tuple(layer.ops.items()), shapes
