"""The precisions every layer may choose from, and which layers must agree.

A tensor between layers has one width: what its maker writes is what its readers read. So the inputs of an
addition, and the convolutions that make them, are tied by the graph itself (as HAWQ-V3 ties them by hand).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.dse.selection.problem import IntArray, Tie
from archsim.dse.study import BitChoices, LayerBits
from archsim.errors import InputError
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.patch_names import whole_name
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

FULL_WIDTH_KINDS = ("normalization", "softmax", "activation", "unknown")
"""Read their inputs at the widest activation width: no sensitivity table says what fewer bits would cost."""
PASSING_KINDS = ("pooling", "data_movement")
"""Write what they read: more bits would hold nothing new, and fewer belong to the layer before."""
WEIGHT_BITS, ACTIVATION_BITS = "weight_bits", "activation_bits"


@dataclass(frozen=True)
class BitSpace:
    """Per layer its precisions and, for ties, the width of every tensor it shares with other layers."""

    workload: Workload
    precisions: tuple[tuple[Precision, ...], ...]
    ties: tuple[Tie, ...]

    @cached_property
    def narrowest(self) -> Workload:
        """Every layer at the fewest bits it may have."""
        return self._at(min)

    @cached_property
    def widest(self) -> Workload:
        """Every layer at the most bits it may have."""
        return self._at(max)

    def _at(self, end: Callable[[Iterable[int]], int]) -> Workload:
        fields = ("weight_bits", "activation_bits", "output_bits")
        at = {
            layer.name: replace(
                table[0], **{field: end(getattr(p, field) for p in table) for field in fields}
            )
            for layer, table in zip(self.workload.layers, self.precisions, strict=True)
        }
        return self.workload.with_precision(lambda layer: at[layer.name])

    def keys(self, index: int, precision: npt.NDArray[np.integer[Any]]) -> dict[str, IntArray]:
        """What ties compare, for rows of the layer at `index` whose precision is given by its number."""
        layer, table = self.workload.layers[index], self.precisions[index]
        weight, activation, output = (
            np.array([getattr(p, field) for p in table], dtype=np.int64)[precision]
            for field in ("weight_bits", "activation_bits", "output_bits")
        )
        keys = {WEIGHT_BITS: weight, ACTIVATION_BITS: activation}
        keys |= {_key(t): weight for t in layer.weights}
        keys |= {_key(t): activation for t in layer.inputs}
        return keys | {_key(t): output for t in layer.outputs}


def bit_space(workload: Workload, bits: BitChoices, *, own_patch_bits: bool = False) -> BitSpace:
    """`own_patch_bits`: a layer's activations may have other widths in every patch; its weights never do.

    Raises InputError for a pattern or a tied name that fits no layer, and for widths that cannot agree.
    """
    allowed = _allowed_by_layer(workload, bits)
    widths = _tensor_widths(workload, {name: entry[1] for name, entry in allowed.items()})
    precisions = tuple(_precisions(layer, allowed[layer.name][0], widths) for layer in workload.layers)
    ties = [*_graph_ties(workload, precisions), *_asked_ties(workload, bits)]
    if not own_patch_bits:
        several = [group for group in _patches(workload).values() if len(group) > 1]
        ties += [Tie(tuple(group), (ACTIVATION_BITS,)) for group in several]
    return BitSpace(workload, precisions, tuple(ties))


def uniform_space(workload: Workload, precision: Precision) -> BitSpace:
    """Every layer at one precision."""
    return BitSpace(workload, ((precision,),) * len(workload.layers), ())


def _allowed_by_layer(workload: Workload, bits: BitChoices) -> dict[str, tuple[list[int], list[int]]]:
    """(weight bits, activation bits) of each layer; of several exceptions the first that fits counts."""
    contractions = [whole_name(layer.name) for layer in workload.layers if layer.contraction is not None]
    ends = {"first": contractions[:1], "last": contractions[-1:]}
    names = list(_patches(workload))
    meant = {
        pattern: set(ends.get(pattern, [name for name in names if fnmatchcase(name, pattern)]))
        for pattern in bits.layers
    }
    for pattern, fitting in meant.items():
        if not fitting:
            raise InputError(
                f"bits.layers: {pattern!r} fits no layer of {workload.name}; give a name, a pattern such as "
                f"'{names[0].split('.')[0]}*', first or last"
            )

    def of(layer: Layer) -> tuple[list[int], list[int]]:
        own = next(
            (bits.layers[p] for p, fitting in meant.items() if whole_name(layer.name) in fitting), None
        )
        own = own or LayerBits(weights=None, activations=None)
        weights, activations = own.weights or bits.weights, own.activations or bits.activations
        if layer.kind in FULL_WIDTH_KINDS and layer.operator != "relu":
            activations = [max(activations)]
        return weights if layer.contraction is not None else [max(weights)], activations

    return {layer.name: of(layer) for layer in workload.layers}


def _tensor_widths(workload: Workload, activations: Mapping[str, Sequence[int]]) -> dict[str, set[int]]:
    """Widths that every reader of a tensor accepts; what leaves the network keeps the widest."""
    widest = max(max(widths) for widths in activations.values())
    widths: dict[str, set[int]] = {t.name: {widest} for t in workload.outputs}
    for layer in workload.layers:
        for tensor in layer.inputs:
            narrowed = widths.get(tensor.name, set(activations[layer.name])) & set(activations[layer.name])
            widths[tensor.name] = narrowed
    changed = True
    while changed:
        changed = False
        for group in _equal_width_groups(workload.layers):
            common = set.intersection(*(widths[t.name] for t in group))
            changed |= any(widths[t.name] != common for t in group)
            widths.update({t.name: common for t in group})
    for name, left in widths.items():
        if not left:
            readers = [layer.name for layer in workload.layers if name in {t.name for t in layer.inputs}]
            raise InputError(
                f"bits: no activation width suits every reader of tensor {name!r} ({', '.join(readers)}); "
                "give these layers a width in common"
            )
    return widths


def _equal_width_groups(layers: Sequence[Layer]) -> list[list[Tensor]]:
    """Tensors of one width: a layer's inputs; where it passes values on, its outputs too."""
    groups = []
    for layer in layers:
        passing = layer.kind in PASSING_KINDS or layer.operator == "relu"
        groups.append([*layer.inputs, *(layer.outputs if passing else ())])
        groups.append(list(layer.outputs))
    return [group for group in groups if len(group) > 1]


