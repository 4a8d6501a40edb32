"""Choose one row a layer: the best selection under the budgets, and the proof of how good it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from archsim.dse.selection.instance import Instance, build
from archsim.dse.selection.optimum import TOLERANCE, Optimum, minimise
from archsim.dse.selection.pareto import pareto_rows
from archsim.dse.selection.problem import IntArray, Problem, Term
from archsim.dse.selection.product import minimise_product
from archsim.dse.selection.session import Progress, Session, relative_gap

Status = Literal["OPTIMAL", "FEASIBLE", "INFEASIBLE", "UNKNOWN"]
FIRST_SHARE = 0.8
"""Of the time limit, for the first objective."""


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """How much of a budget a selection uses, fixed part included."""

    name: str
    limit: float
    used: float

    @property
    def slack(self) -> float:
        return self.limit - self.used


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of a search. Costs are recomputed in float64 from the chosen rows.

    OPTIMAL: no selection is better than `objective` by more than 1e-6 of it (`gap` says what was proven; 0
    for costs that are integers). FEASIBLE: the budgets are met, the optimum is proven to be no less than
    `best_bound`. INFEASIBLE: proven that nothing meets the budgets. UNKNOWN: time ran out before either.
    """

    status: Status
    rows: tuple[int, ...] | None  # index into each layer's table
    objective: float | None
    best_bound: float
    gap: float  # relative to the objective
    then: float | None  # the second objective, at no worse first
    then_gap: float
    budgets: tuple[BudgetUse, ...]
    totals: Mapping[str, float]  # sum of every column over the layers, fixed part included
    wall_s: float
    interrupted: bool
    rows_priced: int
    rows_kept: int  # after hard limits and Pareto pruning


