"""Operators whose elementary operations depend on attributes or shapes: pooling, norms, powers, resizing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil, log2, prod

from archsim.workloads.layer import Layer
from archsim.workloads.onnx_import.graph import Node
from archsim.workloads.onnx_import.number_formats import same_kind
from archsim.workloads.onnx_import.operator_table import TABLE
from archsim.workloads.onnx_import.tensors import Tensors


def tabled(node: Node, tensors: Tensors) -> list[Layer]:
    """An operator of the table."""
    cost = TABLE[node.op]
    written = sum(t.elements for t in tensors.outputs(node))
    ops = Counter({key: count * written for key, count in cost.per_output.items()})
    if cost.per_input:
        read = tensors.elements(node.input(0))
        ops.update({key: count * read for key, count in cost.per_input.items()})
    return [tensors.layer(node, cost.operator, node.inputs[: cost.data_inputs], ops)]


def _per_output(
    operator: str, node: Node, tensors: Tensors, data_inputs: int | None, **ops: int
) -> list[Layer]:
    n = tensors.elements(node.outputs[0])
    counts = {key: count * n for key, count in ops.items()}
    return [tensors.layer(node, operator, node.inputs[:data_inputs], counts)]


def max_pool(node: Node, tensors: Tensors) -> list[Layer]:
    """One comparison per window element."""
    return _per_output("max_pool", node, tensors, 1, max=prod(node.integers("kernel_shape", [])))


def average_pool(node: Node, tensors: Tensors) -> list[Layer]:
    """The window's sum, times the constant 1/n."""
    return _per_output("average_pool", node, tensors, 1, add=prod(node.integers("kernel_shape", [])), mul=1)


def lp_pool(node: Node, tensors: Tensors) -> list[Layer]:
    """The window's sum of squares and its root."""
    window = prod(node.integers("kernel_shape", []))
    return _per_output("average_pool", node, tensors, 1, mul=window, add=window, sqrt=1)


def local_response(node: Node, tensors: Tensors) -> list[Layer]:
    """x / (k + alpha·Σx²)^beta over `size` channels; the power is exp(beta·log)."""
    size = node.integer("size", 1)
    return _per_output("lrn", node, tensors, 1, mul=3, add=size + 1, exp=2, div=1)


def _norm(operator: str, node: Node, tensors: Tensors, rows: int, *, centred: bool) -> list[Layer]:
    """Per element: square and sum, times the reciprocal deviation, times the scale; centred: also sum for
    the mean, subtract it, add the shift. Per row: one root and one division."""
    n = tensors.elements(node.input(0))
    ops = {"mul": 3 * n, "add": 4 * n if centred else n, "sqrt": rows, "div": rows}
    return [tensors.layer(node, operator, node.inputs, ops)]


def layer_norm(node: Node, tensors: Tensors) -> list[Layer]:
    shape = tensors.shape(node.input(0))
    axis = node.integer("axis", -1) % len(shape)
    return _norm("layer_norm", node, tensors, prod(shape[:axis]), centred=True)


def rms_norm(node: Node, tensors: Tensors) -> list[Layer]:
    shape = tensors.shape(node.input(0))
    axis = node.integer("axis", -1) % len(shape)
    return _norm("rms_norm", node, tensors, prod(shape[:axis]), centred=False)


def group_norm(node: Node, tensors: Tensors) -> list[Layer]:
    """GroupNormalization, and InstanceNormalization where every channel is a group."""
    batch, channels = tensors.shape(node.input(0))[:2]
    return _norm("group_norm", node, tensors, batch * node.integer("num_groups", channels), centred=True)


def lp_norm(node: Node, tensors: Tensors) -> list[Layer]:
    """LpNormalization: squares and their sum, one division an element; one root per row."""
    shape = tensors.shape(node.input(0))
    n, rows = prod(shape), prod(shape) // shape[node.integer("axis", -1)]
    ops = {"mul": n, "add": n, "div": n, "sqrt": rows}
    return [tensors.layer(node, "rms_norm", node.inputs, ops)]


def mean_variance_norm(node: Node, tensors: Tensors) -> list[Layer]:
    """MeanVarianceNormalization: as a centred norm without scale and shift."""
    shape = tensors.shape(node.input(0))
    axes = {axis % len(shape) for axis in node.integers("axes", [0, 2, 3])}
    n, rows = prod(shape), prod(size for axis, size in enumerate(shape) if axis not in axes)
    ops = {"mul": 2 * n, "add": 3 * n, "sqrt": rows, "div": rows}
    return [tensors.layer(node, "layer_norm", node.inputs, ops)]


def gelu(node: Node, tensors: Tensors) -> list[Layer]:
    """x/2·(1 + erf(x/√2)); the tanh form takes √(2/π)·(x + 0.044715·x³) into a tanh instead."""
    if node.text("approximate", "none") == "tanh":
        return _per_output("gelu", node, tensors, 1, mul=7, add=4, exp=1, div=1)
    return _per_output("gelu", node, tensors, 1, mul=10, add=7, exp=1, div=1)


