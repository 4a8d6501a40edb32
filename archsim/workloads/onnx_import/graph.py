"""The ONNX graph as the importer sees it: nodes, tensor types, and which tensors are static."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from archsim.workloads.onnx_import.input_dims import network_inputs
from archsim.workloads.onnx_import.model_file import UNKNOWN_DOMAIN
from archsim.workloads.onnx_import.shape_inference import CONTROL_FLOW
from archsim.workloads.onnx_import.tensor_types import TensorType

# Operators that only rearrange or re-encode a static tensor: the stored tensor behind them is the parameter.
REARRANGING = frozenset(
    {
        "Identity", "Cast", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze",
        "DequantizeLinear", "QuantizeLinear",
    }
)  # fmt: skip
_RANDOM = frozenset(
    {
        "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli",
        "Multinomial",
    }
)  # fmt: skip
_PLAIN_DOMAINS = ("", UNKNOWN_DOMAIN)


@dataclass(frozen=True, slots=True)
class Node:
    """One ONNX node. `op` carries the domain when it is not ONNX's own, as in `com.microsoft:Gelu`.

    Absent optional inputs are empty names. `name` is unique in the graph.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]

    def input(self, index: int) -> str:
        return self.inputs[index] if index < len(self.inputs) else ""

    def output(self, index: int) -> str:
        return self.outputs[index] if index < len(self.outputs) else ""

    def integer(self, key: str, default: int) -> int:
        value = self.attributes.get(key, default)
        if not isinstance(value, int):
            raise TypeError(f"attribute {key} is {value!r}, not a whole number")
        return value

    def integers(self, key: str, default: list[int]) -> list[int]:
        value = self.attributes.get(key, default)
        if not isinstance(value, list) or not all(isinstance(entry, int) for entry in value):
            raise TypeError(f"attribute {key} is {value!r}, not a list of whole numbers")
        return value

    def text(self, key: str, default: str) -> str:
        value = self.attributes.get(key, default)
        return value.decode() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in file order, types by tensor name, and what is known before anything runs.

    `static` tensors depend on no network input; `stored` maps each to the initializer or constant behind
    it; `scalars` holds the values of one-element constants. `readers` counts nodes that read a tensor, a
    network output counted as one. `batch` is the first axis of the first network
    input that has several.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    types: Mapping[str, TensorType]
    static: frozenset[str]
    stored: Mapping[str, str]
    scalars: Mapping[str, float]
    readers: Mapping[str, int]
    batch: int

    def shape(self, name: str) -> tuple[int, ...] | None:
        return self.types[name].shape if name in self.types else None


def read_graph(model: onnx.ModelProto, types: Mapping[str, TensorType]) -> Graph:
    graph = model.graph
    nodes = named_nodes(graph)
    static, stored = static_tensors(graph, nodes, types)
    shapes = [types[value.name].shape or () for value in network_inputs(graph)]
    outputs = tuple(value.name for value in graph.output)
    return Graph(
        nodes=nodes,
        outputs=outputs,
        types=types,
        static=frozenset(static),
        stored=stored,
        scalars=_scalars(graph),
        readers=Counter(name for names in (*(n.inputs for n in nodes), outputs) for name in names if name),
        batch=next((shape[0] for shape in shapes if len(shape) > 1), 1),
    )


def named_nodes(graph: onnx.GraphProto) -> tuple[Node, ...]:
    """The nodes in file order; one without a name is called after its operator and place."""
    taken: set[str] = set()
    nodes = []
    for index, node in enumerate(graph.node):
        base = name = node.name or f"{node.op_type}_{index}"
        copy = 1
        while name in taken:
            copy += 1
            name = f"{base}_{copy}"
        taken.add(name)
        op = node.op_type if node.domain in _PLAIN_DOMAINS else f"{node.domain}:{node.op_type}"
        if not all(isinstance(text, str) for text in (op, name, *node.input, *node.output)):
            raise ValueError(f"node {index} has names that are no UTF-8 text")
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        attributes = {
            k: list(v) if not isinstance(v, bytes) and hasattr(v, "__iter__") else v
            for k, v in attributes.items()
        }
        nodes.append(Node(op, name, tuple(node.input), tuple(node.output), attributes))
    return tuple(nodes)


def static_tensors(
    graph: onnx.GraphProto, nodes: tuple[Node, ...], types: Mapping[str, TensorType]
) -> tuple[set[str], dict[str, str]]:
    """The tensors that depend on no network input, and what is stored behind each: see `Graph`."""
    static = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    stored = {name: name for name in static}
    for node in nodes:
        known = node.op in ("Shape", "Size") or all(not name or name in static for name in node.inputs)
        if known and node.op not in CONTROL_FLOW | _RANDOM:
            static.update(node.outputs)
            behind = node.op in REARRANGING and stored.get(node.input(0))
            stored.update({name: behind or name for name in node.outputs})
        else:  # a tensor without elements carries no data, whoever makes it
            empty = [n for n in node.outputs if n in types and 0 in (types[n].shape or ())]
            static.update(empty)
            stored.update({name: name for name in empty})
    return static, stored


def _scalars(graph: onnx.GraphProto) -> dict[str, float]:
    values: dict[str, float] = {}
    tensors = {t.name: t for t in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                tensors[node.output[0]] = attribute.t
            elif attribute.name in ("value_float", "value_int"):
                values[node.output[0]] = attribute.f or float(attribute.i)
    for name, tensor in tensors.items():
        if all(size == 1 for size in tensor.dims) and tensor.data_type != onnx.TensorProto.STRING:
            try:
                values[name] = float(np.asarray(onnx.numpy_helper.to_array(tensor)).reshape(-1)[0])
            except (ValueError, TypeError, IndexError):
                continue  # no value stored (a missing weight file): it stays a constant of unknown value
    return values
