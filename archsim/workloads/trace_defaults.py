"""What a hand-written trace may leave out: tensors, filled in by chaining the layers in order.

- inputs: the output of the layer before; of the first layer, the tensor `input`;
- weights: `<layer>.weight` for a contraction; none for other layers, nor for a matmul of two named inputs;
- outputs: `<layer>.out`;
- a shape that is not written: that of the tensor's producer, else what the layer's loops say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from archsim.errors import InputError
from archsim.workloads.layer import OPERATOR_KINDS, Contraction, Layer, Tensor

Shape = tuple[int, ...]
Named = Sequence[tuple[str, Shape | None]]  # what a cell says: a name, and perhaps a shape

# Layers whose output has their first input's shape.
_KEEP_SHAPE = ("elementwise", "normalization", "softmax", "activation")


@dataclass(frozen=True, slots=True)
class LayerTensors:
    inputs: tuple[Tensor, ...]
    weights: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(slots=True)
class Chain:
    """The layers read so far: what the next one may refer to."""

    _made: dict[str, Tensor] = field(default_factory=dict)
    _last: Tensor | None = None

    def append(self, layer: Layer) -> None:
        self._made.update((tensor.name, tensor) for tensor in layer.outputs)
        self._last = layer.outputs[0]

    def complete(
        self,
        name: str,
        operator: str,
        loops: Contraction | None,
        inputs: Named | None,
        weights: Named | None,
        outputs: Named | None,
    ) -> LayerTensors:
        """The layer's tensors; None is an empty cell. Raises InputError where no shape can be told."""
        shapes = loop_shapes(operator, loops) if loops else None
        made_inputs = self._inputs(shapes, inputs)
        if weights is None:
            own = loops is not None and not (operator == "matmul" and len(inputs or ()) > 1)
            weights = ((f"{name}.weight", None),) if own else ()
        if outputs is None:
            outputs = ((f"{name}.out", None),)
        output_shape = shapes.output if shapes else None
        if OPERATOR_KINDS[operator] in _KEEP_SHAPE and made_inputs:
            output_shape = made_inputs[0].shape
        return LayerTensors(
            made_inputs,
            _with_shapes("weights", weights, shapes.weight if shapes else None),
            _with_shapes("outputs", outputs, output_shape),
        )

    def _inputs(self, shapes: LoopShapes | None, inputs: Named | None) -> tuple[Tensor, ...]:
        if inputs is None:
            name = self._last.name if self._last else "input"
            if shapes and (self._last is None or self._last.elements != prod(shapes.input)):
                # A pooling or a flattening between the two may have been left out of the trace.
                return (Tensor(name, shapes.input),)
            inputs = ((name, None),)
        known = [
            (name, self._made[name].shape if shape is None and name in self._made else shape)
            for name, shape in inputs
        ]
        first = _with_shapes("inputs", known[:1], shapes.input if shapes else None)
        return first + _with_shapes("inputs", known[1:], shapes.second_input if shapes else None)


@dataclass(frozen=True, slots=True)
class LoopShapes:
    """Tensor shapes that a loop nest implies."""

    input: Shape
    second_input: Shape  # of a product of two activations
    weight: Shape
    output: Shape


def loop_shapes(operator: str, loops: Contraction) -> LoopShapes:
    """Images are (batch, channels, rows, columns), operands of a gemm or matmul (batch, rows, features)."""
    if operator in ("conv", "conv_transpose"):
        ahead = (loops.G * loops.C, loops.K) if loops.transposed else (loops.G * loops.K, loops.C)
        weight = (*ahead, loops.R, loops.S)
        return LoopShapes(
            (loops.B, loops.G * loops.C, *loops.input_size),
            weight,
            weight,
            (loops.B, loops.G * loops.K, *loops.output_size),
        )
    weight = (loops.G * loops.K, loops.C * loops.R * loops.S)
    return LoopShapes(
        (loops.B, prod(loops.input_size), loops.G * loops.C),
        (loops.G, loops.K, loops.C * loops.R * loops.S),
        weight,
        (loops.B, prod(loops.output_size), loops.G * loops.K),
    )


def _with_shapes(column: str, tensors: Named, shape: Shape | None) -> tuple[Tensor, ...]:
    complete = []
    for name, own in tensors:
        chosen = shape if own is None else own
        if chosen is None:
            raise InputError(
                f"column {column}: the shape of {name!r} is not known; write it, as in {name}:1x64x56x56"
            )
        complete.append(Tensor(name, chosen))
    return tuple(complete)
