"""Which rows of a table another row beats for certain, when costs are known only between bounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

BLOCK = 64
"""Rows compared all with all."""

MOST_PAIRED = 1024


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
    """Indexes of rows that no other row beats for certain; costs (costs, rows) lie between `low` and `high`.

    Row b beats row a for certain if the most b may cost is no more than the least a may cost, in every
    column; of rows that are equal and known exactly the first is kept.
    """
    index = np.arange(low.shape[1])
    if len(index) > BLOCK:
        some = leaders(high)
        index = index[~_beaten_by_some(low, high, some[unbeaten(high[:, some].T)])]
        low, high = low[:, index], high[:, index]
    if len(index) > MOST_PAIRED:
        index = index[~_beaten_by_some(low, high, unbeaten(high.T))]
        return index
    beats = np.ones((len(index), len(index)), dtype=bool)
    for least, most in zip(low, high, strict=True):
        beats &= most[:, np.newaxis] <= least
    # two that beat each other (or one itself) are equal
    beats &= ~(beats.T & np.tri(len(index), dtype=bool))
    return index[~beats.any(axis=0)]


def leaders(costs: Float) -> Int:
    """A few rows of (costs, rows) likely to beat many: the least in each cost, and in all costs together."""
    means = costs.mean(axis=1)
    together = (1 / np.where(means > 0, means, 1.0)) @ costs
    return np.array(sorted({*costs.argmin(axis=1).tolist(), int(together.argmin())}))


def _beaten_by_some(low: Float, high: Float, rows: Int) -> npt.NDArray[np.bool_]:
    """Which rows one of the given others beats for certain."""
    beaten = np.zeros(low.shape[1], dtype=bool)
    for own in rows.tolist():
        worse = low[0] >= high[0, own]
        for least, most in zip(low[1:], high[1:, own], strict=True):
            worse &= least >= most
        worse[own] = False
        beaten |= worse
    return beaten
