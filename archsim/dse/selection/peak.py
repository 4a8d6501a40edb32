"""The least maximum: the slowest stage of a pipeline as fast as the budgets allow.

A cost that is one peak takes only values that rows have. For a value everything dearer is left out, and
whether the rest has a selection at all is a question of budgets alone; the answer can only change from no to
yes as the value grows, so bisection finds the least value, and the no before it is the proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from archsim.dse.selection.instance import Cost, Instance
from archsim.dse.selection.problem import FloatArray, IntArray
from archsim.dse.selection.session import Session

LEAST_ROOM = 1e-3
"""Of a budget's limit, that counts as left in it: next to nothing would drown all other budgets."""

Feasible = Callable[[Instance, IntArray | None], tuple[IntArray | None, bool]]
"""A selection of an instance whose cost is its load, and whether it is proven that there is none."""


def is_peak(cost: Cost) -> bool:
    """Whether a cost is a maximum and nothing else."""
    return len(cost.peaks) == 1 and not cost.values.any()


def least_peak(
    instance: Instance, session: Session, hint: IntArray | None, feasible: Feasible
) -> tuple[IntArray | None, float]:
    """The best selection known (indices into the instance), and a proven bound (inf: there is none)."""
    peak, constant = instance.cost.peaks[0], instance.cost.constant
    lowest = np.full(instance.layers, math.inf)
    np.minimum.at(lowest, instance.layer, peak)
    values = np.unique(peak[peak >= lowest.max()])
    known = hint if hint is not None and instance.feasible(hint) else None
    low, high = 0, len(values)  # nothing is feasible below values[low]; at values[high] something is
    if known is not None:
        high = int(np.searchsorted(values, peak[known].max()))
    unsettled = False
    while low < high and not session.over:
        # without a selection yet the loosest is asked first: whether there is any
        middle = (low + high) // 2 if known is not None else len(values) - 1
        kept = peak <= values[middle]
        part = replace(instance.take(kept), costs=(Cost(np.zeros(0), (), 0.0),))
        part = replace(part, costs=(Cost(_load(part), (), 0.0),))
        chosen, impossible = feasible(part, None)
        if chosen is not None:
            known = instance.find(part.rows[chosen])
            assert known is not None
            high = int(np.searchsorted(values, peak[known].max()))
        elif impossible:
            if known is None:
                return None, math.inf
            low = middle + 1
        else:
            unsettled = True
            break
    bound = constant + float(values[min(low, len(values) - 1)])
    if unsettled and known is None:
        bound = constant + float(values[0])
    return known, bound


def _load(instance: Instance) -> FloatArray:
    """What rows take of all budgets together, as shares: the less, the likelier others fit beside."""
    load = np.zeros(len(instance.rows))
    for budget in instance.budgets:
        room = max(budget.limit - budget.fixed, LEAST_ROOM * abs(budget.limit))
        load += budget.values / room if room > 0 else budget.values
    return load
