"""An instance as a CP-SAT model: a Boolean a row, exactly one a layer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from archsim.dse.selection.instance import Instance
from archsim.dse.selection.problem import FloatArray, IntArray
from archsim.dse.selection.scaling import Limb, ScaledCost, limbs, scale_costs
from archsim.dse.selection.session import Session

SEED = 1


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a solver found: the best selection (as indices into the instance) and a proven lower bound.

    `finished` if the solver's search came to its end; then a bound of inf says that nothing is feasible.
    """

    chosen: IntArray | None
    bound: float
    finished: bool


class Side(Protocol):
    """A condition on selections beside budgets and ties, with variables of its own."""

    def add(self, model: Any, row: Sequence[Any], instance: Instance) -> None:
        """Add it to a model that has a Boolean a row."""
        ...

    def read(self, value: Callable[[Any], int]) -> None:
        """Take its variables' values from a solution of the model it was added to last."""
        ...


@dataclass(frozen=True, eq=False)
class _Model:
    model: Any
    row: list[Any]  # a Boolean a row
    cost: ScaledCost
    base: float  # what scaled costs are counted from

    def bound(self, objective: float) -> float:
        return self.base + self.cost.real(objective)


def solve_cpsat(
    instance: Instance,
    session: Session,
    *,
    hint: IntArray | None,
    allowed_gap: float,
    workers: int,
    deterministic_limit: float = math.inf,
    side: Side | None = None,
) -> Attempt:
    """Minimise the first cost, stopping within `allowed_gap` of it (absolute); `side` is met too.

    Budgets enter by their first limb; one that a found selection breaks gets its next limb and the model is
    solved again. Bounds of the relaxed models hold for the exact one.
    """
    exact = [limbs(budget.values, budget.fixed, budget.limit) for budget in instance.budgets]
    used = [1] * len(exact)
    bound = -math.inf
    while True:
        kept = [digits[:count] for digits, count in zip(exact, used, strict=True)]
        built = _model(instance, kept, hint)
        if side is not None:
            side.add(built.model, built.row, instance)
        attempt = _run(built, instance, session, allowed_gap, workers, deterministic_limit, side)
        bound = max(bound, attempt.bound)
        if attempt.chosen is None or session.over:
            break
        broken = [i for i, budget in enumerate(instance.budgets) if not budget.met(attempt.chosen)]
        if not broken:
            break
        for i in broken:
            if used[i] == len(exact[i]):
                raise RuntimeError("a budget's exact integers and its float sum disagree")
            used[i] += 1
    chosen = attempt.chosen
    if chosen is not None and not instance.feasible(chosen):
        chosen = None
    return Attempt(chosen, bound, attempt.finished)


def _model(instance: Instance, budgets: Sequence[Sequence[Limb]], hint: IntArray | None) -> _Model:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    row = [model.new_bool_var("") for _ in range(len(instance.rows))]
    for first, last in _spans(instance):
        model.add_exactly_one(row[first:last])
    for labels in instance.labels:
        _add_tie(model, row, instance.layer, labels)
    for digits in budgets:
        _add_budget(model, row, digits, instance.layers)
    values, base = _from_least(instance)
    cost = scale_costs([values, *(peak - peak.min() for peak in instance.cost.peaks)])
    total = cp_model.LinearExpr.weighted_sum(row, cost.parts[0])
    for peak in cost.parts[1:]:
        highest = model.new_int_var(0, max(peak), "")
        for first, last in _spans(instance):
            model.add(cp_model.LinearExpr.weighted_sum(row[first:last], peak[first:last]) <= highest)
        total += highest
    model.minimize(total)
    if hint is not None:
        chosen = set(hint.tolist())
        for index, variable in enumerate(row):
            model.add_hint(variable, index in chosen)
    return _Model(model, row, cost, base)


def _spans(instance: Instance) -> Iterable[tuple[int, int]]:
    bounds = np.searchsorted(instance.layer, np.arange(instance.layers + 1)).tolist()
    return itertools.pairwise(bounds)


def _from_least(instance: Instance) -> tuple[FloatArray, float]:
    """Costs counted from the least of each layer, and the sum of what was taken off."""
    least = np.full(instance.layers, math.inf)
    np.minimum.at(least, instance.layer, instance.cost.values)
    peaks = [float(peak.min()) for peak in instance.cost.peaks]
    base = math.fsum([instance.cost.constant, *least.tolist(), *peaks])
    return instance.cost.values - least[instance.layer], base


def _add_tie(model: Any, row: Sequence[Any], layer: IntArray, labels: IntArray) -> None:
    """A Boolean a label says that it is the one; a tied layer chooses a row of that label."""
    cells: dict[tuple[int, int], list[Any]] = {}
    for index in np.flatnonzero(labels >= 0).tolist():
        cells.setdefault((int(labels[index]), int(layer[index])), []).append(row[index])
    agreed = {label: model.new_bool_var("") for label, _ in cells}
    for (label, _), members in cells.items():
        model.add(sum(members) == agreed[label])


def _add_budget(model: Any, row: Sequence[Any], digits: Sequence[Limb], layers: int) -> None:
    from ortools.sat.python import cp_model

    carried: Any = 0
    for limb, following in zip(digits, [*digits[1:], None], strict=True):
        awaited = 0 if following is None else model.new_int_var(0, layers + 2, "")
        total = cp_model.LinearExpr.weighted_sum(row, limb.coefficients)
        model.add(total + awaited <= limb.limit + limb.base * carried)
        carried = awaited


def _run(
    built: _Model,
    instance: Instance,
    session: Session,
    allowed_gap: float,
    workers: int,
    deterministic_limit: float,
    side: Side | None,
) -> Attempt:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.num_workers = workers
    parameters.interleave_search = workers > 1  # deterministic, as one worker is
    parameters.random_seed = SEED
    parameters.cp_model_probing_level = 0  # takes longer than it saves here
    parameters.catch_sigint_signal = False  # Python's own handler sees Ctrl-C
    parameters.max_time_in_seconds = session.left_s
    parameters.max_deterministic_time = deterministic_limit
    parameters.absolute_gap_limit = allowed_gap * built.cost.scale

    class OnSolution(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            chosen = np.array([i for i, row in enumerate(built.row) if self.value(row)])
            bound = built.bound(self.best_objective_bound)
            session.note(instance.cost.of(chosen) if instance.feasible(chosen) else None, bound)

    solver.best_bound_callback = lambda bound: session.note(None, built.bound(bound))
    status = session.run(lambda: solver.solve(built.model, OnSolution()), solver.stop_search)
    if status is None:
        return Attempt(None, -math.inf, False)
    if status == cp_model.INFEASIBLE:
        return Attempt(None, math.inf, True)
    chosen = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        chosen = np.array([i for i, row in enumerate(built.row) if solver.value(row)], dtype=np.int64)
        if side is not None:
            side.read(solver.value)
    bound = built.bound(solver.best_objective_bound) if chosen is not None else -math.inf
    return Attempt(chosen, bound, status == cp_model.OPTIMAL)
