"""Points chosen by what is known so far, for spaces too large to cover: NSGA-II of Optuna.

Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE TEC 6(2), 2002. A trial costs
3 ms against 50 ms of a tree-structured Parzen estimator, which is as much as a point of a small network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from archsim.dse.sweep.outcome import OK
from archsim.dse.sweep.rounds import Rounds
from archsim.dse.sweep.space import Axis, Space
from archsim.dse.sweep.sweep import MORE_IS_BETTER, Sweep
from archsim.errors import InputError

if TYPE_CHECKING:
    from optuna import Study, Trial

GENERATION = 50
MOST_OLD_GENERATIONS = 20
"""Generations without any new point after which the sampler has nothing to say any more."""


def guided(space: Space, sweep: Sweep, points: int) -> Rounds:
    """Generations of new points, `points` in all. Points over a budget breed only where nothing is within."""
    study = _study(sweep)
    seen: dict[int, Mapping[str, Any]] = {}
    old = 0
    while len(seen) < points and old < MOST_OLD_GENERATIONS:
        trials = [study.ask() for _ in range(GENERATION)]
        places = np.array([[_suggested(trial, axis) for axis in space.axes] for trial in trials])
        numbers = space.numbers(places)
        new = list(dict.fromkeys(number for number in numbers.tolist() if number not in seen))
        new = new[: points - len(seen)]
        old = 0 if new else old + 1
        if new:
            known = yield np.array(new, dtype=np.int64)
            seen |= _outcomes(known().to_pylist(), new)
        for trial, number in zip(trials, numbers.tolist(), strict=True):
            _tell(study, trial, sweep, seen.get(number))


def _study(sweep: Sweep) -> Study:
    try:
        import optuna
    except ImportError:
        raise InputError("sample guided needs Optuna: pip install 'archsim[sampling]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.NSGAIISampler(population_size=GENERATION, seed=sweep.seed)
    return optuna.create_study(
        directions=["maximize" if goal in MORE_IS_BETTER else "minimize" for goal in sweep.goals],
        sampler=sampler,
    )


def _suggested(trial: Trial, axis: Axis) -> int:
    """The place of a value on its axis; neighbours are alike on an axis of numbers only."""
    last = len(axis.choices) - 1
    if not last:
        return 0
    if axis.is_ordered:
        return trial.suggest_int(axis.name, 0, last)
    return int(trial.suggest_categorical(axis.name, range(last + 1)))


def _outcomes(rows: list[dict[str, Any]], wanted: list[int]) -> dict[int, Mapping[str, Any]]:
    by_number = {row["point"]: row for row in rows}
    return {number: by_number[number] for number in wanted}


def _tell(study: Study, trial: Trial, sweep: Sweep, outcome: Mapping[str, Any] | None) -> None:
    """A point that failed, or beyond the number asked for, gives no offspring."""
    from optuna.trial import TrialState

    if outcome is None or outcome["status"] != OK:
        study.tell(trial, state=TrialState.FAIL)
        return
    for name, limit in sweep.budgets.items():
        trial.set_constraint(name, outcome[name] / limit - 1)
    study.tell(trial, [outcome[goal] for goal in sweep.goals])
