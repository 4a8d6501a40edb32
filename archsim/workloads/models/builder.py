"""Build a workload layer by layer, in the field's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.operation_counts import (
    activation_operations,
    layer_norm_operations,
    lrn_operations,
    pooling_operations,
    softmax_operations,
)
from archsim.workloads.workload import Workload

Padding = tuple[int, int, int, int]


class NetworkBuilder:
    """Collects layers; every method adds one and returns the tensor it makes (named `<layer>.out`).

    Images are (batch, channels, rows, columns), sequences (batch, tokens, features). Fused as a compiler
    does: batch normalisation goes into the convolution's weights and bias, an activation function into the
    layer before it. Splitting and merging attention heads is addressing, and makes no layer.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._layers: list[Layer] = []

    def append(self, layer: Layer) -> tuple[Tensor, ...]:
        self._layers.append(layer)
        return layer.outputs

    def layer(
        self,
        name: str,
        operator: str,
        inputs: Sequence[Tensor],
        shape: tuple[int, ...],
        ops: Mapping[str, int] | None = None,
        *,
        weights: Sequence[Tensor] = (),
        contraction: Contraction | None = None,
        fused: tuple[str, ...] = (),
        activation: str | None = None,
    ) -> Tensor:
        """Any layer with one output of `shape`; `activation` is fused into it."""
        output = Tensor(f"{name}.out", shape)
        counts = dict(ops or {})
        if activation is not None:
            fused = (*fused, activation)
            for operation, count in activation_operations(activation, output.elements).items():
                counts[operation] = counts.get(operation, 0) + count
        self.append(
            Layer(name, operator, tuple(inputs), (output,), tuple(weights), contraction, counts, fused=fused)
        )
        return output

    def conv(
        self,
        name: str,
        x: Tensor,
        channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | Padding = 0,
        groups: int = 1,
        batch_norm: bool = True,
        activation: str | None = None,
    ) -> Tensor:
        """A convolution with bias; `padding` is every side's, or (top, left, bottom, right)."""
        batch, in_channels, rows, columns = x.shape
        kernel_rows, kernel_columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        pads = _all_sides(padding)
        contraction = Contraction(
            B=batch,
            G=groups,
            K=channels // groups,
            C=in_channels // groups,
            P=(rows + pads[0] + pads[2] - kernel_rows) // stride + 1,
            Q=(columns + pads[1] + pads[3] - kernel_columns) // stride + 1,
            R=kernel_rows,
            S=kernel_columns,
            stride=(stride, stride),
            padding=pads,
            input_size=(rows, columns),
        )
        weight = Tensor(f"{name}.weight", (channels, contraction.C, kernel_rows, kernel_columns))
        return self.layer(
            name,
            "conv",
            (x,),
            (batch, channels, contraction.P, contraction.Q),
            {"add": contraction.output_elements},
            weights=(weight, Tensor(f"{name}.bias", (channels,))),
            contraction=contraction,
            fused=("batch_norm",) if batch_norm else (),
            activation=activation,
        )

    def linear(
        self,
        name: str,
        x: Tensor,
        features: int,
        *,
        bias: bool = True,
        weight: str | None = None,
        activation: str | None = None,
    ) -> Tensor:
        """x·Wᵀ + b over a sequence's features; an image is flattened. `weight` names a shared tensor."""
        contraction, shape = _linear(x, features)
        weights = [Tensor(weight or f"{name}.weight", (contraction.K, contraction.C))]
        ops = {}
        if bias:
            weights.append(Tensor(f"{name}.bias", (contraction.K,)))
            ops = {"add": contraction.output_elements}
        return self.layer(
            name, "gemm", (x,), shape, ops, weights=weights, contraction=contraction, activation=activation
        )

    def split_linear(self, name: str, x: Tensor, parts: Mapping[str, int]) -> tuple[Tensor, ...]:
        """One linear layer (with bias) whose output features are cut into named tensors `<layer>.<part>`."""
        contraction, shape = _linear(x, sum(parts.values()))
        outputs = tuple(Tensor(f"{name}.{part}", (*shape[:-1], width)) for part, width in parts.items())
        weight = Tensor(f"{name}.weight", (contraction.K, contraction.C))
        weights = (weight, Tensor(f"{name}.bias", (contraction.K,)))
        ops = {"add": contraction.output_elements}
        return self.append(Layer(name, "gemm", (x,), outputs, weights, contraction, ops))

    def attention_scores(self, name: str, q: Tensor, k: Tensor, heads: int, *order: Tensor) -> Tensor:
        """Q·Kᵀ/√d, every head, of (batch, tokens, features) tensors; those in `order` are waited for too."""
        batch, tokens, features = q.shape
        shape = (batch, heads, tokens, k.shape[1])
        contraction = Contraction(G=batch * heads, P=tokens, K=k.shape[1], C=features // heads)
        scaling = {"mul": prod(shape)}
        inputs = (q, k, *order)
        return self.layer(name, "matmul", inputs, shape, scaling, contraction=contraction, fused=("mul",))

    def attention_context(self, name: str, p: Tensor, v: Tensor, *order: Tensor) -> Tensor:
        """P·V for every head of the (batch, heads, tokens, attended) probabilities, heads merged again."""
        batch, heads, tokens, attended = p.shape
        features = v.shape[2]
        contraction = Contraction(G=batch * heads, P=tokens, K=features // heads, C=attended)
        shape = (batch, tokens, features)
        return self.layer(name, "matmul", (p, v, *order), shape, contraction=contraction)

    def add(self, name: str, a: Tensor, b: Tensor, *, activation: str | None = None) -> Tensor:
        return self.layer(name, "add", (a, b), a.shape, {"add": a.elements}, activation=activation)

    def pool(
        self, name: str, operator: str, x: Tensor, kernel: int, *, stride: int, padding: int | Padding = 0
    ) -> Tensor:
        """`max_pool` or `average_pool`."""
        batch, channels, rows, columns = x.shape
        top, left, bottom, right = _all_sides(padding)
        out_rows = (rows + top + bottom - kernel) // stride + 1
        out_columns = (columns + left + right - kernel) // stride + 1
        shape = (batch, channels, out_rows, out_columns)
        return self.layer(name, operator, (x,), shape, pooling_operations(operator, kernel**2, prod(shape)))

    def global_average_pool(self, name: str, x: Tensor) -> Tensor:
        batch, channels, rows, columns = x.shape
        ops = pooling_operations("average_pool", rows * columns, batch * channels)
        return self.layer(name, "average_pool", (x,), (batch, channels, 1, 1), ops)

    def lrn(self, name: str, x: Tensor, size: int) -> Tensor:
        return self.layer(name, "lrn", (x,), x.shape, lrn_operations(x.elements, size))

    def softmax(self, name: str, x: Tensor) -> Tensor:
        return self.layer(name, "softmax", (x,), x.shape, softmax_operations(x.elements))

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        width = x.shape[-1]
        weights = (Tensor(f"{name}.weight", (width,)), Tensor(f"{name}.bias", (width,)))
        ops = layer_norm_operations(x.elements // width, width)
        return self.layer(name, "layer_norm", (x,), x.shape, ops, weights=weights)

    def gelu(self, name: str, x: Tensor, function: str = "gelu") -> Tensor:
        """GELU as a layer of its own; `function` is `gelu` or the approximation `gelu_tanh`."""
        return self.layer(name, "gelu", (x,), x.shape, activation_operations(function, x.elements))

    def embedding(self, name: str, ids: Tensor, rows: int, width: int) -> Tensor:
        """Look `ids` up in a table of `rows` vectors of `width`."""
        table = Tensor(f"{name}.weight", (rows, width))
        ops = {"move": ids.elements * width}
        return self.layer(name, "gather", (ids,), (*ids.shape, width), ops, weights=(table,))

    def move(self, name: str, operator: str, inputs: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
        """A layer that only copies: `concat`, `slice`, `gather` and the like; every output element once."""
        return self.layer(name, operator, inputs, shape, {"move": prod(shape)})

    def build(self, outputs: Sequence[Tensor] = ()) -> Workload:
        return Workload.from_layers(self.name, self._layers, [tensor.name for tensor in outputs])


def _all_sides(padding: int | Padding) -> Padding:
    return (padding, padding, padding, padding) if isinstance(padding, int) else padding


def _linear(x: Tensor, features: int) -> tuple[Contraction, tuple[int, ...]]:
    batch = x.shape[0]
    if len(x.shape) == 3:
        return Contraction(B=batch, P=x.shape[1], K=features, C=x.shape[2]), (batch, x.shape[1], features)
    return Contraction(B=batch, K=features, C=x.elements // batch), (batch, features)
