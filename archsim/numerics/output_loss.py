"""How far a network's outputs are from what they were: the loss that a perturbation is measured by.

`kl`: Kullback-Leibler divergence of the class probabilities, in nats an item (mean over items and positions).
To second order it is half the weights' error in the Fisher metric, so it ranks layers as the Hessian of the
cross-entropy does, without gradients (Martens 2020, New insights and perspectives on the natural gradient
method, section 5). `noise`: noise power over signal power of the outputs, 1 / SQNR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx

from archsim.errors import InputError
from archsim.numerics.quantise import Floats

LossKind = Literal["auto", "kl", "noise"]
UNITS = {
    "kl": "KL divergence of the outputs, nats per item",
    "noise": "noise-to-signal ratio of the outputs",
}


@dataclass(frozen=True, slots=True)
class OutputLoss:
    """`kind`, and the tensors it reads: outputs, or for `kl` the logits that a last softmax reads."""

    kind: Literal["kl", "noise"]
    outputs: tuple[str, ...]

    def __call__(self, before: Sequence[Sequence[Floats]], after: Sequence[Sequence[Floats]]) -> float:
        """The loss over all runs; both are runs × outputs. Raises InputError when an output is not finite."""
        for run in (*before, *after):
            if not all(np.isfinite(values).all() for values in run):
                raise InputError("the network's outputs are not finite on the calibration inputs")
        return _divergence(before, after) if self.kind == "kl" else _noise(before, after)


def _divergence(before: Sequence[Sequence[Floats]], after: Sequence[Sequence[Floats]]) -> float:
    total, positions = 0.0, 0
    for (old,), (new,) in zip(before, after, strict=True):
        p, q = _log_softmax(old), _log_softmax(new)
        divergence = (np.exp(p) * (p - q)).sum(axis=-1)
        total += float(divergence.sum())
        positions += divergence.size
    return max(0.0, total / positions)  # rounding can leave a negative trace of zero


def _log_softmax(logits: Floats) -> Floats:
    """Log-probabilities, classes last, in double precision."""
    classes = np.moveaxis(logits.astype(np.float64), 1 if logits.ndim > 3 else -1, -1)
    shifted = classes - classes.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _noise(before: Sequence[Sequence[Floats]], after: Sequence[Sequence[Floats]]) -> float:
    """Mean over the outputs of Σ(new - old)² / Σ old²."""
    outputs = len(before[0])
    noise, signal = np.zeros(outputs), np.zeros(outputs)
    for old_run, new_run in zip(before, after, strict=True):
        for place, (old, new) in enumerate(zip(old_run, new_run, strict=True)):
            exact = old.astype(np.float64)
            noise[place] += ((new.astype(np.float64) - exact) ** 2).sum()
            signal[place] += (exact**2).sum()
    if not (signal > 0).all():
        raise InputError("an output of the network is zero on all calibration inputs; give other inputs")
    return float((noise / signal).mean())


def loss_of(model: onnx.ModelProto, kind: LossKind) -> OutputLoss:
    """The loss for a model. `auto` is `kl` for a single floating output of (items, two or more classes).

    With `kl` on more axes the classes are the last of three, the second of four or more.
    Raises InputError when `kl` is asked of several outputs, or the model has no floating output.
    """
    floating = [value for value in _typed_outputs(model) if _is_floating(value)]
    names = tuple(value.name for value in floating)
    if not floating:
        raise InputError("the model has no floating output to compare; sensitivity cannot be measured")
    if kind == "kl" and len(names) > 1:
        raise InputError(
            f"the KL divergence needs one output and the model has {', '.join(names)}; use noise"
        )
    if kind == "noise" or (kind == "auto" and not _is_classes(floating)):
        return OutputLoss("noise", names)
    made = floating[0].name
    maker = next((node for node in model.graph.node if made in node.output), None)
    has_softmax = maker is not None and maker.op_type in ("Softmax", "LogSoftmax")
    return OutputLoss("kl", (maker.input[0],) if maker and has_softmax else names)


def _typed_outputs(model: onnx.ModelProto) -> Sequence[onnx.ValueInfoProto]:
    """The outputs as declared, or as inferred where the file does not say their type."""
    if all(value.type.HasField("tensor_type") for value in model.graph.output):
        return model.graph.output
    return onnx.shape_inference.infer_shapes(model).graph.output


def _is_floating(value: onnx.ValueInfoProto) -> bool:
    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
    return value.type.tensor_type.elem_type in (*kinds, onnx.TensorProto.UNDEFINED)


def _is_classes(outputs: Sequence[onnx.ValueInfoProto]) -> bool:
    shapes = [list(output.type.tensor_type.shape.dim) for output in outputs]
    return len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1].dim_value != 1
