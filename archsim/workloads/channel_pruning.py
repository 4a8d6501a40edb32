"""Networks with some of their channels cut out: what structured pruning leaves to compute.

Pruned are the outputs of convolutions that only other convolutions or linear layers read, directly or through
pooling, activations or depthwise convolutions: inside the blocks of a ResNet, say, but not what is added to a
shortcut. Only sizes change; which channels go, and what that costs in accuracy, is the training's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from archsim.errors import InputError
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload

PASSING = ("max_pool", "average_pool", "relu", "sigmoid", "tanh", "gelu", "lrn", "batch_norm")
"""Operators that treat every channel of their one input by itself."""


@dataclass(frozen=True)
class Cut:
    """So many of a tensor's channels are kept."""

    kept: int
    of: int

    def of_count(self, count: int) -> int:
        """What is left of a count that every channel has an equal part in."""
        return count * self.kept // self.of


def with_pruned_channels(workload: Workload, kept: float) -> Workload:
    """The workload with a share `kept` of the channels of every tensor that can be pruned, at least one.

    Raises InputError for a share outside 0 (excluded) to 1.
    """
    if not 0 < kept <= 1:
        raise InputError(f"kept is {kept}; give the share of channels that stay, above 0 up to 1")
    cuts: dict[str, Cut] = {}
    readers = _readers(workload)
    outputs = {tensor.name for tensor in workload.outputs}
    for layer in workload.layers:
        c, made = layer.contraction, layer.outputs[0]
        if layer.operator != "conv" or c is None or c.G != 1:
            continue
        reached = _reached(made, readers, outputs)
        if reached is not None:
            cuts |= dict.fromkeys(reached, Cut(ceil(kept * c.K), c.K))
    layers = [_pruned(layer, cuts) for layer in workload.layers]
    warnings = workload.warnings
    return Workload.from_layers(workload.name, layers, sorted(outputs), warnings)


def _readers(workload: Workload) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for layer in workload.layers:
        for tensor in layer.inputs:
            found.setdefault(tensor.name, []).append(layer)
    return found


def _reached(tensor: Tensor, readers: Mapping[str, list[Layer]], outputs: set[str]) -> list[str] | None:
    """The tensor and those with the same channels behind it; None if something needs all channels."""
    if tensor.name in outputs:
        return None
    found = [tensor.name]
    for layer in readers.get(tensor.name, ()):
        if _sums_channels(layer, tensor):
            continue
        c = layer.contraction
        passes = layer.operator in PASSING or (c is not None and c.is_depthwise)
        if not passes or len(layer.inputs) != 1:
            return None
        behind = _reached(layer.outputs[0], readers, outputs)
        if behind is None:
            return None
        found += behind
    return found


def _sums_channels(layer: Layer, tensor: Tensor) -> bool:
    """Whether a layer with weights needs no more than the tensor's channels that are there."""
    c = layer.contraction
    if c is None or c.G != 1 or c.transposed or not layer.has_static_weights:
        return False
    return layer.operator == "conv" or tensor.elements == c.B * c.P * c.Q * c.C


def _pruned(layer: Layer, cuts: Mapping[str, Cut]) -> Layer:
    before, behind = cuts.get(layer.inputs[0].name), cuts.get(layer.outputs[0].name)
    if before is None and behind is None:
        return layer
    c, weights = layer.contraction, layer.weights
    if c is not None and c.is_depthwise:
        assert behind is not None
        c = replace(c, G=behind.of_count(c.G))
        weights = tuple(_cut(tensor, 0, behind) for tensor in weights)
    elif c is not None:
        if before is not None:
            c = replace(c, C=before.of_count(c.C))
            weights = (_cut(weights[0], 1, before), *weights[1:])
        if behind is not None:
            c = replace(c, K=behind.kept)
            weights = tuple(_cut(tensor, 0, behind) for tensor in weights)
    ops = layer.ops if behind is None else {op: behind.of_count(n) for op, n in layer.ops.items()}
    return replace(
        layer,
        inputs=tuple(_of_channels(tensor, cuts) for tensor in layer.inputs),
        outputs=tuple(_of_channels(tensor, cuts) for tensor in layer.outputs),
        weights=weights,
        contraction=c,
        ops=dict(ops),
    )


def _of_channels(tensor: Tensor, cuts: Mapping[str, Cut]) -> Tensor:
    return _cut(tensor, 1, cuts[tensor.name]) if tensor.name in cuts else tensor


def _cut(tensor: Tensor, axis: int, cut: Cut) -> Tensor:
    shape = list(tensor.shape)
    shape[axis] = cut.of_count(shape[axis])
    return replace(tensor, shape=tuple(shape))
