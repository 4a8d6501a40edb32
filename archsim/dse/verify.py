"""Plans whose accuracy is measured again, on chips and images that the search did not see.

A search reads errors that were measured one layer at a time, and takes what came out best: so its own figure
flatters the plan. What it chose is measured as a whole on other chips. Where that breaks the limit, the
search's limit is lowered by as much, and it searches again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from archsim.dse.explore import Found
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.plan import ChipAccuracy, PlanAccuracy, Round
from archsim.dse.quantities import ERROR

if TYPE_CHECKING:
    from archsim.dse.solve_point import PointResult
    from archsim.dse.twin_errors import ErrorMeasure
    from archsim.workloads.precision import Precision

MOST_ROUNDS = 4
"""Searches after which a limit that cannot be verified is given up."""


@dataclass(frozen=True)
class ErrorLimit:
    """What budgets allow: an `error`, and one that is `loss` above the float model's."""

    error: float = math.inf
    loss: float = math.inf

    def at_most(self, float_accuracy: float) -> float:
        """The error allowed on images that the float model classifies so well."""
        return min(self.error, 1 - float_accuracy + self.loss)


@dataclass(frozen=True)
class Verified:
    """What a search found for `asked` and how it was verified; `at_most`: the error allowed there."""

    asked: Formulation
    found: Found
    accuracy: PlanAccuracy
    at_most: float

    @property
    def error(self) -> float:
        return 1 - self.accuracy.hardware.mean

    @property
    def is_within(self) -> bool:
        return self.error <= self.at_most


def search_verified(
    search: Callable[[Formulation], Found], asked: Formulation, measure: ErrorMeasure, limit: ErrorLimit
) -> Verified | Found:
    """The first plan found that verifies, else the one nearest to it; what was found where there is none.

    A plan found under a lowered limit keeps the first search's bound: no plan within the budgets has less.
    """
    first = found = search(asked)
    rounds: list[Round] = []
    nearest: Verified | None = None
    while found.best is not None:
        checked = verified(asked, replace(found, bound=first.bound), measure, limit, rounds)
        rounds = checked.accuracy.rounds
        if nearest is None or checked.error - checked.at_most < nearest.error - nearest.at_most:
            nearest = checked
        if checked.is_within or found.interrupted or len(rounds) == MOST_ROUNDS:
            break
        excess = checked.error - checked.at_most
        asked = asked.with_limits(*asked.limits, Limit(ERROR, rounds[-1].searched - excess))
        found = search(asked)
    if nearest is None:
        return first
    return replace(nearest, accuracy=nearest.accuracy.model_copy(update={"rounds": rounds}))


def verified(
    asked: Formulation,
    found: Found,
    measure: ErrorMeasure,
    limit: ErrorLimit | None = None,
    before: list[Round] | None = None,
) -> Verified:
    """The plan that was found, measured on other chips and images than the search's."""
    best = found.best
    assert best is not None
    hardware = measure.verified(best.point.machine, _bits(best, asked))
    chips = measure.drawn(best.point.machine)
    exact = measure.twins.float_accuracy(measure.other_images)
    searched = asked.used(best.point, best.rows or (), ERROR, best.steps)
    lowered = [each.at_most for each in asked.limits if each.quantity == ERROR]
    this = Round(limit=min(lowered, default=None), searched=searched, verified=1 - hardware.mean)
    accuracy = PlanAccuracy(
        float=exact,
        hardware=ChipAccuracy(**asdict(hardware)),
        chips=len(chips),
        first_chip=chips.start,
        images=len(measure.other_images),
        first_image=measure.other_images.start,
        seed=measure.settings.seed,
        batch_norm=measure.settings.batch_norm,
        rounds=[*(before or ()), this],
    )
    return Verified(asked, found, accuracy, (limit or ErrorLimit()).at_most(exact))


def _bits(best: PointResult, asked: Formulation) -> dict[str, Precision]:
    layers = asked.space.workload.layers
    rows = best.point.rows(layers, asked.table_rows(best.point, best.rows or ()))
    return {row.layer.name: row.layer.precision for row in rows}
