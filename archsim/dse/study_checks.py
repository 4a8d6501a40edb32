"""What does not go together in a study, and what changes nothing as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archsim.dse.quantities import (
    ACCURACY,
    ACCURACY_LOSS,
    ERROR,
    FAULT_LOSS,
    PEAK_ACTIVATIONS,
    SENSITIVITY,
    objective_quantity,
)

if TYPE_CHECKING:
    from archsim.dse.study import SearchTerms, Study

_GIVE_PEAK = f"give budgets {PEAK_ACTIVATIONS.name} (--max-peak-memory-kib)"


def check_recompute(terms: SearchTerms) -> None:
    """Raises ValueError where layers may run again and nothing asks for it, or the goal is no sum."""
    if not terms.allow_recompute:
        return
    if PEAK_ACTIVATIONS.name not in terms.budgets:
        raise ValueError(f"allow_recompute needs a limit to meet by it: {_GIVE_PEAK}")
    if terms.goal().product:
        raise ValueError("allow_recompute goes with a goal that is a sum; edp is a product")


def check_patches(study: Study) -> None:
    """Raises ValueError where patches are allowed and nothing asks for them, or what is read forbids them."""
    if study.allow_recompute and (study.allow_patches or study.activation_memory != "alive"):
        raise ValueError(
            "allow_recompute keeps layers whole and counts every tensor alive; "
            "leave allow_patches and activation_memory out"
        )
    if not study.allow_patches:
        return
    if PEAK_ACTIVATIONS.name not in study.budgets:
        raise ValueError(f"allow_patches needs a limit to meet by them: {_GIVE_PEAK}")
    if study.front:
        raise ValueError("allow_patches gives one plan; leave front out")
    of_layers = {FAULT_LOSS.name, ERROR.name, ACCURACY, ACCURACY_LOSS} & study.quantities_read
    if of_layers:
        raise ValueError(
            f"allow_patches makes layers of patches, for which {min(of_layers)} is not known; "
            "leave one of the two out"
        )


def check_front(study: Study) -> None:
    """Raises ValueError for a front over a word that is no goal, or over one quantity twice."""
    names = [objective_quantity(name, "front").name for name in study.front or ()]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"front: {min(twice)} is there twice; give two or three quantities, each once")


def check_idle(study: Study) -> None:
    """Raises ValueError for a term that is given and changes nothing: whoever gave it expects otherwise."""
    for problem in _idle(study):
        raise ValueError(problem)


def _idle(study: Study) -> Iterator[str]:
    given = study.model_fields_set
    if study.own_patch_bits and not study.allow_patches:
        yield "own_patch_bits is of patches: give allow_patches (--allow-patches) too, or leave it out"
    if "activation_memory" in given and PEAK_ACTIVATIONS.name not in study.budgets:
        yield f"activation_memory says what a limit of activations counts: {_GIVE_PEAK}, or leave it out"
    if "points" in given and study.front is None:
        yield "points are of a front: give front (--pareto GOAL,GOAL) too, or leave them out"


def reads_sensitivity(study: Study) -> bool:
    """Whether a goal or a budget needs the sensitivity table."""
    return SENSITIVITY.name in study.quantities_read


def reads_fault_losses(study: Study) -> bool:
    """Whether a goal or a budget needs what bit errors cost: the loss itself, or the twin's accuracy."""
    return bool({FAULT_LOSS.name, ERROR.name, ACCURACY, ACCURACY_LOSS} & study.quantities_read)
