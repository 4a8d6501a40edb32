"""The rows of a complete space that no other row beats, without pricing all of them: branch and bound.

Branch: all mappings that share a loop order and the candidates of two axes. Bound: the price of their
relaxation. A branch is priced row by row unless a mapping already known beats its bound in every quantity
asked for; so no row is lost that another one does not beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.dominance import certainly_unbeaten, leaders, unbeaten
from archsim.accelerators.machine import SLACKS, cost_of
from archsim.accelerators.systolic.count_table import Bool, Float, Int, PricedTable, TablePricing
from archsim.accelerators.systolic.relaxation import Branches

MOST_KNOWN = 10
"""Mappings that others are measured by, for each precision."""

FEW, FEW_BRANCHES = 400, 16


@dataclass(frozen=True, eq=False)
class Rows:
    """Priced mappings and the precisions at which they are wanted; arrays are (precisions, mappings)."""

    priced: PricedTable
    wanted: Bool
    cycles_high: Float


@dataclass(frozen=True, eq=False)
class Goal:
    """The quantities asked for: cycles, energy_pj, traffic:<memory>, held:<memory>.

    `certain`: a row beats another only if it does at whatever latency the kernel finds; else latencies are
    taken to be their lower bounds. With `minimize` only rows near the least of that objective are wanted.
    """

    names: tuple[str, ...]
    certain: bool
    minimize: str | None = None

    def quantities(self, priced: PricedTable, cycles: Float) -> list[Float]:
        """Each (precisions, mappings), when mappings take so many cycles."""
        found: list[Float] = []
        for name in self.names:
            kind, _, memory = name.partition(":")
            if kind == "cycles":
                found.append(cycles)
            elif kind == "energy_pj":
                found.append(priced.energy_pj + priced.pricing.leakage * cycles)
            else:
                found.append(priced.dram_bits if kind == "traffic" else priced.held_bits[memory])
        return found

    def cost(self, priced: PricedTable) -> Float | None:
        """The objective's lower bound."""
        if self.minimize is None:
            return None
        energy = priced.energy_pj + priced.pricing.leakage * priced.cycles
        return cost_of(self.minimize, priced.cycles, energy)


@dataclass(frozen=True, eq=False)
class _Costs:
    """Of mappings or branches at the least: the quantities asked for, and the objective if there is one."""

    low: list[Float]
    objective: Float | None

    @classmethod
    def of(cls, priced: PricedTable, goal: Goal) -> _Costs:
        return cls(goal.quantities(priced, priced.cycles), goal.cost(priced))

    def take(self, chosen: Int) -> _Costs:
        objective = None if self.objective is None else self.objective[:, chosen]
        return _Costs([quantity[:, chosen] for quantity in self.low], objective)


class _Known:
    """What the best mappings seen so far cost at the most, by precision."""

    def __init__(self, precisions: int) -> None:
        self.rows: list[list[Float]] = [[] for _ in range(precisions)]
        self.least = np.full(precisions, np.inf)
        self.table = np.empty((0, 0, precisions, 1))  # known row, quantity, precision

    def note(self, wanted: Bool, high: Sequence[Float], cost: Float | None) -> None:
        for p, known in enumerate(self.rows):
            some = np.flatnonzero(wanted[p])
            if len(some):
                costs = np.stack([quantity[p, some] for quantity in high])
                known.extend(costs[:, leaders(costs)].T)
                if len(known) > MOST_KNOWN:
                    table = np.array(known)
                    table = table[unbeaten(table)]
                    order = np.argsort((table / np.maximum(table.mean(axis=0), 1e-300)).sum(axis=1))
                    known[:] = table[order[:MOST_KNOWN]]
        self.table = np.full((max(map(len, self.rows)), len(high), len(self.rows), 1), np.inf)
        for p, known in enumerate(self.rows):
            if known:
                self.table[: len(known), :, p, 0] = known
        if cost is not None:
            self.least = np.minimum(self.least, np.where(wanted, cost, np.inf).min(axis=1))

    def beats(self, low: Sequence[Float], cost: Float | None, *, strictly: bool = False) -> Bool:
        """(precisions, mappings): whether a known mapping costs no more than `low` in every quantity;
        `strictly`: and less in one, as no mapping does that is itself among those known."""
        beaten = np.zeros(low[0].shape, dtype=bool)
        worse, part = np.empty_like(beaten), np.empty_like(beaten)
        for columns in self.table:
            np.greater_equal(low[0], columns[0], out=worse)
            for quantity, column in zip(low[1:], columns[1:], strict=True):
                worse &= np.greater_equal(quantity, column, out=part)
            if strictly:
                equal = [q == column for q, column in zip(low, columns, strict=True)]
                worse &= ~np.logical_and.reduce(equal)
            beaten |= worse
        if cost is not None:
            beaten |= cost > self.least[:, np.newaxis] * (1 + SLACKS[-1])
        return beaten


