"""`sensitivity_of`: a workload's sensitivity table, from what is known of its weights and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archsim.errors import InputError
from archsim.numerics.calibration import Arrays, calibration_for
from archsim.numerics.onnx_operands import OnnxOperands
from archsim.numerics.output_error import Progress, from_outputs
from archsim.numerics.output_loss import LossKind, loss_of
from archsim.numerics.quantise import check_bits
from archsim.numerics.sensitivity import Sensitivity
from archsim.numerics.weight_error import PER_CHANNEL, WeightScheme, from_weights
from archsim.workloads.workload import Workload


def sensitivity_of(
    workload: Workload,
    weight_bits: Sequence[int],
    activation_bits: Sequence[int],
    *,
    model_path: str | Path | None = None,
    calibration: str | Path | Arrays | None = None,
    images: int | None = None,
    loss: LossKind = "auto",
    weights: WeightScheme = PER_CHANNEL,
    progress: Progress = lambda _done, _all: None,
) -> Sensitivity:
    """Losses of all multiply-accumulate layers of `workload` at the given widths (1 to 16 bits).

    `model_path` is the ONNX file that `workload` was read from: its weights are quantised. Without it weights
    are assumed (normal, variance 2 / fan-in), which tells layers apart by fan-in only.
    `calibration` (a .npz or .npy file, or arrays by input name; at most the first `images` items): the loss
    is measured at the network's outputs, `loss` says how (`archsim.numerics.output_loss`). Without it the
    loss is the squared weight error per parameter (`archsim.numerics.weight_error`).

    Raises InputError for widths that cannot be quantised, a workload without multiply-accumulate layers, a
    model whose weights cannot be read, calibration without a model, without onnxruntime or that does not fit.
    """
    _check_widths(weight_bits, activation_bits)
    if not any(layer.contraction for layer in workload.layers):
        raise InputError(
            f"workload {workload.name!r} has no multiply-accumulate layer, so nothing to quantise"
        )
    if model_path is None:
        if calibration is not None:
            raise InputError(
                f"calibration needs the ONNX model that workload {workload.name!r} comes from; "
                "a layer trace or a library name has no weights to run"
            )
        return from_weights(workload, weight_bits, activation_bits, None, weights)
    operands = OnnxOperands(Path(model_path))
    if calibration is None:
        return from_weights(workload, weight_bits, activation_bits, operands, weights)
    inputs = calibration_for(operands.model, calibration, images)
    measure = loss_of(operands.model, loss)
    return from_outputs(workload, weight_bits, activation_bits, operands, inputs, measure, weights, progress)


def _check_widths(weight_bits: Sequence[int], activation_bits: Sequence[int]) -> None:
    for what, widths in (("weight bits", weight_bits), ("activation bits", activation_bits)):
        for bits in widths:
            check_bits(bits, what)
        if len(set(widths)) < len(widths):
            raise InputError(f"{what}: a width is given twice in {', '.join(map(str, widths))}")
    if not weight_bits and not activation_bits:
        raise InputError("no bit-width is given; give at least one for weights or activations")
