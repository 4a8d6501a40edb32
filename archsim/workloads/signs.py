"""Which activations can never be negative, as far as operators tell."""

from __future__ import annotations

from archsim.workloads.layer import Layer
from archsim.workloads.workload import Workload

_NEVER_NEGATIVE = ("relu", "sigmoid", "softmax")
# the results of these are not negative when no operand is
_KEEPING = (
    "max_pool", "average_pool", "reduce", "add", "mul", "concat", "slice", "transpose", "pad", "gather",
    "resize", "move", "quantize", "dequantize",
)  # fmt: skip


def non_negative_tensors(workload: Workload) -> frozenset[str]:
    """Names of the tensors behind a ReLU (or sigmoid, softmax), also through pooling, sums and moves.

    The network's inputs, and what other operators make, may have either sign.
    """
    found: set[str] = set()
    for layer in workload.layers:
        if _is_non_negative(layer, found):
            found.update(tensor.name for tensor in layer.outputs)
    return frozenset(found)


def _is_non_negative(layer: Layer, found: set[str]) -> bool:
    last = layer.fused[-1] if layer.fused else layer.operator
    if last in _NEVER_NEGATIVE:
        return True
    keeps = layer.operator in _KEEPING and not layer.weights and bool(layer.inputs)
    return keeps and not layer.fused and all(tensor.name in found for tensor in layer.inputs)
