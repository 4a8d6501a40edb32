"""The selection problem of a pipeline at one pace, with what stands in front of its first stages.

At a pace (cycles of the slowest stage) what stands in front of a stage follows from it and the stages before
it, in so far as they differ in time (`StagewiseMachine`): from the *ways* that they take. So where the ways
of the first stages are fixed, what stands in front of these is known, and for each way of the next stage what
is in front of that: a price of its rows. What is in front of later stages is left out, so that the optimum of
the problem bounds every selection with those ways. Where all ways are fixed, nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from archsim.accelerators.stagewise import StagewiseMachine, Upstream
from archsim.dse.point import Point
from archsim.dse.quantities import LATENCY, resource_column
from archsim.dse.selection.pareto import pareto_rows
from archsim.dse.selection.problem import Budget, Choices, FloatArray, IntArray, Objective, Problem
from archsim.workloads.layer import Layer

Amounts = Mapping[str, float]
"""What is taken, by resource."""
Next = Mapping[int, tuple[Amounts, Upstream]]
"""By way of a stage what stands in front of it, and what is in front of the stage behind it."""
SLOWEST = "stages faster than the pace"
GOAL = "goal"


@dataclass(frozen=True)
class Ways:
    """The ways that are open: one each of the first stages, some of the next, any of those behind it.

    taken: what stands in front of the first ones; next: the ways of the next stage, none where all are fixed.
    """

    fixed: tuple[int, ...]
    taken: Amounts
    next: Next


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A point's tables as a selection problem without what stands between stages; `alike`: each row's way."""

    machine: StagewiseMachine
    layers: Sequence[Layer]
    point: Point
    problem: Problem
    alike: Sequence[IntArray]

    @classmethod
    def of(
        cls, machine: StagewiseMachine, layers: Sequence[Layer], point: Point, problem: Problem
    ) -> Pipeline:
        alike = [np.asarray(machine.alike_in_time(table.options), np.int64) for table in point.tables]
        return cls(machine, layers, point, problem, alike)

    @cached_property
    def priced(self) -> dict[Hashable, Next]:
        """Ways of stages by pace and by what is in front of them, each worked out once."""
        return {}

    def between(self, rows: Sequence[int]) -> Amounts:
        """What stands between the stages of a selection."""
        return self.machine.between(self.point.rows(self.layers, rows))

    def with_between(self, between: Amounts) -> Problem:
        """The problem with so much between its stages."""
        more = {resource_column(name): count for name, count in between.items()}
        return replace(self.problem, fixed=added(self.problem.fixed, more))

    @cached_property
    def paces(self) -> list[int]:
        """Cycles that the slowest stage may take, ascending."""
        cycles = [choice.columns[LATENCY.column] for choice in self.problem.choices]
        least = max(float(column.min()) for column in cycles)
        most = min((b.limit for b in self.problem.budgets if b.column == LATENCY.column), default=math.inf)
        return [int(pace) for pace in np.unique(np.concatenate(cycles)) if least <= pace <= most]


