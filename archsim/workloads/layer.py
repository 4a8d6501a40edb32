"""A layer of a neural network: what it computes, on what shapes, at which precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import ceil, prod
from types import MappingProxyType

from archsim.errors import InputError
from archsim.workloads.precision import Precision

# operator -> kind. A contraction runs on the multiply-accumulate array; every other kind is counted in
# elementary operations (`Layer.ops`) and runs on a vector unit, a core, or at memory speed.
_OPERATORS_BY_KIND: dict[str, tuple[str, ...]] = {
    "contraction": ("conv", "conv_transpose", "gemm", "matmul"),
    "elementwise": ("add", "sub", "mul", "div", "elementwise", "quantize", "dequantize"),
    "pooling": ("max_pool", "average_pool", "reduce"),
    "normalization": ("batch_norm", "layer_norm", "rms_norm", "group_norm", "lrn"),
    "softmax": ("softmax",),
    "activation": ("relu", "gelu", "silu", "sigmoid", "tanh", "activation", "recurrent_gates"),
    "data_movement": ("concat", "slice", "transpose", "pad", "gather", "resize", "move"),
    "unknown": ("unknown",),
}
OPERATOR_KINDS: Mapping[str, str] = MappingProxyType(
    {operator: kind for kind, operators in _OPERATORS_BY_KIND.items() for operator in operators}
)

# Elementary operations a vector lane does, one per element and count.
OPERATIONS = ("add", "mul", "max", "exp", "div", "sqrt", "move")


MOST_MACS = 2**50
"""Of one layer: traffic and energy of that many, in bits, still fit 64-bit integers and exact floats."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array of values between layers; `shape` counts elements along each axis."""

    name: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in self.shape):
            raise InputError(f"tensor {self.name!r} has shape {self.shape}; every axis must be at least 1")

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Contraction:
    """The loop nest of a multiply-accumulate layer; the product of the eight loops is its MACs.

    B batch, G groups, K output channels per group, C input channels per group, P×Q output rows × columns,
    R×S kernel rows × columns. `input_size` is the unpadded input (rows, columns) that the window slides over;
    `padding` is (top, left, bottom, right). The GEMM view, per group: M×N×K = (B·P·Q) × K × (C·R·S).

    A matrix product is the case Q = R = S = 1. A transposed convolution scatters: P×Q are its *input* pixels,
    and every one of them makes R×S×K products (`transposed` is set, and the output is larger than P×Q).
    """

    B: int = 1
    G: int = 1
    K: int = 1
    C: int = 1
    P: int = 1
    Q: int = 1
    R: int = 1
    S: int = 1
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    input_size: tuple[int, int] = (0, 0)  # (0, 0): the smallest input that the window needs
    transposed: bool = False

    def __post_init__(self) -> None:
        for dim in "BGKCPQRS":
            _require_positive(f"loop {dim}", getattr(self, dim))
        if self.macs > MOST_MACS:
            raise InputError(
                f"the loops make {self.macs:.3g} MACs; at most 2^50 in one layer are counted exactly"
            )
        for name, pair in (("stride", self.stride), ("dilation", self.dilation)):
            for value in pair:
                _require_positive(name, value)
        if min(self.padding) < 0:
            raise InputError(f"padding is {self.padding}; it must not be negative")
        if self.input_size == (0, 0):
            object.__setattr__(self, "input_size", self._window_size())
        for value in self.input_size:
            _require_positive("input size", value)

    def _window_size(self) -> tuple[int, int]:
        if self.transposed:
            return self.P, self.Q
        rows = (self.P - 1) * self.stride[0] + (self.R - 1) * self.dilation[0] + 1
        columns = (self.Q - 1) * self.stride[1] + (self.S - 1) * self.dilation[1] + 1
        top, left, bottom, right = self.padding
        return max(1, rows - top - bottom), max(1, columns - left - right)

    @property
    def macs(self) -> int:
        return self.B * self.G * self.K * self.C * self.P * self.Q * self.R * self.S

    @property
    def gemm(self) -> tuple[int, int, int]:
        """(M, N, K) of one group: output pixels, output channels, products per output."""
        return self.B * self.P * self.Q, self.K, self.C * self.R * self.S

    @property
    def input_elements(self) -> int:
        return self.B * self.G * self.C * prod(self.input_size)

    @property
    def weight_elements(self) -> int:
        return self.G * self.K * self.C * self.R * self.S

    @property
    def output_size(self) -> tuple[int, int]:
        """Output rows and columns, per batch item and channel."""
        if not self.transposed:
            return self.P, self.Q
        top, left, bottom, right = self.padding
        rows = (self.P - 1) * self.stride[0] + (self.R - 1) * self.dilation[0] + 1 - top - bottom
        columns = (self.Q - 1) * self.stride[1] + (self.S - 1) * self.dilation[1] + 1 - left - right
        return max(1, rows), max(1, columns)

    @property
    def output_elements(self) -> int:
        return self.B * self.G * self.K * prod(self.output_size)

    @property
    def is_depthwise(self) -> bool:
        return self.G > 1 and self.C == 1


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: operator, shapes, precision, work.

    `inputs` are activations (made by other layers or given to the network), `weights` are static parameters
    (the contraction's weights first, then bias and the like; a tensor shared by several layers keeps its
    name). A contraction without `weights` multiplies two activations, as attention's QKᵀ does: then
    `inputs[0]` is the streamed operand and `inputs[1]` stands in the weights' place.
    `ops` counts the elementary operations beside the MACs (keys from OPERATIONS), those of fused
    operators included; `fused` names the operators that were folded into this layer.
    Densities are the share of non-zero values (1.0 is dense).
    """

    name: str
    operator: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...] = ()
    contraction: Contraction | None = None
    ops: Mapping[str, int] = field(default_factory=dict)
    precision: Precision = Precision()
    weight_density: float = 1.0
    activation_density: float = 1.0
    fused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in OPERATOR_KINDS:
            raise InputError(
                f"layer {self.name!r}: operator {self.operator!r} is not known; "
                f"allowed: {', '.join(OPERATOR_KINDS)}"
            )
        if (self.kind == "contraction") != (self.contraction is not None):
            raise InputError(f"layer {self.name!r}: a {self.operator} layer and its loop nest do not agree")
        for operation, count in self.ops.items():
            if operation not in OPERATIONS or count < 0:
                raise InputError(
                    f"layer {self.name!r}: operation count {operation}={count} is not valid; "
                    f"allowed operations: {', '.join(OPERATIONS)}, counted from 0"
                )
        for key in ("weight_density", "activation_density"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise InputError(f"layer {self.name!r}: {key} is {getattr(self, key)}; allowed: 0 to 1")
        if not self.outputs:
            raise InputError(f"layer {self.name!r} has no output tensor")
        object.__setattr__(self, "ops", MappingProxyType({k: v for k, v in self.ops.items() if v}))

    def __reduce__(self) -> tuple[object, ...]:
        # a mapping proxy cannot be pickled
        values = (dict(self.ops) if f.name == "ops" else getattr(self, f.name) for f in fields(self))
        return type(self), tuple(values)

    @property
    def kind(self) -> str:
        return OPERATOR_KINDS[self.operator]

    @property
    def macs(self) -> int:
        return self.contraction.macs if self.contraction else 0

    @property
    def has_static_weights(self) -> bool:
        return bool(self.weights)

    @property
    def work(self) -> tuple[object, ...]:
        """What there is to do; equal for layers that cost the same on any machine at the same precision."""
        ops = tuple(sorted(self.ops.items()))
        if self.contraction is not None:
            return self.contraction, self.has_static_weights, ops
        shapes = tuple(tuple(t.shape for t in group) for group in (self.inputs, self.weights, self.outputs))
        return self.operator, ops, shapes

    @property
    def parameters(self) -> int:
        return sum(tensor.elements for tensor in self.weights)

    @property
    def input_bytes(self) -> int:
        """Bytes of all activations read once; the second operand of an activation product included."""
        return sum(_bytes(t.elements, self.precision.activation_bits) for t in self.inputs)

    @property
    def weight_bytes(self) -> int:
        return sum(_bytes(t.elements, self.precision.weight_bits) for t in self.weights)

    @property
    def output_bytes(self) -> int:
        return sum(_bytes(t.elements, self.precision.output_bits) for t in self.outputs)

    def with_precision(self, precision: Precision) -> Layer:
        return replace(self, precision=precision)


def _bytes(elements: int, bits: int) -> int:
    return ceil(elements * bits / 8)


def _require_positive(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{what} is {value!r}; it must be a whole number of at least 1")