def binary(node: Node, tensors: Tensors) -> list[Layer]:
    """Add, Sub, Mul; a tensor with itself is no scale or shift of it, and stays apart from those."""
    if len({tensors.source(name) for name in node.inputs}) == 1:
        cost = TABLE[node.op]
        return _per_output("elementwise", node, tensors, None, **cost.per_output)
    return tabled(node, tensors)


def division(node: Node, tensors: Tensors) -> list[Layer]:
    """Div; by a constant it is a multiplication by the reciprocal, and a constant over x stays apart."""
    if tensors.is_static(node.input(1)):
        return _per_output("div", node, tensors, None, mul=1)
    return _per_output(
        "elementwise" if tensors.is_static(node.input(0)) else "div", node, tensors, None, div=1
    )


def power(node: Node, tensors: Tensors) -> list[Layer]:
    """Small constant exponents are products or a root; otherwise exp(y·log(x))."""
    exponent = tensors.graph.scalars.get(node.input(1))
    if exponent in (2.0, 3.0):
        return _per_output("elementwise", node, tensors, None, mul=int(exponent) - 1)
    if exponent == 0.5:
        return _per_output("elementwise", node, tensors, None, sqrt=1)
    return _per_output("elementwise", node, tensors, None, exp=2, mul=1)


def variadic(node: Node, tensors: Tensors) -> list[Layer]:
    """Sum, Max, Min, Mean of several tensors: one operation per tensor after the first."""
    count = len(node.inputs) - 1
    if node.op == "Sum":
        return _per_output("add", node, tensors, None, add=count)
    if node.op == "Mean":
        return _per_output("elementwise", node, tensors, None, add=count, mul=1)
    return _per_output("elementwise", node, tensors, None, max=count)


def top_k(node: Node, tensors: Tensors) -> list[Layer]:
    """A heap of the k best: every element is compared with the least of them and may sink log2(k) levels."""
    shape, kept = tensors.shape(node.input(0)), tensors.shape(node.outputs[0])
    k = max(1, kept[node.integer("axis", -1)])
    ops = {"max": prod(shape) * (1 + ceil(log2(k)))}
    return [tensors.layer(node, "reduce", node.inputs[:1], ops)]


def resize(node: Node, tensors: Tensors) -> list[Layer]:
    """Nearest copies; linear and cubic weigh 2 or 4 neighbours along every axis that is scaled."""
    neighbours = {"linear": 2, "cubic": 4}.get(node.text("mode", "nearest"), 1)
    scaled = zip(tensors.shape(node.input(0)), tensors.shape(node.outputs[0]), strict=True)
    taps = neighbours ** sum(before != after for before, after in scaled)
    if taps == 1 and tensors.shape(node.input(0)) == tensors.shape(node.outputs[0]):
        tensors.alias(node.outputs[0], node.input(0))
        return []
    if taps == 1:
        return _per_output("resize", node, tensors, 1, move=1)
    return _per_output("resize", node, tensors, 1, mul=taps, add=taps - 1)


def cast(node: Node, tensors: Tensors) -> list[Layer]:
    """Between integer and floating values: one addition, to shift and round. Within a kind: nothing."""
    types = [tensors.graph.types[name].element for name in (node.input(0), node.outputs[0])]
    if same_kind(*types):
        tensors.alias(node.outputs[0], node.input(0))
        return []
    return _per_output("elementwise", node, tensors, 1, add=1)


def transpose(node: Node, tensors: Tensors) -> list[Layer]:
    """A copy, unless only axes of one element change places."""
    shape = tensors.shape(node.input(0))
    order = node.integers("perm", list(range(len(shape)))[::-1])
    moved = [axis for axis in order if shape[axis] > 1]
    if moved == sorted(moved):
        tensors.alias(node.outputs[0], node.input(0))
        return []
    return tabled(node, tensors)


def maybe_copy(node: Node, tensors: Tensors) -> list[Layer]:
    """Expand, Tile, Pad that change no size, a Concat of one tensor: nothing to do."""
    data = [name for name in node.inputs[: TABLE[node.op].data_inputs] if name]
    if len(data) == 1 and tensors.shape(data[0]) == tensors.shape(node.outputs[0]):
        tensors.alias(node.outputs[0], data[0])
        return []
    return tabled(node, tensors)


CONVERTERS: dict[str, Callable[[Node, Tensors], list[Layer]]] = {
    **dict.fromkeys(TABLE, tabled),
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "LRN": local_response,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "SimplifiedLayerNormalization": rms_norm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": group_norm,
    "LpNormalization": lp_norm,
    "MeanVarianceNormalization": mean_variance_norm,
    "Gelu": gelu,
    "com.microsoft:Gelu": gelu,
    **dict.fromkeys(("Add", "Sub", "Mul"), binary),
    "Div": division,
    "Pow": power,
    **dict.fromkeys(("Sum", "Max", "Min", "Mean"), variadic),
    "TopK": top_k,
    "Resize": resize,
    "Upsample": resize,
    "Cast": cast,
    "CastLike": cast,
    "Transpose": transpose,
    **dict.fromkeys(("Expand", "Tile", "Pad", "Concat"), maybe_copy),
}
