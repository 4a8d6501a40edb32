"""Which archsim tensor stands for an ONNX tensor, and how wide it is stored and read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from onnx import TensorProto

from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.onnx_import.graph import REARRANGING, Graph, Node
from archsim.workloads.onnx_import.number_formats import FLOAT_TYPES, bits_of, precision_of

_INDEX_TYPES = (TensorProto.INT64, TensorProto.INT32)


class Tensors:
    """Names through the nodes that vanish: a reshaped tensor is its source, a Q/DQ pair sets its width.

    `read_bits` records how wide each activation is read, which is how wide its producer has to write it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.read_bits: dict[str, int] = {}
        self._source: dict[str, str] = {}
        self._narrow: dict[str, int] = {}  # element type behind a dequantised tensor
        self._made: dict[str, Tensor] = {}  # tensors that the importer makes up itself

    def alias(self, name: str, source: str) -> None:
        """Let readers of `name` read `source` instead; the stored width goes along."""
        self._source[name] = self.source(source)
        if source in self._narrow:
            self._narrow[name] = self._narrow[source]

    def stand_for(self, name: str, tensor: Tensor) -> None:
        """Let readers of `name` read a tensor that the ONNX graph does not have."""
        self._source[name] = tensor.name
        self._made[tensor.name] = tensor

    def store_as(self, name: str, element: int) -> None:
        """Readers of `name` find it stored as `element`, whatever its arithmetic type is."""
        self._narrow[name] = element

    def source(self, name: str) -> str:
        return self._source.get(name, name)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape ONNX gives this very name; ValueError where it is not known."""
        shape = self.graph.shape(name)
        if shape is None:
            raise ValueError(f"tensor {name!r} has no known shape")
        return shape

    def elements(self, name: str) -> int:
        return prod(self.shape(name))

    def element_type(self, name: str) -> int:
        """How the values of `name` are stored for this reader."""
        if name in self._narrow:
            return self._narrow[name]
        known = self.graph.types.get(name)
        return known.element if known and known.element else TensorProto.FLOAT

    def note_static(self, node: Node) -> None:
        """Carry the stored type of a constant through a static node that only rearranges it."""
        source = node.input(0)
        if node.op == "DequantizeLinear" or (source in self._narrow and node.op in REARRANGING):
            self._narrow[node.outputs[0]] = self.element_type(source)

    def is_static(self, name: str) -> bool:
        return name in self.graph.static

    def is_known(self, name: str) -> bool:
        """Whether the tensor, and the one that stands for it, have a shape."""
        source = self.source(name)
        return (
            bool(name)
            and self.graph.shape(name) is not None
            and (source in self._made or self.graph.shape(source) is not None)
        )

    def activation(self, name: str) -> Tensor:
        source = self.source(name)
        self.read_bits[source] = max(self.read_bits.get(source, 0), bits_of(self.element_type(name)))
        return self._made.get(source) or Tensor(source, self.shape(source))

    def weight(self, name: str) -> Tensor:
        return Tensor(self.graph.stored[name], self.shape(name))

    def activations(self, names: Iterable[str]) -> tuple[Tensor, ...]:
        """The activations among `names`; absent ones and those of unknown shape are left out."""
        return tuple(self.activation(n) for n in names if self.is_known(n) and not self.is_static(n))

    def weights(self, names: Iterable[str]) -> tuple[Tensor, ...]:
        """The parameters among `names`: static tensors of more than one element (one is an immediate)."""
        static = [n for n in names if n and self.is_static(n) and self.is_known(n) and self.elements(n) > 1]
        return tuple(self.weight(n) for n in static)

    def outputs(self, node: Node) -> tuple[Tensor, ...]:
        """The node's first output, and the others that somebody reads."""
        wanted = [n for i, n in enumerate(node.outputs) if n and (i == 0 or self.graph.readers.get(n))]
        return tuple(Tensor(n, self.shape(n)) for n in wanted if self.is_known(n) and not self.is_static(n))

    def layer(
        self,
        node: Node,
        operator: str,
        names: Sequence[str],
        ops: Mapping[str, int],
        *,
        contraction: Contraction | None = None,
        stationary: str = "",
    ) -> Layer:
        """A layer for `node` that reads `names`; static ones become weights, `stationary` the first of them.

        In a product of two activations `names` starts with the streamed operand, then the stationary one.
        """
        data = names[0] if contraction else self._data_operand(node, names)
        static = [n for n in names if n and n != stationary and self.is_static(n)]
        if not contraction and self.element_type(data) not in _INDEX_TYPES:  # positions are no parameters
            static = [n for n in static if self.element_type(n) not in _INDEX_TYPES]
        first = (self.weight(stationary),) if stationary and self.is_static(stationary) else ()
        inputs = self.activations(names)
        return Layer(
            name=node.name,
            operator=operator,
            inputs=inputs if contraction else tuple(dict.fromkeys(inputs)),
            outputs=self.outputs(node),
            weights=first + self.weights(static),
            contraction=contraction,
            ops=ops,
            precision=precision_of(
                self.element_type(stationary or data),
                self.element_type(data),
                self.element_type(node.outputs[0]),
            ),
        )

    def _data_operand(self, node: Node, names: Sequence[str]) -> str:
        """The operand whose type the layer computes in: no index, rather an activation, rather wide.

        A node without operands computes in the type of its output.
        """

        def rank(name: str) -> tuple[bool, bool, bool, int]:
            element = self.element_type(name)
            return (
                element not in _INDEX_TYPES,
                not self.is_static(name),
                element in FLOAT_TYPES,
                bits_of(element),
            )

        return max((n for n in names if n), key=rank, default=node.outputs[0])
