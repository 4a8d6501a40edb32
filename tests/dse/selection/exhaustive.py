"""Small random selection problems, and their answers by trying every selection."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from archsim.dse.selection.problem import Budget, Choices, Objective, Problem, Term, Tie

COLUMNS = ("latency_cycles", "energy_pj", "held_bytes")
KEYS = ("weight_bits", "activation_bits")


@dataclass(frozen=True)
class Exhaustive:
    """Every selection of a problem that keeps its ties, as a tuple of rows."""

    problem: Problem

    def tied(self) -> list[tuple[int, ...]]:
        tables = [range(choice.rows) for choice in self.problem.choices]
        index = {choice.name: i for i, choice in enumerate(self.problem.choices)}

        def agrees(rows: tuple[int, ...], tie: Tie) -> bool:
            keys = {
                tuple(self.problem.choices[index[name]].keys[key][rows[index[name]]] for key in tie.keys)
                for name in tie.layers
            }
            return len(keys) <= 1

        ties = self.problem.ties
        return [rows for rows in itertools.product(*tables) if all(agrees(rows, tie) for tie in ties)]

    def total(self, rows: tuple[int, ...], column: str, combine: str) -> float:
        values = [float(c.columns[column][r]) for c, r in zip(self.problem.choices, rows, strict=True)]
        parts = values if combine == "sum" else [max(values)]
        return math.fsum([self.problem.fixed.get(column, 0.0), *parts])

    def feasible(self, budgets: tuple[Budget, ...] | None = None) -> list[tuple[int, ...]]:
        budgets = self.problem.budgets if budgets is None else budgets
        return [
            rows
            for rows in self.tied()
            if all(self.total(rows, b.column, b.combine) <= b.limit for b in budgets)
        ]

    def terms(self, rows: tuple[int, ...], terms: tuple[Term, ...]) -> list[float]:
        return [term.weight * self.total(rows, term.column, term.combine) for term in terms]

    def objective(self, rows: tuple[int, ...]) -> float:
        parts = self.terms(rows, self.problem.objective.terms)
        return math.prod(parts) if self.problem.objective.product else math.fsum(parts)

    def then(self, rows: tuple[int, ...]) -> float:
        return math.fsum(self.terms(rows, self.problem.objective.then))


WHOLE = st.integers(0, 12).map(float)
AWKWARD = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.7, 1 / 3, 1e-9, 1e6 / 7, 1e9 + 0.1, 123456.789])
"""Few different values, so that sums of different rows are often equal, or differ in the last bit only."""


@st.composite
def problems(draw: st.DrawFn, values: st.SearchStrategy[float] = WHOLE) -> Problem:
    """Up to 5 layers of up to 5 rows, with ties, budgets whose limits are met exactly by some selection, and
    every kind of objective.
    """
    layers = draw(st.integers(1, 5))
    choices = tuple(draw(tables(f"layer{i}", values)) for i in range(layers))
    fixed = draw(st.dictionaries(st.sampled_from(COLUMNS), values, max_size=2))
    ties = draw(st.lists(_ties(layers), max_size=2)) if layers > 1 else []
    problem = Problem(choices, draw(objectives()), (), tuple(ties), fixed)
    budgets = []
    for number in range(draw(st.integers(0, 3))):
        column, combine = draw(st.sampled_from(COLUMNS)), draw(st.sampled_from(("sum", "sum", "max")))
        rows = tuple(draw(st.integers(0, choice.rows - 1)) for choice in choices)
        limit = problem.total(column, rows, combine)
        limit = draw(st.sampled_from((limit, math.nextafter(limit, -math.inf), 0.6 * limit, 0.8 * limit)))
        budgets.append(Budget(f"budget{number}", column, limit, combine))
    return Problem(choices, problem.objective, tuple(budgets), tuple(ties), fixed)


@st.composite
def tables(draw: st.DrawFn, name: str, values: st.SearchStrategy[float]) -> Choices:
    rows = draw(st.integers(1, 5))
    columns = {c: np.array(draw(st.lists(values, min_size=rows, max_size=rows))) for c in COLUMNS}
    bits = st.lists(st.sampled_from((4, 8)), min_size=rows, max_size=rows)
    return Choices(name, columns, {key: np.array(draw(bits)) for key in KEYS})


@st.composite
def _ties(draw: st.DrawFn, layers: int) -> Tie:
    tied = draw(st.lists(st.integers(0, layers - 1), min_size=2, max_size=3, unique=True))
    keys = draw(st.sampled_from((KEYS[:1], KEYS[1:], KEYS)))
    return Tie(tuple(f"layer{i}" for i in tied), keys)


@st.composite
def objectives(draw: st.DrawFn) -> Objective:
    kind = draw(st.sampled_from(("sum", "weighted", "max", "product", "mixed")))
    first, second, third = draw(st.permutations(COLUMNS))
    then = (Term(third), Term(second, 0.5))
    if kind == "sum":
        return Objective((Term(first),), (Term(second),))
    if kind == "weighted":
        return Objective((Term(first, 2.0), Term(second, 0.25)), (Term(third),))
    if kind == "max":
        return Objective((Term(first, combine="max"),), then)
    if kind == "mixed":
        return Objective((Term(first), Term(second, 3.0, "max")), then)
    return Objective((Term(first), Term(second, combine=draw(st.sampled_from(("sum", "max"))))), then, True)
