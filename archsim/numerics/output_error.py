"""Sensitivity from calibration inputs: what the outputs do when one operand of one layer is quantised.

Weights are quantised as deployed: dequantised, with a batch norm behind the layer folded in (and unfolded for
the run, because the norm still stands in the model). Activations are quantised per tensor over the range they
take on the calibration inputs, at the share of it with the least squared error on a sample of their values.
Everything else stays as it is, so a table has (layers × widths) passes over the inputs, all in one session.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from archsim.errors import InputError
from archsim.numerics.activation_ranges import activation_quantisers
from archsim.numerics.calibration import Calibration
from archsim.numerics.channels import Channels
from archsim.numerics.onnx_operands import OnnxOperands, Slot, WeightSlot
from archsim.numerics.output_loss import UNITS, OutputLoss
from archsim.numerics.perturbable import PerturbableModel
from archsim.numerics.quantise import Floats
from archsim.numerics.sensitivity import Key, Sensitivity
from archsim.numerics.weight_error import WeightScheme
from archsim.workloads.layer import Layer
from archsim.workloads.workload import Workload

Progress = Callable[[int, int], None]
"""Called with (passes done, passes in all)."""


@dataclass(frozen=True, slots=True)
class _Weight:
    """A layer's weights: where they stand, the whole tensor there, the factor that folding multiplies by."""

    place: WeightSlot
    tensor: Floats
    fold: Floats | None

    def quantised(self, bits: int, scheme: WeightScheme) -> Floats:
        """The whole tensor with the layer's part of it quantised."""
        rows = self.place.rows(self.tensor)
        factor = None
        if self.fold is not None and self.fold.size == len(rows):
            factor = self.fold.astype(rows.dtype).reshape(-1, *(1 for _ in rows.shape[1:]))
        deployed = rows if factor is None else rows * factor
        levels = Channels(deployed, 0 if scheme.per_channel else None).quantiser(bits, scheme.fit)(deployed)
        if factor is not None:  # a channel that the norm multiplies by zero has no error
            levels = np.divide(levels, factor, out=rows.copy(), where=factor != 0)
        return self.place.with_rows(self.tensor, levels)


@dataclass(frozen=True, slots=True)
class _Pass:
    """One perturbation, and the entries of the table that it fills (each with an equal share of the loss)."""

    keys: tuple[Key, ...]
    weight: _Weight | None = None
    activation: Slot | None = None


def from_outputs(
    workload: Workload,
    weight_bits: Sequence[int],
    activation_bits: Sequence[int],
    operands: OnnxOperands,
    calibration: Calibration,
    loss: OutputLoss,
    scheme: WeightScheme,
    progress: Progress = lambda _done, _all: None,
) -> Sensitivity:
    """The table of every multiply-accumulate layer, measured.

    Raises InputError for a layer whose operand is hidden inside a node (attention, the steps of an LSTM) or
    that computes in integers, and for a model that onnxruntime refuses.
    """
    layers = [layer for layer in workload.layers if layer.contraction]
    weights = {layer.name: _weight(layer, operands) for layer in layers if layer.has_static_weights}
    passes = _passes(layers, weights, weight_bits, activation_bits, operands)
    slots = list(dict.fromkeys(step.activation for step in passes if step.activation is not None))
    tensors = {weight.place.slot: weight.tensor for weight in weights.values()}
    instead = ", or compute the sensitivity from weights alone"
    session = PerturbableModel(operands.model, tensors, slots, loss.outputs, without=instead)
    quantisers = activation_quantisers(session, calibration, slots, _widths(passes))
    before = [session.run(feeds) for feeds in calibration.runs()]

    def measure(step: _Pass) -> float:
        bits = step.keys[0][2]
        changed = {step.weight.place.slot: step.weight.quantised(bits, scheme)} if step.weight else {}
        levels = {step.activation: quantisers[step.activation, bits]} if step.activation is not None else {}
        after = [session.run(feeds, changed, levels) for feeds in calibration.runs()]
        return loss(before, after)

    losses: dict[Key, float] = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done, (step, found) in enumerate(zip(passes, pool.map(measure, passes), strict=True), start=1):
            losses |= dict.fromkeys(step.keys, found / len(step.keys))
            progress(done, len(passes))
    if not any(losses.values()):
        raise InputError(
            f"no width changes the outputs ({UNITS[loss.kind]}: zero throughout); the network is certain of "
            "its classes beyond rounding, or ignores its input: check the scale of the calibration inputs"
        )
    wanted = _keys(layers, weight_bits, activation_bits)
    return Sensitivity(
        {key: losses[key] for key in wanted}, UNITS[loss.kind], _source(workload, calibration, scheme)
    )


def _keys(layers: Sequence[Layer], weight_bits: Sequence[int], activation_bits: Sequence[int]) -> list[Key]:
    keys: list[Key] = []
    for layer in layers:
        keys.extend((layer.name, "weight", bits) for bits in weight_bits)
        keys.extend((layer.name, "activation", bits) for bits in activation_bits)
    return keys


def _weight(layer: Layer, operands: OnnxOperands) -> _Weight:
    place = operands.weight(layer)
    op = operands.nodes[operands.node(layer)].op
    if place is None or "Integer" in op or op.rpartition(":")[2].startswith("Q"):
        raise InputError(
            f"layer {layer.name!r} ({op}) computes in integers, whose widths cannot be tried out; "
            "calibrate on the model in floating point"
        )
    return _Weight(place, operands.tensor(place.slot), operands.folded_scale(layer))


def _passes(
    layers: Sequence[Layer],
    weights: Mapping[str, _Weight],
    weight_bits: Sequence[int],
    activation_bits: Sequence[int],
    operands: OnnxOperands,
) -> list[_Pass]:
    """Every perturbation to try. Layers with the very same weights (steps of an LSTM) share one."""
    passes: list[_Pass] = []
    same: dict[tuple[Slot, str], list[Layer]] = {}
    for layer in layers:
        if layer.name in weights:
            place = weights[layer.name].place
            same.setdefault((place.slot, repr(place.part)), []).append(layer)
        elif weight_bits:
            slot = _reachable(operands.standing(layer), layer)
            passes += [_Pass(((layer.name, "weight", bits),), None, slot) for bits in weight_bits]
        if activation_bits:
            slot = _reachable(operands.streamed(layer), layer)
            passes += [_Pass(((layer.name, "activation", bits),), None, slot) for bits in activation_bits]
    for group in same.values():
        weight = weights[group[0].name]
        passes += [_Pass(tuple((layer.name, "weight", b) for layer in group), weight) for b in weight_bits]
    return passes


def _reachable(slot: Slot | None, layer: Layer) -> Slot:
    if slot is None:
        raise InputError(
            f"layer {layer.name!r}: its activations are hidden inside an ONNX node and cannot be "
            "quantised alone; export the model with the operator decomposed, or compute the sensitivity from "
            "weights alone"
        )
    return slot


def _widths(passes: Sequence[_Pass]) -> Mapping[Slot, list[int]]:
    widths: dict[Slot, list[int]] = {}
    for step in passes:
        if step.activation is not None:
            widths.setdefault(step.activation, []).append(step.keys[0][2])
    return widths


def _source(workload: Workload, calibration: Calibration, scheme: WeightScheme) -> str:
    return "\n".join(
        (
            f"workload: {workload.name}",
            f"measured on {calibration.images} calibration item(s), one operand of one layer at a time",
            f"weights: {scheme.label}",
            "activations: asymmetric uniform, one scale a tensor of least squared error",
        )
    )
