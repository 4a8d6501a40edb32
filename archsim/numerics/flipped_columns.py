"""Columns that hold the complements of their digits, so that no sum is above half of the largest.

ISAAC (Shafiee et al., ISCA 2016, section V): where the digits d of a column add up to more than half of what
they could, the cells hold h - d, h the highest digit, and the sum of products is found as

    Σ d · x = h · Σ x - Σ (h - d) · x

which saves a bit of the converter. A column is flipped in each row group apart. Σ x is counted digitally
here; ISAAC has a column of ones for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.row_groups import RowGroup
from archsim.numerics.weight_slices import Ints, WeightSlices

Flips = NDArray[np.bool_]
"""Whether a column holds complements: (row groups, columns, outputs)."""


def flips(digits: Ints, slices: WeightSlices, groups: Sequence[RowGroup]) -> Flips:
    """Which columns are better flipped; `digits` as `WeightSlices.digits` makes them, products flattened."""
    highest = _highest(slices)[:, np.newaxis]
    sums = (
        digits[:, :, group.rows].sum(axis=2, dtype=np.int64) * 2 > highest * len(group.rows)
        for group in groups
    )
    return np.stack(list(sums))


def with_complements(digits: Ints, flipped: Flips, slices: WeightSlices, groups: Sequence[RowGroup]) -> Ints:
    """What the cells hold, of the same shape as `digits`."""
    held = digits.copy()
    highest = _highest(slices).astype(digits.dtype)[:, np.newaxis, np.newaxis]
    for group, own in zip(groups, flipped, strict=True):
        part = digits[:, :, group.rows]
        held[:, :, group.rows] = np.where(own[:, :, np.newaxis], highest - part, part)
    return held


def added_digitally(flipped: Flips, slices: WeightSlices, groups: Sequence[RowGroup]) -> NDArray[np.float32]:
    """What an input counts in an output beside the conversions, Σ significance · h over the columns that are
    flipped in its row group: (outputs, products)."""
    weights = np.asarray(slices.significance) * _highest(slices)
    made = np.zeros((flipped.shape[2], sum(len(group.rows) for group in groups)), np.float32)
    for group, own in zip(groups, flipped, strict=True):
        made[:, group.rows] = (weights @ own)[:, np.newaxis]
    return made


def _highest(slices: WeightSlices) -> Ints:
    return np.array([column.highest for column in slices.columns])
