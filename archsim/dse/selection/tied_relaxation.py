"""The relaxation where a layer may be in several ties: the linear relaxation's duals as Lagrangian prices.

Budgets get prices >= 0, and so does, with any sign, every (tie, layer, label): the rows of a layer with that
label less the tie's choice of it. Whatever the prices, charged instead of enforced constraints bound the cost
from below; those of the linear program (solved by GLOP) give its bound. The bound is summed from the prices
in float64, so it does not rest on the LP solver's tolerances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.dse.selection.instance import Instance
from archsim.dse.selection.problem import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class TieCells:
    """The cells (layer, label) of one tie: of each row its cell or -1, of each cell its label."""

    cell: IntArray
    label: IntArray


@dataclass(frozen=True, eq=False)
class Prices:
    """Of budgets (>= 0), and of the cells of each tie."""

    budgets: FloatArray
    cells: tuple[FloatArray, ...]


def overlapping(labels: Sequence[IntArray]) -> bool:
    """Whether some row is in more than one tie."""
    return len(labels) > 1 and bool(((np.stack(labels) >= 0).sum(axis=0) > 1).any())


def tie_cells(instance: Instance, labels: IntArray) -> TieCells:
    tied = np.flatnonzero(labels >= 0)
    most = int(labels.max()) + 1
    cells, index = np.unique(instance.layer[tied] * most + labels[tied], return_inverse=True)
    cell = np.full(len(labels), -1, dtype=np.int64)
    cell[tied] = index
    return TieCells(cell, np.unique(cells % most, return_inverse=True)[1])


def charged_bound(
    instance: Instance,
    ties: Sequence[TieCells],
    taken: FloatArray,
    limits: FloatArray,
    prices: Prices,
) -> tuple[float, FloatArray, float]:
    """(bound of the first cost, what each row adds to it, magnitude of the numbers summed)."""
    charged = instance.cost.values + prices.budgets @ taken
    extra = np.zeros(len(charged))
    bound = -float(prices.budgets @ limits)
    magnitude = float(np.abs(prices.budgets) @ np.abs(limits))
    for tie, price in zip(ties, prices.cells, strict=True):
        tied = tie.cell >= 0
        charged[tied] -= price[tie.cell[tied]]
        by_label = np.bincount(tie.label, weights=price)
        least = float(by_label.min())
        bound += least
        magnitude += float(np.abs(price).sum())
        extra[tied] += (by_label - least)[tie.label[tie.cell[tied]]]
    least_of = np.full(instance.layers, np.inf)
    np.minimum.at(least_of, instance.layer, charged)
    bound += float(least_of.sum())
    reduced = np.maximum(charged - least_of[instance.layer] + extra, 0.0)
    return bound, reduced, magnitude + float(np.abs(charged).max()) * instance.layers


def best_prices(
    instance: Instance,
    ties: Sequence[TieCells],
    taken: FloatArray,
    limits: FloatArray,
    span: float,
    highest: float,
) -> Prices:
    """The duals of the linear relaxation; budgets may be exceeded at `highest` spans of cost a unit."""
    from ortools.linear_solver import pywraplp

    program = pywraplp.Solver.CreateSolver("GLOP")
    infinity = program.infinity()
    rows = [program.NumVar(0.0, infinity, "") for _ in range(len(instance.rows))]
    objective = program.Objective()
    for variable, cost in zip(rows, (instance.cost.values / span).tolist(), strict=True):
        objective.SetCoefficient(variable, cost)
    objective.SetMinimization()
    one = [program.Constraint(1.0, 1.0) for _ in range(instance.layers)]
    for variable, layer in zip(rows, instance.layer.tolist(), strict=True):
        one[layer].SetCoefficient(variable, 1.0)
    within = []
    for amounts, limit in zip(taken.tolist(), limits.tolist(), strict=True):
        budget = program.Constraint(-infinity, limit)
        for variable, amount in zip(rows, amounts, strict=True):
            if amount:
                budget.SetCoefficient(variable, amount)
        excess = program.NumVar(0.0, infinity, "")
        budget.SetCoefficient(excess, -1.0)
        objective.SetCoefficient(excess, highest)
        within.append(budget)
    agreed = []
    for tie in ties:
        labels = [program.NumVar(0.0, infinity, "") for _ in range(int(tie.label.max()) + 1)]
        cells = [program.Constraint(0.0, 0.0) for _ in tie.label]
        for cell, label in zip(cells, tie.label.tolist(), strict=True):
            cell.SetCoefficient(labels[label], -1.0)
        for row in np.flatnonzero(tie.cell >= 0).tolist():
            cells[int(tie.cell[row])].SetCoefficient(rows[row], 1.0)
        agreed.append(cells)
    if program.Solve() != pywraplp.Solver.OPTIMAL:
        return Prices(np.zeros(len(limits)), tuple(np.zeros(len(tie.label)) for tie in ties))
    return Prices(
        np.array([span * max(0.0, -budget.dual_value()) for budget in within]),
        tuple(np.array([span * cell.dual_value() for cell in cells]) for cells in agreed),
    )