def solve(
    problem: Problem,
    *,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    workers: int = 1,
    hint: Sequence[int] | None = None,
    lexicographic: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> Selection:
    """The best selection: least objective, then (if `lexicographic`) least second one at no worse first.

    Stops at a proven relative `gap` (of each objective) or at the time limit; Ctrl-C stops it at once. In
    each case the best selection known is returned with its proven bound. `hint` is a selection to start from,
    one row a layer. The same problem gives the same selection, unless the clock ends the search (or HiGHS's
    turn in it, on problems that CP-SAT stalls on).
    """
    session = Session(time_limit_s, on_progress)
    objective = problem.objective
    wanted = [[term] for term in objective.terms] if objective.product else [objective.terms]
    instance = build(problem, [*wanted, objective.then])
    start = None if hint is None else instance.find(hint)
    search = minimise_product if objective.product else minimise
    session.allow(FIRST_SHARE)
    first = search(instance, session, gap=gap, workers=workers, hint=start)
    session.allow(1.0)
    chosen, then_gap = first.chosen, math.inf
    if chosen is not None and lexicographic:
        session.enter("second objective")
        narrowed, second = _second(instance, session, first, len(wanted), gap, workers)
        then_gap = second.gap
        if second.chosen is not None:
            chosen = instance.find(narrowed.rows[second.chosen])
    rows = None if chosen is None else tuple(instance.rows[chosen].tolist())
    return selection_of(problem, session, first, rows, then_gap, len(instance.rows))


def _second(
    instance: Instance, session: Session, first: Optimum, firsts: int, gap: float, workers: int
) -> tuple[Instance, Optimum]:
    assert first.chosen is not None
    useful = instance.take(first.useful)
    chosen = useful.find(instance.rows[first.chosen])
    assert chosen is not None
    narrowed = useful.no_dearer(useful.costs[:firsts], chosen)
    narrowed = replace(narrowed, costs=(narrowed.costs[firsts],))
    hint = narrowed.find(useful.rows[chosen])
    return narrowed, minimise(narrowed, session, gap=gap, workers=workers, hint=hint)


def selection_of(
    problem: Problem,
    session: Session,
    first: Optimum,
    rows: tuple[int, ...] | None,
    then_gap: float,
    rows_kept: int,
) -> Selection:
    """What was found, with costs recomputed. RuntimeError if it breaks the problem's budgets or ties."""
    priced = sum(choice.rows for choice in problem.choices)
    if rows is None:
        status: Status = "INFEASIBLE" if first.infeasible else "UNKNOWN"
        nothing = (None, first.bound, math.inf, None, math.inf, (), {})
        return Selection(status, None, *nothing, session.elapsed_s, session.interrupted, priced, rows_kept)
    broken = problem.broken(rows)
    if broken:
        raise RuntimeError(f"the search returned a selection that breaks {', '.join(broken)}")
    objective = problem.value(rows)
    bound = min(first.bound, objective)
    gap = relative_gap(objective, bound)
    return Selection(
        status="OPTIMAL" if gap <= TOLERANCE else "FEASIBLE",
        rows=rows,
        objective=objective,
        best_bound=bound,
        gap=gap,
        then=problem.cost(problem.objective.then, rows),
        then_gap=then_gap,
        budgets=tuple(
            BudgetUse(budget.name, budget.limit, problem.total(budget.column, rows, budget.combine))
            for budget in problem.budgets
        ),
        totals={column: problem.total(column, rows) for column in _columns(problem)},
        wall_s=session.elapsed_s,
        interrupted=session.interrupted,
        rows_priced=priced,
        rows_kept=rows_kept,
    )


def _columns(problem: Problem) -> list[str]:
    """Columns that every layer has."""
    first, *others = (choice.columns for choice in problem.choices)
    return [name for name in first if all(name in columns for columns in others)]


@dataclass(frozen=True, eq=False)
class Pruned:
    """A problem without needless rows, for solves with other limits or other weights of the same costs."""

    problem: Problem
    rows: tuple[IntArray, ...]  # of each layer, where the kept rows were
    rows_priced: int

    def original(self, selection: Selection) -> Selection:
        """A selection of the smaller problem with rows of the original one."""
        rows = selection.rows
        if rows is not None:
            rows = tuple(int(kept[row]) for kept, row in zip(self.rows, rows, strict=True))
        return replace(selection, rows=rows, rows_priced=self.rows_priced)

    def smaller(self, rows: Sequence[int] | None) -> list[int] | None:
        """Where rows of the original problem are now; None if one was needless."""
        if rows is None:
            return None
        found = [int(np.searchsorted(kept, row)) for kept, row in zip(self.rows, rows, strict=True)]
        there = all(
            at < len(kept) and kept[at] == row for kept, row, at in zip(self.rows, rows, found, strict=True)
        )
        return found if there else None


def prune(problem: Problem, costs: Sequence[Term]) -> Pruned:
    """Keep each layer's Pareto front over the columns of `costs` and of all budgets, whatever their limits.

    Weights of costs must be >= 0 in every problem that the result is used for.
    """
    read = dict.fromkeys([*(term.column for term in costs), *(budget.column for budget in problem.budgets)])
    rows = tuple(
        pareto_rows(choice, [name for name in read if name in choice.columns], problem.keys_of(choice.name))
        for choice in problem.choices
    )
    choices = tuple(choice.take(kept) for choice, kept in zip(problem.choices, rows, strict=True))
    return Pruned(replace(problem, choices=choices), rows, sum(choice.rows for choice in problem.choices))


@dataclass(frozen=True, slots=True)
class Marginal:
    """What a larger budget buys: the best selection under it, and how much lower its objective is."""

    budget: str
    limit: float
    selection: Selection
    gain_percent: float


def marginal(
    problem: Problem,
    selection: Selection,
    *,
    percent: float = 10.0,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    workers: int = 1,
) -> tuple[Marginal, ...]:
    """For each finite budget on its own: the best selection with `percent` more of it, all else equal."""
    objective = problem.objective
    terms = (*objective.terms, *objective.then)
    pruned = prune(problem, terms) if all(term.weight >= 0 for term in terms) else None
    smaller = problem if pruned is None else pruned.problem
    hint = selection.rows if pruned is None else pruned.smaller(selection.rows)
    found = []
    for index, budget in enumerate(problem.budgets):
        if math.isinf(budget.limit) or selection.objective is None:
            continue
        wider = replace(budget, limit=budget.limit + abs(budget.limit) * percent / 100)
        budgets = (*problem.budgets[:index], wider, *problem.budgets[index + 1 :])
        better = solve(
            replace(smaller, budgets=budgets), time_limit_s=time_limit_s, gap=gap, workers=workers, hint=hint
        )
        better = better if pruned is None else pruned.original(better)
        value = selection.objective if better.objective is None else better.objective
        gain = 100 * (selection.objective - value) / abs(selection.objective) if selection.objective else 0.0
        found.append(Marginal(budget.name, wider.limit, better, gain))
        if better.interrupted:
            break
    return tuple(found)
