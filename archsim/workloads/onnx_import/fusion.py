"""Folding what a compiler folds into a multiply-accumulate layer, a batch norm or a residual sum.

Scales and shifts that follow directly (batch norm, constant per channel or scalar) merge into weights and
bias. Then come element-by-element epilogues, which keep their operation counts: any small group of layers
that read only the layer's result (and constants of a channel or a scalar) and hand on one tensor, as Relu,
Clip, x·Sigmoid(x), the Erf chain of a Gelu. Nothing is folded past a network output or a second reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from archsim.workloads.layer import Layer, Tensor

_EPILOGUE_KINDS = ("elementwise", "activation")
_SCALES = ("mul", "div")
_SHIFTS = ("add", "sub")
_LARGEST_EPILOGUE = 12  # layers; the tanh form of a Gelu is 8


def fuse_layers(layers: Sequence[Layer], outputs: Iterable[str]) -> list[Layer]:
    """The layers with every fusable group replaced by one layer; order and names of the rest stay."""
    readers: dict[str, list[int]] = {}
    for position, layer in enumerate(layers):
        for name in {tensor.name for tensor in layer.inputs}:
            readers.setdefault(name, []).append(position)
    plan = _Plan(layers, readers, frozenset(outputs))
    gone: set[int] = set()
    fused = []
    for position, layer in enumerate(layers):
        if position in gone:
            continue
        if _is_head(layer):
            layer, taken = _absorb(layer, plan)
            gone.update(taken)
        fused.append(layer)
    return fused


@dataclass(frozen=True, slots=True)
class _Plan:
    layers: Sequence[Layer]
    readers: Mapping[str, list[int]]  # positions of the layers that read a tensor, ascending
    outputs: frozenset[str]


def _is_head(layer: Layer) -> bool:
    """A residual sum (or any join of two activations) takes the activation after it along, too."""
    joins = layer.kind == "elementwise" and len(layer.inputs) > 1
    return joins or layer.kind == "contraction" or layer.operator == "batch_norm"


def _absorb(head: Layer, plan: _Plan) -> tuple[Layer, list[int]]:
    taken: list[int] = []
    if len(head.outputs) > 1:
        return head, taken
    affine = head.has_static_weights  # still only scales and shifts: they merge into weights and bias
    while group := _epilogue(head, plan):
        for position in group:
            layer = plan.layers[position]
            affine = affine and len(group) == 1 and _is_affine(layer)
            head = _merge_affine(head, layer) if affine else _append(head, layer)
        taken += group
    return head, taken


def _epilogue(head: Layer, plan: _Plan) -> list[int]:
    """Positions of the smallest group of layers that can follow inside the head; empty if there is none."""
    inside = {head.outputs[0].name}
    group: list[int] = []
    while len(group) < _LARGEST_EPILOGUE:
        if group and len(_leaving(inside, group, plan)) == 1:
            last = plan.layers[group[-1]].outputs[0].name
            return group if _leaving(inside, group, plan) == {last} else []
        if inside & plan.outputs:
            return []
        waiting = sorted({p for name in inside for p in plan.readers.get(name, ())} - set(group))
        if not waiting or not _fits(head, plan.layers[waiting[0]], inside):
            return []
        group.append(waiting[0])
        inside.add(plan.layers[waiting[0]].outputs[0].name)
    return []


def _leaving(inside: set[str], group: list[int], plan: _Plan) -> set[str]:
    """Tensors of the group that somebody outside reads, or nobody reads at all."""
    return {
        name
        for name in inside
        if name in plan.outputs or set(plan.readers.get(name, ())) - set(group) or not plan.readers.get(name)
    }


def _fits(head: Layer, layer: Layer, inside: set[str]) -> bool:
    output = head.outputs[0]
    if len(layer.outputs) != 1 or layer.outputs[0].elements != output.elements:
        return False
    if any(tensor.name not in inside for tensor in layer.inputs):
        return False
    if layer.operator in ("quantize", "dequantize"):
        return False
    if layer.operator != "batch_norm" and layer.kind not in _EPILOGUE_KINDS:
        return False
    if not layer.weights:
        return True
    if not head.has_static_weights:  # a product of two activations has no place for constants
        return False
    same_shape = layer.outputs[0].shape == output.shape
    if layer.operator == "batch_norm":
        return same_shape and _channel_axis(head) == 1
    return same_shape and all(_is_per_channel(head, tensor) for tensor in layer.weights)


def _channel_axis(head: Layer) -> int:
    """Axis of the output that the weights' columns make: 1 of a convolution or norm, else the last."""
    if head.operator in ("gemm", "matmul"):
        return len(head.outputs[0].shape) - 1
    return 1


def _is_per_channel(head: Layer, constant: Tensor) -> bool:
    """Whether numpy broadcasting gives every channel one value of the constant."""
    rank = len(head.outputs[0].shape)
    shape = (1,) * (rank - len(constant.shape)) + constant.shape
    channel = _channel_axis(head)
    return len(shape) == rank and all(size == 1 for axis, size in enumerate(shape) if axis != channel)


def _is_affine(layer: Layer) -> bool:
    """Whether the layer (known to fit) maps every channel's x to a·x + b with constants."""
    return layer.operator == "batch_norm" or (
        layer.operator in (*_SCALES, *_SHIFTS) and len(layer.inputs) == 1
    )


def _merge_affine(head: Layer, layer: Layer) -> Layer:
    """Fold into weights and bias: no work. A batch norm keeps its stored tensors, a first shift becomes the
    bias (added once per element); a scale, or a shift where there is a bias already, adds no parameter."""
    has_bias = len(head.weights) > 1
    if layer.operator == "batch_norm":
        return _append(head, replace(layer, ops={}))
    if layer.operator in _SHIFTS and not has_bias:
        return _append(head, layer)
    return _append(head, replace(layer, ops={}, weights=()))


def _append(head: Layer, layer: Layer) -> Layer:
    return replace(
        head,
        outputs=layer.outputs,
        weights=head.weights + layer.weights,
        ops=Counter(head.ops) + Counter(layer.ops),
        precision=head.precision.with_output_bits(layer.precision.output_bits),
        fused=(*head.fused, layer.operator),
    )
