"""LSTM, GRU and RNN unrolled over time.

The input projection of all steps is one gemm a direction; every step then has its recurrent gemm, which
waits for the hidden state of the step before, and its gates. Weights keep one name over all steps.
Sequences run at full length (`sequence_lens` is not read), gates have the default activation functions,
and gate clipping is not counted. A state that the model does not compute is a network input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.onnx_import.graph import Node
from archsim.workloads.onnx_import.number_formats import precision_of
from archsim.workloads.onnx_import.tensors import Tensors
from archsim.workloads.precision import Precision

MAX_STEPS = 10_000  # of one node: three layers each, and more layers than that serve nobody

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_SIGMOID = Counter(exp=1, add=1, div=1)
_TANH = Counter(exp=1, add=2, mul=1, div=1)
_MIX = Counter(mul=2, add=2)  # (1 - z)·candidate + z·state
# Operations per hidden element; every gate adds its input and its recurrent part.
_LSTM_GATES = Counter(add=4) + _SIGMOID + _SIGMOID + _SIGMOID + _TANH + _TANH + Counter(mul=3, add=1)
_LSTM_PEEPHOLES = Counter(mul=3, add=3)
_GRU_UPDATE_RESET = Counter(add=2) + _SIGMOID + _SIGMOID
_GRU_CANDIDATE = Counter(add=1) + _TANH + _MIX
_RNN_GATES = Counter(add=1) + _TANH


@dataclass(frozen=True, slots=True)
class _Cell:
    """What all steps of one direction share."""

    name: str
    suffix: str  # tells the directions apart
    precision: Precision
    batch: int
    inputs: int
    hidden: int
    gates: int
    reset_after: bool  # GRU: the reset gate works on the recurrent product (linear_before_reset)
    input_weights: tuple[Tensor, ...]  # W, then biases
    recurrent_weights: Tensor
    peepholes: tuple[Tensor, ...]

    def tensor(self, role: str, step: int, width: int) -> Tensor:
        return Tensor(f"{self.name}/{role}{self.suffix}_{step}", (self.batch, width))

    def gemm(self, step: int, role: str, state: Tensor, weights: Tensor) -> Layer:
        """`role` of step `step`: the state times (outputs, inputs)-shaped weights."""
        outputs, inputs = weights.shape
        return Layer(
            name=f"{self.name}/{role}{self.suffix}_{step}",
            operator="gemm",
            inputs=(state,),
            outputs=(self.tensor(f"{role}_out", step, outputs),),
            weights=(weights,),
            contraction=Contraction(B=self.batch, K=outputs, C=inputs),
            precision=self.precision,
        )

    def elementwise(
        self, step: int, role: str, inputs: tuple[Tensor, ...], made: tuple[str, ...], ops: Counter[str]
    ) -> Layer:
        elements = self.batch * self.hidden
        return Layer(
            name=f"{self.name}/{role}{self.suffix}_{step}",
            operator="recurrent_gates",
            inputs=inputs,
            outputs=tuple(self.tensor(output, step, self.hidden) for output in made),
            weights=self.peepholes,
            ops={key: count * elements for key, count in ops.items()},
            precision=self.precision,
        )


# A step: (cell, step, projected input, hidden state, cell state) -> (layers, hidden state, cell state)
_Step = Callable[[_Cell, int, Tensor, Tensor, Tensor], tuple[list[Layer], Tensor, Tensor]]


def _lstm_step(cell: _Cell, step: int, x: Tensor, h: Tensor, c: Tensor) -> tuple[list[Layer], Tensor, Tensor]:
    product = cell.gemm(step, "recurrent", h, cell.recurrent_weights)
    ops = _LSTM_GATES + _LSTM_PEEPHOLES if cell.peepholes else _LSTM_GATES
    gates = cell.elementwise(step, "gates", (x, product.outputs[0], c), ("h", "c"), ops)
    return [product, gates], gates.outputs[0], gates.outputs[1]


def _gru_step(cell: _Cell, step: int, x: Tensor, h: Tensor, c: Tensor) -> tuple[list[Layer], Tensor, Tensor]:
    if cell.reset_after:
        product = cell.gemm(step, "recurrent", h, cell.recurrent_weights)
        ops = _GRU_UPDATE_RESET + _GRU_CANDIDATE + Counter(mul=1)
        gates = cell.elementwise(step, "gates", (x, product.outputs[0], h), ("h",), ops)
        return [product, gates], gates.outputs[0], c
    # the reset gate scales the state before its product: two products in a row
    stored, hidden = cell.recurrent_weights.name, cell.hidden
    product = cell.gemm(step, "recurrent", h, Tensor(f"{stored}/update_reset", (2 * hidden, hidden)))
    ops = _GRU_UPDATE_RESET + Counter(mul=1)
    gates = cell.elementwise(step, "gates", (x, product.outputs[0], h), ("update", "reset_state"), ops)
    update, reset_state = gates.outputs
    candidate = cell.gemm(step, "candidate", reset_state, Tensor(f"{stored}/candidate", (hidden, hidden)))
    inputs = (x, candidate.outputs[0], update, h)
    mix = cell.elementwise(step, "mix", inputs, ("h",), _GRU_CANDIDATE)
    return [product, gates, candidate, mix], mix.outputs[0], c


def _rnn_step(cell: _Cell, step: int, x: Tensor, h: Tensor, c: Tensor) -> tuple[list[Layer], Tensor, Tensor]:
    product = cell.gemm(step, "recurrent", h, cell.recurrent_weights)
    gates = cell.elementwise(step, "gates", (x, product.outputs[0]), ("h",), _RNN_GATES)
    return [product, gates], gates.outputs[0], c


_STEPS: dict[str, _Step] = {"LSTM": _lstm_step, "GRU": _gru_step, "RNN": _rnn_step}


def recurrent(node: Node, tensors: Tensors) -> list[Layer]:
    batch, steps = tensors.shape(node.input(0))[:2]
    if not node.integer("layout", 0):
        batch, steps = steps, batch
    directions = tensors.shape(node.input(2))[0]
    if steps * directions > MAX_STEPS:
        raise InputError(
            f"node {node.name!r} ({node.op}) would unroll into {steps * directions} steps; "
            f"allowed: {MAX_STEPS}; set a shorter sequence with --dim"
        )
    layers: list[Layer] = []
    every: list[Tensor] = []
    last: list[Tensor] = []
    last_cell: list[Tensor] = []
    for direction in range(directions):
        cell = _cell(node, tensors, direction, batch)
        projection = _projection(cell, tensors.activation(node.input(0)), steps)
        layers.append(projection)
        h, c = (_initial(node, tensors, role, index, cell) for role, index in (("h", 5), ("c", 6)))
        backward = direction == 1 or node.text("direction", "forward") == "reverse"
        for step in range(steps)[:: -1 if backward else 1]:
            made, h, c = _STEPS[node.op](cell, step, projection.outputs[step], h, c)
            layers += made
            every.append(h)
        last.append(h)
        last_cell.append(c)
    for index, parts in enumerate((every, last, last_cell)):
        layers += _gather(node, tensors, index, parts, layers[0].precision)
    return layers


def _cell(node: Node, tensors: Tensors, direction: int, batch: int) -> _Cell:
    x, w, r = node.inputs[:3]
    if not (tensors.is_static(w) and tensors.is_static(r)):
        raise ValueError("its weights are not constants")
    directions, rows, inputs = tensors.shape(w)
    hidden = tensors.shape(r)[2]
    if rows != _GATES[node.op] * hidden or tensors.shape(r)[1] != rows:
        raise ValueError(f"weights of {rows} rows do not fit {hidden} hidden elements")

    def part(name: str) -> Tensor:
        whole = tensors.weight(name)
        return Tensor(f"{whole.name}[{direction}]" if directions > 1 else whole.name, whole.shape[1:])

    bias, peepholes = node.input(3), node.input(7)
    return _Cell(
        name=node.name,
        suffix=f"_{direction}" if directions > 1 else "",
        precision=precision_of(tensors.element_type(w), tensors.element_type(x), tensors.element_type(x)),
        batch=batch,
        inputs=inputs,
        hidden=hidden,
        gates=_GATES[node.op],
        reset_after=bool(node.integer("linear_before_reset", 0)),
        input_weights=(part(w), part(bias)) if bias else (part(w),),
        recurrent_weights=part(r),
        peepholes=(part(peepholes),) if peepholes else (),
    )


def _projection(cell: _Cell, x: Tensor, steps: int) -> Layer:
    """All steps' inputs times W; one output a step, so that a step holds only its own."""
    width = cell.gates * cell.hidden
    return Layer(
        name=f"{cell.name}/input{cell.suffix}",
        operator="gemm",
        inputs=(x,),
        outputs=tuple(cell.tensor("input_out", step, width) for step in range(steps)),
        weights=cell.input_weights,
        contraction=Contraction(B=cell.batch, K=width, C=cell.inputs, P=steps),
        ops={"add": steps * cell.batch * width} if len(cell.input_weights) > 1 else {},
        precision=cell.precision,
    )


def _initial(node: Node, tensors: Tensors, role: str, index: int, cell: _Cell) -> Tensor:
    name = node.input(index)
    if tensors.is_known(name) and not tensors.is_static(name):
        return tensors.activation(name)
    return Tensor(f"{cell.name}/initial_{role}{cell.suffix}", (cell.batch, cell.hidden))


def _gather(
    node: Node, tensors: Tensors, index: int, parts: list[Tensor], precision: Precision
) -> list[Layer]:
    """The node's output `index` as one tensor, if anybody reads it."""
    name = node.output(index)
    if not tensors.graph.readers.get(name):
        return []
    if len(parts) == 1:
        tensors.stand_for(name, parts[0])
        return []
    output = Tensor(name, tensors.shape(name))
    ops = {"move": output.elements}
    layer = Layer(
        f"{node.name}/output_{index}", "concat", tuple(parts), (output,), ops=ops, precision=precision
    )
    return [layer]


CONVERTERS = dict.fromkeys(_GATES, recurrent)
