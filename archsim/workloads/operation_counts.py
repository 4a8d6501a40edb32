"""Elementary operations of the layers that are not contractions: what a vector unit has to do.

Every function returns counts to put into `Layer.ops` (keys from `archsim.workloads.layer.OPERATIONS`).
One count is one operation on one element. (A contraction with a bias counts one `add` per output element.)
"""

from __future__ import annotations

from collections.abc import Mapping

# Per element. ReLU6 is max and min. Sigmoid is 1 / (1 + e^-x), tanh is 1 - 2 / (e^2x + 1). GELU is
# x/2·(1 + erf(x/√2)), erf by Abramowitz and Stegun 7.1.26 (a polynomial of degree 5 times e^-x²); its tanh
# form (Hendrycks and Gimpel, arXiv:1606.08415) is x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
ACTIVATION_OPERATIONS: Mapping[str, Mapping[str, int]] = {
    "relu": {"max": 1},
    "relu6": {"max": 2},
    "sigmoid": {"exp": 1, "add": 1, "div": 1},
    "tanh": {"mul": 1, "exp": 1, "add": 2, "div": 1},
    "gelu": {"mul": 10, "add": 7, "exp": 1, "div": 1},
    "gelu_tanh": {"mul": 7, "add": 4, "exp": 1, "div": 1},
}


def activation_operations(function: str, elements: int) -> dict[str, int]:
    """An activation function (a key of ACTIVATION_OPERATIONS) on `elements` values."""
    return {operation: count * elements for operation, count in ACTIVATION_OPERATIONS[function].items()}


def pooling_operations(operator: str, window: int, outputs: int) -> dict[str, int]:
    """`max_pool` or `average_pool` of `window` values into each of `outputs`."""
    if operator == "max_pool":
        return {"max": window * outputs}
    return {"add": window * outputs, "mul": outputs}


def softmax_operations(elements: int) -> dict[str, int]:
    """Find the maximum, subtract it, exponentiate, sum, divide."""
    return {"max": elements, "add": 2 * elements, "exp": elements, "div": elements}


def layer_norm_operations(rows: int, width: int) -> dict[str, int]:
    """Normalise `rows` vectors of `width` values.

    Per element: sum, subtract the mean, square, sum, times the reciprocal deviation, scale, shift.
    """
    elements = rows * width
    return {"add": 4 * elements, "mul": 3 * elements, "sqrt": rows, "div": rows}


def lrn_operations(elements: int, size: int) -> dict[str, int]:
    """Local response normalisation over `size` channels: x / (k + α·Σx²)^β, the power by exp(β·log)."""
    return {"mul": 3 * elements, "add": (size + 1) * elements, "exp": 2 * elements, "div": elements}


def recurrent_gate_operations(hidden: int) -> dict[str, int]:
    """An LSTM cell after its matrix product: three sigmoids, two tanh, c = f·c + i·g, h = o·tanh(c)."""
    counts = {"mul": 3 * hidden, "add": hidden}
    for function, times in (("sigmoid", 3), ("tanh", 2)):
        for operation, count in activation_operations(function, times * hidden).items():
            counts[operation] = counts.get(operation, 0) + count
    return counts
