"""Why nothing meets the budgets: a smallest set that conflicts, and how far each would have to move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archsim.dse.selection.instance import build
from archsim.dse.selection.optimum import Optimum, minimise
from archsim.dse.selection.problem import Budget, Problem, Term
from archsim.dse.selection.session import Session


@dataclass(frozen=True, slots=True)
class Move:
    """How far one budget must move, all others kept, for something to be feasible.

    `least_limit` is the least limit that does; None if no limit of this budget does, or if time ran out
    before a selection was found. `proven` if nothing fits below it.
    """

    budget: Budget
    least_limit: float | None
    proven: bool

    @property
    def percent(self) -> float | None:
        """How much more than now, where that has a meaning."""
        if self.least_limit is None or not self.budget.limit:
            return None
        return 100 * (self.least_limit - self.budget.limit) / abs(self.budget.limit)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Budgets that can't be met together, though without any one of them they could (if `proven`).

    No budgets and proven: the ties alone can't be met. Not proven: time ran out somewhere.
    """

    moves: tuple[Move, ...]
    proven: bool

    @property
    def budgets(self) -> tuple[str, ...]:
        return tuple(move.budget.name for move in self.moves)

    def sentences(self) -> list[str]:
        """What conflicts, then a sentence a budget."""
        if not self.moves and not self.proven:
            return ["Time ran out before it was known whether anything is feasible."]
        if not self.moves:
            return ["Nothing is feasible: the rows of layers that are tied have no keys in common."]
        names = ", ".join(f"{move.budget.name} <= {move.budget.limit:g}" for move in self.moves)
        if len(self.moves) == 1:
            first = f"Nothing is feasible: {names} can't be met, whatever is chosen."
        else:
            first = f"Nothing is feasible: {names} can't be met together."
        return [first, *(_sentence(move, alone=len(self.moves) == 1) for move in self.moves)]


def _sentence(move: Move, *, alone: bool) -> str:
    name = move.budget.name
    if move.least_limit is None:
        return f"To move {name} by itself doesn't help: the other budgets conflict without it."
    by = "" if move.percent is None else f", by {move.percent:.3g} %"
    kept = "" if alone else " if all others stay"
    least = "" if move.proven else "; perhaps less, the time ran out"
    return f"{name} must rise to {move.least_limit:.6g}{by}{kept}{least}."


def explain_infeasible(problem: Problem, *, time_limit_s: float = 60.0, workers: int = 1) -> Conflict | None:
    """The conflict in an infeasible problem; None if a selection meets all budgets.

    The set comes from a deletion filter: a budget without which nothing is feasible still isn't needed for
    the conflict. Every answer is a solve of its own, of at most `time_limit_s`; one that finds neither a
    selection nor a proof keeps its budget, and the conflict isn't proven. Ctrl-C raises KeyboardInterrupt.
    """
    proven = True

    def feasible(budgets: Sequence[Budget]) -> bool:
        nonlocal proven
        found = _optimum(replace(problem, budgets=tuple(budgets)), (), time_limit_s, workers)
        proven &= found.chosen is not None or found.infeasible
        return not found.infeasible

    budgets = [budget for budget in problem.budgets if budget.limit != math.inf]
    if feasible(budgets):
        return None if proven else Conflict((), False)
    alone = next((budget for budget in budgets if not feasible([budget])), None)
    needed = budgets if alone is None else [alone]
    for budget in list(needed):
        others = [other for other in needed if other is not budget]
        if not feasible(others):
            needed = others
    moves = tuple(
        least_limit(problem, budget, time_limit_s=time_limit_s, workers=workers) for budget in needed
    )
    return Conflict(moves, proven)


def least_limit(problem: Problem, budget: Budget, *, time_limit_s: float = 60.0, workers: int = 1) -> Move:
    """The least limit of one budget under which, all others kept, something is feasible: to the last bit.

    Costs are minimised to a tolerance, budgets hold exactly: so the column is minimised, and then limited to
    less than what was found until that is infeasible.
    """
    others = tuple(other for other in problem.budgets if other.name != budget.name)
    terms = (Term(budget.column, combine=budget.combine),)
    found = _optimum(replace(problem, budgets=others), terms, time_limit_s, workers)
    best: float | None = None
    while found.chosen is not None:
        best = found.value
        tighter = replace(budget, limit=math.nextafter(best, -math.inf))
        found = _optimum(replace(problem, budgets=(*others, tighter)), terms, time_limit_s, workers)
    return Move(budget, best, found.infeasible)


def _optimum(problem: Problem, terms: tuple[Term, ...], time_limit_s: float, workers: int) -> Optimum:
    """One objective only; with no terms any selection is an optimum."""
    session = Session(time_limit_s)
    found = minimise(build(problem, [terms]), session, workers=workers)
    if session.interrupted:
        raise KeyboardInterrupt
    return found
