"""A lower bound on a problem in milliseconds, and what each row would add to it (Lagrangian relaxation).

Each budget gets a price; with the budgets charged instead of enforced, the cheapest row of every layer (of
every tie's layers together, label by label) is found on its own. Any prices >= 0 give a lower bound; the
best ones are the optimum of the linear relaxation, found here by cutting planes (Kelley 1960) with a linear
program of one variable a budget. A row whose reduced cost exceeds what is left between the bound and a known
selection is in no better one (Dyer, Kayal, Walker 1984, for the multiple-choice knapsack problem).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.dse.selection.instance import Instance, build
from archsim.dse.selection.problem import FloatArray, IntArray, Problem, Term
from archsim.dse.selection.tied_relaxation import best_prices, charged_bound, overlapping, tie_cells

ROUNDS = 80
MOST_PIVOTS = 1000
"""Of the linear program, which has a handful of variables and may still cycle."""
CONVERGED = 1e-9
ROUNDING = 1e-12
"""Of the magnitudes summed: thousands of float64 roundings."""
HIGHEST_PRICE = 1e4
"""Of a budget's whole limit, in spans of the cost."""


@dataclass(frozen=True, eq=False)
class Relaxation:
    """No selection costs less than `bound`, none with a row less than `bound + reduced[row]`."""

    bound: float
    reduced: FloatArray
    infeasible: bool  # proven


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Rows sorted into cells (layer, label), cells into blocks (tie, label), blocks into groups (ties).

    A layer that isn't tied is a group of one block of one cell. Of a layer's ties only the first counts,
    which leaves the bound a bound.
    """

    order: IntArray
    cell: IntArray  # of each row, in order
    cell_start: IntArray
    block: IntArray  # of each cell
    block_group: IntArray
    by_group: IntArray  # blocks sorted by group
    group_start: IntArray  # in by_group


def relaxed_bound(problem: Problem, terms: Sequence[Term] | None = None) -> float:
    """A bound of the objective, or of some `terms` of it; inf where the budgets cannot be met."""
    instance = build(problem, [problem.objective.terms if terms is None else terms])
    if len(instance.empty):
        return math.inf
    relaxed = relax(instance)
    if relaxed.infeasible:
        return math.inf
    return math.ceil(relaxed.bound) if instance.cost.integral else relaxed.bound


def relax(instance: Instance) -> Relaxation:
    """Bound the first cost of an instance that has a row for every layer; peaks count by their least only."""
    cost = instance.cost.values
    limits = np.array([budget.limit - budget.fixed for budget in instance.budgets])
    taken = np.stack([np.zeros_like(cost), *(budget.values for budget in instance.budgets)])[1:]
    scale = np.maximum(np.abs(taken).max(axis=1, initial=0.0) * instance.layers, np.abs(limits))
    scale[scale == 0] = 1.0
    taken, limits = taken / scale[:, None], limits / scale
    blocks = _blocks(instance)
    highest = -float(_least(blocks, -cost)[1].sum())
    span = highest - float(_least(blocks, cost)[1].sum()) or 1.0
    if overlapping(instance.labels):
        ties = [tie_cells(instance, labels) for labels in instance.labels if (labels >= 0).any()]
        prices = best_prices(instance, ties, taken, limits, span, HIGHEST_PRICE)
        bound, reduced, magnitude = charged_bound(instance, ties, taken, limits, prices)
    else:
        budget_prices = _best_prices(blocks, cost, taken, limits, span)
        charged = cost + budget_prices @ taken
        reduced, least = _reduced(blocks, charged)
        bound = float(least.sum() - budget_prices @ limits)
        magnitude = np.abs(charged).max() * instance.layers + abs(budget_prices) @ abs(limits)
    constant = instance.cost.constant + sum(_least_peak(instance, peak) for peak in instance.cost.peaks)
    margin = ROUNDING * (magnitude + abs(constant))
    return Relaxation(bound - margin + constant, reduced, infeasible=bound - margin > highest + margin)


def _least_peak(instance: Instance, peak: FloatArray) -> float:
    least = np.full(instance.layers, math.inf)
    np.minimum.at(least, instance.layer, peak)
    return float(least.max())


def _blocks(instance: Instance) -> _Blocks:
    label = np.full(len(instance.rows), -1, dtype=np.int64)
    tie = np.full(len(instance.rows), -1, dtype=np.int64)
    for number, labels in enumerate(instance.labels):
        first = (tie < 0) & (labels >= 0)
        label[first], tie[first] = labels[first], number
    order = np.lexsort((label, instance.layer))
    new_cell = (np.diff(label[order]) != 0) | (np.diff(instance.layer[order]) != 0)
    cell_start = np.concatenate([[0], np.flatnonzero(new_cell) + 1])
    cell = np.zeros(len(order), dtype=np.int64)
    cell[cell_start[1:]] = 1
    first_row = order[cell_start]
    group = np.where(tie < 0, len(instance.labels) + instance.layer, tie)[first_row]
    pairs, block = np.unique(np.stack([group, label[first_row]]), axis=1, return_inverse=True)
    _, block_group = np.unique(pairs[0], return_inverse=True)
    by_group = np.argsort(block_group, kind="stable")
    group_start = np.searchsorted(block_group[by_group], np.arange(int(block_group.max()) + 1))
    return _Blocks(order, np.cumsum(cell), cell_start, block.reshape(-1), block_group, by_group, group_start)


def _least(blocks: _Blocks, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The least of each cell, of each group (its cheapest block), and the sums of blocks."""
    cells = np.minimum.reduceat(values[blocks.order], blocks.cell_start)
    sums = np.zeros(len(blocks.block_group))
    np.add.at(sums, blocks.block, cells)
    return cells, np.minimum.reduceat(sums[blocks.by_group], blocks.group_start), sums


