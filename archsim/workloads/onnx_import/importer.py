"""ONNX file to Workload: read, bind sizes, infer shapes, convert node by node, fuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.onnx_import import attention, contractions, counted_operators, quantised, recurrent
from archsim.workloads.onnx_import.fusion import fuse_layers
from archsim.workloads.onnx_import.graph import Graph, Node, read_graph
from archsim.workloads.onnx_import.input_dims import bind_dims
from archsim.workloads.onnx_import.model_file import read_model
from archsim.workloads.onnx_import.number_formats import FLOAT_TYPES
from archsim.workloads.onnx_import.operator_table import FREE
from archsim.workloads.onnx_import.shape_inference import (
    MAC_OPERATORS,
    hidden_mac_node,
    resolve_shapes,
    unresolved_tensor,
)
from archsim.workloads.onnx_import.tensor_types import TensorType
from archsim.workloads.onnx_import.tensors import Tensors
from archsim.workloads.workload import Workload

# What reading a damaged model may raise: attributes of the wrong kind, missing operands, absurd shapes.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    MemoryError,
    onnx.checker.ValidationError,
)

_CONVERTERS: Mapping[str, Callable[[Node, Tensors], list[Layer]]] = {
    **counted_operators.CONVERTERS,
    **contractions.CONVERTERS,
    **recurrent.CONVERTERS,
    **attention.CONVERTERS,
    **quantised.CONVERTERS,
}


def import_model(path: Path, dims: Mapping[str, int], *, strict: bool, fuse: bool) -> Workload:
    """See `archsim.workloads.onnx_import.load_onnx`."""
    try:
        model = read_model(path)
        warnings = bind_dims(model, dims)
        model, types = resolve_shapes(model)
        _require_mac_shapes(model, types)
        graph = read_graph(model, types)
        layers, outputs = _convert(graph, warnings, strict=strict)
        if fuse:
            layers = fuse_layers(layers, outputs)
        if not layers:
            raise InputError("no node of the model computes anything from its inputs")
        return Workload.from_layers(path.stem, layers, outputs, warnings, model=path)
    except InputError as error:
        message = str(error)
        raise InputError(message if str(path) in message else f"{path}: {message}") from error
    except _DAMAGE as error:
        raise InputError(f"{path}: the model is damaged: {_first_line(error)}") from error


def _require_mac_shapes(model: onnx.ModelProto, types: Mapping[str, TensorType]) -> None:
    for index, node in enumerate(model.graph.node):
        label = f"node {node.name or f'{node.op_type}_{index}'!r} ({node.op_type})"
        hidden = hidden_mac_node(node)
        if hidden:
            raise InputError(
                f"{label} holds a {hidden} in a branch or loop that is decided at run time; "
                "fix its condition (the value of a scalar input: --dim NAME=VALUE) or export without it"
            )
        missing = unresolved_tensor(node, types) if node.op_type in MAC_OPERATORS else None
        if missing:
            raise InputError(
                f"{label}: the shape of tensor {missing!r} cannot be inferred; "
                "store shapes in the model, fix its input sizes with --dim, or install onnxruntime"
            )


def _convert(graph: Graph, warnings: list[str], *, strict: bool) -> tuple[list[Layer], list[str]]:
    """Layers in node order, and the tensors that are network outputs."""
    tensors = Tensors(graph)
    vanishing = quantised.vanishing(graph)
    layers: list[Layer] = []
    left_out: dict[str, list[str]] = defaultdict(list)
    for node in graph.nodes:
        if all(name in graph.static for name in node.outputs if name):
            tensors.note_static(node)
        elif any(name and not tensors.is_known(name) for name in node.outputs[:1]):
            left_out[node.op].append(node.name)
        else:
            layers += _convert_node(node, tensors, vanishing)
    warnings += _warnings(graph, layers, left_out, strict=strict)
    made = {tensor.name for layer in layers for tensor in layer.outputs}
    for name in graph.outputs:
        if tensors.is_known(name) and not tensors.is_static(name):
            tensors.activation(name)
    outputs = [source for source in dict.fromkeys(map(tensors.source, graph.outputs)) if source in made]
    return [_with_output_width(layer, tensors.read_bits) for layer in layers], outputs


def _convert_node(node: Node, tensors: Tensors, vanishing: frozenset[str]) -> list[Layer]:
    try:
        if node.op in FREE:
            tensors.alias(node.outputs[0], node.inputs[0])
            return []
        if node.outputs[0] in vanishing:
            return quantised.vanish(node, tensors)
        if node.op in _CONVERTERS:
            return _CONVERTERS[node.op](node, tensors)
        return [tensors.layer(node, "unknown", node.inputs, {})]
    except contractions.NotAContraction:
        return [tensors.layer(node, "unknown", node.inputs, {})]
    except InputError as error:
        raise InputError(f"node {node.name!r} ({node.op}): {error}") from error
    except _DAMAGE as error:
        raise InputError(f"node {node.name!r} ({node.op}) is malformed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _with_output_width(layer: Layer, read_bits: Mapping[str, int]) -> Layer:
    """A layer writes as wide as its result is read: a Q/DQ pair behind it narrows the tensor."""
    bits = read_bits.get(layer.outputs[0].name, layer.precision.output_bits)
    return replace(layer, precision=layer.precision.with_output_bits(bits))


def _warnings(
    graph: Graph, layers: list[Layer], left_out: Mapping[str, list[str]], *, strict: bool
) -> list[str]:
    """What the workload does not cover; under `strict` the first of it is an InputError."""
    operators = {node.name: node.op for node in graph.nodes}
    unknown: dict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        if layer.operator == "unknown":
            unknown[operators[layer.name]].append(layer)
    written = sum(_written(layer) for layer in layers)
    messages = []
    for op, group in unknown.items():
        share = sum(map(_written, group)) / max(1, written)
        messages.append(
            f"operator {op} ({len(group)} node(s), first {group[0].name!r}) is not known: "
            f"its work is not counted; it makes {share:.1%} of all elements that layers write"
        )
    for op, names in left_out.items():
        messages.append(
            f"operator {op} ({len(names)} node(s), first {names[0]!r}) is left out: "
            "the shape of its output is known only at run time"
        )
    if strict and messages:
        raise InputError("; ".join(messages))
    mixed = sum(_is_weight_only(layer, graph) for layer in layers)
    if mixed:
        messages.append(
            f"{mixed} layer(s) have integer weights and floating activations; "
            "they are counted as integer products of these widths"
        )
    return messages


def _written(layer: Layer) -> int:
    return sum(tensor.elements for tensor in layer.outputs)


def _is_weight_only(layer: Layer, graph: Graph) -> bool:
    """Whether a product's weights are integers while its result is floating and its inputs wider."""
    if layer.operator not in ("gemm", "conv") or layer.precision.number_format != "int":
        return False
    output = graph.types.get(layer.outputs[0].name)
    return (
        output is not None
        and output.element in FLOAT_TYPES
        and layer.precision.activation_bits > max(8, layer.precision.weight_bits)
    )
