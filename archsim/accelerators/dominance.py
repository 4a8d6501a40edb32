"""Which rows of a table another row beats for certain, when costs are known only between bounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

BLOCK = 64
"""Rows compared all with all."""


def unbeaten(costs: Float | Int) -> Int:
    """Indexes, ascending, of the rows (rows, costs) that no other row beats.

    A row is beaten by one that is no more in every column and less in one, or equal in all and earlier.
    """
    if len(costs) < 2:
        return np.arange(len(costs))
    costs = costs[:, np.ptp(costs, axis=0) > 0]
    if costs.shape[1] == 0:
        return np.arange(1)
    # by columns in turn: whatever beats a row stands before it
    order = np.lexsort(costs.T[::-1])
    if costs.shape[1] == 1:
        return order[:1]
    left = costs[order]
    kept: list[Int] = []
    while len(order):
        head = _among_few(left[:BLOCK])
        front = left[head]
        kept.append(order[head])
        rest, order = left[BLOCK:], order[BLOCK:]
        stays = ~beaten_by(rest, front)
        left, order = rest[stays], order[stays]
    return np.sort(np.concatenate(kept))


def beaten_by(costs: Float | Int, front: Float | Int) -> npt.NDArray[np.bool_]:
    """Which rows of `costs` are no less than some row of `front` in every column."""
    beaten = np.zeros(len(costs), dtype=bool)
    for row in front:
        worse = costs[:, 0] >= row[0]
        for column in range(1, costs.shape[1]):
            worse &= costs[:, column] >= row[column]
        beaten |= worse
    return beaten


def _among_few(costs: Float | Int) -> Int:
    """`unbeaten` of rows in lexicographic order, all pairs at once."""
    no_more = np.all(costs[:, np.newaxis, :] <= costs[np.newaxis, :, :], axis=2)
    return np.flatnonzero(~np.triu(no_more, 1).any(axis=0))


def certainly_unbeaten(low: Float, high: Float) -> Int:
    """Indexes of rows that no other row beats for certain; costs (rows, costs) lie between `low` and `high`.

    Row b beats row a for certain if the most b may cost is no more than the least a may cost, in every
    column; of rows that are equal and known exactly the first is kept.
    """
    some = leaders(high)
    some = some[unbeaten(high[some])]
    stays = ~beaten_by_others(low, high[some], some)
    index = np.flatnonzero(stays)
    low, high = low[index], high[index]
    front = unbeaten(high)
    return index[~beaten_by_others(low, high[front], front)]


def leaders(costs: Float) -> Int:
    """A few rows likely to beat many: the least of each column, and of all columns together."""
    shares = costs / np.maximum(costs.min(axis=0), 1e-300)
    return np.unique([*np.argmin(costs, axis=0), np.argmin(shares.prod(axis=1))])


def beaten_by_others(costs: Float, front: Float, rows: Int) -> npt.NDArray[np.bool_]:
    """`beaten_by`, where row i of `front` is number `rows[i]` of `costs` and does not beat itself."""
    beaten = np.zeros(len(costs), dtype=bool)
    for row, own in zip(front, rows.tolist(), strict=True):
        worse = np.all(costs >= row, axis=1)
        worse[own] = False
        beaten |= worse
    return beaten
