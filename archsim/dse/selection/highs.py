"""An instance as a mixed-integer program for HiGHS, through OR-Tools: where CP-SAT's proof stalls.

HiGHS works in float64 with tolerances. They loosen constraints, so its bound stays a bound but for its dual
tolerance, which is taken off; a selection counts only after its budgets were checked exactly.
"""

from __future__ import annotations

import datetime
import itertools
import math
from typing import Any

import numpy as np

from archsim.dse.selection.cpsat import Attempt
from archsim.dse.selection.instance import Instance
from archsim.dse.selection.problem import FloatArray, IntArray
from archsim.dse.selection.session import Session

DUAL_TOLERANCE = 1e-7
"""HiGHS's default, of costs scaled to at most 1; here of the bound."""

LONGEST_S = 1e8
"""A search without a time limit: three years, which a timedelta can hold."""


def solve_highs(
    instance: Instance, session: Session, *, hint: IntArray | None, allowed_gap: float, seconds: float
) -> Attempt:
    """Minimise the first cost, stopping within `allowed_gap` of it (absolute), or after `seconds`."""
    from ortools.math_opt.python import mathopt

    model = mathopt.Model()
    row = [model.add_binary_variable() for _ in range(len(instance.rows))]
    _add_choices(model, row, instance)
    _add_budgets(model, row, instance)
    scale = _add_cost(model, row, instance)
    parameters = mathopt.SolveParameters(
        time_limit=datetime.timedelta(seconds=min(seconds, session.left_s, LONGEST_S)),
        absolute_gap_tolerance=allowed_gap / scale,
        relative_gap_tolerance=0.0,
    )
    start = mathopt.ModelSolveParameters()
    if hint is not None:
        chosen = set(hint.tolist())
        values = {variable: float(index in chosen) for index, variable in enumerate(row)}
        start = mathopt.ModelSolveParameters(solution_hints=[mathopt.SolutionHint(variable_values=values)])
    result = session.run(
        lambda: mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters, model_params=start),
        lambda: None,  # it can't be stopped: its thread is left behind
    )
    return Attempt(None, -math.inf, False) if result is None else _attempt(instance, result, row, scale)


def _attempt(instance: Instance, result: Any, row: list[Any], scale: float) -> Attempt:
    from ortools.math_opt.python import mathopt

    reason = result.termination.reason
    if reason == mathopt.TerminationReason.INFEASIBLE:
        return Attempt(None, math.inf, True)
    bound = result.termination.objective_bounds.dual_bound * scale + instance.cost.constant
    chosen = None
    if result.has_primal_feasible_solution():
        values = np.array(result.variable_values(row))
        found = np.flatnonzero(values > 0.5)
        if len(found) == instance.layers and instance.feasible(found):
            chosen = found
    finished = reason == mathopt.TerminationReason.OPTIMAL and chosen is not None
    return Attempt(chosen, bound - DUAL_TOLERANCE * abs(bound), finished)


def _spans(instance: Instance) -> list[slice]:
    bounds = np.searchsorted(instance.layer, np.arange(instance.layers + 1)).tolist()
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def _add_choices(model: Any, row: list[Any], instance: Instance) -> None:
    for span in _spans(instance):
        model.add_linear_constraint(sum(row[span]) == 1)
    for labels in instance.labels:
        tied = labels >= 0
        for label in np.unique(labels[tied]).tolist():
            agreed = model.add_binary_variable()
            for layer in np.unique(instance.layer[tied]).tolist():
                members = np.flatnonzero((labels == label) & (instance.layer == layer)).tolist()
                model.add_linear_constraint(sum(row[index] for index in members) == agreed)


def _add_budgets(model: Any, row: list[Any], instance: Instance) -> None:
    for budget in instance.budgets:
        limit = budget.limit - budget.fixed
        scale = max(abs(limit), float(np.abs(budget.values).max())) or 1.0
        model.add_linear_constraint(_weighted(row, budget.values / scale) <= limit / scale)


def _add_cost(model: Any, row: list[Any], instance: Instance) -> float:
    """Costs over the largest one, which is returned."""
    cost = instance.cost
    scale = max(float(np.abs(part).max()) for part in (cost.values, *cost.peaks)) or 1.0
    total = _weighted(row, cost.values / scale)
    for peak in cost.peaks:
        highest = model.add_variable()
        for span in _spans(instance):
            model.add_linear_constraint(_weighted(row[span], peak[span] / scale) <= highest)
        total = total + highest
    model.minimize(total)
    return scale


def _weighted(row: list[Any], weights: FloatArray) -> Any:
    from ortools.math_opt.python import mathopt

    return mathopt.LinearSum(x * weight for x, weight in zip(row, weights.tolist(), strict=True))
