"""A problem as flat arrays over the rows that may still be chosen, which bounds and solvers work on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from archsim.dse.selection.pareto import undominated
from archsim.dse.selection.problem import Budget, Choices, FloatArray, IntArray, Problem, Term, Tie

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cost:
    """A selection's cost: the sum of its rows' `values`, the maximum of each of `peaks`, and a constant."""

    values: FloatArray
    peaks: tuple[FloatArray, ...]
    constant: float

    def of(self, chosen: IntArray) -> float:
        peaks = [float(peak[chosen].max()) for peak in self.peaks]
        return math.fsum([self.constant, *peaks, *self.values[chosen].tolist()])

    def take(self, kept: BoolArray) -> Cost:
        return Cost(self.values[kept], tuple(peak[kept] for peak in self.peaks), self.constant)

    @property
    def integral(self) -> bool:
        """Whether every selection's cost is a whole number."""
        parts = (self.values, *self.peaks, np.array([self.constant]))
        return all(bool((part == np.floor(part)).all()) for part in parts)

    def times(self, weight: float) -> Cost:
        return Cost(self.values * weight, tuple(peak * weight for peak in self.peaks), self.constant * weight)


def sum_of(costs: Sequence[Cost]) -> Cost:
    """One cost that is the sum of several."""
    values = np.sum([cost.values for cost in costs], axis=0)
    return Cost(
        values,
        tuple(peak for cost in costs for peak in cost.peaks),
        math.fsum(cost.constant for cost in costs),
    )


@dataclass(frozen=True, eq=False)
class SumBudget:
    """The correctly rounded sum of `fixed` and the chosen rows' `values` may not exceed `limit`."""

    values: FloatArray
    fixed: float
    limit: float

    def met(self, chosen: IntArray) -> bool:
        return math.fsum([self.fixed, *self.values[chosen].tolist()]) <= self.limit

    def take(self, kept: BoolArray) -> SumBudget:
        return SumBudget(self.values[kept], self.fixed, self.limit)


@dataclass(frozen=True, eq=False)
class Instance:
    """Rows of all layers, layer after layer; `costs` are minimised, the first one unless said otherwise.

    `labels` holds an array a tie: rows with the same label agree; -1 in layers that it doesn't tie.
    """

    layers: int
    rows: IntArray  # index of the row in its layer's table
    layer: IntArray
    labels: tuple[IntArray, ...]
    budgets: tuple[SumBudget, ...]
    costs: tuple[Cost, ...]

    @property
    def cost(self) -> Cost:
        return self.costs[0]

    @property
    def empty(self) -> IntArray:
        """Layers with no row left: with one of them nothing can be chosen."""
        return np.flatnonzero(np.bincount(self.layer, minlength=self.layers) == 0)

    def take(self, kept: BoolArray) -> Instance:
        """The rows of `kept`, but for those whose tie no longer has a partner in every layer of it."""
        kept = kept & partnered(self.layer, self.labels, kept)
        return replace(
            self,
            rows=self.rows[kept],
            layer=self.layer[kept],
            labels=tuple(labels[kept] for labels in self.labels),
            budgets=tuple(budget.take(kept) for budget in self.budgets),
            costs=tuple(cost.take(kept) for cost in self.costs),
        )

    def feasible(self, chosen: IntArray) -> bool:
        """Whether a selection, one row a layer in order, meets every budget and tie."""
        agree = all(len(np.unique(labels[chosen][labels[chosen] >= 0])) <= 1 for labels in self.labels)
        return agree and all(budget.met(chosen) for budget in self.budgets)

    def no_dearer(self, costs: Sequence[Cost], chosen: IntArray) -> Instance:
        """What is left where no sum and no peak of `costs` may exceed that of a selection."""
        sums = [
            SumBudget(cost.values, cost.constant, math.fsum([cost.constant, *cost.values[chosen].tolist()]))
            for cost in costs
        ]
        within = [peak <= peak[chosen].max() for cost in costs for peak in cost.peaks]
        kept = np.logical_and.reduce([np.ones(len(self.rows), dtype=bool), *within])
        return replace(self, budgets=(*self.budgets, *sums)).take(kept)

    def find(self, rows: Sequence[int] | IntArray) -> IntArray | None:
        """Where the given rows, one a layer, are in here; None if one is not."""
        wanted = np.asarray(rows, dtype=np.int64)
        found = np.flatnonzero(self.rows == wanted[self.layer])
        return found if len(found) == self.layers else None


