"""The cheapest mappings of a space of trees, where the table itself tells what a mapping costs.

`best_rows` keeps every row which the kernel's latency or another objective could make worth having; here one
row a precision is wanted, least in the objective and, of those equal in it, least in the other cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.systolic.best_rows import Rows
from archsim.accelerators.systolic.cheapest_mappings import costs_of, likely
from archsim.accelerators.systolic.count_table import Bool, Float, Int, PricedTable


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


class Cheapest:
    """The cheapest mapping at each precision at which one fits, found bit by bit (see `Wanted`)."""

    def __init__(self, precisions: int, minimize: str) -> None:
        self.minimize = minimize
        self._best = [_Best() for _ in range(precisions)]

    def costs(self, priced: PricedTable) -> list[Float]:
        """(objective, other cost) of mappings or branches at the least, infinite for those that do not
        fit."""
        return list(costs_of(priced, self.minimize))

    def are_open(self, costs: Sequence[Float]) -> Bool:
        each = [b.better(*own) for b, own in zip(self._best, zip(*costs, strict=True), strict=True)]
        return np.logical_or.reduce(each)

    def first(self, costs: Sequence[Float], most: int) -> Int:
        return likely(costs, most)

    def note(self, priced: PricedTable) -> None:
        for found, cost, other in zip(self._best, *self.costs(priced), strict=True):
            found.note(priced, cost, other)

    def rows(self) -> list[Rows]:
        found: list[Rows] = []
        for p, each in enumerate(self._best):
            if each.at is not None:
                priced, row = each.at
                one = priced.take(np.array([row]))
                wanted = np.arange(len(self._best))[:, np.newaxis] == p
                found.append(Rows(one, wanted, one.cycles_high()))
        return found
