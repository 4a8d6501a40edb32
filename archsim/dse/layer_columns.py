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
from archsim.workloads.activation_memory import LIVENESS, Alive, MemoryPolicy, workload_sets
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.patch_names import whole_name
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

        A patch has its share of the layer's, by pixels: errors of pixels add up.
        Raises InputError where the table lacks the layer or a bit-width.
        """
        layer = self.space.workload.layers[index]
        if layer.contraction is None or self.sensitivity is None:
            return np.zeros(len(self.space.precisions[index]))
        table, whole = self.sensitivity, whole_name(layer.name)
        share = _pixels(layer) / self._pixels[whole]

        def of(precision: Precision) -> float:
            # the second operand of a product of activations stands in the weights' place
            standing = precision.weight_bits if layer.has_static_weights else precision.activation_bits
            read = table.loss(whole, "activation", precision.activation_bits)
            return share * (read + table.loss(whole, "weight", standing))

        return self._each(index, of)

    def live_bytes(self, index: int, live: Alive) -> FloatArray:
        """Bytes of the tensors among `live` that the layer makes, or as an input's first reader brings in."""
        layer = self.space.workload.layers[index]
        made = [t for t in layer.outputs if t.name in live]
        given = [t for t in self._given[index] if t.name in live]

        def of(precision: Precision) -> float:
            written = sum(live[t.name] * -(-t.elements * precision.output_bits // 8) for t in made)
            read = sum(live[t.name] * -(-t.elements * precision.activation_bits // 8) for t in given)
            return written + read

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
    def _pixels(self) -> dict[str, int]:
        """Of every layer of the network, in all its patches together."""
        found: dict[str, int] = {}
        for layer in self.space.workload.layers:
            whole = whole_name(layer.name)
            found[whole] = found.get(whole, 0) + _pixels(layer)
        return found

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
        (
            index,
            columns.live_bytes(index, dict.fromkeys(tensors, 1.0))[tables[index].options.precision].astype(
                np.int64
            ),
        )
        for index, tensors in columns.deciding()
    ]


def _new(tensors: Sequence[Tensor], seen: set[str]) -> list[Tensor]:
    """Those not seen before, which they then are."""
    found = [t for t in tensors if t.name not in seen]
    seen.update(t.name for t in found)
    return found


def _pixels(layer: Layer) -> int:
    return layer.outputs[0].elements


def live_sets(workload: Workload, policy: MemoryPolicy = LIVENESS) -> list[tuple[str, Alive]]:
    """(layer, what is alive while it runs), without sets that others contain."""
    sets = [
        (layer.name, alive)
        for layer, alternatives in zip(workload.layers, workload_sets(workload, policy), strict=True)
        for alive in alternatives
    ]
    return [(name, live) for i, (name, live) in enumerate(sets) if not _contained(live, sets, i)]


def _contained(live: Alive, sets: Sequence[tuple[str, Alive]], own: int) -> bool:
    return any(
        i != own
        and live.keys() <= other.keys()
        and all(share <= other[name] for name, share in live.items())
        and (live != other or i < own)
        for i, (_, other) in enumerate(sets)
    )
