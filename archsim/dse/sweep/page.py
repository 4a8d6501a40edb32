"""What the page of a sweep shows: its points, its front, what matters; as one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from archsim.dse.sweep.effects import effects
from archsim.dse.sweep.outcome import OK
from archsim.dse.sweep.results import numeric_column, pareto
from archsim.dse.sweep.sweep import MEASURED, MORE_IS_BETTER, TOTALS

if TYPE_CHECKING:
    from archsim.dse.sweep.results import Results

MOST_POINTS = 20_000
"""Points a page holds: beside all of the front an even choice of the others."""

MOST_ERRORS = 20


def page_document(
    results: Results,
    goals: Sequence[str],
    *,
    color: str | None = None,
    links: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """The document of `write_sweep_page`. `links`: pages of single points, by number.

    Raises InputError for a goal that is no column of numbers.
    """
    for goal in goals:
        numeric_column(results.frame, goal)
    frame, links = results.frame, links or {}
    ran = frame[frame["status"] == OK]
    front = pareto(frame, goals)
    shown = _thinned(ran, set(front["point"]))
    open_parameters = [name for name in results.parameters if frame[name].nunique() > 1]
    asked = [
        name for name in (*goals, *(() if results.sweep is None else results.sweep.budgets)) if name in frame
    ]
    measured = [name for name in (*TOTALS, *MEASURED) if name in frame and name != "macs"]
    quantities = list(dict.fromkeys(name for name in (*asked, *measured) if name in measured))
    columns = ["point", *open_parameters, *quantities, "feasible"]
    sweep = results.sweep
    return {
        "name": "sweep" if sweep is None else sweep.name,
        "minimize": None if sweep is None else sweep.minimize if sweep.search is None else "a search each",
        "constants": _constants(frame, results.parameters, open_parameters),
        "goals": list(goals),
        "color": color,
        "budgets": {} if sweep is None else dict(sweep.budgets),
        "more_is_better": sorted(MORE_IS_BETTER),
        "points": len(frame),
        "ran": len(ran),
        "feasible": int(frame["feasible"].sum()),
        "front": front["point"].tolist(),
        "parameters": [_parameter(frame, name) for name in open_parameters],
        "quantities": quantities,
        "columns": columns,
        "rows": [shown[name].tolist() for name in columns],
        "links": {str(number): link for number, link in links.items()},
        "effects": {goal: effects(ran, open_parameters, goal) for goal in goals},
        "errors": _errors(frame),
    }


def _thinned(ran: pd.DataFrame, kept: set[int]) -> pd.DataFrame:
    others = ran[~ran["point"].isin(kept)]
    room = max(0, MOST_POINTS - len(kept))
    if len(others) > room:
        others = others.sample(room, random_state=0)
    return pd.concat([ran[ran["point"].isin(kept)], others]).sort_values("point")


def _constants(frame: pd.DataFrame, parameters: Sequence[str], open_ones: Sequence[str]) -> dict[str, Any]:
    """Parameters with one value."""
    if not len(frame):
        return {}
    return {name: frame[name].iloc[0] for name in parameters if name not in open_ones}


def _parameter(frame: pd.DataFrame, name: str) -> dict[str, Any]:
    is_number = pd.api.types.is_numeric_dtype(frame[name])
    values = frame[name].unique().tolist()
    return {"name": name, "values": sorted(values) if is_number else values, "number": bool(is_number)}


def _errors(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """What failed points say, the most frequent first."""
    counts = frame.loc[frame["status"] != OK, "error"].value_counts().head(MOST_ERRORS)
    return [{"error": str(error), "points": int(count)} for error, count in counts.items()]
