"""A selection problem: one row a layer, under budgets, at least cost. It knows no accelerator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from archsim.errors import InputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Combine = Literal["sum", "max"]


@dataclass(frozen=True, eq=False)
class Choices:
    """The rows that one layer may choose from: arrays of one entry a row.

    `columns` are quantities, in the units that their names give; `keys` are what ties compare, such as bits.
    Raises InputError for no rows, arrays of different lengths, or a quantity that is not finite.
    """

    name: str
    columns: Mapping[str, FloatArray]
    keys: Mapping[str, IntArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {name: np.asarray(values, dtype=np.float64) for name, values in self.columns.items()}
        keys = {name: np.asarray(values, dtype=np.int64) for name, values in self.keys.items()}
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "keys", keys)
        shapes = {values.shape for values in (*columns.values(), *keys.values())}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise InputError(f"layer {self.name!r}: columns and keys must be vectors of one length")
        if self.rows == 0:
            raise InputError(
                f"layer {self.name!r} has no row to choose; loosen what its table was filtered by"
            )
        for name, values in columns.items():
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values))[0])
                raise InputError(
                    f"layer {self.name!r}, row {row}: {name} is {values[row]}; it must be finite"
                )

    @cached_property
    def rows(self) -> int:
        return len(next(iter((*self.columns.values(), *self.keys.values()))))

    def take(self, rows: IntArray) -> Choices:
        """Only the given rows, in that order."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Choices(self.name, columns, {name: values[rows] for name, values in self.keys.items()})


@dataclass(frozen=True, slots=True)
class Tie:
    """Layers that must agree in every one of `keys`, such as the bits of an addition's inputs."""

    layers: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """The sum over the layers of a column, or its maximum, plus the fixed part, may not exceed `limit`.

    Compared is the correctly rounded sum (`math.fsum`), so a plan's own total is a limit that it meets.
    """

    name: str
    column: str
    limit: float
    combine: Combine = "sum"


@dataclass(frozen=True, slots=True)
class Term:
    """`weight` times the sum over the layers (or the maximum) of a column, the fixed part included."""

    column: str
    weight: float = 1.0
    combine: Combine = "sum"


@dataclass(frozen=True, slots=True)
class Objective:
    """Minimise the sum of `terms`, or the product of two of them; at the optimum minimise `then`.

    The second objective is never left out: of all selections that are equally good by the first, most are
    wasteful in everything it doesn't read. With a product or a maximum, `then` is minimised among the
    selections in which no term is larger than in the optimum found.
    """

    terms: tuple[Term, ...]
    then: tuple[Term, ...]
    product: bool = False

    def __post_init__(self) -> None:
        if not self.terms or not self.then:
            raise InputError("an objective needs a term, and a second objective (then) for equal optima")
        if self.product and len(self.terms) != 2:
            raise InputError(f"a product is of 2 terms, not of {len(self.terms)}")
        for term in (*self.terms, *self.then):
            if not math.isfinite(term.weight):
                raise InputError(f"the weight of {term.column} is {term.weight}; it must be finite")
            if term.weight < 0 and (self.product or term.combine == "max"):
                raise InputError(
                    f"the weight of {term.column} is {term.weight}; a maximum's or product's is >= 0"
                )


def minimize(column: str, *, then: str) -> Objective:
    """Least sum of `column`, and at equal sum the least sum of `then`."""
    return Objective((Term(column),), (Term(then),))


def minimize_product(first: str, second: str) -> Objective:
    """Least product of two sums (the energy-delay product, say), and then the least first one."""
    return Objective((Term(first), Term(second)), (Term(first),), product=True)


@dataclass(frozen=True, eq=False)
class Problem:
    """Choose one row of each of `choices`. `fixed` is added once to a column's sum or maximum.

    Raises InputError for a name that is not known: a column, a tied layer, a key.
    """

    choices: tuple[Choices, ...]
    objective: Objective
    budgets: tuple[Budget, ...] = ()
    ties: tuple[Tie, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _unique("layer", [choice.name for choice in self.choices])
        _unique("budget", [budget.name for budget in self.budgets])
        for term in (*self.objective.terms, *self.objective.then):
            self._check_column(term.column, "the objective")
        for budget in self.budgets:
            self._check_column(budget.column, f"budget {budget.name!r}")
            if not budget.limit > -math.inf:
                raise InputError(
                    f"budget {budget.name!r} has the limit {budget.limit}; give a number, or inf"
                )
        for name, value in self.fixed.items():
            if not math.isfinite(value):
                raise InputError(f"the fixed part of {name} is {value}; it must be finite")
        self._check_ties()

    def _check_column(self, column: str, reader: str) -> None:
        missing = [choice.name for choice in self.choices if column not in choice.columns]
        if missing and not (column in self.fixed and len(missing) == len(self.choices)):
            allowed = sorted(set.intersection(*(set(choice.columns) for choice in self.choices)))
            raise InputError(
                f"{reader} reads {column!r}, which layer {missing[0]!r} doesn't have; "
                f"columns of all layers: {', '.join(allowed)}"
            )

    def _check_ties(self) -> None:
        by_name = {choice.name: choice for choice in self.choices}
        for tie in self.ties:
            for name in tie.layers:
                if name not in by_name:
                    raise InputError(f"a tie names layer {name!r}, which doesn't exist")
                unknown = [key for key in tie.keys if key not in by_name[name].keys]
                if unknown:
                    raise InputError(
                        f"a tie compares {unknown[0]!r}, which layer {name!r} doesn't have as a key"
                    )

    def keys_of(self, layer: str) -> tuple[str, ...]:
        """Every key that some tie compares in a layer."""
        return tuple(dict.fromkeys(key for tie in self.ties if layer in tie.layers for key in tie.keys))

    def total(self, column: str, rows: Sequence[int], combine: Combine = "sum") -> float:
        """The sum (or maximum) of a column over the chosen rows, with its fixed part."""
        values = [
            float(choice.columns[column][row]) if column in choice.columns else 0.0
            for choice, row in zip(self.choices, rows, strict=True)
        ]
        parts = values if combine == "sum" else [max(values, default=0.0)]
        return math.fsum([self.fixed.get(column, 0.0), *parts])

    def cost(self, terms: Sequence[Term], rows: Sequence[int]) -> float:
        """The weighted sum of terms at the chosen rows."""
        return math.fsum(term.weight * self.total(term.column, rows, term.combine) for term in terms)

    def value(self, rows: Sequence[int]) -> float:
        """What the objective minimises first, at the chosen rows."""
        if not self.objective.product:
            return self.cost(self.objective.terms, rows)
        first, second = (self.cost((term,), rows) for term in self.objective.terms)
        return first * second

    def broken(self, rows: Sequence[int]) -> list[str]:
        """What a selection breaks: names of budgets, and ties."""
        found = [
            budget.name
            for budget in self.budgets
            if self.total(budget.column, rows, budget.combine) > budget.limit
        ]
        row_of = {choice.name: (choice, row) for choice, row in zip(self.choices, rows, strict=True)}
        for tie in self.ties:
            chosen = {
                tuple(int(choice.keys[key][row]) for key in tie.keys)
                for choice, row in (row_of[name] for name in tie.layers)
            }
            if len(chosen) > 1:
                found.append(f"tie of {', '.join(tie.layers)}")
        return found


def _unique(kind: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{kind} {repeated[0]!r} is there twice; names must differ")
