"""Rows and schedule chosen together: which mapping and bits every layer has, and what is made again.

A layer's rows are there once for every number of executions, what they cost multiplied, and the retention
intervals of `archsim.dse.retention` stand beside them in one CP-SAT model: a tensor takes what the chosen
row's width says. So the optimum is one over both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, gcd, inf
from typing import Any

import numpy as np

from archsim.dse.retention import Graph, Interval, Retention, Retentions
from archsim.dse.selection.cpsat import solve_cpsat
from archsim.dse.selection.instance import Instance, build
from archsim.dse.selection.optimum import Optimum
from archsim.dse.selection.problem import Choices, IntArray, Problem, Tie
from archsim.dse.selection.select import Selection, selection_of, solve
from archsim.dse.selection.session import Session

EXECUTIONS = "executions"
"""The key of a row that says how often it is executed."""
FIRST_SHARE = 0.8
"""Of the time limit, for the first objective."""
WORKERS = 2
WHOLE = 1e-6
"""A bound of a whole number may fall short of it by so much, for rounding."""


def with_executions(choices: Choices, most: int, multiplied: Sequence[str]) -> Choices:
    """The rows for one execution, then those for two, and so on; `multiplied` columns grow with them."""
    times = np.repeat(np.arange(1, most + 1), choices.rows)
    columns = {
        name: np.tile(values, most) * (times if name in multiplied else 1)
        for name, values in choices.columns.items()
    }
    keys = {name: np.tile(values, most) for name, values in choices.keys.items()}
    return Choices(choices.name, columns, keys | {EXECUTIONS: times})


@dataclass(frozen=True)
class Memory:
    """What the schedule of a problem's layers must keep to.

    `sizes`: of every node of `graph` the layer whose row decides (a network input's first reader) and the
    bytes by that layer's rows.
    """

    graph: Graph
    sizes: tuple[tuple[int, IntArray], ...]
    limit_bytes: float
    most_executions: int

    def of(self, rows: Sequence[int]) -> list[int]:
        """Bytes of every node where these rows are chosen."""
        return [int(sizes[rows[layer]]) for layer, sizes in self.sizes]

    def plainly_met(self, rows: Sequence[int]) -> bool:
        """Whether nothing need be executed again."""
        return self.graph.peak(self.graph.plain, self.of(rows)) <= self.limit_bytes


def solve_with_recompute(
    problem: Problem,
    memory: Memory,
    *,
    time_limit_s: float,
    gap: float = 0.0,
    hint: Sequence[int] | None = None,
    lexicographic: bool = True,
) -> tuple[Selection, tuple[Retention, ...]]:
    """The best selection with the schedule that keeps it within the memory; see `selection.select.solve`.

    The objective is no product, and rows are those of `with_executions`. No schedule: nothing is made again.
    """
    free = solve(problem, time_limit_s=time_limit_s, gap=gap, lexicographic=lexicographic)
    if free.rows is None or memory.plainly_met(free.rows):
        return free, ()
    session = Session(time_limit_s - free.wall_s)
    # ties with itself alone: of rows that differ in executions or widths none makes the other needless
    own = tuple(Tie((choice.name,), tuple(choice.keys)) for choice in problem.choices)
    costs = [problem.objective.terms, problem.objective.then]
    instance = build(replace(problem, ties=(*problem.ties, *own)), costs)
    schedule = _Schedule(memory)
    session.allow(FIRST_SHARE)
    start = None if hint is None else instance.find(hint)
    first = _optimum(instance, session, schedule, start, gap * abs(free.best_bound))
    first.bound = max(first.bound, free.best_bound)
    session.allow(1.0)
    chosen, then_gap, steps = first.chosen, inf, memory.graph.steps(schedule.intervals)
    if chosen is not None and lexicographic and not session.over:
        narrowed = instance.no_dearer(instance.costs[:1], chosen)
        narrowed = replace(narrowed, costs=narrowed.costs[1:])
        second = _optimum(narrowed, session, schedule, narrowed.find(instance.rows[chosen]), 0.0)
        if second.chosen is not None:
            chosen, then_gap = instance.find(narrowed.rows[second.chosen]), second.gap
            steps = memory.graph.steps(schedule.intervals)
    rows = None if chosen is None else tuple(instance.rows[chosen].tolist())
    found = selection_of(problem, session, first, rows, then_gap, len(instance.rows))
    return found, () if rows is None else steps


def _optimum(
    instance: Instance, session: Session, schedule: _Schedule, hint: IntArray | None, allowed_gap: float
) -> Optimum:
    best = Optimum(np.ones(len(instance.rows), dtype=bool))
    if len(instance.empty):
        best.bound = inf
        return best
    try:
        attempt = solve_cpsat(
            instance, session, hint=hint, allowed_gap=allowed_gap, workers=WORKERS, side=schedule
        )
    except KeyboardInterrupt:
        session.interrupted = True
        return best
    best.offer(instance, attempt.chosen)
    whole = instance.cost.integral and -inf < attempt.bound < inf
    best.bound = min(ceil(attempt.bound - WHOLE) if whole else attempt.bound, best.value)
    return best


@dataclass
class _Schedule:
    """The retention intervals beside the rows (a `Side` of the CP-SAT model)."""

    memory: Memory
    intervals: list[Interval] = field(default_factory=list)

    def add(self, model: Any, row: Sequence[Any], instance: Instance) -> None:
        memory = self.memory
        unit = gcd(*(int(n) for _, sizes in memory.sizes for n in np.unique(sizes)))
        by_layer: dict[int, list[int]] = {}
        for index, layer in enumerate(instance.layer.tolist()):
            by_layer.setdefault(layer, []).append(index)
        sizes = []
        for layer, of_rows in memory.sizes:
            own = by_layer[layer]
            values = [int(of_rows[instance.rows[i]]) // unit for i in own]
            sizes.append(_chosen_value(model, [row[i] for i in own], values))
        limit = int(memory.limit_bytes) // unit
        self.retentions = Retentions(model, memory.graph, sizes, limit, memory.most_executions)
        self._tie_executions(model, row, instance, by_layer)

    def _tie_executions(
        self, model: Any, row: Sequence[Any], instance: Instance, by_layer: Mapping[int, Sequence[int]]
    ) -> None:
        """A layer whose row is for n executions has n intervals."""
        first, most = self.memory.graph.inputs, self.memory.most_executions
        for layer, rows in by_layer.items():
            per_table = len(self.memory.sizes[first + layer][1]) // most
            for more, active in enumerate(self.retentions.active[first + layer][1:], start=1):
                model.add(sum(row[i] for i in rows if int(instance.rows[i]) // per_table >= more) == active)
            never = range(len(self.retentions.active[first + layer]), most)
            for i in rows:
                if int(instance.rows[i]) // per_table in never:
                    model.add(row[i] == 0)

    def read(self, value: Callable[[Any], int]) -> None:
        self.intervals = self.retentions.found(value)


def _chosen_value(model: Any, chosen: Sequence[Any], values: Sequence[int]) -> Any:
    """The value that belongs to the one true Boolean: a number, or a variable where they differ."""
    different = sorted(set(values))
    if len(different) == 1:
        return different[0]
    from ortools.sat.python import cp_model

    variable = model.new_int_var_from_domain(cp_model.Domain.from_values(different), "")
    model.add(variable == cp_model.LinearExpr.weighted_sum(chosen, values))
    return variable
