"""The best selection for a pipeline that fits with what stands between its stages.

How deep FIFOs have to be follows from all stages at once, so no row has a price for them. A search without
them is a bound of every plan: they only take. Its plan is executed; where it does not fit with its FIFOs, the
search is repeated with so much less room, until one does. Where FIFOs follow stage by stage, branch and bound
then finds the best plan and proves it (`StagewiseSearch`); elsewhere a plan is proven if it is as good as the
bound without FIFOs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from archsim.accelerators.machine import is_pipelined
from archsim.accelerators.stagewise import is_stagewise
from archsim.dse.executions import Executions
from archsim.dse.formulation import Formulation
from archsim.dse.pace_problem import Pipeline
from archsim.dse.point import Point
from archsim.dse.selection.optimum import TOLERANCE
from archsim.dse.selection.problem import Problem, Term
from archsim.dse.selection.select import FIRST_SHARE
from archsim.dse.selection.session import relative_gap
from archsim.dse.solve_point import PointResult, solve_point, value_of
from archsim.dse.stagewise_search import Known, Proven, StagewiseSearch

MOST_TIMES = 8
"""Searches of a point with less and less room, after which the best plan so far is taken."""
MOST_OF_SECOND = 64
"""Selection problems for the best of equally good plans, which is not worth as long as the goal itself."""
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
    most_solved: float = math.inf,
) -> PointResult:
    """As `solve_point`, and of a pipeline with what stands between its stages.

    The bound holds with it. Where no plan is known that fits, the one nearest to it has an `excess`.
    `most_solved`: selection problems after which the best plan so far is taken, too.
    """
    ends = time.monotonic() + time_limit_s

    def solved(between: Mapping[str, float]) -> PointResult:
        left = ends - time.monotonic()
        return solve_point(
            formulation, point, executions, cutoff=cutoff, time_limit_s=left, gap=gap, between=between
        )

    first = found = solved({})
    if not is_pipelined(point.machine) or first.rows is None:
        return first
    nearest = plan = _with_between(formulation, found)
    assumed: dict[str, float] = {}
    times = 1
    while plan.excess and not found.interrupted and time.monotonic() < ends and times < MOST_TIMES:
        assumed |= {name: max(count, assumed.get(name, 0.0)) for name, count in plan.between.items()}
        found, times = solved(assumed), times + 1
        if found.rows is None:
            break
        plan = _with_between(formulation, found)
        nearest = min(nearest, plan, key=lambda each: each.excess)
    chosen = replace(
        nearest,
        bound=first.bound,
        then_gap=max(first.then_gap, relative_gap(nearest.then, first.then)),
        interrupted=first.interrupted or found.interrupted,
        times_solved=times,
    )
    gaps = relative_gap(chosen.value, chosen.bound), chosen.then_gap
    if chosen.interrupted or not (chosen.excess or max(gaps) > max(gap, EQUAL)):
        return chosen
    return _proven(formulation, chosen, ends=ends, gap=gap, cutoff=cutoff, most_solved=most_solved)


def _proven(
    formulation: Formulation,
    chosen: PointResult,
    *,
    ends: float,
    gap: float,
    cutoff: float,
    most_solved: float,
) -> PointResult:
    """The best plan that fits, from one that is known or does not fit; among equally good ones the best."""
    machine, units = chosen.point.machine, formulation.goal_units(chosen.point)
    if not is_stagewise(machine) or formulation.memory_limit is not None:
        return chosen
    problem = formulation.problem(chosen.point)
    pipeline = Pipeline.of(machine, formulation.space.workload.layers, chosen.point, problem)
    now = time.monotonic()
    best = None if chosen.excess else _known(pipeline, chosen, problem.objective.terms)
    first = StagewiseSearch(
        pipeline,
        ends=now + FIRST_SHARE * (ends - now),
        most_solved=most_solved,
        gap=gap,
        floor=chosen.bound * units,
        best=best,
        cutoff=cutoff * units,
    ).run()
    chosen = replace(_taken_over(formulation, pipeline, chosen, first), bound=first.bound / units)
    if first.best is None or first.interrupted or chosen.gap > max(gap, TOLERANCE):
        return replace(chosen, then_gap=math.inf)
    slack = EQUAL * abs(first.best.value)
    second = StagewiseSearch(
        pipeline,
        ends=ends,
        most_solved=min(most_solved, MOST_OF_SECOND),
        gap=gap,
        best=_known(pipeline, chosen, problem.objective.then),
        within=(first.bound - slack, first.best.value + slack),
    ).run()
    chosen = _taken_over(formulation, pipeline, chosen, second)
    then_units = formulation.goal.then.in_column(chosen.point.machine)
    return replace(chosen, then_gap=relative_gap(chosen.then, second.bound / then_units))


def _known(pipeline: Pipeline, plan: PointResult, terms: Sequence[Term]) -> Known:
    assert plan.rows is not None
    cost = pipeline.with_between(plan.between).cost(terms, plan.rows)
    return Known(plan.rows, plan.between, cost)


def _taken_over(
    formulation: Formulation, pipeline: Pipeline, plan: PointResult, proven: Proven
) -> PointResult:
    """The plan that a search ended with, in the units of the goal."""
    plan = replace(
        plan,
        interrupted=plan.interrupted or proven.interrupted,
        times_solved=plan.times_solved + proven.solved,
    )
    best = proven.best
    if best is None:
        return plan
    problem = pipeline.with_between(best.between)
    value, then = value_of(formulation, problem, plan.point, best.rows)
    return replace(plan, rows=best.rows, between=best.between, value=value, then=then, excess=0.0)


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
