"""Where the patch stage ends and how fine its grid is, chosen together with mappings, bits and sizes.

Every choice of patches is a workload of its own (`archsim.workloads.patched`), searched like any other, the
fewest MACs first. What is found is a limit of the goal for those after it: most are ruled out by the bound of
their tables, before the kernel executes anything.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from archsim.accelerators.machine import Machine, is_pipelined, shared_capacity
from archsim.dse.conflict import Conflict, Move, explain
from archsim.dse.explore import Found, Progress, better
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.memory_patches import patch_choices
from archsim.dse.quantities import PEAK_ACTIVATIONS
from archsim.dse.study_search import Outcome, StudySearch
from archsim.errors import InputError
from archsim.workloads.patched import Patching

LESS = 1e-9
"""By what share of the best value another choice has to be better."""


@dataclass(frozen=True)
class _Best:
    """The search of one choice of patches and what it found."""

    asked: StudySearch
    found: Found


def search_in_patches(whole: StudySearch) -> Outcome:
    """The best plan over all choices of patches that meet the limit of activations.

    Raises InputError for a machine on which layers cannot run once a patch.
    """
    _check(whole.explorer.points[0].machine)
    study, space = whole.study, whole.formulation.space
    limit = next(x for x in whole.formulation.limits if x.quantity == PEAK_ACTIVATIONS)
    most_bytes = limit.at_most * limit.quantity.per_unit
    choices, least = patch_choices(
        space.narrowest, space.widest, most_bytes, study.memory_policy, study.finest_patches
    )
    if not choices:
        needed = Move(limit, least / limit.quantity.per_unit, proven=True)
        return Outcome(study, "INFEASIBLE", conflict=Conflict((needed,), proven=True))
    run = _Run(whole, choices)
    run.run()
    return run.outcome()


def _check(machine: Machine) -> None:
    if is_pipelined(machine) or shared_capacity(machine):
        raise InputError(
            f"allow_patches: {machine.name} keeps a part of itself for every layer, which cannot run once a "
            "patch; patches are for machines that run layer after layer"
        )


class _Run:
    """The choices one after the other, within the study's time."""

    def __init__(self, whole: StudySearch, choices: list[Patching | None]) -> None:
        self.whole, self.choices = whole, choices
        self.ends = whole.started + whole.study.time_limit_s
        self.bounds: list[float] = []
        self.first: _Best | None = None
        self.best: _Best | None = None
        self.solved = 0
        self.interrupted = False

    def run(self) -> None:
        for number, patching in enumerate(self.choices, start=1):
            asked = self.whole if patching is None else self._in_patches(patching, number)
            floor = min(asked.formulation.floor(point) for point in asked.explorer.points)
            left = self.ends - time.monotonic()
            if self.interrupted or left <= 0 or floor >= self.value:
                self.bounds.append(floor)
                continue
            found = asked.explorer.search(
                self._better(asked.formulation), time_limit_s=left, gap=self.whole.study.gap
            )
            self._note(_Best(asked, found))

    def _in_patches(self, patching: Patching, number: int) -> StudySearch:
        tell, place = self.whole.explorer.on_progress, f"patches {number} of {len(self.choices)}"

        def told(progress: Progress) -> None:
            tell(replace(progress, stage=f"{place}, {progress.stage}"))

        return self.whole.in_patches(patching, told)

    @property
    def value(self) -> float:
        known = None if self.best is None else self.best.found.best
        return math.inf if known is None else known.value

    def _better(self, formulation: Formulation) -> Formulation:
        """Only what is better than the best known, where the goal is a quantity that can be limited."""
        (first, weight), *others = formulation.goal.terms
        if self.best is None or others or weight != 1:
            return formulation
        return formulation.with_limits(*formulation.limits, Limit(first, self.value * (1 - LESS)))

    def _note(self, new: _Best) -> None:
        self.first = self.first or new
        self.solved += 1
        self.interrupted |= new.found.interrupted
        self.bounds.append(new.found.bound)
        result, best = new.found.best, None if self.best is None else self.best.found.best
        if result is not None and (best is None or better(result, best)):
            self.best = new

    def outcome(self) -> Outcome:
        study = self.whole.study
        bound = min(self.bounds)
        if self.best is not None:
            asked, found = self.best.asked, self.best.found
            assert found.best is not None
            known = replace(found, bound=min(bound, self.value), interrupted=self.interrupted)
            plan = asked.plan(found.best, asked.formulation, known, marginals=False)
            counts = {"patchings": len(self.choices), "patchings_searched": self.solved}
            plan = plan.model_copy(update={"search": {**plan.search, **counts}})
            return Outcome(study, plan.status, plan, interrupted=self.interrupted)
        if self.interrupted or bound != math.inf or self.first is None:
            return Outcome(study, "UNKNOWN", interrupted=self.interrupted)
        first = self.first.asked
        conflict = explain(first.explorer, first.formulation, time_limit_s=study.time_limit_s)
        moves = tuple(replace(move, proven=False) for move in conflict.moves)  # of the fewest MACs only
        return Outcome(study, "INFEASIBLE", conflict=replace(conflict, moves=moves))
