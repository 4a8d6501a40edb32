"""Which rows of a table another row beats for certain, when costs are known only between bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Costs = npt.NDArray[Any]

FIRST_BLOCK, BLOCK = 16, 64
"""Rows compared all with all."""

MOST_PAIRED = 1024


def unbeaten(costs: Costs) -> Int:
    """Indexes, ascending, of the rows (rows, costs) that no other row beats. Costs are finite.

    A row is beaten by one that is no more in every column and less in one, or equal in all and earlier.
    """
    if len(costs) < 2:
        return np.arange(len(costs))
    columns = np.ascontiguousarray(costs.T)
    spread = columns.max(axis=1) - columns.min(axis=1)
    columns = columns[spread > 0]
    if len(columns) < 2:
        return columns.argmin(axis=1) if len(columns) else np.arange(1)
    # whatever beats a row has no larger sum (rounding keeps order), and the least sums beat the most rows
    together = (columns / spread[spread > 0, np.newaxis]).sum(axis=0)
    order = np.argsort(together, kind="stable")
    kept = order[_unbeaten_in_order(columns[:, order])]
    if (np.diff(together[kept]) == 0).any():  # of rows with one sum the later may beat the earlier
        kept = kept[np.lexsort((kept, *columns[::-1, kept]))]
        kept = kept[_unbeaten_in_order(columns[:, kept])]
    return np.sort(kept)


def _unbeaten_in_order(columns: Costs) -> Int:
    """`unbeaten` of (costs, rows) where a row stands after all that beat it."""
    index = np.arange(columns.shape[1])
    kept: list[Int] = []
    block = FIRST_BLOCK
    while len(index):
        head, rest = columns[:, :block], columns[:, block:]
        first = np.flatnonzero(~np.triu(_no_more(head, head), 1).any(axis=0))
        kept.append(index[first])
        stays = ~_no_more(head[:, first], rest).any(axis=0)
        index, columns = index[block:][stays], rest[:, stays]
        block = BLOCK
    return np.concatenate(kept)


def _no_more(some: Costs, others: Costs) -> npt.NDArray[np.bool_]:
    """Whether each of `some` (costs, rows) is no more in every cost than each of `others`: all pairs."""
    no_more = some[0][:, np.newaxis] <= others[0]
    for own, theirs in zip(some[1:], others[1:], strict=True):
        no_more &= own[:, np.newaxis] <= theirs
    return no_more


def beaten_by(costs: Costs, front: Costs) -> npt.NDArray[np.bool_]:
    """Which rows of `costs` are no less than some row of `front` in every column."""
    columns = np.ascontiguousarray(costs.T)
    beaten = np.zeros(len(costs), dtype=bool)
    for start in range(0, len(front), BLOCK):
        beaten |= _no_more(front[start : start + BLOCK].T, columns).any(axis=0)
    return beaten


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