def _reduced(blocks: _Blocks, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    cells, groups, sums = _least(blocks, values)
    extra = (sums - groups[blocks.block_group])[blocks.block] - cells
    reduced = np.empty(len(values))
    reduced[blocks.order] = values[blocks.order] + extra[blocks.cell]
    return np.maximum(reduced, 0.0), groups


def _chosen(blocks: _Blocks, values: FloatArray) -> IntArray:
    """The first of the cheapest rows, of each layer, of each group's first cheapest block."""
    cells, groups, sums = _least(blocks, values)
    cheapest = np.flatnonzero(sums == groups[blocks.block_group])
    _, first = np.unique(blocks.block_group[cheapest], return_index=True)
    wanted = np.flatnonzero(np.isin(blocks.block, cheapest[first]))
    hits = np.flatnonzero(values[blocks.order] == cells[blocks.cell])
    return blocks.order[hits[np.searchsorted(blocks.cell[hits], wanted)]]


def _best_prices(
    blocks: _Blocks, cost: FloatArray, taken: FloatArray, limits: FloatArray, span: float
) -> FloatArray:
    """Prices of the budgets, in cost per (scaled) unit, at which the bound is highest."""
    prices = np.zeros(len(limits))
    if not len(limits):
        return prices
    from ortools.linear_solver import pywraplp

    program = pywraplp.Solver.CreateSolver("GLOP")
    program.SetSolverSpecificParametersAsString(f"max_number_of_iterations: {MOST_PIVOTS}")
    bound = program.NumVar(-program.infinity(), program.infinity(), "bound")
    unknown = [program.NumVar(0.0, HIGHEST_PRICE, "") for _ in limits]  # in spans of the cost
    program.Maximize(bound)
    best, best_prices = -math.inf, prices
    start = float(_least(blocks, cost)[1].sum())
    for _ in range(ROUNDS):
        chosen = _chosen(blocks, cost + prices @ taken)
        over = taken[:, chosen].sum(axis=1) - limits
        spent = (float(cost[chosen].sum()) - start) / span
        value = spent + float(prices @ over) / span
        if value > best:
            best, best_prices = value, prices
        cut = program.Constraint(-program.infinity(), spent)
        cut.SetCoefficient(bound, 1.0)
        for price, amount in zip(unknown, over.tolist(), strict=True):
            cut.SetCoefficient(price, -amount)
        if program.Solve() != pywraplp.Solver.OPTIMAL or bound.solution_value() - best <= CONVERGED:
            break
        prices = span * np.array([max(price.solution_value(), 0.0) for price in unknown])
    return best_prices