class BestRows:
    """The rows that fit and that no row beats, found bit by bit (see `tree_search.Wanted`)."""

    def __init__(self, precisions: int, goal: Goal) -> None:
        self.goal, self.known = goal, _Known(precisions)
        self._found: list[tuple[Rows, list[Float], list[Float]]] = []

    def costs(self, priced: PricedTable) -> list[Float]:
        """Quantities asked for, of mappings or branches at the least, infinite for those that do not fit; the
        last is the objective, if there is one."""
        costs, fits = _Costs.of(priced, self.goal), priced.fits()
        objective = [] if costs.objective is None else [costs.objective]
        return [np.where(fits, quantity, np.inf) for quantity in (*costs.low, *objective)]

    def are_open(self, costs: Sequence[Float]) -> Bool:
        low, objective = (costs, None) if self.goal.minimize is None else (costs[:-1], costs[-1])
        possible: Bool = np.isfinite(costs[0]) & ~self.known.beats(low, objective)
        return np.logical_or.reduce(possible)

    def first(self, costs: Sequence[Float], most: int) -> Int:
        """The branches likely to hold good mappings; ascending."""
        if costs[0].shape[1] <= most:
            return np.arange(costs[0].shape[1])
        least = [np.maximum(quantity.min(axis=1, keepdims=True), 1e-300) for quantity in costs]
        rank = np.sum([quantity / own for quantity, own in zip(costs, least, strict=True)], axis=0)
        return np.sort(np.argpartition(rank.min(axis=0), most)[:most])

    def note(self, priced: PricedTable) -> None:
        costs = _Costs.of(priced, self.goal)
        wanted = priced.fits() & ~self.known.beats(costs.low, costs.objective)
        left = np.flatnonzero(wanted.any(axis=0))
        if len(left) > FEW or not self._found:
            # a few good ones first, to measure the others by
            costs, open_rows = costs.take(left), wanted[:, left]
            some = _promising(open_rows, costs.low)
            self._found.extend(_bounded(priced, wanted, left[some], self.goal, self.known))
            open_rows[:, some] = False
            wanted[:, left] = open_rows & ~self.known.beats(costs.low, costs.objective)
            left = np.flatnonzero(wanted.any(axis=0))
        self._found.extend(_bounded(priced, wanted, left, self.goal, self.known))

    def rows(self) -> list[Rows]:
        return _unbeaten_of_all(self._found, self.goal, self.known)


def best_rows(branches: Branches, pricing: TablePricing, goal: Goal) -> list[Rows]:
    """Rows that fit and that no row beats. Empty when none fits."""
    bounds = pricing.price(branches.bounds)
    possible = bounds.fits()
    bound = _Costs.of(bounds, goal)
    best = BestRows(len(possible), goal)

    def expand(chosen: Int) -> None:
        for table in branches.mappings(chosen):
            best.note(pricing.price(table))

    first = _promising(possible, bound.low)
    expand(first)
    possible[:, first] = False
    rank = np.sum([q.min(axis=0) / max(q.mean(), 1e-300) for q in bound.low], axis=0)
    place = np.arange(len(rank))
    step = FEW_BRANCHES
    while True:  # the likely ones first: what they give closes others
        possible &= ~best.known.beats(bound.low, bound.objective)
        left = np.flatnonzero(possible.any(axis=0))
        if not len(left):
            return best.rows()
        bound, possible, rank, place = bound.take(left), possible[:, left], rank[left], place[left]
        chosen = np.sort(np.argsort(rank, kind="stable")[:step])
        expand(place[chosen])
        possible[:, chosen] = False
        step *= 4


def _promising(possible: Bool, low: Sequence[Float]) -> Int:
    """A few branches whose bounds are least, for each precision."""
    found: set[int] = set()
    for p in np.flatnonzero(possible.any(axis=1)):
        some = np.flatnonzero(possible[p])
        costs = np.stack([quantity[p, some] for quantity in low])
        found.update(some[leaders(costs)].tolist())
    return np.array(sorted(found), dtype=np.int64)


def _bounded(
    priced: PricedTable, wanted: Bool, keep: Int, goal: Goal, known: _Known
) -> list[tuple[Rows, list[Float], list[Float]]]:
    """The mappings to keep, if any, with their quantities at the least and at the most."""
    if not len(keep):
        return []
    priced, wanted = priced.take(keep), wanted[:, keep]
    cycles_high = priced.cycles_high()
    low = goal.quantities(priced, priced.cycles)
    high = goal.quantities(priced, cycles_high) if goal.certain else low
    known.note(wanted, high, goal.cost(priced))
    return [(Rows(priced, wanted, cycles_high), low, high)]


def _unbeaten_of_all(
    found: Sequence[tuple[Rows, list[Float], list[Float]]], goal: Goal, known: _Known
) -> list[Rows]:
    if not found:
        return []
    wanted = np.concatenate(
        [rows.wanted & ~_too_dear(goal.cost(rows.priced), known) for rows, _, _ in found], axis=1
    )
    low, high = (
        [np.concatenate(parts, axis=1) for parts in zip(*(entry[i] for entry in found), strict=True)]
        for i in (1, 2)
    )
    wanted &= ~known.beats(low, None, strictly=True)
    for p, row in enumerate(wanted):
        some = np.flatnonzero(row)
        row[:] = False
        if len(some):
            least, most = (np.stack([q[p, some] for q in bound]) for bound in (low, high))
            row[some[certainly_unbeaten(least, most)]] = True
    ends = np.cumsum([rows.wanted.shape[1] for rows, _, _ in found])[:-1]
    parts = np.split(wanted, ends, axis=1)
    return [
        Rows(rows.priced, part.astype(bool), rows.cycles_high)
        for (rows, _, _), part in zip(found, parts, strict=True)
        if part.any()
    ]


def _too_dear(cost: Float | None, known: _Known) -> Bool | bool:
    return False if cost is None else cost > known.least[:, np.newaxis] * (1 + SLACKS[-1])
