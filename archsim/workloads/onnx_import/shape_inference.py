"""Concrete shapes for every tensor, by ONNX shape inference and, where that stops, by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import shape_inference

from archsim.workloads.onnx_import.branches import take_constant_branches
from archsim.workloads.onnx_import.model_file import declare_domains, strip_large_tensors, subgraphs
from archsim.workloads.onnx_import.ort_simplify import simplify
from archsim.workloads.onnx_import.tensor_types import TensorType, type_of

# Multiply-accumulate operators: without their shapes a workload is worth nothing.
MAC_OPERATORS = frozenset(
    {
        "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "Gemm", "MatMul", "MatMulInteger",
        "QLinearMatMul", "Einsum", "Attention", "LSTM", "GRU", "RNN",
    }
)  # fmt: skip
CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
# Operators whose output has the shape of their (broadcast) inputs. ONNX knows it for its own ones; the rule
# is needed for ONNX Runtime's versions of them and for those used below the opset that defines them.
SHAPE_KEEPING = frozenset(
    {
        "Gelu", "FastGelu", "QuickGelu", "BiasGelu", "Silu", "Swish", "Mish", "HardSwish",
        "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "GroupNormalization",
        "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax",
    }
)  # fmt: skip


def resolve_shapes(model: onnx.ModelProto) -> tuple[onnx.ModelProto, dict[str, TensorType]]:
    """The model and the type of every tensor.

    Inferred shapes win over those stored in the file, which fill the gaps; branches on constants are taken.
    If a multiply-accumulate node is still without shapes, or a branch or loop is left, the model is
    simplified by ONNX Runtime (when installed) and inferred again.
    """
    types = _infer(model)
    while take_constant_branches(model, types):
        strip_large_tensors(model)
        declare_domains(model)
        types = _infer(model)
    if not _needs_simplifying(model, types):
        return model, types
    simplified = simplify(model)
    if simplified is None:
        return model, types
    return simplified, _infer(simplified)


def _needs_simplifying(model: onnx.ModelProto, types: Mapping[str, TensorType]) -> bool:
    return any(
        node.op_type in CONTROL_FLOW or (node.op_type in MAC_OPERATORS and unresolved_tensor(node, types))
        for node in model.graph.node
    )


def unresolved_tensor(node: onnx.NodeProto, types: Mapping[str, TensorType]) -> str | None:
    """The first of the node's operands and its first output whose shape is not known."""
    for name in (*node.input, *node.output[:1]):
        if name and (name not in types or types[name].shape is None):
            return name
    return None


def _infer(model: onnx.ModelProto) -> dict[str, TensorType]:
    stored = [value for value in model.graph.value_info if type_of(value).shape is not None]
    del model.graph.value_info[:]
    types = _infer_once(model)
    while True:
        known = len(model.graph.value_info)
        gaps = [value for value in stored if _open(value.name, types)]
        model.graph.value_info.extend(gaps or _own_shapes(model, types))
        if len(model.graph.value_info) == known:
            return types
        types = _infer_once(model)


def _infer_once(model: onnx.ModelProto) -> dict[str, TensorType]:
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # a broken node: the C++ library raises many kinds; what is stored may still do
        inferred = model.graph
    graph = inferred
    types = {value.name: type_of(value) for value in (*model.graph.value_info, *graph.input, *graph.output)}
    for value in graph.value_info:
        found = type_of(value)
        if found.shape is not None or value.name not in types:
            types[value.name] = found
    types.update({t.name: TensorType(t.data_type, tuple(t.dims)) for t in graph.initializer})
    for tensor in graph.sparse_initializer:
        types[tensor.values.name] = TensorType(tensor.values.data_type, tuple(tensor.dims))
    return types


def _open(name: str, types: dict[str, TensorType]) -> bool:
    return name not in types or types[name].shape is None


def _own_shapes(model: onnx.ModelProto, types: dict[str, TensorType]) -> list[onnx.ValueInfoProto]:
    """Shapes of outputs that inference left open, of operators whose rule is known here; noted in `types`."""
    found = []
    for node in model.graph.node:
        if not node.input or not node.output or not _open(node.output[0], types):
            continue
        source = types.get(node.input[0])
        shape = _own_rule(node, types)
        if source is not None and shape is not None:
            found.append(onnx.helper.make_tensor_value_info(node.output[0], source.element, shape))
            types[node.output[0]] = TensorType(source.element, shape)
    return found


def _own_rule(node: onnx.NodeProto, types: Mapping[str, TensorType]) -> tuple[int, ...] | None:
    shapes = [types[name].shape if name in types else None for name in node.input]
    first = shapes[0]
    if first is None:
        return None
    if node.op_type in SHAPE_KEEPING:
        return first
    second = shapes[3] if len(shapes) > 3 else None
    attributes = {a.name: a.i for a in node.attribute}
    if node.op_type in ("QLinearAdd", "QLinearMul") and second is not None:
        return tuple(np.broadcast_shapes(first, second))
    if node.op_type == "QGemm" and second is not None:
        return (first[1 if attributes.get("transA") else 0], second[0 if attributes.get("transB") else 1])
    if node.op_type == "QLinearGlobalAveragePool" and not attributes.get("channels_last"):
        return (*first[:2], *(1 for _ in first[2:]))
    return None


def hidden_mac_node(node: onnx.NodeProto) -> str | None:
    """Operator of a multiply-accumulate node inside a control-flow node, or None."""
    for graph in subgraphs(node):
        for inner in graph.node:
            found = inner.op_type if inner.op_type in MAC_OPERATORS else hidden_mac_node(inner)
            if found:
                return found
    return None
