"""The best selection under a condition that no column can state, with CP-SAT variables of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, inf
from typing import Protocol, TypeVar

import numpy as np

from archsim.dse.selection.cpsat import Side, solve_cpsat
from archsim.dse.selection.instance import Instance, build
from archsim.dse.selection.optimum import Optimum
from archsim.dse.selection.problem import IntArray, Problem, Tie
from archsim.dse.selection.select import Selection, selection_of
from archsim.dse.selection.session import Session

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
FIRST_SHARE = 0.8
"""Of the time limit, for the first objective."""
WORKERS = 2
WHOLE = 1e-6
"""A bound of a whole number may fall short of it by so much, for rounding."""


class Condition(Side, Protocol[T_co]):
    """A condition, and what its variables say at the solution that was read last."""

    def found(self) -> T_co: ...


def solve_beside(
    problem: Problem,
    free: Selection,
    condition: Condition[T],
    *,
    time_limit_s: float,
    gap: float = 0.0,
    hint: Sequence[int] | None = None,
    lexicographic: bool = True,
) -> tuple[Selection, T | None]:
    """The best selection that keeps the condition, and what that says; see `selection.select.solve`.

    `free` is the best without it, `time_limit_s` what is left. The objective is no product, and rows that
    differ in a key stay apart: none of them makes another needless.
    """
    session = Session(time_limit_s)
    own = tuple(Tie((choice.name,), tuple(choice.keys)) for choice in problem.choices)
    costs = [problem.objective.terms, problem.objective.then]
    instance = build(replace(problem, ties=(*problem.ties, *own)), costs)
    session.allow(FIRST_SHARE)
    start = None if hint is None else instance.find(hint)
    first = _optimum(instance, session, condition, start, gap * abs(free.best_bound))
    first.bound = max(first.bound, free.best_bound)
    session.allow(1.0)
    chosen, then_gap = first.chosen, inf
    if chosen is None:
        return selection_of(problem, session, first, None, then_gap, len(instance.rows)), None
    said = condition.found()
    if lexicographic and not session.over:
        narrowed = instance.no_dearer(instance.costs[:1], chosen)
        narrowed = replace(narrowed, costs=narrowed.costs[1:])
        second = _optimum(narrowed, session, condition, narrowed.find(instance.rows[chosen]), 0.0)
        if second.chosen is not None:
            chosen, then_gap = instance.find(narrowed.rows[second.chosen]), second.gap
            said = condition.found()
    rows = tuple(instance.rows[chosen].tolist())
    return selection_of(problem, session, first, rows, then_gap, len(instance.rows)), said


def _optimum(
    instance: Instance, session: Session, condition: Side, hint: IntArray | None, allowed_gap: float
) -> Optimum:
    best = Optimum(np.ones(len(instance.rows), dtype=bool))
    if len(instance.empty):
        best.bound = inf
        return best
    try:
        attempt = solve_cpsat(
            instance, session, hint=hint, allowed_gap=allowed_gap, workers=WORKERS, side=condition
        )
    except KeyboardInterrupt:
        session.interrupted = True
        return best
    best.offer(instance, attempt.chosen)
    whole = instance.cost.integral and -inf < attempt.bound < inf
    best.bound = min(ceil(attempt.bound - WHOLE) if whole else attempt.bound, best.value)
    return best
