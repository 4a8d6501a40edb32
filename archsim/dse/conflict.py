"""Why nothing meets a study's budgets: a set that conflicts, and how far each of them would have to move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archsim.dse.explore import Explorer
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.quantities import SUMS, Goal

NEAR = 1e-2
"""Relative width at which the search for a least limit ends, where that limit cannot be minimised itself."""
MOST_DOUBLINGS = 20


@dataclass(frozen=True)
class Move:
    """The least limit of one budget, all others kept, for something to be feasible; None if none helps.

    `proven`: nothing is feasible below it, or under any limit at all.
    """

    limit: Limit
    least: float | None
    proven: bool

    @property
    def percent(self) -> float | None:
        if self.least is None or not self.limit.at_most:
            return None
        return 100 * (self.least - self.limit.at_most) / self.limit.at_most

    def sentence(self, *, alone: bool) -> str:
        name = self.limit.quantity.name
        if self.least is None:
            return f"To move {name} by itself does not help: the others conflict without it."
        kept = "" if alone else " if all others stay"
        by = "" if self.percent is None else f", by {self.percent:.3g} %"
        about = "" if self.proven else " (about: less may do)"
        return f"{name} must rise to {self.least:.6g}{by}{kept}{about}."


@dataclass(frozen=True)
class Conflict:
    """Budgets that cannot be met together, though without any one of them they could (if `proven`)."""

    moves: tuple[Move, ...]
    proven: bool

    def sentences(self) -> list[str]:
        """What conflicts, then a sentence a budget."""
        if not self.moves and self.proven:
            return [
                "Nothing is feasible, budgets or not: no hardware fits every layer (a pipeline: with its "
                "FIFOs), or the ties disagree."
            ]
        names = ", ".join(f"{m.limit.quantity.name} <= {m.limit.at_most:g}" for m in self.moves)
        if not self.proven:
            first = f"Time ran out before it was known whether {names or 'anything'} can be met."
        elif len(self.moves) == 1:
            first = f"Nothing is feasible: {names} cannot be met, whatever is chosen."
        else:
            first = f"Nothing is feasible: {names} cannot be met together."
        return [first, *(move.sentence(alone=len(self.moves) == 1) for move in self.moves)]


def explain(explorer: Explorer, formulation: Formulation, *, time_limit_s: float = 60.0) -> Conflict:
    """The conflict in an infeasible study, by a deletion filter: what is left cannot be done without.

    Every answer is a search of its own, of at most `time_limit_s`.
    """
    proven = True

    def feasible(limits: Sequence[Limit]) -> bool:
        nonlocal proven
        found = explorer.search(formulation.with_limits(*limits), time_limit_s=time_limit_s, gap=ANY)
        proven &= found.best is not None or found.bound == math.inf
        if found.interrupted:
            raise KeyboardInterrupt
        return found.best is not None

    if not feasible(()):
        return Conflict((), proven)
    alone = next((limit for limit in formulation.limits if not feasible([limit])), None)
    needed = list(formulation.limits) if alone is None else [alone]
    for limit in list(needed):
        others = [other for other in needed if other is not limit]
        if others and not feasible(others):
            needed = others
    moves = [least_limit(explorer, formulation, limit, time_limit_s=time_limit_s) for limit in needed]
    return Conflict(tuple(moves), proven)


ANY = 0.999
"""A gap at which the first selection found is good enough."""


def least_limit(
    explorer: Explorer, formulation: Formulation, limit: Limit, *, time_limit_s: float = 60.0
) -> Move:
    """The least limit of one budget under which, all others kept, something is feasible."""
    others = [other for other in formulation.limits if other is not limit]
    if limit.quantity.name in SUMS:
        least = replace(formulation, goal=Goal(((limit.quantity, 1.0),), formulation.goal.then))
        found = explorer.search(least.with_limits(*others), time_limit_s=time_limit_s)
        if found.best is None:
            return Move(limit, None, found.bound == math.inf)
        return Move(limit, found.best.value, found.gap <= NEAR)
    return _bisected(explorer, formulation, limit, others, time_limit_s)


def _bisected(
    explorer: Explorer, formulation: Formulation, limit: Limit, others: Sequence[Limit], time_limit_s: float
) -> Move:
    def feasible(at_most: float) -> bool:
        wider = formulation.with_limits(*others, replace(limit, at_most=at_most))
        return explorer.search(wider, time_limit_s=time_limit_s, gap=ANY).best is not None

    low, high = limit.at_most, 2 * limit.at_most
    for _ in range(MOST_DOUBLINGS):
        if feasible(high):
            break
        low, high = high, 2 * high
    else:
        return Move(limit, None, False)
    while high - low > NEAR * high:
        middle = (low + high) / 2
        low, high = (low, middle) if feasible(middle) else (middle, high)
    return Move(limit, high, False)
