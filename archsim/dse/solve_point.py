"""The best selection on one hardware point, with costs that the kernel has confirmed."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from archsim.accelerators.switched_rail import SwitchedRail
from archsim.dse.executions import Executions
from archsim.dse.formulation import Formulation
from archsim.dse.point import LayerTable, Point
from archsim.dse.quantities import ENERGY, LATENCY
from archsim.dse.recompute import solve_with_recompute
from archsim.dse.retention import Retention
from archsim.dse.selection.problem import Problem
from archsim.dse.selection.relaxation import relaxed_bound
from archsim.dse.selection.select import Selection, solve
from archsim.dse.selection.session import relative_gap
from archsim.dse.switching import solve_with_switches

RIVALS = 16
"""Rows a chosen row's table is asked for at a time: those that could have been better than it turned out."""


@dataclass(frozen=True)
class PointResult:
    """What is known of a point, in the units of the goal.

    `rows` (one a layer) have been executed, so `value` and `then` are what they cost. Where no selection is
    known `rows` is None and `value` inf; the point is infeasible if then `bound` is inf too.
    """

    point: Point
    rows: tuple[int, ...] | None
    value: float
    then: float
    bound: float
    then_gap: float
    interrupted: bool = False
    steps: tuple[Retention, ...] = ()  # where layers are executed again
    between: Mapping[str, float] = field(default_factory=dict)  # what stands between stages, by resource
    excess: float = 0.0  # by what share that breaks a limit
    times_solved: int = 1  # until it broke none

    @property
    def gap(self) -> float:
        return relative_gap(self.value, self.bound) if self.rows is not None else math.inf

    @property
    def key(self) -> tuple[float, float, float]:
        """Smaller is better: the goal, then the second objective, then the area."""
        return self.value, self.then, self.point.area_mm2


def bound_of(formulation: Formulation, point: Point) -> float:
    """A bound of the goal on a priced point, without a solver; inf where its limits cannot be met."""
    rough = formulation.rough_quantity(point.machine)
    if formulation.has_tables(point):
        problem = formulation.problem(point)
    else:
        assert rough is not None
        problem = formulation.roughly().problem(replace(point, tables=point.rough[rough]))
    if formulation.goal.product:
        first, second = (relaxed_bound(problem, (term,)) for term in problem.objective.terms)
        bound = first * second
    else:
        bound = relaxed_bound(problem)
    return bound / formulation.goal_units(point)


def solve_point(
    formulation: Formulation,
    point: Point,
    executions: Executions,
    *,
    cutoff: float = math.inf,
    time_limit_s: float = 60.0,
    gap: float = 0.0,
    between: Mapping[str, float] | None = None,
) -> PointResult:
    """Solve, execute what was chosen, and solve again with what it took, until the choice holds.

    Rows that were not executed enter with bounds from below, so every solution's bound is one of the true
    costs, and a solution of executed rows is optimal. `between` is what is to stand between a pipeline's
    stages, by resource (`solve_that_fits`). Ends early when the bound passes `cutoff` (in the units
    of the goal), within `gap`, or when the time is over; then the best selection of executed rows stands.
    """
    ends = time.monotonic() + time_limit_s
    units = formulation.goal_units(point)
    best = PointResult(point, None, math.inf, math.inf, -math.inf, math.inf)
    settled_first = False
    while True:
        left = max(0.01, ends - time.monotonic())
        problem = formulation.problem(point, between)
        memory = formulation.memory(point)
        given = {"time_limit_s": left, "gap": gap, "hint": best.rows, "lexicographic": settled_first}
        if isinstance(point.machine, SwitchedRail):
            found, steps = solve_with_switches(problem, **given), ()
        elif memory is None:
            # one worker: two that take turns (to be deterministic) are up to 40 times slower
            found, steps = solve(problem, **given), ()
        else:
            found, steps = solve_with_recompute(problem, memory, **given)
        bound = math.inf if found.status == "INFEASIBLE" else max(best.bound, found.best_bound / units)
        best = replace(best, bound=min(bound, best.value), interrupted=found.interrupted)
        if found.rows is None:
            return best
        new = _execute(point, formulation.table_rows(point, found.rows), formulation, executions)
        candidate = _true(formulation, formulation.problem(point, between), found, steps, best)
        best = candidate if candidate.key <= best.key else best  # of equal ones the one proven further
        # without a gap to accept, equal goals are told apart by rows that were executed, too
        done = (settled_first and not new) or 0 < best.gap <= gap or best.bound > cutoff
        settled_first |= not new
        if done or found.interrupted or time.monotonic() >= ends:
            return best


def _true(
    formulation: Formulation,
    problem: Problem,
    found: Selection,
    steps: tuple[Retention, ...],
    before: PointResult,
) -> PointResult:
    """The selection at what its executed rows cost; no selection if that breaks a limit."""
    assert found.rows is not None
    if problem.broken(found.rows):
        return before
    value, then = value_of(formulation, problem, before.point, found.rows)
    return replace(
        before,
        rows=found.rows,
        value=value,
        then=then,
        bound=min(before.bound, value),
        then_gap=found.then_gap,
        steps=steps,
    )


def value_of(
    formulation: Formulation, problem: Problem, point: Point, rows: Sequence[int]
) -> tuple[float, float]:
    """A selection's goal and its second one, in their units."""
    value = problem.value(rows) / formulation.goal_units(point)
    then = problem.cost(problem.objective.then, rows) / formulation.goal.then.in_column(point.machine)
    return value, then


def _execute(point: Point, rows: tuple[int, ...], formulation: Formulation, executions: Executions) -> int:
    """Execute chosen rows, and of their tables the rows that could be better than those turned out."""
    done = 0
    for table, row in dict.fromkeys(zip(point.tables, rows, strict=True)):
        new = table.execute(point.machine, [row], executions)
        if new:
            table.execute(point.machine, _rivals(table, row, formulation), executions)
        done += new
    return done


def _rivals(table: LayerTable, row: int, formulation: Formulation) -> list[int]:
    columns = {q.column for q, _ in formulation.goal.terms}
    cost = np.ones(len(table.cycles))
    if LATENCY.column in columns:
        cost = cost * table.cycles
    if ENERGY.column in columns:
        cost = cost * table.energy_pj
    alike = table.options.precision == table.options.precision[row]
    open_rows = np.flatnonzero(alike & ~table.executed & (cost < cost[row]))
    return open_rows[np.argsort(cost[open_rows], kind="stable")][:RIVALS].tolist()
