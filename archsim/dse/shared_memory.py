"""Weights that stay in L2 throughout: those of all layers and the activations of any share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archsim.dse.selection.problem import Budget, Choices, FloatArray

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine
    from archsim.dse.point import Point
    from archsim.workloads.layer import Layer

RESIDENT, BESIDE = "resident_bytes", "beside_resident_bytes"


def shared_l2_bytes(machine: Machine) -> float | None:
    """What the layers share; None on machines without such a memory."""
    return getattr(machine, "shared_l2_bytes", None)


def with_shared_l2(
    choices: tuple[Choices, ...], point: Point, layers: Sequence[Layer]
) -> tuple[tuple[Choices, ...], tuple[Budget, ...]]:
    """The choices with what they hold in L2, and budgets that keep all of it within.

    As much room as any layer needs at least, at its widest, is kept for activations; the rest may be weights.
    Weights that several layers share count once, in every layout that a mapping may want.
    """
    room = shared_l2_bytes(point.machine)
    if room is None:
        return choices, ()
    found, beside_least, beside_most, weights_most = [], 0.0, 0.0, 0.0
    shared = _shared_weights(layers)
    for choice, table, once in zip(choices, point.tables, shared, strict=True):
        held = table.options.held_bytes
        repeated = choice.rows // len(table.options)  # rows are there once for every number of executions
        weights = np.tile(held["l2_weights"], repeated)
        beside = np.tile(held["l2"], repeated) - weights
        precision = np.tile(table.options.precision, repeated)
        beside_least = max(
            beside_least, *(float(beside[precision == p].min()) for p in set(precision.tolist()))
        )
        beside_most = max(beside_most, float(beside.max()))
        if once is not None:
            weights = once * _all_layouts(weights, precision)
        weights_most += float(weights.max())
        found.append(replace(choice, columns={**choice.columns, RESIDENT: weights, BESIDE: beside}))
    if weights_most + beside_most <= room:
        return choices, ()
    budgets = (
        Budget("weights that stay in l2", RESIDENT, room - beside_least),
        Budget("activations in l2", BESIDE, beside_least, "max"),
    )
    return tuple(found), budgets


def _shared_weights(layers: Sequence[Layer]) -> list[float | None]:
    """Per layer: None if its weights are its own; of layers that share them 1 for the first, 0 for others."""
    names = [tuple(t.name for t in layer.weights) for layer in layers]
    return [
        None if not own or names.count(own) == 1 else float(names.index(own) == i)
        for i, own in enumerate(names)
    ]


def _all_layouts(sizes: FloatArray, precision: npt.NDArray[np.integer[Any]]) -> FloatArray:
    """At every row what all layouts of its precision take at most: the smallest beside the largest."""
    found = np.zeros(len(sizes))
    for p in set(precision.tolist()):
        different = {float(sizes[precision == p].min()), float(sizes[precision == p].max())}
        found[precision == p] = sum(different)
    return found
