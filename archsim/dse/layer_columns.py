"""Columns of a layer's table that follow from its bits alone: weight bytes, sensitivity, live activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from archsim.dse.bits import BitSpace
from archsim.dse.point import LayerTable
from archsim.dse.selection.problem import FloatArray, IntArray
from archsim.numerics.sensitivity import Operand
from archsim.workloads.layer import Tensor
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload


class SensitivityTable(Protocol):
    """What a layer's bits cost in accuracy, by operand ("weight" or "activation")."""

    def loss(self, layer: str, operand: Operand, bits: int) -> float: ...


@dataclass(frozen=True)
class PrecisionColumns:
    """One value per precision of a layer; a table's rows take theirs by index."""

    space: BitSpace
    sensitivity: SensitivityTable | None = None

    def weight_bytes(self, index: int) -> FloatArray:
        """Bytes of the static parameters that the layer is the first to read."""
        own = self._first_read[index]
        return self._each(index, lambda p: sum(-(-t.elements * p.weight_bits // 8) for t in own))

    def loss(self, index: int) -> FloatArray:
        """Loss increase of weights and activations together; 0 of what is no convolution or product.

        Raises InputError where the table lacks the layer or a bit-width.
        """
        layer = self.space.workload.layers[index]
        if layer.contraction is None or self.sensitivity is None:
            return np.zeros(len(self.space.precisions[index]))
        table = self.sensitivity

        def of(precision: Precision) -> float:
            # the second operand of a product of activations stands in the weights' place
            standing = precision.weight_bits if layer.has_static_weights else precision.activation_bits
            read = table.loss(layer.name, "activation", precision.activation_bits)
            return read + table.loss(layer.name, "weight", standing)

        return self._each(index, of)

    def live_bytes(self, index: int, live: frozenset[str]) -> FloatArray:
        """Bytes of the tensors among `live` that the layer makes, or as an input's first reader brings in."""
        layer = self.space.workload.layers[index]
        made = [t for t in layer.outputs if t.name in live]
        given = [t for t in self._given[index] if t.name in live]

        def of(precision: Precision) -> float:
            written = sum(-(-t.elements * precision.output_bits // 8) for t in made)
            return written + sum(-(-t.elements * precision.activation_bits // 8) for t in given)

        return self._each(index, of)

    def deciding(self) -> list[tuple[int, frozenset[str]]]:
        """By node of the graph (network inputs, then layers): the layer whose precision decides how wide its
        tensors are, and their names.
        """
        first = {t.name: i for i, given in reversed(list(enumerate(self._given))) for t in given}
        inputs = [(first[t.name], frozenset((t.name,))) for t in self.space.workload.inputs]
        made = [frozenset(t.name for t in layer.outputs) for layer in self.space.workload.layers]
        return [*inputs, *enumerate(made)]

    @cached_property
    def _first_read(self) -> list[list[Tensor]]:
        seen: set[str] = set()
        return [_new(layer.weights, seen) for layer in self.space.workload.layers]

    @cached_property
    def _given(self) -> list[list[Tensor]]:
        inputs, seen = {t.name for t in self.space.workload.inputs}, set()
        layers = self.space.workload.layers
        return [_new([t for t in layer.inputs if t.name in inputs], seen) for layer in layers]

    def _each(self, index: int, value: Callable[[Precision], float]) -> FloatArray:
        return np.array([value(p) for p in self.space.precisions[index]], dtype=np.float64)


def node_bytes(space: BitSpace, tables: Sequence[LayerTable]) -> list[tuple[int, IntArray]]:
    """By node of the graph the layer that decides its width, and its bytes by that layer's rows."""
    columns = PrecisionColumns(space)
    return [
        (index, columns.live_bytes(index, tensors)[tables[index].options.precision].astype(np.int64))
        for index, tensors in columns.deciding()
    ]


def _new(tensors: Sequence[Tensor], seen: set[str]) -> list[Tensor]:
    """Those not seen before, which they then are."""
    found = [t for t in tensors if t.name not in seen]
    seen.update(t.name for t in found)
    return found


def live_sets(workload: Workload) -> list[tuple[str, frozenset[str]]]:
    """(layer, names of the activation tensors alive while it runs), without sets that others contain."""
    sets = [
        (layer.name, frozenset(t for t, (born, dies) in workload.lifetimes.items() if born <= i <= dies))
        for i, layer in enumerate(workload.layers)
    ]
    return [(name, live) for i, (name, live) in enumerate(sets) if not _contained(live, sets, i)]


def _contained(live: frozenset[str], sets: Sequence[tuple[str, frozenset[str]]], own: int) -> bool:
    return any(live < other or (live == other and i < own) for i, (_, other) in enumerate(sets))
