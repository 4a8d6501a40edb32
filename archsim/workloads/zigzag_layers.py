"""ZigZag's workload YAML (github.com/KULeuven-MICAS/zigzag, 3.9), read: layers, precisions and the graph.

    - id: 1
      operator_type: Conv
      equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
      dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
      loop_dims: [B, K, C, OY, OX, FY, FX]
      loop_sizes: [1, 64, 3, 112, 112, 7, 7]
      operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
      operand_source: {I: 0, W: 1}      # ids of layers; its own: a constant, or the network's input

The width of partial sums (O) is the accelerator's in archsim, not the layer's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from archsim.errors import InputError
from archsim.workloads.einsum import COLUMNS, ROWS, Einsum, Rank, Term, loops_of
from archsim.workloads.layer import Layer
from archsim.workloads.layer_names import Names
from archsim.workloads.operation_counts import pooling_operations
from archsim.workloads.peer_yaml import Part, brief, read_peer_yaml
from archsim.workloads.precision import Precision
from archsim.workloads.trace_defaults import Chain
from archsim.workloads.workload import Workload

_CONTRACTIONS = ("Conv", "Conv_downsample", "Gemm", "MatMul")
_ELEMENTWISE = {"Add": ("add", "add"), "Max": ("elementwise", "max")}  # operator, elementary operation
_POOLINGS = {
    **dict.fromkeys(("Pooling", "Pool", "MaxPool"), "max_pool"),
    **dict.fromkeys(("AveragePool", "GlobalAveragePool"), "average_pool"),
}
OPERATORS = (*_CONTRACTIONS, *_ELEMENTWISE, *_POOLINGS)
_KEYS = (
    *("id", "name", "operator_type", "equation", "dimension_relations", "loop_dims", "loop_sizes"),
    *("operand_precision", "operand_source", "pr_loop_dims", "pr_loop_sizes", "padding"),
)
_INDICES = r"((?:\s*\[\s*\w*\s*\])+)"
_EQUATION = re.compile(rf"\s*O{_INDICES}\s*\+?\s*=\s*(\w){_INDICES}\s*([*+])\s*(\w){_INDICES}\s*")
_RELATION = re.compile(r"\s*(\w+)\s*=\s*(?:(\d+)\s*\*\s*)?(\w+)\s*\+\s*(?:(\d+)\s*\*\s*)?(\w+)\s*")
_PARTIAL_SUMS = (
    "the width of partial sums (operand_precision.O) was passed over: it is the accelerator's "
    "(array.mac.accumulator_bits)"
)


def read_zigzag(path: str | Path) -> Workload:
    """Read a workload. Raises InputError naming file and key of the first mistake or what is not covered."""
    path = Path(path)
    graph = _Graph()
    for part in read_peer_yaml(path):
        part.only(*_KEYS)
        operator = part.text("operator_type")
        if operator not in OPERATORS:
            part.refuse("operator_type", f"is {operator!r}; covered: {', '.join(OPERATORS)}")
        graph.check_id(part)
        try:
            graph.add(part, _read_layer(part, operator, graph))
        except InputError as error:
            if str(error).startswith(str(path)):
                raise
            part.refuse("", str(error))
    return Workload.from_layers(path.stem, graph.layers.values(), warnings=[_PARTIAL_SUMS])


@dataclass(slots=True)
class _Graph:
    """The layers read so far, by id, and what the next may refer to."""

    layers: dict[int, Layer] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    chain: Chain = field(default_factory=Chain)

    def check_id(self, part: Part) -> None:
        number = part.whole("id", least=0)
        if number in self.layers:
            part.refuse("id", f"is {number}, which layer {self.layers[number].name!r} has already")

    def add(self, part: Part, layer: Layer) -> None:
        self.layers[part.whole("id", least=0)] = layer
        self.chain.append(layer)

    def source(self, part: Part, operand: str) -> str | None:
        """The tensor that an operand is; None for a constant or the network's input."""
        sources = part.part("operand_source", optional=True)
        sources.only("I", "W")
        own = part.whole("id", least=0)
        number = sources.whole(operand, own, least=0)
        if number == own:
            return None
        if number not in self.layers:
            sources.refuse(
                operand, f"is {number}, but no layer above has this id; list a layer after its sources"
            )
        return self.layers[number].outputs[0].name


@dataclass(frozen=True)
class _Equation:
    """Upper-case dimensions by operand (I, W, O), and the sign between I and W."""

    indices: Mapping[str, tuple[str, ...]]
    sign: str
    relations: Mapping[str, Rank]

    def ranks(self, operand: str) -> tuple[Rank, ...]:
        return tuple(self.relations.get(index, (Term(index),)) for index in self.indices[operand])


def _read_layer(part: Part, operator: str, graph: _Graph) -> Layer:
    name = graph.names.unique(part.text("name", f"layer{part.whole('id', least=0)}"))
    sizes, equation = _sizes(part), _equation(part)
    for operand in "IWO":
        for rank in equation.ranks(operand):
            for term in rank:
                if term.dimension not in sizes:
                    part.refuse("equation", f"dimension {term.dimension.lower()} has no size in loop_dims")
    sign = "+" if operator in _ELEMENTWISE else "*"
    if equation.sign != sign:
        part.refuse("equation", f"joins I and W by {equation.sign}; {operator} needs {sign}")
    if operator in _CONTRACTIONS:
        return _contraction(part, name, operator, sizes, equation, graph)
    return _other(part, name, operator, sizes, equation, graph)


