"""Multiply-accumulate nodes as loop nests: convolutions, matrix products, Einsum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.onnx_import.graph import Node
from archsim.workloads.onnx_import.tensors import Tensors


class NotAContraction(ValueError):
    """The node multiplies and sums in a way that no loop nest of this package describes."""


def conv(node: Node, tensors: Tensors) -> list[Layer]:
    layer = conv_layer(node, tensors, node.input(0), node.input(1), node.input(2))
    return _bias_apart(layer, tensors, node.input(1))


def conv_layer(node: Node, tensors: Tensors, x: str, w: str, bias: str) -> Layer:
    """Conv of rank 1 to 3. One axis runs along the columns.

    Three axes: the depth is folded, B counts (item, output depth) and C counts (channel, kernel depth).
    MACs, weights and the GEMM view are exact; the nest's `input_elements` then counts a slice of depth once
    for every window that reads it.
    """
    batch, channels, *size = tensors.shape(x)
    filters, group_channels, *kernel = tensors.shape(w)
    output = tensors.shape(node.outputs[0])[2:]
    groups = node.integer("group", 1)
    rank = len(size)
    stride = node.integers("strides", [1] * rank)
    dilation = node.integers("dilations", [1] * rank)
    _check_conv(rank, kernel, output, stride, dilation)
    if channels != groups * group_channels or filters % groups:
        raise ValueError(f"{channels} input channels do not fit a kernel of {(filters, group_channels)}")
    before, after = _conv_padding(node, size, output, kernel, stride, dilation)
    depth_out, depth_kernel = (output[0], kernel[0]) if rank == 3 else (1, 1)
    nest = Contraction(
        B=batch * depth_out,
        G=groups,
        K=filters // groups,
        C=group_channels * depth_kernel,
        **_plane(output, kernel, stride, dilation, before, after, size),
    )
    names = [x, w, bias]
    return tensors.layer(node, "conv", names, _bias_ops(node, tensors, bias), contraction=nest, stationary=w)


def conv_transpose(node: Node, tensors: Tensors) -> list[Layer]:
    """ConvTranspose of rank 1 to 3; output padding is taken off the padding, as far as there is any.

    Three axes: B counts (item, input depth) and K counts (channel, kernel depth).
    """
    x, w, bias = node.input(0), node.input(1), node.input(2)
    batch, channels, *size = tensors.shape(x)
    _, group_filters, *kernel = tensors.shape(w)
    output = tensors.shape(node.outputs[0])[2:]
    groups = node.integer("group", 1)
    rank = len(size)
    stride = node.integers("strides", [1] * rank)
    dilation = node.integers("dilations", [1] * rank)
    _check_conv(rank, kernel, output, stride, dilation)
    pads = node.integers("pads", [0] * 2 * rank)
    before, after = [], []
    for axis in range(rank):
        reached = (size[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        total = max(0, reached - output[axis])
        before.append(min(pads[axis], total) if "pads" in node.attributes else total // 2)
        after.append(total - before[-1])
    depth_in, depth_kernel = (size[0], kernel[0]) if rank == 3 else (1, 1)
    nest = Contraction(
        B=batch * depth_in,
        G=groups,
        K=group_filters * depth_kernel,
        C=channels // groups,
        transposed=True,
        **_plane(size, kernel, stride, dilation, before, after, size),
    )
    ops = _bias_ops(node, tensors, bias)
    layer = tensors.layer(node, "conv_transpose", [x, w, bias], ops, contraction=nest, stationary=w)
    return _bias_apart(layer, tensors, w)


def _check_conv(rank: int, *lists: Sequence[int]) -> None:
    if rank not in (1, 2, 3):
        raise ValueError(f"a convolution over {rank} axes is not supported; allowed: 1 to 3")
    if any(len(entries) != rank for entries in lists):
        raise ValueError(f"kernel, output, strides and dilations must have {rank} entries each")


def _plane(
    loops: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    before: Sequence[int],
    after: Sequence[int],
    size: Sequence[int],
) -> dict:
    """The two innermost axes as loops; a missing row axis has size 1."""

    def rows_columns(values: Sequence[int], absent: int) -> tuple[int, int]:
        rows, columns = (absent, *values)[-2:] if len(values) == 1 else values[-2:]
        return rows, columns

    (P, Q), (R, S) = rows_columns(loops, 1), rows_columns(kernel, 1)
    (top, left), (bottom, right) = rows_columns(before, 0), rows_columns(after, 0)
    return {
        "P": P,
        "Q": Q,
        "R": R,
        "S": S,
        "stride": rows_columns(stride, 1),
        "dilation": rows_columns(dilation, 1),
        "padding": (top, left, bottom, right),
        "input_size": rows_columns(size, 1),
    }


def _conv_padding(
    node: Node,
    size: Sequence[int],
    output: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> tuple[list[int], list[int]]:
    rank = len(size)
    automatic = node.text("auto_pad", "NOTSET")
    if automatic not in ("SAME_UPPER", "SAME_LOWER"):
        pads = node.integers("pads", [0] * 2 * rank) if automatic == "NOTSET" else [0] * 2 * rank
        return pads[:rank], pads[rank:]
    before, after = [], []
    for axis in range(rank):
        reached = (output[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        total = max(0, reached - size[axis])
        small, large = total // 2, total - total // 2
        before.append(small if automatic == "SAME_UPPER" else large)
        after.append(total - before[-1])
    return before, after


def _bias_ops(node: Node, tensors: Tensors, bias: str) -> dict[str, int]:
    return {"add": tensors.elements(node.outputs[0])} if bias else {}


def _bias_apart(layer: Layer, tensors: Tensors, standing: str) -> list[Layer]:
    """A product of two activations has no weights: its constant bias becomes a layer of its own."""
    if tensors.is_static(standing) or not layer.weights:
        return [layer]
    between = Tensor(f"{layer.name}/product", layer.outputs[0].shape)
    return [
        replace(layer, outputs=(between,), weights=(), ops={}),
        replace(
            layer, name=f"{layer.name}/bias", operator="add", inputs=(between,), contraction=None, fused=()
        ),
    ]


def gemm(node: Node, tensors: Tensors) -> list[Layer]:
    a, b, bias = node.input(0), node.input(1), node.input(2)
    labels_a = "km" if node.integer("transA", 0) else "mk"
    labels_b = "nk" if node.integer("transB", 0) else "kn"
    ops = _bias_ops(node, tensors, bias)
    layer = product_layer(node, tensors, (a, labels_a), (b, labels_b), "mn", [bias], ops)
    return _bias_apart(layer, tensors, a if tensors.is_static(a) else b)


def matmul(node: Node, tensors: Tensors) -> list[Layer]:
    return [matmul_layer(node, tensors, node.input(0), node.input(1))]


def matmul_layer(node: Node, tensors: Tensors, a: str, b: str) -> Layer:
    """numpy.matmul: leading axes broadcast, a 1-D operand is a row (first) or a column (second)."""
    rank_a, rank_b = len(tensors.shape(a)), len(tensors.shape(b))
    leading = tuple(f"axis{i}" for i in range(max(rank_a, rank_b) - 2, 0, -1))
    labels_a = (*leading[len(leading) - (rank_a - 2) :], "m", "k") if rank_a > 1 else ("k",)
    labels_b = (*leading[len(leading) - (rank_b - 2) :], "k", "n") if rank_b > 1 else ("k",)
    return product_layer(node, tensors, (a, labels_a), (b, labels_b), (*leading, "m", "n"), [], {})


def product_layer(
    node: Node,
    tensors: Tensors,
    first: tuple[str, Sequence[str]],
    second: tuple[str, Sequence[str]],
    output: Sequence[str],
    extra: Sequence[str],
    ops: Mapping[str, int],
) -> Layer:
    """The product of two (tensor name, axis labels) operands; the static one stands, else the second."""
    streamed, standing = (second, first) if tensors.is_static(first[0]) else (first, second)
    nest = product_loops(
        _sizes(tensors, *streamed), _sizes(tensors, *standing), frozenset(output), tensors.graph.batch
    )
    operator = "gemm" if tensors.is_static(standing[0]) else "matmul"
    names = [streamed[0], standing[0], *extra]
    return tensors.layer(node, operator, names, ops, contraction=nest, stationary=standing[0])


def _sizes(tensors: Tensors, name: str, labels: Sequence[str]) -> dict[str, int]:
    shape = tensors.shape(name)
    if len(shape) != len(labels):
        raise ValueError(f"operand {name!r} of shape {shape} should have {len(labels)} axes")
    return dict(zip(labels, shape, strict=True))


def product_loops(
    streamed: Mapping[str, int], standing: Mapping[str, int], output: frozenset[str], batch: int
) -> Contraction:
    """Sort the labels of a two-operand product into loops.

    In both operands and the output: G. In both, summed: C. Only in the streamed operand: a row of the
    product (B and P). Only in the standing one: K. An axis of size 1 broadcasts, as if its label were absent.
    Rows are split into B·P by the network's batch, where they divide by it and no group holds the batch.
    """
    groups, rows, columns, summed = 1, 1, 1, 1
    for label in {**streamed, **standing}:
        mine, other = streamed.get(label, 1), standing.get(label, 1)
        if mine != other and 1 not in (mine, other):
            raise ValueError(f"the operands' axes of {mine} and {other} do not match")
        if label in output:
            if mine > 1 and other > 1:
                groups *= mine
            else:
                rows, columns = rows * mine, columns * other
        elif label in streamed and label in standing:
            summed *= max(mine, other)
        elif max(mine, other) > 1:
            raise NotAContraction(f"axis {label!r} is summed within one operand")
    B = batch if groups == 1 and rows % batch == 0 else 1
    return Contraction(B=B, G=groups, K=columns, C=summed, P=rows // B)


def einsum(node: Node, tensors: Tensors) -> list[Layer]:
    """Einsum of two operands whose labels occur once in each; raises NotAContraction for others."""
    equation = node.text("equation", "").replace(" ", "")
    operands, arrow, output = equation.partition("->")
    terms = operands.split(",")
    if len(terms) != 2 or len(node.inputs) != 2:
        raise NotAContraction(f"Einsum {equation!r} has {len(terms)} operands, not 2")
    ranks = [len(tensors.shape(name)) for name in node.inputs]
    labels = [_expand(term, rank) for term, rank in zip(terms, ranks, strict=True)]
    if any(len(set(term)) != len(term) for term in labels):
        raise NotAContraction(f"Einsum {equation!r} takes a diagonal")
    letters = [label for term in labels for label in term]
    if arrow:
        kept = [label for label in letters if label.startswith(".") or label in output]
    else:
        kept = [label for label in letters if label.startswith(".") or letters.count(label) == 1]
    first, second = zip(node.inputs, labels, strict=True)
    return [product_layer(node, tensors, first, second, kept, [], {})]


def _expand(term: str, rank: int) -> list[str]:
    """Labels of one operand; the axes of an ellipsis are labelled from the last: .1 is next to the rest."""
    before, dots, after = term.partition("...")
    hidden = rank - len(before) - len(after) if dots else 0
    return [*before, *(f".{i}" for i in range(hidden, 0, -1)), *after]


CONVERTERS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "MatMul": matmul,
    "Einsum": einsum,
}
