"""Integer operators: the QLinear and Integer contractions, quantise and dequantise nodes.

The scaling of an accumulator back to its output's width belongs to the array's output stage: like the
vanished Q/DQ pairs it is not counted in elementary operations. A quantise or dequantise node that stays is.
"""

from __future__ import annotations

from archsim.workloads.layer import Layer
from archsim.workloads.onnx_import.contractions import conv_layer, matmul_layer
from archsim.workloads.onnx_import.graph import Graph, Node
from archsim.workloads.onnx_import.tensors import Tensors


def qlinear_conv(node: Node, tensors: Tensors) -> list[Layer]:
    return [conv_layer(node, tensors, node.input(0), node.input(3), node.input(8))]


def conv_integer(node: Node, tensors: Tensors) -> list[Layer]:
    return [conv_layer(node, tensors, node.input(0), node.input(1), "")]


def qlinear_matmul(node: Node, tensors: Tensors) -> list[Layer]:
    return [matmul_layer(node, tensors, node.input(0), node.input(3))]


def matmul_integer(node: Node, tensors: Tensors) -> list[Layer]:
    return [matmul_layer(node, tensors, node.input(0), node.input(1))]


def paired_quantizers(graph: Graph) -> frozenset[str]:
    """Outputs of QuantizeLinear nodes that only DequantizeLinear nodes read: they mark a width, no work."""
    quantized = {node.output(0) for node in graph.nodes if node.op == "QuantizeLinear"} - set(graph.outputs)
    for node in graph.nodes:
        data = 0 if node.op == "DequantizeLinear" else -1
        quantized.difference_update(name for i, name in enumerate(node.inputs) if i != data)
    return frozenset(name for name in quantized if graph.readers.get(name))


def quantize(node: Node, tensors: Tensors, pairs: frozenset[str]) -> list[Layer]:
    """QuantizeLinear: scale, shift by the zero point, clamp at both ends."""
    x, output = node.input(0), node.outputs[0]
    if output in pairs:
        tensors.alias(output, x)
        tensors.store_as(output, tensors.graph.types[output].element)
        return []
    n = tensors.elements(output)
    return [tensors.layer(node, "quantize", [x], {"mul": n, "add": n, "max": 2 * n})]


def dequantize(node: Node, tensors: Tensors, pairs: frozenset[str]) -> list[Layer]:
    """DequantizeLinear: shift by the zero point, scale."""
    x, output = node.input(0), node.outputs[0]
    if x in pairs:
        tensors.alias(output, x)
        return []
    n = tensors.elements(output)
    return [tensors.layer(node, "dequantize", [x], {"mul": n, "add": n})]


def dynamic_quantize(node: Node, tensors: Tensors) -> list[Layer]:
    """DynamicQuantizeLinear: find minimum and maximum, then quantise as above."""
    n = tensors.elements(node.outputs[0])
    return [tensors.layer(node, "quantize", [node.input(0)], {"mul": n, "add": n, "max": 4 * n})]


CONVERTERS = {
    "QLinearConv": qlinear_conv,
    "ConvInteger": conv_integer,
    "QLinearMatMul": qlinear_matmul,
    "MatMulInteger": matmul_integer,
    "DynamicQuantizeLinear": dynamic_quantize,
}
