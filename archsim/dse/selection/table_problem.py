"""A selection problem written down as a file: layers with their rows, ties, budgets, objective.

YAML or JSON (which is YAML too). For tables that come from elsewhere, such as measured latencies:

    description: what it is
    minimize: {perturbation: 1}          # column: weight; or  product: [energy_pj, latency_cycles]
    then: {weight_bytes: 1}              # second objective, at no worse first
    budgets:
      - {name: size, column: weight_bytes, limit: 150000}           # combine: max for a limit on every layer
    ties:
      - {layers: [conv1, conv2], keys: [bits]}
    fixed: {weight_bytes: 4096}          # added once to a column
    layers:
      - name: conv1
        keys: {bits: [4, 8]}             # one entry a row
        columns: {weight_bytes: [18432, 36864], perturbation: [0.46, 0.0016]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from archsim.accelerators.yaml_input import read_yaml, validate
from archsim.dse.selection.problem import Budget, Choices, Combine, Objective, Problem, Term, Tie
from archsim.errors import InputError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerTable(_Part):
    name: str
    keys: dict[str, list[Annotated[int, Field(ge=-(2**63), lt=2**63)]]] = Field(default_factory=dict)
    columns: dict[str, list[FiniteFloat]]

    def choices(self) -> Choices:
        columns = {column: np.array(values, dtype=np.float64) for column, values in self.columns.items()}
        return Choices(self.name, columns, {key: np.array(values) for key, values in self.keys.items()})


class BudgetEntry(_Part):
    name: str
    column: str
    limit: FiniteFloat
    combine: Combine = "sum"


class TieEntry(_Part):
    layers: Annotated[list[str], Field(min_length=2)]
    keys: Annotated[list[str], Field(min_length=1)]


class TableProblem(_Part):
    """The file's content."""

    description: str = ""
    minimize: dict[str, FiniteFloat] = Field(default_factory=dict)
    product: Annotated[list[str], Field(max_length=2)] = Field(default_factory=list)
    then: Annotated[dict[str, FiniteFloat], Field(min_length=1)]
    budgets: list[BudgetEntry] = Field(default_factory=list)
    ties: list[TieEntry] = Field(default_factory=list)
    fixed: dict[str, FiniteFloat] = Field(default_factory=dict)
    layers: Annotated[list[LayerTable], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_objective(self) -> TableProblem:
        if bool(self.minimize) == bool(self.product):
            raise ValueError("give either minimize (columns and weights) or product (two columns)")
        return self

    def problem(self) -> Problem:
        """Raises InputError for what only shows between the parts: lengths, names."""
        first = [Term(column) for column in self.product] or _terms(self.minimize)
        return Problem(
            choices=tuple(layer.choices() for layer in self.layers),
            objective=Objective(tuple(first), tuple(_terms(self.then)), product=bool(self.product)),
            budgets=tuple(Budget(b.name, b.column, b.limit, b.combine) for b in self.budgets),
            ties=tuple(Tie(tuple(tie.layers), tuple(tie.keys)) for tie in self.ties),
            fixed=self.fixed,
        )


def _terms(weights: dict[str, float]) -> list[Term]:
    return [Term(column, weight) for column, weight in weights.items()]


def read_problem(path: Path) -> Problem:
    """The problem in a file. Raises InputError that names the file, and the line where one can be named."""
    data, node = read_yaml(path)
    tables = validate(TableProblem, data, where=str(path), node=node)
    try:
        return tables.problem()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
