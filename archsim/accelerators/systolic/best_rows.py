"""The rows of a complete space that no other row beats, without pricing all of them: branch and bound.

Branch: all mappings that share a loop order and the candidates of two axes. Bound: the price of their
relaxation. A branch is priced row by row unless a mapping already known beats its bound in every quantity
asked for; so no row is lost that another one does not beat for certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dominance import Float, Int, beaten_by, certainly_unbeaten, leaders
from archsim.accelerators.systolic.count_table import CountTable, TablePrices
from archsim.accelerators.systolic.hierarchy import Holding
from archsim.accelerators.systolic.pricing import Prices
from archsim.accelerators.systolic.relaxation import Relaxation, relaxation_of
from archsim.accelerators.systolic.space import Block, Space

MOST_ROWS = 1 << 15
"""Rows priced at a time."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Mappings of a block and the precisions at which they are wanted, with bounds of what they cost."""

    block: Block
    table: CountTable
    prices: TablePrices
    wanted: npt.NDArray[np.bool_]  # (mappings, precisions)
    cycles: Float
    cycles_high: Float


@dataclass(frozen=True, eq=False)
class Goal:
    """The quantities asked for: cycles, energy_pj, traffic:<memory>, held:<memory>.

    `certain`: a row beats another only if it does at whatever latency the kernel finds; else latencies are
    taken to be their lower bounds.
    """

    names: tuple[str, ...]
    certain: bool

    def quantities(self, priced: TablePrices, cycles: Float, dram_bits: Float) -> Float:
        """(mappings, precisions, quantities) when a mapping takes so many cycles."""
        prices = priced.prices
        leakage = sum(prices.costs.leakage_pj_per_cycle.values())
        found: list[Float] = []
        for name in self.names:
            kind, _, memory = name.partition(":")
            if kind == "cycles":
                found.append(cycles)
            elif kind == "energy_pj":
                found.append(priced.values(prices.total_energy) + leakage * cycles)
            else:
                found.append(dram_bits if kind == "traffic" else priced.values(prices.held[memory]))
        return np.stack(found, axis=2)


def best_rows(space: Space, prices: Prices, holding: Holding, groups: int, goal: Goal) -> list[Rows]:
    """Rows of the space that fit and that no row beats. Empty when none fits."""
    relaxations = [relaxation_of(block, holding, groups) for block in space.blocks]
    bounds = [_bounds(relaxation, prices, goal) for relaxation in relaxations]
    first = [_promising(low) for low in bounds]
    incumbents: list[list[Float]] = [[] for _ in prices.precisions]
    found: list[tuple[Rows, Float, Float]] = []
    for branches in (lambda i: first[i], lambda i: np.setdiff1d(_open(bounds[i], incumbents), first[i])):
        for i, relaxation in enumerate(relaxations):
            for chunk in _chunks(relaxation, branches(i)):
                rows, low, high = _priced(relaxation, chunk, prices, holding, groups, goal, incumbents)
                if rows.wanted.any():
                    _note(incumbents, rows, high)
                    found.append((rows, low, high))
    return _unbeaten_of_all(found, len(prices.precisions))


def _bounds(relaxation: Relaxation, prices: Prices, goal: Goal) -> Float:
    """(rows of the relaxation, precisions, quantities); infinite where nothing of a branch can fit."""
    priced = TablePrices(relaxation.bounds, prices)
    dram_bits = priced.values(prices.dram)
    low = goal.quantities(priced, priced.cycles(dram_bits), dram_bits)
    low[~priced.fits()] = np.inf
    return low


def _promising(low: Float) -> Int:
    """A few branches whose bounds are least, for each precision."""
    found: set[int] = set()
    for at_precision in np.moveaxis(low, 1, 0):
        if np.isfinite(at_precision[:, 0]).any():
            found |= set(leaders(at_precision).tolist())
    return np.array(sorted(found), dtype=np.int64)


def _open(low: Float, incumbents: Sequence[Sequence[Float]]) -> Int:
    """Branches that may hold a row that no incumbent beats, at some precision."""
    stays = np.zeros(len(low), dtype=bool)
    for p, known in enumerate(incumbents):
        at_precision = low[:, p]
        alive = np.flatnonzero(np.isfinite(at_precision[:, 0]) & ~stays)
        if known:
            alive = alive[~beaten_by(at_precision[alive], np.array(known))]
        stays[alive] = True
    return np.flatnonzero(stays)


def _chunks(relaxation: Relaxation, branches: Int) -> Iterator[dict[str, Int]]:
    if not len(branches):
        return
    rows = relaxation.mappings(branches)
    for start in range(0, len(rows["M"]), MOST_ROWS):
        yield {name: index[start : start + MOST_ROWS] for name, index in rows.items()}


def _priced(
    relaxation: Relaxation,
    chunk: dict[str, Int],
    prices: Prices,
    holding: Holding,
    groups: int,
    goal: Goal,
    incumbents: Sequence[Sequence[Float]],
) -> tuple[Rows, Float, Float]:
    """(rows that fit and that no incumbent beats, their costs at the least and at the most)"""
    block = relaxation.block
    array = block.array.at(chunk["M"], chunk["N"], chunk["K"])  # type: ignore[union-attr]
    table = CountTable.of(array, block.orders[0], holding.hierarchy, groups)
    priced = TablePrices(table, prices)
    wanted = priced.fits()
    dram_bits = priced.values(prices.dram)
    cycles = priced.cycles(dram_bits)
    low = goal.quantities(priced, cycles, dram_bits)
    for p, known in enumerate(incumbents):
        if known:
            some = np.flatnonzero(wanted[:, p])
            wanted[some, p] = ~beaten_by(low[some, p], np.array(known))
    keep = np.flatnonzero(wanted.any(axis=1))
    table = table.take(keep)
    priced = TablePrices(table, prices)
    wanted, cycles, low, dram_bits = wanted[keep], cycles[keep], low[keep], dram_bits[keep]
    high_cycles = priced.cycles_high(dram_bits)
    high = goal.quantities(priced, high_cycles, dram_bits) if goal.certain else low
    return Rows(block, table, priced, wanted, cycles, high_cycles), low, high


def _note(incumbents: list[list[Float]], rows: Rows, high: Float) -> None:
    for p, known in enumerate(incumbents):
        some = np.flatnonzero(rows.wanted[:, p])
        if len(some):
            known.extend(high[some[leaders(high[some, p])], p])


def _unbeaten_of_all(found: list[tuple[Rows, Float, Float]], precisions: int) -> list[Rows]:
    if not found:
        return []
    starts = np.cumsum([0, *(len(rows.table) for rows, _, _ in found)])
    wanted = np.concatenate([rows.wanted for rows, _, _ in found])
    low = np.concatenate([part for _, part, _ in found])
    high = np.concatenate([part for _, _, part in found])
    for p in range(precisions):
        some = np.flatnonzero(wanted[:, p])
        wanted[:, p] = False
        if len(some):
            wanted[some[certainly_unbeaten(low[some, p], high[some, p])], p] = True
    return [
        Rows(r.block, r.table, r.prices, wanted[a:b], r.cycles, r.cycles_high)
        for (r, _, _), a, b in zip(found, starts[:-1], starts[1:], strict=True)
    ]
