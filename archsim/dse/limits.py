"""What a study's budgets limit, in units (shares are of the baseline's), and what measures accuracy."""

from __future__ import annotations

from archsim.dse.baseline import Baseline
from archsim.dse.bits import BitSpace
from archsim.dse.formulation import Limit
from archsim.dse.quantities import (
    ACCURACY,
    ACCURACY_LOSS,
    ERROR,
    FAULT_LOSS,
    FRAMES_PER_S,
    at_most,
    budget_quantity,
    objective_quantity,
)
from archsim.dse.study import Study, share_of_baseline
from archsim.dse.twin_errors import ErrorMeasure, error_measure
from archsim.dse.verify import ErrorLimit
from archsim.errors import InputError


def reads_error(study: Study) -> bool:
    """Whether a study's goal, its front or a budget is about accuracy."""
    goal = {quantity for quantity, _ in study.goal().terms} | {study.goal().then}
    front = map(objective_quantity, study.front or ())
    return ERROR in goal.union(map(budget_quantity, study.budgets), front)


def measure_of(study: Study, space: BitSpace) -> tuple[ErrorMeasure | None, list[str]]:
    """What verifies the plans of a study that reads accuracy or a loss of it, or warnings that nothing does.

    Raises InputError where accuracy is read, or its data are named, and it cannot be measured.
    """
    if not reads_error(study) and FAULT_LOSS.name not in study.quantities_read:
        return None, []
    try:
        measure = error_measure(study.workload, study.accuracy)
        measure.check(space)
    except InputError as error:
        if reads_error(study) or study.accuracy.data is not None:
            raise
        return None, [f"{FAULT_LOSS.name} is as the table expects, not verified by the twin: {error}"]
    return measure, []


def shares_error(study: Study) -> bool:
    """Whether the baseline's accuracy has to be known: for the goal, or as what a budget is a share of."""
    shared = {
        budget_quantity(name)
        for name, limit in study.budgets.items()
        if share_of_baseline(name, limit) is not None
    }
    return ERROR in shared.union({quantity for quantity, _ in study.goal().terms}, {study.goal().then})


def limits_of(study: Study, base: Baseline) -> list[Limit]:
    """The limits of all budgets but those of accuracy."""
    found = []
    for name, limit in study.budgets.items():
        share = share_of_baseline(name, limit)
        if budget_quantity(name) == ERROR:
            continue
        if share is not None and name == FRAMES_PER_S:
            share = 1 / share
        if share is None:
            found.append(Limit(*at_most(name, float(limit))))
        else:
            found.append(Limit(budget_quantity(name), share * base.used(name)))
    return found


def error_limit(study: Study, base: Baseline) -> ErrorLimit:
    """What the budgets of accuracy allow together. Raises InputError for a loss as a share."""
    errors, losses = [float("inf")], [float("inf")]
    for name, limit in study.budgets.items():
        if budget_quantity(name) != ERROR:
            continue
        share = share_of_baseline(name, limit)
        if name == ACCURACY_LOSS:
            if share is not None:
                raise InputError(
                    f"budgets: {name} is {limit!r}, but it is counted from the float model's accuracy; "
                    "give a share of 1, as in 0.01 for one point"
                )
            losses.append(float(limit))
        elif share is None:
            errors.append(1 - float(limit) if name == ACCURACY else float(limit))
        elif name == ACCURACY:
            errors.append(1 - share * (1 - base.used(name)))
        else:
            errors.append(share * base.used(name))
    return ErrorLimit(min(errors), min(losses))
