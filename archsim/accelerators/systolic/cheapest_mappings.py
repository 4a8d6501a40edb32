"""The cheapest mapping of a complete space, where the table itself tells what a mapping costs.

Branches are priced row by row, the likely ones first, until none could hold a mapping as cheap as the best.
What has been counted for one machine is priced first for the next, where it often is the best again. That
tells in the time, not in the answer: of mappings that cost the same the first of the space is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.machine import cost_of
from archsim.accelerators.systolic.count_table import Bool, CountTable, Float, Int, PricedTable, TablePricing
from archsim.accelerators.systolic.relaxation import Branches
from archsim.accelerators.systolic.seen import MOST_MAPPINGS, places_of

FIRST_BRANCHES, MORE = 2, 8
"""Branches priced row by row in the first round; each further round takes so many times as many."""

TIE_BREAK = 1e-6
"""Weight of the other cost where branches are ranked: many have the same objective."""

SAME = 1e-12
"""Costs that differ by less are equal: sums in another order differ in their last digits."""


@dataclass(frozen=True)
class Found:
    """A mapping at `place` (block, then candidates of M, N and K): its objective, the other cost, its bound
    in cycles."""

    cost: float
    other: float
    cycles: float
    place: tuple[int, ...]

    def beats(self, known: Found | None) -> bool:
        if known is None:
            return True
        for own, best in ((self.cost, known.cost), (self.other, known.other)):
            if abs(own - best) > SAME * best:
                return own < best
        return self.place < known.place


def costs_of(priced: PricedTable, minimize: str) -> tuple[Float, Float]:
    """(objective, other cost), infinite for mappings that do not fit."""
    energy = priced.energy_pj + priced.pricing.leakage * priced.cycles
    cost = cost_of(minimize, priced.cycles, energy)
    other = priced.cycles if minimize == "energy" else energy
    fits = priced.fits()
    if fits.all():
        return cost, other
    return np.where(fits, cost, np.inf), np.where(fits, other, np.inf)


def cheapest_mappings(branches: Branches, pricing: TablePricing, minimize: str) -> list[Found | None]:
    """At each precision the cheapest, or None where none fits; of those equal in the objective the least in
    the other cost, of those the first."""
    bounds = costs_of(pricing.price(branches.bounds), minimize)
    best: list[Found | None] = [None] * len(pricing.prices.precisions)
    seen = branches.seen

    def note(table: CountTable, places: Int) -> None:
        priced = pricing.price(table)
        for p, costs in enumerate(zip(*costs_of(priced, minimize), priced.cycles, strict=True)):
            found = _first_of_least(*costs, places)
            if found is not None and found.beats(best[p]):
                best[p] = found

    if seen.table is not None:
        note(seen.table, seen.places)
    done = seen.branches.copy()
    step = FIRST_BRANCHES
    while True:
        left = np.flatnonzero(_are_open(bounds, best) & ~done)
        if not len(left):
            return best
        chosen = left[likely([cost[:, left] for cost in bounds], step)]
        done[chosen] = True
        counted: list[CountTable] = []
        mappings = 0
        for table in branches.counted(chosen):
            note(table, places_of(table))
            mappings += len(table)
            if mappings <= MOST_MAPPINGS:
                counted.append(table)
        if mappings <= MOST_MAPPINGS:
            seen.add(chosen, counted)
        step *= MORE


def _first_of_least(cost: Float, other: Float, cycles: Float, places: Int) -> Found | None:
    least = cost.min()
    if not np.isfinite(least):
        return None
    near = np.flatnonzero(cost <= least * (1 + SAME))
    near = near[other[near] <= other[near].min() * (1 + SAME)]
    first = near[np.lexsort(places[::-1, near])[0]] if len(near) > 1 else near[0]
    place = tuple(places[:, first].tolist())
    return Found(float(cost[first]), float(other[first]), float(cycles[first]), place)


def _are_open(bounds: Sequence[Float], best: Sequence[Found | None]) -> Bool:
    """Which branches could hold a mapping that beats the best known one, or equals it."""
    found: Bool = np.zeros(bounds[0].shape[1], dtype=bool)
    for cost, other, known in zip(*bounds, best, strict=True):
        if known is None:
            found |= np.isfinite(cost)
            continue
        tied = other <= known.other * (1 + SAME)
        found |= np.where(tied, cost <= known.cost * (1 + SAME), cost < known.cost * (1 - SAME))
    return found


def likely(costs: Sequence[Float], most: int) -> Int:
    """The branches likely to hold the cheapest mappings, some for each precision; ascending."""
    some: list[Int] = []
    for cost, other in zip(*costs, strict=True):
        if len(cost) <= most:
            return np.arange(len(cost))
        if np.isfinite(cost.min()):
            ranked = cost + other * (TIE_BREAK * cost.min() / other.min())
            some.append(np.argpartition(ranked, most)[:most])
    return np.unique(np.concatenate(some))
