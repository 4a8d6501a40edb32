"""A selection as a documented JSON object, `archsim.selection/1`: the row of every layer's table."""

from __future__ import annotations

import math
from typing import Any

from archsim.dse.selection.problem import Problem
from archsim.dse.selection.select import Selection


def selection_document(study: str, problem: Problem, selection: Selection) -> dict[str, Any]:
    """The JSON object of a selection that was found."""
    assert selection.rows is not None
    layers = [
        {
            "name": choice.name,
            "row": row,
            **{key: int(values[row]) for key, values in choice.keys.items()},
            **{name: float(values[row]) for name, values in choice.columns.items()},
        }
        for choice, row in zip(problem.choices, selection.rows, strict=True)
    ]
    objective = problem.objective
    return {
        "schema": "archsim.selection/1",
        "study": study,
        "minimize": (" x " if objective.product else " + ").join(term.column for term in objective.terms),
        "status": selection.status,
        "objective": selection.objective,
        "best_bound": selection.best_bound if math.isfinite(selection.best_bound) else None,
        "gap": selection.gap if math.isfinite(selection.gap) else None,
        "then": {" + ".join(term.column for term in objective.then): selection.then},
        "wall_s": selection.wall_s,
        "layers": layers,
        "totals": dict(selection.totals),
        "budgets": [
            {"name": use.name, "limit": use.limit, "used": use.used, "slack": use.slack}
            for use in selection.budgets
        ],
    }
