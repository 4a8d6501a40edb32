"""Problems that several tests use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from archsim.dse.selection.problem import Budget, Choices, Problem, minimize


@pytest.fixture
def hard_problem() -> Callable[..., Problem]:
    return hard


def hard(layers: int = 12, rows: int = 20, seed: int = 0) -> Problem:
    """Random trade-offs between four quantities under three tight budgets: many layers take long to prove."""
    rng = np.random.default_rng(seed)
    names = ("latency_cycles", "energy_pj", "held_bytes", "noise")
    tables = []
    for layer in range(layers):
        shares = rng.dirichlet(np.ones(4), rows)
        columns = {name: np.round(1e6 * shares[:, i] ** 0.5) for i, name in enumerate(names)}
        tables.append(Choices(f"layer{layer}", columns))
    middle = [int(np.prod(1 + np.stack(list(t.columns.values())), axis=0).argmax()) for t in tables]
    free = Problem(tuple(tables), minimize(names[0], then=names[1]))
    budgets = tuple(Budget(name, name, 0.97 * free.total(name, middle)) for name in names[1:])
    return replace(free, budgets=budgets)
