"""An ONNX model made ready for its twin: batch norms folded in, and its matrix products found.

A product is a Conv, Gemm or MatMul of one activation and stored weights. Everything else stays as it is; the
twin computes it in floating point, as a digital unit beside the array would with enough bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from archsim.errors import InputError
from archsim.numerics.onnx_operands import Slot
from archsim.numerics.quantise import Floats
from archsim.numerics.static_values import StaticValues
from archsim.workloads.onnx_import.graph import Node, named_nodes, static_tensors
from archsim.workloads.onnx_import.model_file import read_model_with_values

_LEAST_OPSET, _OPSET = 13, 17  # older models are converted
_MAX_IR = 10  # every onnxruntime since 1.18 reads it
_PRODUCTS = ("Conv", "Gemm", "MatMul")
_DIGITAL = ("ConvTranspose", "Einsum", "LSTM", "GRU", "RNN", "Attention", "com.microsoft:Attention")
_INTEGER = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "com.microsoft:QGemm")


@dataclass(frozen=True, eq=False)
class Product:
    """One matrix product: `weights` are (outputs, inputs of one output …), `bias` (outputs) or None.

    `activation` and `result` are tensors; `place` is the node's in `Network.model`. `groups` is a Conv's.
    """

    name: str
    place: int
    node: Node
    activation: str
    result: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32] | None

    @property
    def is_conv(self) -> bool:
        return self.node.op == "Conv"

    @property
    def groups(self) -> int:
        return self.node.integer("group", 1) if self.is_conv else 1

    @property
    def slot(self) -> Slot:
        return Slot(self.place, 0)


@dataclass(frozen=True, eq=False)
class Network:
    """`model` computes what the file does; `digital` names the products that have no stored weights."""

    path: Path
    model: onnx.ModelProto
    products: tuple[Product, ...]
    digital: tuple[str, ...]


def read_network(path: Path) -> Network:
    """The model at `path`, ready for rewriting.

    Raises InputError for a file that cannot be read, computes in integers already, has an opset that cannot
    be converted, or no product with stored weights.
    """
    model = _converted(read_model_with_values(path), path)
    nodes = named_nodes(model.graph)
    integers = [node for node in nodes if node.op in (*_INTEGER, "QuantizeLinear")]
    if integers:
        raise InputError(
            f"{path}: node {integers[0].name!r} ({integers[0].op}) computes in integers already; "
            "give the model in floating point"
        )
    names = [node.name for node in nodes]
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name  # folding removes nodes, which must not rename the others
    _fold_batch_norms(model)
    nodes = named_nodes(model.graph)
    static, _ = static_tensors(model.graph, nodes, {})
    values = StaticValues(model)
    products: list[Product] = []
    digital: list[str] = []
    for place, node in enumerate(nodes):
        product = _product(place, node, static, values) if node.op in _PRODUCTS else None
        if product is not None:
            products.append(product)
        elif node.op in (*_PRODUCTS, *_DIGITAL) and node.outputs[0] not in static:
            digital.append(node.name)
    if not products:
        raise InputError(
            f"{path}: no convolution or matrix product with stored weights, so nothing to quantise"
        )
    return Network(path, model, tuple(products), tuple(digital))


def opset_of(model: onnx.ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)


def _converted(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    if opset_of(model) < _LEAST_OPSET:
        try:
            model = onnx.version_converter.convert_version(model, _OPSET)
        except Exception as error:  # the C++ converter raises many kinds
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{path}: opset {opset_of(model)} cannot be converted to {_OPSET} ({reason}); export it again"
            ) from error
    model.ir_version = min(max(model.ir_version, 7), _MAX_IR)
    return model


def _fold_batch_norms(model: onnx.ModelProto) -> None:
    """Into the convolutions before them that nobody else reads: w' = f·w, b' = f·(b - mean) + beta."""
    graph = model.graph
    values = StaticValues(model)
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in graph.output}
    for conv in [node for node in graph.node if node.op_type == "Conv"]:
        reader = readers.get(conv.output[0], [])
        if len(reader) != 1 or reader[0].op_type != "BatchNormalization" or conv.output[0] in outputs:
            continue
        norm = reader[0]
        try:
            weights = values.of(conv.input[1]).astype(np.float64)
            gamma, beta, mean, variance = (values.of(name).astype(np.float64) for name in norm.input[1:5])
            bias = values.of(conv.input[2]).astype(np.float64) if len(conv.input) > 2 else 0.0
        except InputError:  # computed from an input: it stays
            continue
        epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        factor = gamma / np.sqrt(variance + epsilon)
        folded = weights * factor.reshape(-1, *(1 for _ in weights.shape[1:]))
        _store(graph, conv, 1, f"{conv.name}/folded_weights", folded)
        _store(graph, conv, 2, f"{conv.name}/folded_bias", factor * (bias - mean) + beta)
        conv.output[0] = norm.output[0]
        graph.node.remove(norm)


def _store(graph: onnx.GraphProto, node: onnx.NodeProto, index: int, name: str, values: Floats) -> None:
    graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    while len(node.input) <= index:
        node.input.append("")
    node.input[index] = name


def _product(place: int, node: Node, static: set[str], values: StaticValues) -> Product | None:
    """The node as a product; None where its second factor is not stored, or has more than a matrix."""
    streamed, stored = node.inputs[0], node.inputs[1]
    if stored not in static or streamed in static:
        return None
    if node.input(2) and node.input(2) not in static:
        return None
    weights = values.of(stored).astype(np.float32)
    bias = values.of(node.input(2)).astype(np.float32) if node.input(2) else None
    if node.op == "Gemm":
        if node.integer("transA", 0):
            return None
        alpha, beta = (float(node.attributes.get(key, 1.0)) for key in ("alpha", "beta"))  # pyright: ignore
        weights = alpha * (weights if node.integer("transB", 0) else weights.T)
        bias = None if bias is None else np.broadcast_to(beta * bias, len(weights)).copy()
    elif node.op == "MatMul":
        if weights.ndim != 2:
            return None
        weights = weights.T
    if not np.isfinite(weights).all():
        raise InputError(
            f"the weights of {node.name!r} are not finite; the file is damaged, or no trained model"
        )
    return Product(
        node.name, place, node, streamed, node.outputs[0], np.ascontiguousarray(weights, np.float32), bias
    )
