"""Plans whose accuracy is measured again, on chips and images that the search did not see.

A search reads errors that were measured one layer at a time, and takes what came out best: so its own figure
flatters the plan. What it chose is measured as a whole on other chips, with the bit errors of its SRAMs.
Where that breaks a limit, the search's limit is lowered accordingly, and it searches again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from archsim.dse.explore import Found
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.plan import BudgetUse, ChipAccuracy, Plan, PlanAccuracy, Round
from archsim.dse.quantities import ERROR, FAULT_LOSS, Quantity

if TYPE_CHECKING:
    from archsim.accelerators.machine import Row
    from archsim.dse.solve_point import PointResult
    from archsim.dse.twin_errors import ErrorMeasure, OnChips

MOST_ROUNDS = 4
"""Searches after which a limit that cannot be verified is given up."""


@dataclass(frozen=True)
class ErrorLimit:
    """What budgets allow: an `error`, one that is `loss` above the float model's, and a `fault_loss`."""

    error: float = math.inf
    loss: float = math.inf
    fault_loss: float = math.inf

    def at_most(self, float_accuracy: float) -> float:
        """The error allowed on images that the float model classifies so well."""
        return min(self.error, 1 - float_accuracy + self.loss)


@dataclass(frozen=True)
class Check:
    """A quantity as the search counted with it and as it was measured; `at_most` is allowed of it."""

    quantity: Quantity
    searched: float
    measured: float
    at_most: float

    @property
    def excess(self) -> float:
        return self.measured - self.at_most

    @property
    def lowered(self) -> float:
        """The limit for the next search: less by as much; a loss, which grows by factors with every step of a
        supply, in proportion."""
        if self.quantity == ERROR:
            return max(0.0, self.searched - self.excess)
        return self.searched * self.at_most / self.measured


@dataclass(frozen=True)
class Verified:
    """What a search found for `asked` and how it was verified."""

    asked: Formulation
    found: Found
    accuracy: PlanAccuracy
    checks: tuple[Check, ...]

    @property
    def excess(self) -> float:
        """By how much the limit that is broken most is exceeded, as a share of all images."""
        return max((check.excess for check in self.checks), default=-math.inf)

    @property
    def is_within(self) -> bool:
        return self.excess <= 0

    @property
    def lowered(self) -> tuple[Limit, ...]:
        """The limits for the next search; none where the search counted with nothing that could be less."""
        return tuple(
            Limit(check.quantity, check.lowered)
            for check in self.checks
            if check.excess > 0 and check.searched > 0
        )

    def told(self, plan: Plan) -> Plan:
        """The plan of what was found, as measured. Its status is UNKNOWN where that breaks a limit."""
        uses = {
            check.quantity.name: BudgetUse(
                name=check.quantity.name, limit=check.at_most, used=check.measured, slack=-check.excess
            )
            for check in self.checks
            if check.at_most < math.inf
        }
        found: dict[str, object] = {
            "accuracy": self.accuracy,
            "budgets": [uses.get(use.name, use) for use in plan.budgets],
            "warnings": [*plan.warnings, *self._unknown_to_the_search()],
        }
        if not self.is_within:
            found["status"] = "UNKNOWN"
        return plan.model_copy(update=found)

    def _unknown_to_the_search(self) -> list[str]:
        lost, faults = self.accuracy.fault_loss, self.asked.faults
        if faults is not None and lost is not None and faults.images > self.accuracy.first_image:
            return [
                f"losses by bit errors were measured on {faults.images} images, which leaves no others to "
                "verify the plan on; measure them on fewer (archsim sensitivity --ber --images)"
            ]
        if faults is not None and lost is None:
            return ["bit errors of SRAMs beside crossbars are not measured: the fault_loss is as expected"]
        if faults is None and lost:
            return [
                f"bit errors cost {100 * lost:.3g} points of accuracy, which the search did not count with: "
                "no table says what they cost; give ber_sensitivity (--ber-sensitivity)"
            ]
        return []


def search_verified(
    search: Callable[[Formulation], Found], asked: Formulation, measure: ErrorMeasure, limit: ErrorLimit
) -> Verified | Found:
    """The first plan found that verifies, else the one nearest to it; what was found where there is none.

    A plan found under a lowered limit keeps the first search's bound: no plan within the budgets has less.
    """
    fault_loss = asked.limit_of(FAULT_LOSS)
    if fault_loss is not None:
        limit = replace(limit, fault_loss=fault_loss)
    first = found = search(asked)
    rounds: Sequence[Round] = ()
    nearest: Verified | None = None
    for searches_left in reversed(range(MOST_ROUNDS)):
        if found.best is None:
            break
        checked = verified(asked, replace(found, bound=first.bound), measure, limit, rounds)
        rounds = checked.accuracy.rounds
        if nearest is None or checked.excess < nearest.excess:
            nearest = checked
        if checked.is_within or found.interrupted or not checked.lowered or not searches_left:
            break
        asked = asked.with_limits(*asked.limits, *checked.lowered)
        found = search(asked)
    if nearest is None:
        return first
    return replace(nearest, accuracy=nearest.accuracy.model_copy(update={"rounds": list(rounds)}))


def verified(
    asked: Formulation,
    found: Found,
    measure: ErrorMeasure,
    limit: ErrorLimit | None = None,
    before: Sequence[Round] = (),
) -> Verified:
    """The plan that was found, measured on other chips and images than the search's."""
    best = found.best
    assert best is not None
    on_chips = measure.verified(best.point.machine, _rows(best, asked), asked.faults)
    exact = measure.twins.float_accuracy(on_chips.images)
    checks = tuple(
        Check(quantity, asked.used(best.point, best.rows or (), quantity, best.steps), measured, at_most)
        for quantity, measured, at_most in _measured(asked, on_chips, exact, limit or ErrorLimit())
    )
    accuracy = PlanAccuracy(
        float=exact,
        hardware=ChipAccuracy(**asdict(on_chips.hardware)),
        without_faults=on_chips.without_faults,
        fault_loss=on_chips.fault_loss,
        chips=len(on_chips.chips),
        first_chip=on_chips.chips.start,
        images=len(on_chips.images),
        first_image=on_chips.images.start,
        seed=measure.settings.seed,
        batch_norm=measure.settings.batch_norm,
        rounds=[
            *before,
            *(
                Round(
                    quantity=check.quantity.name,
                    limit=asked.limit_of(check.quantity),
                    searched=check.searched,
                    verified=check.measured,
                )
                for check in checks
            ),
        ],
    )
    return Verified(asked, found, accuracy, checks)


def _measured(
    asked: Formulation, on_chips: OnChips, float_accuracy: float, limit: ErrorLimit
) -> list[tuple[Quantity, float, float]]:
    """What the search counts with of a plan's accuracy: as measured, and what is allowed."""
    found = []
    if asked.errors is not None:
        found.append((ERROR, 1 - on_chips.hardware.mean, limit.at_most(float_accuracy)))
    if asked.faults is not None and on_chips.fault_loss is not None:
        found.append((FAULT_LOSS, on_chips.fault_loss, limit.fault_loss))
    return found


def _rows(best: PointResult, asked: Formulation) -> list[Row]:
    return best.point.rows(asked.space.workload.layers, asked.table_rows(best.point, best.rows or ()))
