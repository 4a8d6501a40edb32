"""The Attention operator (opset 23): scores, softmax and weighted sum as three layers."""

from __future__ import annotations

from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.onnx_import.graph import Node
from archsim.workloads.onnx_import.number_formats import precision_of
from archsim.workloads.onnx_import.tensors import Tensors


def attention(node: Node, tensors: Tensors) -> list[Layer]:
    """Grouped queries share their key head: heads of one key are rows of one product.

    A causal mask does not make the products smaller. A past is concatenated to keys and values first.
    """
    q, k, v = node.inputs[:3]
    batch, heads, rows, width = _head_shape(node, tensors, q, "q_num_heads")
    _, key_heads, columns, _ = _head_shape(node, tensors, k, "kv_num_heads")
    value_width = _head_shape(node, tensors, v, "kv_num_heads")[3]
    if heads % key_heads:
        raise ValueError(f"{heads} query heads cannot share {key_heads} key heads")
    layers, operands = [], []
    for current, past, present in ((k, node.input(4), node.output(1)), (v, node.input(5), node.output(2))):
        layer, tensor = _with_past(node, tensors, current, past, present)
        layers += layer
        operands.append(tensor)
    if tensors.is_known(node.input(4)):
        columns += tensors.shape(node.input(4))[2]
    scores = Tensor(node.output(3) or f"{node.name}/scores", (batch, heads, rows, columns))
    weights = Tensor(f"{node.name}/weights", scores.shape)
    groups, shared = batch * key_heads, heads // key_heads
    types = [tensors.element_type(name) for name in (q, k, v)]
    precision = precision_of(types[1], types[0], types[0])
    score_nest = Contraction(G=groups, K=columns, C=width, P=shared * rows)
    value_nest = Contraction(G=groups, K=value_width, C=columns, P=shared * rows)
    mask = tensors.weights([node.input(3)])
    mask_input = tensors.activations([node.input(3)])
    return [
        *layers,
        Layer(
            name=f"{node.name}/scores",
            operator="matmul",
            inputs=(tensors.activation(q), operands[0]),
            outputs=(scores,),
            contraction=score_nest,
            ops={"mul": scores.elements},  # the scale
            precision=precision,
        ),
        Layer(
            name=f"{node.name}/softmax",
            operator="softmax",
            inputs=(scores, *mask_input),
            outputs=(weights,),
            weights=mask,
            ops=_softmax_ops(node, scores.elements),
            precision=precision,
        ),
        Layer(
            name=f"{node.name}/values",
            operator="matmul",
            inputs=(weights, operands[1]),
            outputs=(Tensor(node.outputs[0], tensors.shape(node.outputs[0])),),
            contraction=value_nest,
            precision=precision_of(types[2], types[0], tensors.element_type(node.outputs[0])),
        ),
    ]


def _softmax_ops(node: Node, n: int) -> dict[str, int]:
    """Softmax (maximum, subtract and sum, exp, divide), the mask's addition, and the soft cap's tanh."""
    masked = bool(node.input(3)) or bool(node.integer("is_causal", 0))
    ops = {"max": n, "add": (2 + masked) * n, "exp": n, "div": n}
    if node.attributes.get("softcap"):  # cap·tanh(x / cap): tanh, and two products
        ops = {"max": n, "add": ops["add"] + 2 * n, "exp": 2 * n, "div": 2 * n, "mul": 3 * n}
    return ops


def _head_shape(node: Node, tensors: Tensors, name: str, heads_key: str) -> tuple[int, int, int, int]:
    """(batch, heads, rows, width of a head); of 3 axes the last holds all heads."""
    shape = tensors.shape(name)
    if len(shape) == 4:
        return shape[0], shape[1], shape[2], shape[3]
    batch, rows, width = shape
    heads = node.integer(heads_key, 0)
    if heads < 1 or width % heads:
        raise ValueError(f"operand {name!r} of shape {shape} needs {heads_key} heads that divide its width")
    return batch, heads, rows, width // heads


def _with_past(
    node: Node, tensors: Tensors, current: str, past: str, present: str
) -> tuple[list[Layer], Tensor]:
    tensor = tensors.activation(current)
    if not tensors.is_known(past):
        if present:
            tensors.alias(present, current)
        return [], tensor
    before = tensors.activation(past)
    batch, heads, length, width = before.shape
    shape = (batch, heads, length + tensor.elements // (batch * heads * width), width)
    name = present or f"{node.name}/present_{current}"
    whole = Tensor(name, shape)
    element = tensors.element_type(current)
    layer = Layer(
        name=f"{node.name}/append_{current}",
        operator="concat",
        inputs=(before, tensor),
        outputs=(whole,),
        ops={"move": whole.elements},
        precision=precision_of(element, element, element),
    )
    return [layer], whole


CONVERTERS = {"Attention": attention}
