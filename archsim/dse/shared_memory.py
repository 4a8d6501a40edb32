"""Weights that stay in L2 throughout: those of all layers and the activations of any share it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from archsim.dse.selection.problem import Budget, Choices

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine
    from archsim.dse.point import Point

RESIDENT, BESIDE = "resident_bytes", "beside_resident_bytes"


def shared_l2_bytes(machine: Machine) -> float | None:
    """What the layers share; None on machines without such a memory."""
    return getattr(machine, "shared_l2_bytes", None)


def with_shared_l2(
    choices: tuple[Choices, ...], point: Point
) -> tuple[tuple[Choices, ...], tuple[Budget, ...]]:
    """The choices with what they hold in L2, and budgets that keep all of it within.

    As much room as any layer needs at least, at its widest, is kept for activations; the rest may be weights.
    """
    room = shared_l2_bytes(point.machine)
    if room is None:
        return choices, ()
    found, beside_least, beside_most, weights_most = [], 0.0, 0.0, 0.0
    for choice, table in zip(choices, point.tables, strict=True):
        held = table.options.held_bytes
        repeated = choice.rows // len(table.options)  # rows are there once for every number of executions
        weights = np.tile(held["l2_weights"], repeated)
        beside = np.tile(held["l2"], repeated) - weights
        precision = np.tile(table.options.precision, repeated)
        beside_least = max(
            beside_least, *(float(beside[precision == p].min()) for p in set(precision.tolist()))
        )
        beside_most = max(beside_most, float(beside.max()))
        weights_most += float(weights.max())
        found.append(replace(choice, columns={**choice.columns, RESIDENT: weights, BESIDE: beside}))
    if weights_most + beside_most <= room:
        return choices, ()
    budgets = (
        Budget("weights that stay in l2", RESIDENT, room - beside_least),
        Budget("activations in l2", BESIDE, beside_least, "max"),
    )
    return tuple(found), budgets
