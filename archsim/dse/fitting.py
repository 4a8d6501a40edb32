"""The best selection for a pipeline that fits with what stands between its stages.

How deep FIFOs have to be follows from all stages at once, so no row has a price for them. A search without
them is a bound of every plan: they only take. Its plan is executed; where it does not fit with its FIFOs, the
search is repeated with so much less room, until one does. That plan is optimal if it is as good as the bound.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from archsim.accelerators.machine import is_pipelined
from archsim.dse.executions import Executions
from archsim.dse.formulation import Formulation
from archsim.dse.point import Point
from archsim.dse.selection.problem import Problem
from archsim.dse.selection.session import relative_gap
from archsim.dse.solve_point import PointResult, solve_point, value_of

MOST_TIMES = 8
"""Searches of a point after which the best plan so far is taken."""
EQUAL = 1e-9
"""Relative gap within which a plan is as good as its bound."""


def solve_that_fits(
    formulation: Formulation,
    point: Point,
    executions: Executions,
    *,
    cutoff: float,
    time_limit_s: float,
    gap: float,
) -> PointResult:
    """As `solve_point`, and of a pipeline with what stands between its stages.

    The bound is that of the first search, so it holds whatever stands between stages. Where no plan fits, the
    one nearest to it has an `excess`.
    """
    ends = time.monotonic() + time_limit_s

    def solved(between: Mapping[str, float]) -> PointResult:
        left = ends - time.monotonic()
        return solve_point(
            formulation, point, executions, cutoff=cutoff, time_limit_s=left, gap=gap, between=between
        )

    first = found = solved({})
    if not is_pipelined(point.machine):
        return first
    best = nearest = None
    assumed: dict[str, float] = {}
    times = 1
    while found.rows is not None:
        plan = _with_between(formulation, found)
        if plan.excess:
            nearest = min(nearest or plan, plan, key=lambda each: each.excess)
            assumed |= {name: max(count, assumed.get(name, 0.0)) for name, count in plan.between.items()}
        elif best is None or plan.key < best.key:
            best, assumed = plan, dict(plan.between)  # a better one may need no more than that
        else:
            break
        proven = best is not None and relative_gap(best.value, first.bound) <= max(gap, EQUAL)
        over = found.interrupted or time.monotonic() >= ends or times == MOST_TIMES
        if proven or over or found.bound > cutoff:
            break
        found, times = solved(assumed), times + 1
    chosen = best or nearest
    if chosen is None:
        return first
    return replace(
        chosen,
        bound=min(first.bound, chosen.value),
        then_gap=max(first.then_gap, relative_gap(chosen.then, first.then)),
        interrupted=first.interrupted or found.interrupted,
        times_solved=times,
    )


def _with_between(formulation: Formulation, found: PointResult) -> PointResult:
    """The selection at what it costs with what stands between its stages, and by how much it is too large."""
    point, rows = found.point, found.rows
    assert rows is not None
    assert is_pipelined(point.machine)
    layers = formulation.space.workload.layers
    between = point.machine.between(point.rows(layers, formulation.table_rows(point, rows)))
    problem = formulation.problem(point, between)
    value, then = value_of(formulation, problem, point, rows)
    return replace(found, value=value, then=then, between=between, excess=_excess(problem, rows))


def _excess(problem: Problem, rows: tuple[int, ...]) -> float:
    """The largest share by which a selection breaks a budget; 0 where it breaks none."""
    broken = set(problem.broken(rows))
    over = [
        (problem.total(b.column, rows, b.combine) - b.limit) / max(b.limit, EQUAL)
        for b in problem.budgets
        if b.name in broken
    ]
    return max(over, default=0.0)
