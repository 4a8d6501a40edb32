"""Running a search with a sign of life; what it found is one JSON object, whatever the kind of study."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archsim.cli.console import messages

if TYPE_CHECKING:
    from archsim.dse.explore import Progress
    from archsim.dse.selection.problem import Problem
    from archsim.dse.study import Study

    ShowProgress = Any

INTERRUPTED = "Interrupted before a plan was found."
OUT_OF_TIME = "The time ran out before a plan was found, or before it was known that there is none."


@dataclass(frozen=True)
class Answer:
    """The document that was found, or else why there is none; `interrupted` by Ctrl-C."""

    document: dict[str, Any] | None
    explanation: str = ""
    interrupted: bool = False


def search_study(study: Study, *, workers: int | None, shown: bool) -> Answer:
    """Search, and explain where nothing is feasible."""
    from archsim.dse.search import search

    with _status_line(f"Searching {study.name}", shown=shown) as tell:
        outcome = search(study, workers=workers, on_progress=lambda progress: tell(_words(progress)))
    if outcome.plan is not None:
        return Answer(outcome.plan.to_dict(), interrupted=outcome.interrupted)
    if outcome.front:
        return Answer(outcome.front_file.to_dict(), interrupted=outcome.interrupted)
    if outcome.conflict is not None:
        return Answer(None, "\n".join(outcome.conflict.sentences()))
    return Answer(None, INTERRUPTED if outcome.interrupted else OUT_OF_TIME, outcome.interrupted)


def search_tables(
    name: str, problem: Problem, given: dict[str, Any], *, workers: int | None, shown: bool
) -> Answer:
    """The same for a study made of tables."""
    from archsim.dse.selection.explain import explain_infeasible
    from archsim.dse.selection.select import solve
    from archsim.dse.selection.selection_file import selection_document

    limits = {key: value for key, value in given.items() if key in ("time_limit_s", "gap")}
    with _status_line(f"Searching {name}", shown=shown):
        selection = solve(problem, **limits, workers=workers or 1)
        if selection.rows is not None:
            return Answer(selection_document(name, problem, selection), interrupted=selection.interrupted)
        if selection.status != "INFEASIBLE":
            return Answer(None, OUT_OF_TIME, selection.interrupted)
        conflict = explain_infeasible(problem)
    return Answer(None, "\n".join(conflict.sentences()) if conflict else OUT_OF_TIME)


def _words(progress: Progress) -> str:
    from archsim.dse.twin_errors import MEASURING

    what = "twins" if progress.stage == MEASURING else "points"
    parts = [f"{progress.stage} {progress.done} of {progress.points} {what}"]
    if progress.incumbent is not None:
        parts.append(f"best {progress.incumbent:.6g}")
    if math.isfinite(progress.bound):
        parts.append(f"bound {progress.bound:.6g}")
    if math.isfinite(progress.gap):
        parts.append(f"gap {100 * progress.gap:.2g} %")
    dropped = ", ".join(f"{count} by {reason}" for reason, count in progress.dropped.items() if count)
    return " · ".join([*parts, *([f"dropped: {dropped}"] if dropped else []), f"{progress.elapsed_s:.0f} s"])


@contextmanager
def _status_line(text: str, *, shown: bool) -> Iterator[ShowProgress]:
    """A line that follows the search, on a terminal; nothing anywhere else."""
    console = messages()
    if not (shown and console.is_terminal):
        yield lambda _: None
        return
    from rich.markup import escape

    with console.status(f"{escape(text)} …") as status:
        yield lambda words: status.update(f"{escape(text)}: {escape(words)}")
