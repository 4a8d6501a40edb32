"""Rows and schedule chosen together: which mapping and bits every layer has, and what is made again.

A layer's rows are there once for every number of executions, what they cost multiplied, and the retention
intervals of `archsim.dse.retention` stand beside them in one CP-SAT model: a tensor takes what the chosen
row's width says. So the optimum is one over both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Any

import numpy as np

from archsim.dse.beside import solve_beside
from archsim.dse.retention import Graph, Interval, Retention, Retentions
from archsim.dse.selection.instance import Instance
from archsim.dse.selection.problem import Choices, IntArray, Problem
from archsim.dse.selection.select import Selection, solve

EXECUTIONS = "executions"
"""The key of a row that says how often it is executed."""


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
    asked = {
        "time_limit_s": time_limit_s - free.wall_s,
        "gap": gap,
        "hint": hint,
        "lexicographic": lexicographic,
    }
    found, steps = solve_beside(problem, free, _Schedule(memory), **asked)
    return found, steps or ()


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

    def found(self) -> tuple[Retention, ...]:
        return self.memory.graph.steps(self.intervals)


def _chosen_value(model: Any, chosen: Sequence[Any], values: Sequence[int]) -> Any:
    """The value that belongs to the one true Boolean: a number, or a variable where they differ."""
    different = sorted(set(values))
    if len(different) == 1:
        return different[0]
    from ortools.sat.python import cp_model

    variable = model.new_int_var_from_domain(cp_model.Domain.from_values(different), "")
    model.add(variable == cp_model.LinearExpr.weighted_sum(chosen, values))
    return variable
