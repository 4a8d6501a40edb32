"""The whole report of single points of a sweep: simulated, or searched, again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.sweep import Sweep
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.dse.plan import Plan
    from archsim.run import Run

MOST_REPORTS = 50
"""Pages of a sweep's front; each is somewhat less than a megabyte."""


def evaluate_point(sweep: Sweep, number: int) -> Run | Plan:
    """The run of a point, or its plan if the sweep searches. Raises InputError where there is neither."""
    return _whole(Evaluator.of(sweep), number)


def write_point_reports(
    sweep: Sweep,
    numbers: Sequence[int],
    folder: Path,
    on_written: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[int, str]:
    """Pages of points, MOST_REPORTS at most, in `folder`; the links to them, from beside it.

    `on_written` is told how many of how many are there. Raises InputError when they can't be written.
    """
    evaluator = Evaluator.of(sweep)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from None
    links, chosen = {}, numbers[:MOST_REPORTS]
    for number in chosen:
        on_written(len(links), len(chosen))
        name = f"point-{number}.html"
        _whole(evaluator, number).to_html(folder / name)
        links[number] = f"{folder.name}/{name}"
    return links


def _whole(evaluator: Evaluator, number: int) -> Run | Plan:
    if not 0 <= number < evaluator.space.size:
        raise InputError(
            f"point {number} is not there; points are numbered 0 to {evaluator.space.size - 1:,}"
        )
    (design,) = evaluator.space.designs([number])
    if evaluator.sweep.search is None:
        return evaluator.run(design)
    found = evaluator.search(design)
    if found.plan is None:
        raise InputError(f"point {number}: no plan was found ({found.status})")
    return found.plan