def partnered(layer: IntArray, labels: Sequence[IntArray], kept: BoolArray) -> BoolArray:
    """Rows whose label occurs in every layer of their tie; repeated, as a row may be in several ties."""
    kept = kept.copy()
    if not labels:
        return kept
    table = np.stack(labels)
    tie, row = np.nonzero(table >= 0)
    if not len(row):
        return kept
    # every (tie, label) is a group: whole when it occurs in as many layers as the tie has
    labels_of = table[tie, row]
    most = int(labels_of.max()) + 1
    group, member = np.unique(tie * most + labels_of, return_inverse=True)
    in_tie = np.zeros((len(table), int(layer.max()) + 1), dtype=bool)
    in_tie[tie, layer[row]] = True
    wanted = in_tie.sum(axis=1)[group // most]
    while True:
        alive = kept[row]
        occurs = np.zeros((len(group), in_tie.shape[1]), dtype=bool)
        occurs[member[alive], layer[row[alive]]] = True
        lost = row[alive & (occurs.sum(axis=1) < wanted)[member]]
        if not len(lost):
            return kept
        kept[lost] = False


def build(problem: Problem, costs: Sequence[Sequence[Term]]) -> Instance:
    """The rows of a problem that can be in a best selection, for any of `costs` and in any order of them.

    A row goes if it breaks a budget on a maximum by itself, if a tie leaves it no partner, or if another row
    of the layer with the same keys is no worse in each cost and each column that a budget sums.
    """
    choices = problem.choices
    counts = [choice.rows for choice in choices]
    starts = np.concatenate([[0], np.cumsum(np.array(counts, dtype=np.int64))])
    layer = np.repeat(np.arange(len(choices), dtype=np.int64), counts)
    rows = np.concatenate([np.arange(count, dtype=np.int64) for count in counts] or [np.empty(0, np.int64)])
    whole = Instance(
        layers=len(choices),
        rows=rows,
        layer=layer,
        labels=tuple(_labels(choices, starts, tie) for tie in problem.ties),
        budgets=tuple(_sum_budget(problem, b) for b in problem.budgets if _binds(problem, b)),
        costs=tuple(_cost(problem, terms) for terms in costs),
    )
    kept = whole.take(np.logical_and.reduce([np.ones(len(rows), bool), *_peaks_met(problem)]))
    return kept.take(_undominated(kept))


def _binds(problem: Problem, budget: Budget) -> bool:
    """Whether a budget on a sum can be exceeded at all: by the largest row of every layer together."""
    if budget.combine != "sum" or budget.limit == math.inf:
        return False
    columns = (choice.columns.get(budget.column) for choice in problem.choices)
    most = [float(values.max()) for values in columns if values is not None]
    return math.fsum([problem.fixed.get(budget.column, 0.0), *most]) > budget.limit


def _column(choices: Sequence[Choices], column: str) -> FloatArray:
    parts = [choice.columns.get(column, np.zeros(choice.rows)) for choice in choices]
    return np.concatenate([np.empty(0), *parts])


def _sum_budget(problem: Problem, budget: Budget) -> SumBudget:
    return SumBudget(
        _column(problem.choices, budget.column), problem.fixed.get(budget.column, 0.0), budget.limit
    )


def _cost(problem: Problem, terms: Sequence[Term]) -> Cost:
    count = sum(choice.rows for choice in problem.choices)
    summed = [term.weight * _column(problem.choices, term.column) for term in terms if term.combine == "sum"]
    peaks = [term.weight * _column(problem.choices, term.column) for term in terms if term.combine == "max"]
    constant = math.fsum(term.weight * problem.fixed.get(term.column, 0.0) for term in terms)
    return Cost(sum(summed, start=np.zeros(count)), tuple(peaks), constant)


def _peaks_met(problem: Problem) -> list[BoolArray]:
    """Rows that keep each budget on a maximum: all of them must, so it is a limit of a row."""
    return [
        _column(problem.choices, budget.column) + problem.fixed.get(budget.column, 0.0) <= budget.limit
        for budget in problem.budgets
        if budget.combine == "max"
    ]


def _labels(choices: Sequence[Choices], starts: IntArray, tie: Tie) -> IntArray:
    """A label a row: equal in the tied layers where the keys are, -1 in other layers."""
    labels = np.full(int(starts[-1]), -1, dtype=np.int64)
    members = set(tie.layers)
    tied = [i for i, choice in enumerate(choices) if choice.name in members]
    keys = [np.stack([choices[i].keys[key] for key in tie.keys], axis=1) for i in tied if tie.keys]
    if not keys:
        return labels
    found = np.concatenate(keys)
    if found.shape[1] == 1 and found.min() >= 0:
        values = found[:, 0]
    else:
        values = np.unique(found, axis=0, return_inverse=True)[1].reshape(-1)
    taken = 0
    for i in tied:
        first, last = int(starts[i]), int(starts[i + 1])
        labels[first:last] = values[taken : taken + last - first]
        taken += last - first
    return labels


def _undominated(instance: Instance) -> BoolArray:
    read = [
        *(part for cost in instance.costs for part in (cost.values, *cost.peaks)),
        *(budget.values for budget in instance.budgets),
    ]
    columns = np.stack(read, axis=1)
    keys = np.stack([np.zeros_like(instance.layer), *instance.labels], axis=1)
    kept = np.zeros(len(instance.rows), dtype=bool)
    bounds = np.searchsorted(instance.layer, np.arange(instance.layers + 1))
    for first, last in itertools.pairwise(bounds):
        if first == last:
            continue
        own = keys[first:last, (keys[first:last] != keys[first]).any(axis=0)]
        own = own if own.shape[1] else keys[first:last, :1]
        kept[first + undominated(columns[first:last], own)] = True
    return kept