@dataclass(frozen=True, eq=False)
class PaceProblem:
    """The pipeline's problem where its slowest stage takes `pace` cycles.

    `within`: at most so much of the first objective, where the second is minimised instead of it.
    """

    pipeline: Pipeline
    pace: int
    within: float | None = None

    @cached_property
    def _rows(self) -> list[IntArray]:
        """Of every stage those no slower than the pace."""
        columns = (choice.columns[LATENCY.column] for choice in self.pipeline.problem.choices)
        return [np.flatnonzero(cycles <= self.pace) for cycles in columns]

    @cached_property
    def _choices(self) -> list[Choices]:
        return [
            _at_pace(choice.take(rows), self.pace)
            for choice, rows in zip(self.pipeline.problem.choices, self._rows, strict=True)
        ]

    @cached_property
    def _front(self) -> list[IntArray]:
        """Of every stage the rows worth choosing where its way does not matter."""
        problem = self.pipeline.problem
        terms = (*problem.objective.terms, *problem.objective.then, *problem.budgets)
        read = list(dict.fromkeys([SLOWEST, *(term.column for term in terms)]))
        return [pareto_rows(choice, read, problem.keys_of(choice.name)) for choice in self._choices]

    @cached_property
    def _ways(self) -> list[IntArray]:
        return [alike[rows] for alike, rows in zip(self.pipeline.alike, self._rows, strict=True)]

    def start(self) -> Ways:
        """Nothing is fixed yet."""
        upstream = self.pipeline.machine.upstream(self.pipeline.layers, self.pace)
        return Ways((), {}, self._next(0, upstream))

    def split(self, ways: Ways, rows: Sequence[int]) -> tuple[Ways, Ways]:
        """Of the next stage the way that the selection `rows` takes there, and all others that are open."""
        way = int(self.pipeline.alike[len(ways.fixed)][rows[len(ways.fixed)]])
        amounts, upstream = ways.next[way]
        fixed = (*ways.fixed, way)
        if len(fixed) == len(self.pipeline.layers):
            this = Ways(fixed, self.pipeline.between(rows), {})
        else:
            this = Ways(fixed, added(ways.taken, amounts), self._next(len(fixed), upstream))
        return this, replace(ways, next={other: of for other, of in ways.next.items() if other != way})

    def _next(self, place: int, upstream: Upstream) -> Next:
        key = self.pace, upstream.key
        if key not in self.pipeline.priced:
            self.pipeline.priced[key] = self._priced(place, upstream)
        return self.pipeline.priced[key]

    def _priced(self, place: int, upstream: Upstream) -> Next:
        table, layer = self.pipeline.point.tables[place], self.pipeline.layers[place]
        found = {}
        for way, first in zip(*np.unique(self._ways[place], return_index=True), strict=True):
            row = table.options.row(int(self._rows[place][first]))
            found[int(way)] = upstream.then(replace(row, layer=layer.with_precision(row.layer.precision)))
        return found

    def problem(self, ways: Ways) -> tuple[Problem, list[IntArray]]:
        """The selection problem of what is open, and where its rows are in the tables."""
        kept = [np.flatnonzero(self._ways[place] == way) for place, way in enumerate(ways.fixed)]
        place = len(ways.fixed)
        if ways.next:
            kept.append(np.flatnonzero(np.isin(self._ways[place], list(ways.next))))
        kept += self._front[len(kept) :]
        choices = [choice.take(own) for choice, own in zip(self._choices, kept, strict=True)]
        rows = [tables[own] for tables, own in zip(self._rows, kept, strict=True)]
        if ways.next:
            prices = [ways.next[way][0] for way in self._ways[place][kept[place]].tolist()]
            choices[place] = _dearer(choices[place], prices)
        asked = replace(self.pipeline.with_between(ways.taken), choices=tuple(choices))
        slowest = Budget(SLOWEST, SLOWEST, len(choices) - 1.0)
        return self._asked(replace(asked, budgets=(*asked.budgets, slowest))), rows

    def relaxed(self) -> Problem:
        """Of this pace and all that are faster, with nothing between the stages."""
        choices = (choice.take(own) for choice, own in zip(self._choices, self._front, strict=True))
        return self._asked(replace(self.pipeline.problem, choices=tuple(choices)))

    def _asked(self, problem: Problem) -> Problem:
        return problem if self.within is None else _second(problem, self.within)


def added(amounts: Amounts, more: Amounts) -> dict[str, float]:
    return {name: amounts.get(name, 0.0) + more.get(name, 0.0) for name in {**amounts, **more}}


def _at_pace(choice: Choices, pace: int) -> Choices:
    """All rows at the pipeline's pace; SLOWEST says which are faster by themselves."""
    cycles = choice.columns[LATENCY.column]
    columns = {LATENCY.column: np.full_like(cycles, pace), SLOWEST: (cycles < pace).astype(np.float64)}
    return replace(choice, columns={**choice.columns, **columns})


def _dearer(choice: Choices, prices: Sequence[Amounts]) -> Choices:
    """Rows that take so much more each; what no goal and no limit reads has no column."""
    columns = dict(choice.columns)
    for name in dict.fromkeys(name for price in prices for name in price):
        column = resource_column(name)
        if column in columns:
            columns[column] = columns[column] + [price.get(name, 0.0) for price in prices]
    return replace(choice, columns=columns)


def _second(problem: Problem, within: float) -> Problem:
    """The second objective under a limit of the first, of which the pace's part is known."""
    objective = problem.objective
    paced = [term for term in objective.terms if term.combine == "max"]
    summed = [term for term in objective.terms if term.combine == "sum"]
    anywhere = [0] * len(problem.choices)  # all rows have the pace

    def goal(columns: Mapping[str, FloatArray | float], nothing: FloatArray | float) -> FloatArray | float:
        return sum((term.weight * columns.get(term.column, 0.0) for term in summed), start=nothing)

    choices = [
        replace(choice, columns={**choice.columns, GOAL: goal(choice.columns, np.zeros(choice.rows))})
        for choice in problem.choices
    ]
    limit = Budget(GOAL, GOAL, within - problem.cost(paced, anywhere))
    return replace(
        problem,
        choices=tuple(choices),
        objective=Objective(objective.then, objective.then),
        budgets=(*problem.budgets, limit),
        fixed={**problem.fixed, GOAL: float(goal(problem.fixed, 0.0))},
    )
