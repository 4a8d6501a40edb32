"""Integer operators: the QLinear and Integer contractions, quantise and dequantise nodes.

The scaling of an accumulator back to its output's width belongs to the array's output stage: like the
vanished Q/DQ pairs it is not counted in elementary operations. A quantise or dequantise node that stays is.
"""

from __future__ import annotations

from archsim.workloads.layer import Layer
from archsim.workloads.onnx_import.contractions import conv_layer, matmul_layer, product_layer
from archsim.workloads.onnx_import.graph import Graph, Node
from archsim.workloads.onnx_import.shape_inference import MAC_OPERATORS
from archsim.workloads.onnx_import.tensors import Tensors


def qlinear_conv(node: Node, tensors: Tensors) -> list[Layer]:
    return [conv_layer(node, tensors, node.input(0), node.input(3), node.input(8))]


def conv_integer(node: Node, tensors: Tensors) -> list[Layer]:
    return [conv_layer(node, tensors, node.input(0), node.input(1), "")]


def qlinear_matmul(node: Node, tensors: Tensors) -> list[Layer]:
    return [matmul_layer(node, tensors, node.input(0), node.input(3))]


def matmul_integer(node: Node, tensors: Tensors) -> list[Layer]:
    return [matmul_layer(node, tensors, node.input(0), node.input(1))]


def vanishing(graph: Graph) -> frozenset[str]:
    """Outputs of the quantise and dequantise nodes that mark a width and are no work.

    A QuantizeLinear that only DequantizeLinear nodes read, these, and a DequantizeLinear that only
    multiply-accumulate nodes read: they multiply the integers themselves.
    """

    def made_by(op: str) -> set[str]:
        return {node.output(0) for node in graph.nodes if node.op == op} - set(graph.outputs)

    quantized, multiplied = made_by("QuantizeLinear"), made_by("DequantizeLinear")
    for node in graph.nodes:
        data = 0 if node.op == "DequantizeLinear" else -1
        quantized.difference_update(name for i, name in enumerate(node.inputs) if i != data)
        if node.op not in MAC_OPERATORS:
            multiplied.difference_update(node.inputs)
    paired = {n.output(0) for n in graph.nodes if n.op == "DequantizeLinear" and n.input(0) in quantized}
    return frozenset(name for name in quantized | multiplied | paired if graph.readers.get(name))


def quantize(node: Node, tensors: Tensors) -> list[Layer]:
    """QuantizeLinear: scale, shift by the zero point, clamp at both ends."""
    n = tensors.elements(node.outputs[0])
    return [tensors.layer(node, "quantize", node.inputs[:1], {"mul": n, "add": n, "max": 2 * n})]


def dequantize(node: Node, tensors: Tensors) -> list[Layer]:
    """DequantizeLinear: shift by the zero point, scale."""
    n = tensors.elements(node.outputs[0])
    return [tensors.layer(node, "dequantize", node.inputs[:1], {"mul": n, "add": n})]


def vanish(node: Node, tensors: Tensors) -> list[Layer]:
    """Readers read the source, stored as wide as the integers between quantise and dequantise."""
    x, output = node.input(0), node.outputs[0]
    tensors.alias(output, x)
    tensors.store_as(output, tensors.element_type(output if node.op == "QuantizeLinear" else x))
    return []


def dynamic_quantize(node: Node, tensors: Tensors) -> list[Layer]:
    """DynamicQuantizeLinear: find minimum and maximum, then quantise as above."""
    n = tensors.elements(node.outputs[0])
    return [tensors.layer(node, "quantize", [node.input(0)], {"mul": n, "add": n, "max": 4 * n})]


def qlinear_gemm(node: Node, tensors: Tensors) -> list[Layer]:
    """ONNX Runtime's QGemm: A, scale, zero point, B, scale, zero point, C."""
    labels_a = "km" if node.integer("transA", 0) else "mk"
    labels_b = "nk" if node.integer("transB", 0) else "kn"
    bias = node.input(6)
    ops = {"add": tensors.elements(node.outputs[0])} if bias else {}
    first, second = (node.input(0), labels_a), (node.input(3), labels_b)
    return [product_layer(node, tensors, first, second, "mn", [bias], ops)]


def qlinear_binary(node: Node, tensors: Tensors) -> list[Layer]:
    """ONNX Runtime's QLinearAdd and QLinearMul: A, scale, zero point, B, scale, zero point."""
    n = tensors.elements(node.outputs[0])
    operator = "add" if node.op.endswith("Add") else "mul"
    return [tensors.layer(node, operator, [node.input(0), node.input(3)], {operator: n})]


CONVERTERS = {
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "QLinearConv": qlinear_conv,
    "ConvInteger": conv_integer,
    "QLinearMatMul": qlinear_matmul,
    "MatMulInteger": matmul_integer,
    "DynamicQuantizeLinear": dynamic_quantize,
    "com.microsoft:QGemm": qlinear_gemm,
    "com.microsoft:QLinearAdd": qlinear_binary,
    "com.microsoft:QLinearMul": qlinear_binary,
}
