"""Rows worth keeping: those that no other row of the same layer makes needless."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archsim.dse.selection.problem import Choices, FloatArray, IntArray

BLOCK = 2048
"""Rows compared at a time."""
FIRST_SIEVE = 16
"""Rows of the front tried first on a block; most rows fall to a few that are good at everything."""
COMPARISONS = 1 << 22
"""Pairs compared in one go, so that the working set stays in the cache."""


def pareto_rows(choices: Choices, read_columns: Sequence[str], keys: Sequence[str] = ()) -> IntArray:
    """Rows, in order, that are not dominated in all of `read_columns` by a row with the same `keys`.

    Smaller is better. Of equal rows the first stays. No optimum of anything that grows with the columns read,
    under upper limits on them, is lost.
    """
    columns = [choices.columns[name] for name in read_columns]
    values = np.stack(columns, axis=1) if columns else np.zeros((choices.rows, 1))
    return undominated(values, _stack([choices.keys[name] for name in keys], choices.rows))


def _stack(keys: Sequence[IntArray], rows: int) -> IntArray:
    return np.stack([np.zeros(rows, dtype=np.int64), *keys], axis=1)


def undominated(values: FloatArray, keys: IntArray) -> IntArray:
    """As `pareto_rows`, of a matrix of values [rows, columns] and one of keys [rows, keys]."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    values = _without_constant_columns(values)
    fronts = [group[_front(values[group])] for group in _groups(keys)]
    return np.sort(np.concatenate(fronts))


def _groups(keys: IntArray) -> list[IntArray]:
    """Rows with the same keys, in order."""
    label = np.zeros(len(keys), dtype=np.int64)
    for key in keys.T:
        if (key != key[0]).any():
            _, index = np.unique(key, return_inverse=True)
            _, label = np.unique(label * (index.max() + 1) + index, return_inverse=True)
    if not label.any():
        return [np.arange(len(keys))]
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(1, int(label.max()) + 1))
    return np.split(order, starts)


def _without_constant_columns(values: FloatArray) -> FloatArray:
    varies = (values != values[0]).any(axis=0)
    return values[:, varies] if varies.any() else values[:, :1]


def _front(values: FloatArray) -> IntArray:
    """Indices of undominated rows. A row's dominators all come before it in the order that is swept."""
    width = values.shape[1]
    if width == 1:
        return np.array([int(values[:, 0].argmin())])
    if width == 2:
        return _front_of_two(values)
    sums = _sums(values)
    candidates = _sifted(values, sums)
    # rounding may make the sums of a row and its dominator equal, never swap them; then the columns decide
    order = candidates[np.lexsort((*values[candidates].T[::-1], sums[candidates]))]
    count = len(order)
    ordered = np.ascontiguousarray(values[order])
    front = np.empty((0, width))
    found: list[IntArray] = []
    for start in range(0, count, BLOCK):
        block = np.arange(start, min(start + BLOCK, count))
        block = block[_survive(ordered[block], front)]
        block = block[_survive_each_other(ordered[block])]
        found.append(block)
        front = np.concatenate([front, ordered[block]])
    return order[np.concatenate(found)]


def _sums(values: FloatArray) -> FloatArray:
    """Sums of a row's columns, each over its spread. Rounded alike in every row, so that a row is never above
    one that it dominates: a matrix product doesn't promise that.
    """
    sums = np.zeros(len(values))
    for column in values.T:
        spread = float(np.ptp(column))
        sums += column / spread if 0 < spread < np.inf else 0.0
    return sums


def _sifted(values: FloatArray, sums: FloatArray) -> IntArray:
    """Rows that none of a few rows with small sums dominates: cheaper than to sort them all."""
    if len(values) <= BLOCK:
        return np.arange(len(values))
    alive = np.ones(len(values), dtype=bool)
    for row in np.argpartition(sums, FIRST_SIEVE)[:FIRST_SIEVE]:
        dominated = sums > sums[row]  # so that no row removes itself or an equal one
        for column in range(values.shape[1]):
            dominated &= values[row, column] <= values[:, column]
        alive &= ~dominated
    return np.flatnonzero(alive)


def _front_of_two(values: FloatArray) -> IntArray:
    rows = _sifted(values, _sums(values))
    order = rows[np.lexsort((values[rows, 1], values[rows, 0]))]
    second = values[order, 1]
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
    return order[second < best_before]


def _survive(block: FloatArray, front: FloatArray) -> IntArray:
    """Rows of a block that no row of the front dominates, sieved by ever more of the front."""
    alive = np.arange(len(block))
    done, step = 0, FIRST_SIEVE
    while done < len(front) and len(alive):
        sieve = front[done : done + step]
        alive = alive[~_dominated(block[alive], sieve)]
        done += len(sieve)
        step = max(1, min(step * 4, COMPARISONS // max(len(alive), 1)))
    return alive


def _dominated(rows: FloatArray, by: FloatArray) -> npt.NDArray[np.bool_]:
    no_worse = by[:, 0][None, :] <= rows[:, 0][:, None]
    for column in range(1, rows.shape[1]):
        no_worse &= by[:, column][None, :] <= rows[:, column][:, None]
    return np.any(no_worse, axis=1, keepdims=True)[:, 0]


def _survive_each_other(block: FloatArray) -> npt.NDArray[np.bool_]:
    """Only earlier rows can dominate later ones, equal ones included."""
    earlier = np.tri(len(block), k=-1, dtype=bool)
    for column in range(block.shape[1]):
        earlier &= block[:, column][None, :] <= block[:, column][:, None]
    return ~np.any(earlier, axis=1, keepdims=True)[:, 0]
