"""Where the operands of a workload's layers stand in its ONNX model.

The importer names a layer after its node, and a layer's first weight after the tensor stored behind it. Here
the way back: from the layer to the node's input, the values there, and the axis of its output channels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsim.errors import InputError
from archsim.numerics.quantise import Floats
from archsim.numerics.static_values import StaticValues
from archsim.workloads.layer import Layer
from archsim.workloads.onnx_import.graph import Node, named_nodes, static_tensors
from archsim.workloads.onnx_import.model_file import read_model_with_values

_CONVOLUTIONS = ("Conv", "ConvTranspose", "QLinearConv", "ConvInteger")
# operator -> inputs that are its two factors
_FACTORS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "ConvInteger"), (0, 1)),
    **dict.fromkeys(("Gemm", "MatMul", "MatMulInteger", "Einsum"), (0, 1)),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "com.microsoft:QGemm"), (0, 3)),
}
_RECURRENT = ("LSTM", "GRU", "RNN")
_UNSCALED = ("ConvInteger", "MatMulInteger")  # the scale of their integers stands elsewhere, if anywhere
_STEP = re.compile(r"/(input|recurrent|candidate)((?:_\d+)*)")


@dataclass(frozen=True, slots=True)
class Slot:
    """An input of a node: the node's place in the file, the input's place in the node."""

    node: int
    input: int


@dataclass(frozen=True, slots=True)
class WeightSlot:
    """A static operand: its slot, the part of the tensor there that the layer uses, its output channels.

    `channel_axis` counts in the part; None where the operator does not say. `groups` is of a transposed
    convolution, whose channels are spread over its first two axes.
    """

    slot: Slot
    channel_axis: int | None
    part: tuple[int | slice, ...] = ()
    groups: int = 1

    def rows(self, tensor: Floats) -> Floats:
        """The part with its output channels as first axis."""
        part = tensor[self.part]
        if self.channel_axis is None:
            return part[np.newaxis]
        if self.groups > 1:
            split = part.reshape(self.groups, -1, *part.shape[1:]).swapaxes(1, 2)
            return split.reshape(-1, *split.shape[2:])
        return np.moveaxis(part, self.channel_axis, 0)

    def with_rows(self, tensor: Floats, rows: Floats) -> Floats:
        """A copy of the whole tensor with `rows` in place of the part."""
        whole = tensor.copy()
        if self.channel_axis is None:
            part = rows[0]
        elif self.groups > 1:
            split = rows.reshape(self.groups, -1, *rows.shape[1:]).swapaxes(1, 2)
            part = split.reshape(-1, *split.shape[2:])
        else:
            part = np.moveaxis(rows, 0, self.channel_axis)
        whole[self.part] = part
        return whole


class OnnxOperands:
    """Operands of the layers that `load_onnx` made of the model at `path`.

    Raises InputError when the file, or weights stored beside it, cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = read_model_with_values(path)
        self.nodes = named_nodes(self.model.graph)
        self._static, self._stored = static_tensors(self.model.graph, self.nodes, {})
        self._places = {node.name: place for place, node in enumerate(self.nodes)}
        self._values = StaticValues(self.model)

    def node(self, layer: Layer) -> int:
        """The place of the layer's node. Raises InputError when it is not in the file."""
        for name in (layer.name, layer.name.rpartition("/")[0]):
            if name in self._places:
                return self._places[name]
        stored = layer.weights[0].name if layer.weights else ""
        readers = [
            place
            for place, node in enumerate(self.nodes)
            if node.op in _FACTORS and any(self._stored.get(name) == stored for name in node.inputs)
        ]
        if len(readers) != 1:
            raise InputError(
                f"{self.path}: layer {layer.name!r} cannot be found in the model: its node was changed "
                "when shapes were resolved; simplify the model (onnxsim) and name its nodes, or do without "
                "its weights"
            )
        return readers[0]

    def weight(self, layer: Layer) -> WeightSlot | None:
        """Where the layer's weights stand; None for integers of unknown scale and for activation products."""
        place = self.node(layer)
        node = self.nodes[place]
        if not layer.has_static_weights or node.op in _UNSCALED:
            return None
        if node.op in _RECURRENT:
            return self._recurrent_weight(layer, place)
        if node.op not in _FACTORS:
            return None
        index = self._factors(node)[1]
        rank = self.tensor(Slot(place, index)).ndim
        groups = node.integer("group", 1) if node.op == "ConvTranspose" else 1
        return WeightSlot(Slot(place, index), _channel_axis(node, index, rank), groups=groups)

    def streamed(self, layer: Layer) -> Slot | None:
        """The input where the layer's activations arrive; None where it is hidden inside the node."""
        place = self.node(layer)
        node = self.nodes[place]
        if node.op in _RECURRENT:
            return Slot(place, 0) if _step(layer.name, node.name)[0] == "input" else None
        return Slot(place, self._factors(node)[0]) if node.op in _FACTORS else None

    def standing(self, layer: Layer) -> Slot | None:
        """In a product of two activations: the input that stands in the weights' place."""
        place = self.node(layer)
        node = self.nodes[place]
        return Slot(place, self._factors(node)[1]) if node.op in _FACTORS else None

    def tensor(self, slot: Slot) -> Floats:
        """The floating values at a static slot, dequantised.

        Raises InputError when they cannot be computed from what the file stores.
        """
        node = self.nodes[slot.node]
        values = self._values.of(node.inputs[slot.input])
        if node.op.rpartition(":")[2].startswith("Q"):
            values = self._dequantised(node, slot.input, values)
        return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)

    def whole_numbers(self, slot: Slot) -> Floats | None:
        """What the file stores at a static slot, less its zero point; None where that is no whole numbers.

        Raises InputError as `tensor`.
        """
        node = self.nodes[slot.node]
        name = node.inputs[slot.input]
        if not node.op.rpartition(":")[2].startswith("Q"):
            return self._values.whole_numbers(name)
        values = self._values.of(name).astype(np.float64)
        zero = self._values.of(node.inputs[slot.input + 2]) if node.input(slot.input + 2) else np.zeros(1)
        return values - (zero if zero.size == 1 else zero.reshape(-1, *(1 for _ in values.shape[1:])))

    def folded_scale(self, layer: Layer) -> Floats | None:
        """Factor of every output channel that a batch norm behind the layer folds into its weights."""
        place = self.node(layer)
        if "batch_norm" not in layer.fused:
            return None
        made = self.nodes[place].outputs[0]
        norm = next((n for n in self.nodes if n.op == "BatchNormalization" and n.inputs[0] == made), None)
        if norm is None:
            return None
        epsilon = norm.attributes.get("epsilon", 1e-5)
        scale, variance = (self._values.of(norm.inputs[i]).astype(np.float64) for i in (1, 4))
        return scale / np.sqrt(variance + float(epsilon))  # pyright: ignore[reportArgumentType]

    def _factors(self, node: Node) -> tuple[int, int]:
        """(streamed, standing): the static factor stands, else the second; as the importer has it."""
        first, second = _FACTORS[node.op]
        turned = node.op not in _CONVOLUTIONS and node.inputs[first] in self._static
        return (second, first) if turned else (first, second)

    def _dequantised(self, node: Node, index: int, values: Floats) -> Floats:
        scale = self._values.of(node.inputs[index + 1]).astype(np.float64)
        zero = self._values.of(node.inputs[index + 2]).astype(np.float64) if node.input(index + 2) else 0.0
        if np.ndim(scale) == 1 and scale.size > 1 and node.op == "QLinearConv":
            shape = (-1, *(1 for _ in values.shape[1:]))
            scale, zero = scale.reshape(shape), np.reshape(zero, shape) if np.size(zero) > 1 else zero
        return ((values.astype(np.float64) - zero) * scale).astype(np.float32)

    def _recurrent_weight(self, layer: Layer, place: int) -> WeightSlot:
        """W or R of one direction; a GRU's candidate is the last third of R's rows."""
        role, direction = _step(layer.name, self.nodes[place].name)
        if role == "input":
            return WeightSlot(Slot(place, 1), 0, (direction,))
        rows = layer.weights[0].shape[0]
        used = slice(-rows, None) if role == "candidate" else slice(0, rows)
        return WeightSlot(Slot(place, 2), 0, (direction, used))


def _step(layer: str, node: str) -> tuple[str, int]:
    """(role, direction) of a layer that a recurrent node was unrolled into."""
    match = _STEP.fullmatch(layer.removeprefix(node))
    if match is None:
        raise InputError(
            f"layer {layer!r} is no step of node {node!r}; read the workload from this model again"
        )
    role, numbers = match.group(1), [int(text) for text in match.group(2).split("_")[1:]]
    directed = len(numbers) > (role != "input")  # a step has a number of its own
    return role, numbers[0] if directed else 0


def _channel_axis(node: Node, index: int, rank: int) -> int | None:
    """The axis of a factor that its output channels run along."""
    first = index == 0
    if node.op in ("Gemm", "com.microsoft:QGemm"):
        turned = bool(node.integer("transA" if first else "transB", 0))
        return int(turned) if first else int(not turned)
    if node.op in ("MatMul", "QLinearMatMul"):
        return (rank - 2 if first else rank - 1) if rank > 1 else None
    return {"ConvTranspose": 1, "Einsum": None}.get(node.op, 0)
