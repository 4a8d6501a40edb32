"""Sensitivity from weights alone: squared quantisation error per parameter.

A layer's output noise is that of its weights' error and of its activations' error. With both small and
independent of the values, over N products per output,

    noise = N · (E[(w - Q(w))²] · E[x²]  +  E[w²] · E[(x - Q(x))²])

Divided by N·E[x²], the first term is the squared weight error per parameter: the loss of the weights. The
second becomes E[w²] · (E[(x - Q(x))²] / E[x²]): the loss of the activations is the squared weight error per
parameter that would make as much noise. The two add. Ranked by it, layers come in much the order of HAWQ-V3's
Hessian-weighted errors (Spearman 0.83 on ResNet-18, 0.71 on ResNet-50; tests/numerics/test_hawq_ranking.py),
which the total error, not per parameter, or the noise-to-signal ratio of the weights, does not give.

What is not known is assumed, and named in the table's source: weights without values are normal with variance
2 / fan-in (He et al. 2015, arXiv:1502.01852, equation 10); activations are normal, rectified behind a ReLU
(`gaussian_noise`). The standing operand of a product of two activations takes the weights' place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.errors import InputError
from archsim.numerics.channels import Channels
from archsim.numerics.gaussian_noise import activation_noise, weight_noise
from archsim.numerics.onnx_operands import OnnxOperands
from archsim.numerics.quantise import Fit, Floats
from archsim.numerics.sensitivity import Key, Sensitivity
from archsim.workloads.layer import Layer
from archsim.workloads.signs import non_negative_tensors
from archsim.workloads.workload import Workload

_LARGEST = 1e15  # a magnitude whose square, summed, still is a float32
UNIT = "equivalent squared weight error per parameter"


@dataclass(frozen=True, slots=True)
class WeightScheme:
    """How weights are quantised: a scale for every output channel or one for the tensor, and its choice."""

    per_channel: bool = True
    fit: Fit = "least_squares"

    @property
    def label(self) -> str:
        scale = "a scale for every output channel" if self.per_channel else "one scale a tensor"
        choice = "of least squared error" if self.fit == "least_squares" else "from the largest magnitude"
        return f"symmetric uniform, {scale} {choice}"


PER_CHANNEL = WeightScheme()


def from_weights(
    workload: Workload,
    weight_bits: Sequence[int],
    activation_bits: Sequence[int],
    operands: OnnxOperands | None,
    scheme: WeightScheme,
) -> Sensitivity:
    """The table of every multiply-accumulate layer; `operands=None` assumes all weights."""
    layers = [layer for layer in workload.layers if layer.contraction]
    non_negative = non_negative_tensors(workload)
    users = Counter(layer.weights[0].name for layer in layers if layer.weights)
    losses: dict[Key, float] = {}
    assumed: list[str] = []
    for layer in layers:
        power, errors = _weight_errors(layer, weight_bits, operands, scheme, non_negative)
        if errors is None:
            assumed.append(layer.name)
            power = _assumed_power(layer)
            errors = [power * weight_noise(bits) for bits in weight_bits]
        share = 1 / users[layer.weights[0].name] if layer.weights else 1.0
        rectified = layer.inputs[0].name in non_negative
        for bits, error in zip(weight_bits, errors, strict=True):
            losses[layer.name, "weight", bits] = share * error
        for bits in activation_bits:
            losses[layer.name, "activation", bits] = (
                share * power * activation_noise(bits, rectified=rectified)
            )
    return Sensitivity(losses, UNIT, _source(workload, operands, scheme, assumed))


def layer_weights(layer: Layer, operands: OnnxOperands) -> Floats | None:
    """The layer's weights as deployed, output channels first: dequantised, a batch norm folded in.

    None where the model does not tell them.
    """
    slot = operands.weight(layer)
    if slot is None:
        return None
    rows = slot.rows(operands.tensor(slot.slot))
    if not np.abs(rows).max(initial=0.0) < _LARGEST:  # also false for NaN
        raise InputError(
            f"{operands.path}: the weights of layer {layer.name!r} are not finite, or beyond {_LARGEST:g}; "
            "the file is damaged, or no trained model"
        )
    scale = operands.folded_scale(layer)
    if scale is None or scale.size != len(rows):
        return rows
    return rows * scale.astype(rows.dtype).reshape(-1, *(1 for _ in rows.shape[1:]))


def _weight_errors(
    layer: Layer,
    weight_bits: Sequence[int],
    operands: OnnxOperands | None,
    scheme: WeightScheme,
    non_negative: frozenset[str],
) -> tuple[float, list[float] | None]:
    """(E[w²], squared error per parameter at every width); no errors where the values are not known."""
    if not layer.has_static_weights:
        power = _assumed_power(layer)
        rectified = layer.inputs[-1].name in non_negative
        return power, [power * activation_noise(bits, rectified=rectified) for bits in weight_bits]
    rows = layer_weights(layer, operands) if operands else None
    if rows is None:
        return 0.0, None
    channels = Channels(rows, 0 if scheme.per_channel else None)
    return channels.mean_square, [channels.mean_squared_error(bits, scheme.fit) for bits in weight_bits]


def _assumed_power(layer: Layer) -> float:
    """He et al.'s variance for weights before a rectifier: 2 / fan-in."""
    assert layer.contraction is not None
    return 2 / layer.contraction.gemm[2]


def _source(
    workload: Workload, operands: OnnxOperands | None, scheme: WeightScheme, assumed: Sequence[str]
) -> str:
    lines = [
        f"workload: {workload.name}",
        f"weights: squared quantisation error per parameter; {scheme.label}",
    ]
    if operands is None:
        lines.append("weight values: assumed, normal with variance 2 / fan-in (He et al. 2015)")
    else:
        lines.append(f"weight values: {operands.path.name}")
        if assumed:
            lines.append(
                f"assumed normal with variance 2 / fan-in (He et al. 2015), no values: {', '.join(assumed)}"
            )
    lines.append(
        "activations: assumed normal, rectified behind a ReLU, at the scale of least squared error; "
        "as the weight error that makes the same noise at the layer's output"
    )
    return "\n".join(lines)
