"""Conductances of a chip's cells, in units of one level, and what a reference column takes away.

Programming: Gaussian, independent of the level or proportional to it (the generic device errors of CrossSim
3.2, Sandia). Drift: G(t) = G(t0) · (t/t0)^-nu (Le Gallo et al. 2018, IEEE Trans. Electron Devices 65(10)).
IR drop, to first order: the wire's voltage drop is that of the undisturbed currents. A cell sees

    V / V0 = 1 - r · Σ_j min(i, j) · g_j · activity        along its column, i cells from the converter,
               - r · Σ_k min(c, k) · g_k                    along its row, c cells from the driver,

with r the wire's resistance between two cells times a cell's highest conductance, and g relative to it. The
inputs of the other rows of a column are taken at their mean, `activity`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.crossbar import Crossbar
from archsim.numerics.quantise import Floats
from archsim.numerics.row_groups import RowGroup
from archsim.numerics.weight_slices import WeightSlices


@dataclass(frozen=True, slots=True)
class Conductances:
    """Of the cells of one layer on one chip, both (columns, outputs, products of an output).

    `weights`: what the column's sum is made of, the reference column's share taken away. `cells`: the
    conductances themselves, which read noise is proportional to.
    """

    weights: Floats
    cells: Floats


def conductances(
    digits: NDArray[np.integer],
    slices: WeightSlices,
    groups: Sequence[RowGroup],
    crossbar: Crossbar,
    activity: float,
    rng: np.random.Generator,
) -> Conductances:
    """Cells as a chip has them; `digits` as `WeightSlices.digits` makes them, products flattened."""
    errors = crossbar.cells
    top = 2**crossbar.cell_bits - 1
    off = top / (errors.on_off_ratio - 1) if errors.on_off_ratio else 0.0
    cells = digits.astype(np.float32) + np.float32(off)
    if errors.programming_sigma:
        share = (top, cells)[errors.programming_of == "level"]
        normal = rng.standard_normal(cells.shape, np.float32)
        cells = np.maximum(cells + errors.programming_sigma * share * normal, 0.0)
    if errors.drifts:
        ratio = errors.drift_time_s / errors.drift_start_s
        normal = rng.standard_normal(cells.shape, np.float32)
        exponents = errors.drift_exponent + errors.drift_exponent_sigma * normal
        cells = cells * np.float32(ratio) ** -exponents
        off *= ratio**-errors.drift_exponent
    if errors.wire_to_on:
        cells = cells * _voltages(cells / (top + off), groups, slices, crossbar, activity)
    return Conductances(cells - np.float32(off), cells)


def _voltages(
    relative: Floats,
    groups: Sequence[RowGroup],
    slices: WeightSlices,
    crossbar: Crossbar,
    activity: float,
) -> Floats:
    """Share of the read voltage that is left at every cell; not below zero."""
    voltages = np.ones_like(relative)
    for group in groups:
        part = relative[:, :, group.rows]
        along_column = _nearer(part.shape[2]) @ np.moveaxis(part, 2, 0).reshape(part.shape[2], -1) * activity
        drop = np.moveaxis(along_column.reshape(part.shape[2], *part.shape[:2]), 0, 2)
        drop += _row_drop(part, crossbar.columns)
        voltages[:, :, group.rows] = np.maximum(1.0 - crossbar.cells.wire_to_on * drop, 0.0)
    return voltages


def _row_drop(part: Floats, array_columns: int) -> Floats:
    """Σ_k min(c, k) · g_k over the columns of an array; the columns of an output lie side by side."""
    columns, outputs, rows = part.shape
    flat = part.swapaxes(0, 1).reshape(columns * outputs, rows)
    drop = np.empty_like(flat)
    for start in range(0, len(flat), array_columns):
        block = flat[start : start + array_columns]
        drop[start : start + array_columns] = _nearer(len(block)) @ block
    return drop.reshape(outputs, columns, rows).swapaxes(0, 1)


def _nearer(count: int) -> Floats:
    """min(i, j) for i, j = 1 … count: the segments that the currents of two cells share."""
    places = np.arange(1.0, count + 1)
    return np.minimum(places[:, np.newaxis], places).astype(np.float32)