def _precisions(
    layer: Layer, weights: Sequence[int], widths: Mapping[str, set[int]]
) -> tuple[Precision, ...]:
    inputs = (
        sorted(widths[layer.inputs[0].name]) if layer.inputs else [max(layer.precision.activation_bits, 1)]
    )
    outputs = sorted(widths[layer.outputs[0].name])
    found = []
    for weight, read, written in product(sorted(weights), inputs, outputs):
        if (layer.kind in PASSING_KINDS or layer.operator == "relu") and layer.inputs and read != written:
            continue
        of_weights = read if layer.contraction is not None and not layer.has_static_weights else weight
        found.append(Precision(of_weights, read, written))
    return tuple(dict.fromkeys(found))


def _graph_ties(workload: Workload, precisions: Sequence[tuple[Precision, ...]]) -> list[Tie]:
    """A tie for every tensor, static weights included, that several layers touch and whose width is open."""
    touching: dict[str, dict[str, set[int]]] = {}
    for layer, table in zip(workload.layers, precisions, strict=True):
        for tensors, field in (
            (layer.weights, "weight_bits"),
            (layer.inputs, "activation_bits"),
            (layer.outputs, "output_bits"),
        ):
            for tensor in tensors:
                widths = {getattr(p, field) for p in table}
                touching.setdefault(_key(tensor), {})[layer.name] = widths
    return [
        Tie(tuple(readers), (key,))
        for key, readers in touching.items()
        if len(readers) > 1 and len(set.union(*readers.values())) > 1
    ]


def _asked_ties(workload: Workload, bits: BitChoices) -> list[Tie]:
    patches = _patches(workload)
    for group in bits.tied:
        for name in group:
            if name not in patches:
                raise InputError(f"bits.tied names layer {name!r}, which {workload.name} does not have")
    return [
        Tie(tuple(each for name in group for each in patches[name]), (WEIGHT_BITS, ACTIVATION_BITS))
        for group in bits.tied
    ]


def _patches(workload: Workload) -> dict[str, list[str]]:
    """By layer of the network the layers that compute it: one, or one a patch."""
    found: dict[str, list[str]] = {}
    for layer in workload.layers:
        found.setdefault(whole_name(layer.name), []).append(layer.name)
    return found


def _key(tensor: Tensor) -> str:
    return f"bits of {tensor.name}"
