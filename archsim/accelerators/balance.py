"""Rows for a pipeline: the stages balanced so that the slowest is as fast as the machine's resources allow.

The quick choice of `archsim run`; `archsim search` proves the best one. For an interval, each stage takes the
row that meets it with the least of what is scarce, and bisection finds the least interval at which they fit.
FINN's folding (Blott et al., FINN-R, TRETS 2018) meets an interval in the same way, but looks at no resource.
What stands between stages follows from all of them; where that is too much the stages get less, and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from archsim.accelerators.machine import DoesNotFit, FloatArray, Options, PipelinedMachine, Row, taken

ROUNDS = 8
"""Times the scarcity of resources is estimated anew from what was chosen."""
MOST_BALANCES = 8
"""Times the stages are balanced anew with room for what stood between them."""


def balanced_rows(machine: PipelinedMachine, tables: Sequence[Options]) -> list[Row]:
    """A row a stage: a short interval at which the stages fit the machine with what stands between them.

    Where none was found, rows that fit without that and exceed the machine least. Raises DoesNotFit where not
    even the stages fit.
    """
    capacity, least, nearest = machine.capacity, np.inf, list[Row]()
    most = dict.fromkeys(capacity, 0.0)  # that stood between stages so far
    for _ in range(MOST_BALANCES):
        room = {name: max(0.0, limit - most[name]) for name, limit in capacity.items()}
        try:
            chosen = balanced(tables, room)
        except DoesNotFit:
            if not nearest:
                raise
            return nearest
        rows = [table.row(index) for table, index in zip(tables, chosen, strict=True)]
        excess = _excess(capacity, taken(machine, rows, [machine.performed(row) for row in rows]))
        if excess <= 0:
            return rows
        if not nearest or excess < least:
            least, nearest = excess, rows
        most = {name: max(most[name], count) for name, count in {**most, **machine.between(rows)}.items()}
    return nearest


def _excess(capacity: Mapping[str, float], used: Mapping[str, float]) -> float:
    """By what share of its capacity the resource that is shortest is exceeded; 0 where all fit."""
    over = [
        (used[name] - limit) / limit if limit else np.inf
        for name, limit in capacity.items()
        if used[name] > limit
    ]
    return max(over, default=0.0)


def balanced(tables: Sequence[Options], capacity: Mapping[str, float]) -> list[int]:
    """A row a stage: the least largest `cycles` found at which the stages' resources fit `capacity`.

    Rows of equal need are told apart by energy. Raises DoesNotFit where even the smallest do not fit.
    """
    names = [name for name, limit in capacity.items() if np.isfinite(limit)]
    shares = [_shares(table, names, capacity) for table in tables]
    intervals = np.unique(np.concatenate([table.cycles for table in tables]))
    intervals = intervals[intervals >= max(float(table.cycles.min()) for table in tables)]
    best = _meeting(tables, shares, float(intervals[-1]))
    if best is None:
        raise DoesNotFit(_too_large(tables, names, capacity))
    low, high = 0, len(intervals) - 1  # the last one is met
    while low < high:
        middle = (low + high) // 2
        found = _meeting(tables, shares, float(intervals[middle]))
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    return best


def _shares(table: Options, names: Sequence[str], capacity: Mapping[str, float]) -> FloatArray:
    """(rows, resources): a row's share of each resource's capacity (of what there is none: inf)."""
    nothing = np.zeros(len(table))
    columns = [table.resources.get(name, nothing) for name in names]
    scarce = [np.divide(c, capacity[n]) if capacity[n] else np.where(c > 0, np.inf, 0.0)
              for c, n in zip(columns, names, strict=True)]  # fmt: skip
    return np.stack(scarce, axis=1) if names else np.zeros((len(table), 1))


def _meeting(tables: Sequence[Options], shares: Sequence[FloatArray], interval: float) -> list[int] | None:
    """Rows of stages no slower than the interval that fit together, or None if none were found."""
    weights = np.ones(shares[0].shape[1])
    for _ in range(ROUNDS):
        rows = [_least(t, s, weights, interval) for t, s in zip(tables, shares, strict=True)]
        taken = sum(share[row] for share, row in zip(shares, rows, strict=True))
        if np.all(taken <= 1 + 1e-12):
            return rows
        if not np.all(np.isfinite(taken)):
            return None
        weights = weights * np.maximum(taken, 1e-3)  # what was overdrawn becomes dearer
    return None


def _least(table: Options, shares: FloatArray, weights: FloatArray, interval: float) -> int:
    quick = np.flatnonzero(table.cycles <= interval)
    with np.errstate(invalid="ignore"):
        need = np.where(shares[quick] > 0, shares[quick] * weights, 0.0).sum(axis=1)
    return int(quick[np.lexsort((table.total_energy_pj[quick], need))[0]])


def _too_large(tables: Sequence[Options], names: Sequence[str], capacity: Mapping[str, float]) -> str:
    lines = []
    for name in names:
        least = sum(float(table.resources.get(name, np.zeros(1)).min()) for table in tables)
        if least > capacity[name]:
            lines.append(f"{name}: at least {least:,.0f} of {capacity[name]:,.0f}")
    what = "; ".join(lines) or "no choice of rows fits all resources at once"
    return f"the stages together do not fit the machine: {what}"
