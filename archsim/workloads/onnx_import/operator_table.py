"""Elementary operations per element of the operators whose count does not depend on attributes.

The counts are those of the textbook formula of each operator, evaluated by a unit with add, multiply,
maximum (any comparison or selection), exponential (any table-driven function: exp, log, sine), divide and
square root; a subtraction, a rounding or a type conversion is an addition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cost:
    """Archsim operator, operations per element of the outputs and per element of the first input.

    `data_inputs` leading inputs carry data, the rest are settings (axes, pads, bounds); None: all carry data.
    """

    operator: str
    per_output: Mapping[str, int] = field(default_factory=dict)
    per_input: Mapping[str, int] = field(default_factory=dict)
    data_inputs: int | None = None


def _each(operator: str, data_inputs: int | None = None, **per_output: int) -> Cost:
    return Cost(operator, per_output, data_inputs=data_inputs)


def _moves(operator: str, data_inputs: int | None = None) -> Cost:
    return Cost(operator, {"move": 1}, data_inputs=data_inputs)


_ERF = {
    "mul": 8,
    "add": 6,
    "exp": 1,
    "div": 1,
}  # Abramowitz & Stegun 7.1.26: degree-5 polynomial times exp(-x²)

# Operators that cost nothing: readers of the output read the input.
FREE = frozenset(
    {
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Optional",
        "OptionalGetElement",
    }
)  # fmt: skip

TABLE: dict[str, Cost] = {
    # one operation of the vector unit
    "Add": _each("add", add=1),
    "Sub": _each("sub", add=1),
    "Mul": _each("mul", mul=1),
    "Div": _each("div", div=1),
    "Neg": _each("elementwise", add=1),
    "Abs": _each("elementwise", max=1),
    "Sign": _each("elementwise", max=2),  # compare with zero from both sides
    "Floor": _each("elementwise", add=1),
    "Ceil": _each("elementwise", add=1),
    "Round": _each("elementwise", add=1),
    "Mod": _each("elementwise", div=1, mul=1, add=1),  # a - floor(a / b)·b
    "Sqrt": _each("elementwise", sqrt=1),
    "Reciprocal": _each("elementwise", div=1),
    "Exp": _each("elementwise", exp=1),
    "Log": _each("elementwise", exp=1),
    "Erf": _each("elementwise", **_ERF),
    "Where": _each("elementwise", max=1),
    **{
        op: _each("elementwise", max=1)
        for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
    },
    **{op: _each("elementwise", max=1) for op in ("And", "Or", "Xor", "Not", "IsNaN", "IsInf")},
    **{op: _each("elementwise", max=1) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot")},
    "BitShift": _each("elementwise", mul=1),
    **{op: _each("elementwise", exp=1) for op in ("Sin", "Cos", "Tan", "Asin", "Acos", "Atan")},
    **{op: _each("elementwise", exp=1) for op in ("Sinh", "Cosh", "Asinh", "Acosh", "Atanh")},
    # activations
    "Relu": _each("relu", max=1),
    "Clip": _each("activation", 1, max=2),  # both bounds
    "LeakyRelu": _each("activation", mul=1, max=1),
    "PRelu": _each("activation", mul=1, max=1),
    "ThresholdedRelu": _each("activation", max=1),
    "Elu": _each("activation", exp=1, add=1, mul=1, max=1),  # alpha·(exp(x) - 1), or x
    "Celu": _each("activation", exp=1, add=1, mul=2, max=1),
    "Selu": _each("activation", exp=1, add=1, mul=2, max=1),
    "Sigmoid": _each("sigmoid", exp=1, add=1, div=1),  # 1 / (1 + exp(-x))
    "HardSigmoid": _each("activation", mul=1, add=1, max=2),
    "HardSwish": _each("activation", mul=2, add=1, max=2),  # x·HardSigmoid(x)
    "Swish": _each("silu", exp=1, add=1, div=1, mul=1),
    "Tanh": _each("tanh", exp=1, add=2, mul=1, div=1),  # 1 - 2 / (exp(2x) + 1)
    "Softplus": _each("activation", exp=2, add=1),  # log(1 + exp(x))
    "Softsign": _each("activation", max=1, add=1, div=1),  # x / (1 + |x|)
    "Mish": _each("activation", exp=3, add=3, mul=2, div=1),  # x·tanh(softplus(x))
    "Softmax": _each("softmax", max=1, add=2, exp=1, div=1),  # row maximum, subtract and sum, exp, divide
    "LogSoftmax": _each("softmax", max=1, add=3, exp=1),  # as above, the sum's log subtracted instead
    "Hardmax": _each("softmax", max=2),
    # reductions: operations per element read, one more per result where the formula ends with one
    "ReduceSum": Cost("reduce", {}, {"add": 1}, 1),
    "ReduceMean": Cost("reduce", {"mul": 1}, {"add": 1}, 1),
    "ReduceMax": Cost("reduce", {}, {"max": 1}, 1),
    "ReduceMin": Cost("reduce", {}, {"max": 1}, 1),
    "ReduceProd": Cost("reduce", {}, {"mul": 1}, 1),
    "ReduceL1": Cost("reduce", {}, {"max": 1, "add": 1}, 1),
    "ReduceL2": Cost("reduce", {"sqrt": 1}, {"mul": 1, "add": 1}, 1),
    "ReduceSumSquare": Cost("reduce", {}, {"mul": 1, "add": 1}, 1),
    "ReduceLogSum": Cost("reduce", {"exp": 1}, {"add": 1}, 1),
    "ReduceLogSumExp": Cost("reduce", {"exp": 1}, {"max": 1, "exp": 1, "add": 2}, 1),
    "ArgMax": Cost("reduce", {}, {"max": 1}, 1),
    "ArgMin": Cost("reduce", {}, {"max": 1}, 1),
    "CumSum": _each("elementwise", 1, add=1),
    "CumProd": _each("elementwise", 1, mul=1),
    "GlobalAveragePool": Cost("average_pool", {"mul": 1}, {"add": 1}),
    "GlobalMaxPool": Cost("max_pool", {}, {"max": 1}),
    "GlobalLpPool": Cost("average_pool", {"sqrt": 1}, {"mul": 1, "add": 1}),
    "BatchNormalization": _each("batch_norm", mul=1, add=1),  # one scale and shift, from the four tensors
    # data movement: one element written
    "Concat": _moves("concat"),
    "Slice": _moves("slice", 1),
    "Split": _moves("slice", 1),
    "Transpose": _moves("transpose"),
    "Pad": _moves("pad", 1),
    "Gather": _moves("gather"),
    "GatherND": _moves("gather"),
    "GatherElements": _moves("gather"),
    "ScatterND": _moves("move"),
    "ScatterElements": _moves("move"),
    "Scatter": _moves("move"),
    "TensorScatter": _moves("move"),
    "Expand": _moves("move", 1),
    "Tile": _moves("move", 1),
    "DepthToSpace": _moves("move"),
    "SpaceToDepth": _moves("move"),
    "ReverseSequence": _moves("move", 1),
    "OneHot": _moves("move", 1),
    "Compress": _moves("move", 1),
    "CenterCropPad": _moves("move", 1),
    "Trilu": _moves("move", 1),
    "MaxUnpool": _moves("move", 2),
    "Col2Im": Cost("move", {}, {"add": 1}, 1),  # overlapping patches are summed
}

# ONNX Runtime's own names for the same formulas.
TABLE |= {
    "com.microsoft:QuickGelu": _each("gelu", exp=1, add=1, div=1, mul=2),  # x·sigmoid(1.702·x)
    "com.microsoft:FastGelu": _each("gelu", mul=7, add=5, exp=1, div=1),  # tanh form, after a bias
    "com.microsoft:BiasGelu": _each("gelu", mul=10, add=8, exp=1, div=1),  # erf form, after a bias
    "com.microsoft:QLinearGlobalAveragePool": Cost("average_pool", {"mul": 1}, {"add": 1}, 1),
    "com.microsoft:QLinearSigmoid": _each("sigmoid", 1, exp=1, add=1, div=1),
    "com.microsoft:QLinearLeakyRelu": _each("activation", 1, mul=1, max=1),
    "com.microsoft:QLinearSoftmax": _each("softmax", 1, max=1, add=2, exp=1, div=1),
}