def _contraction(
    part: Part, name: str, kind: str, sizes: Mapping[str, int], equation: _Equation, graph: _Graph
) -> Layer:
    einsum = Einsum(sizes, *(equation.ranks(operand) for operand in "IWO"))
    try:
        loops = loops_of(einsum).contraction(*_border(part))
    except InputError as error:
        part.refuse("equation", str(error))
    first, second = graph.source(part, "I"), graph.source(part, "W")
    operator = "conv" if kind.startswith("Conv") else "gemm"
    inputs = [(first or f"{name}.in", None)]
    if second is not None:
        operator, inputs = "matmul", [*inputs, (second, None)]
    tensors = graph.chain.complete(name, operator, loops, inputs, None, None)
    precision = _precision(part, part.part("operand_precision").whole("W"))
    return Layer(name, operator, tensors.inputs, tensors.outputs, tensors.weights, loops, precision=precision)


def _other(
    part: Part, name: str, kind: str, sizes: Mapping[str, int], equation: _Equation, graph: _Graph
) -> Layer:
    """An element-wise layer or a pooling: its operations, on tensors with the equation's axes."""
    elementwise = kind in _ELEMENTWISE
    shapes = {operand: _shape(equation.ranks(operand), sizes) for operand in "IO"}
    if elementwise:
        operator, operation = _ELEMENTWISE[kind]
        counts = {operation: prod(shapes["O"])}
    else:
        operator = _POOLINGS[kind]
        window = prod(size for dimension, size in sizes.items() if dimension not in equation.indices["O"])
        counts = pooling_operations(operator, window, prod(shapes["O"]))
    first, second = graph.source(part, "I"), graph.source(part, "W")
    inputs = [(first, None) if first else (f"{name}.in", shapes["I"])]
    inputs += [(second, None)] if second and elementwise else []
    weights = [(f"{name}.weight", shapes["O"])] if elementwise and not second else []
    tensors = graph.chain.complete(name, operator, None, inputs, weights, [(f"{name}.out", shapes["O"])])
    bits = part.part("operand_precision")
    precision = _precision(part, bits.whole("W", 0, least=0) or bits.whole("I"))  # a pooling's W has 0 bits
    return Layer(
        name, operator, tensors.inputs, tensors.outputs, tensors.weights, ops=counts, precision=precision
    )


def _shape(ranks: tuple[Rank, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """An operand's extent along every axis; along a window, what its positions reach."""
    return tuple(sum(t.coefficient * (sizes[t.dimension] - 1) for t in rank) + 1 for rank in ranks)


def _sizes(part: Part) -> dict[str, int]:
    dims, sizes = part.words("loop_dims"), part.items("loop_sizes")
    if len(dims) != len(sizes):
        part.refuse("loop_sizes", f"has {len(sizes)} sizes for {len(dims)} loop_dims")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            part.refuse("loop_sizes", f"holds {brief(size)}; allowed: whole numbers of at least 1")
    found = {dim.upper(): size for dim, size in zip(dims, sizes, strict=True)}
    if len(found) != len(dims):
        part.refuse("loop_dims", f"names a dimension twice: {', '.join(dims)}")
    return found


def _equation(part: Part) -> _Equation:
    text = part.text("equation")
    match = _EQUATION.fullmatch(text)
    if match is None or {match[2], match[5]} != {"I", "W"}:
        part.refuse("equation", f"is {text[:80]!r}; allowed: O[..]+=W[..]*I[..] or O[..]=W[..]+I[..]")
    found = {"O": match[1], match[2]: match[3], match[5]: match[6]}
    indices = {operand: tuple(i.upper() for i in re.findall(r"\w+", text)) for operand, text in found.items()}
    relations: dict[str, Rank] = {}
    for relation in part.words("dimension_relations", ()):
        found_relation = _RELATION.fullmatch(relation)
        if found_relation is None:
            part.refuse("dimension_relations", f"holds {relation[:60]!r}; allowed: iy=2*oy+1*fy")
        made, first, one, second, other = found_relation.groups()
        relations[made.upper()] = (Term(one.upper(), int(first or 1)), Term(other.upper(), int(second or 1)))
    return _Equation(indices, match[4], relations)


def _border(part: Part) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """((top, left, bottom, right), (rows, columns) of the input, 0 x 0 where the file does not say)."""
    dims = [dim.upper() for dim in part.words("pr_loop_dims", ())]
    pads, sizes = part.items("padding", ()), part.items("pr_loop_sizes", ())
    before, after, extent = [0, 0], [0, 0], [0, 0]
    for key, values in (("padding", pads), ("pr_loop_sizes", sizes)):
        if values and len(values) != len(dims):
            part.refuse(key, f"has {len(values)} entries for {len(dims)} pr_loop_dims")
    for i, dim in enumerate(dims):
        if dim not in ROWS | COLUMNS:
            part.refuse("pr_loop_dims", f"holds {dim}; allowed: IY, IX")
        side = int(dim in COLUMNS)
        if pads:
            pair = pads[i]
            if not isinstance(pair, list) or len(pair) != 2 or not all(_is_count(value) for value in pair):
                part.refuse("padding", f"holds {brief(pair)}; allowed: [before, after], whole numbers from 0")
            before[side], after[side] = pair
        if sizes:
            if not _is_count(sizes[i]):
                part.refuse("pr_loop_sizes", f"holds {brief(sizes[i])}; allowed: whole numbers from 1")
            extent[side] = sizes[i]
    if 0 in extent:
        extent = [0, 0]
    return (before[0], before[1], after[0], after[1]), (extent[0], extent[1])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _precision(part: Part, weight_bits: int) -> Precision:
    bits = part.part("operand_precision")
    bits.only("W", "I", "O", "O_final")
    try:
        return Precision(weight_bits, bits.whole("I"), bits.whole("O_final"))
    except InputError as error:
        if str(error).startswith(str(part.file)):
            raise
        part.refuse("operand_precision", str(error))
