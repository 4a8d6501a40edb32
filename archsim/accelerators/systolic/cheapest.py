"""The cheapest mapping of a complete space, where the table itself tells what a mapping costs.

Best first over the same branches as `best_rows`. That keeps every row which the kernel's latency or another
objective could make worth having; here one row a precision is wanted, least in the objective and, of those
equal in it, least in the other cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.machine import cost_of
from archsim.accelerators.systolic.best_rows import Rows
from archsim.accelerators.systolic.count_table import Bool, Float, Int, PricedTable, TablePricing
from archsim.accelerators.systolic.relaxation import Branches

FIRST_BRANCHES, MORE = 2, 8
"""Branches priced row by row in the first round; each further round takes so many times as many."""

TIE_BREAK = 1e-6
"""Weight of the other cost where branches are ranked: many have the same objective."""


@dataclass(eq=False)
class _Best:
    """The cheapest mapping of one precision so far."""

    cost: float = np.inf
    other: float = np.inf
    at: tuple[PricedTable, int] | None = None

    def better(self, cost: Float, other: Float) -> Bool:
        """Which costs are less than the best's."""
        return (cost < self.cost) | ((cost == self.cost) & (other < self.other))

    def note(self, priced: PricedTable, cost: Float, other: Float) -> None:
        least = np.flatnonzero(cost == cost.min())
        row = int(least[other[least].argmin()])
        if self.better(cost[row], other[row]):
            self.cost, self.other, self.at = float(cost[row]), float(other[row]), (priced, row)


def cheapest_rows(branches: Branches, pricing: TablePricing, minimize: str) -> list[Rows]:
    """The cheapest mapping at each precision at which one fits."""
    bounds = _costs(pricing.price(branches.bounds), minimize)
    best = [_Best() for _ in bounds[0]]
    left: Int = np.arange(bounds[0].shape[1])
    step = FIRST_BRANCHES
    while True:
        each = [b.better(*costs) for b, costs in zip(best, zip(*bounds, strict=True), strict=True)]
        is_open = np.logical_or.reduce(each)
        left, bounds = left[is_open], [b[:, is_open] for b in bounds]
        if not len(left):
            return _rows(best)
        chosen = _first(bounds, step)
        for table in branches.mappings(left[chosen]):
            priced = pricing.price(table)
            for found, cost, other in zip(best, *_costs(priced, minimize), strict=True):
                found.note(priced, cost, other)
        for cost in bounds:
            cost[:, chosen] = np.inf
        step *= MORE


def _costs(priced: PricedTable, minimize: str) -> list[Float]:
    """(objective, other cost) of mappings or branches at the least, infinite for those that do not fit."""
    energy = priced.energy_pj + priced.pricing.leakage * priced.cycles
    cost = cost_of(minimize, priced.cycles, energy)
    other = priced.cycles if minimize == "energy" else energy
    fits = priced.fits()
    return [np.where(fits, values, np.inf) for values in (cost, other)]


def _first(bounds: Sequence[Float], step: int) -> Int:
    """The branches likely to hold the cheapest mappings, some for each precision; ascending."""
    some: list[Int] = []
    for cost, other in zip(*bounds, strict=True):
        if len(cost) <= step:
            return np.arange(len(cost))
        ranked = cost + other * (TIE_BREAK * cost.min() / other.min())
        some.append(np.argpartition(ranked, step)[:step])
    return np.unique(np.concatenate(some))


def _rows(best: Sequence[_Best]) -> list[Rows]:
    found: list[Rows] = []
    for p, each in enumerate(best):
        if each.at is not None:
            priced, row = each.at
            one = priced.take(np.array([row]))
            wanted = np.arange(len(best))[:, np.newaxis] == p
            found.append(Rows(one, wanted, one.cycles_high()))
    return found
