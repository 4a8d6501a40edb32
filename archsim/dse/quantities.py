"""What a study can minimise or limit: a name with its unit, and the tables' column behind it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archsim.accelerators.machine import is_pipelined
from archsim.dse.selection.problem import Combine
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine


@dataclass(frozen=True, slots=True)
class Quantity:
    """`per_unit`: how much of the column one unit of the quantity is (of cycles: a matter of the clock)."""

    name: str
    column: str
    per_unit: float = 1.0
    combine: Combine = "sum"
    clocked: bool = False  # the column counts cycles, the quantity milliseconds

    def combine_on(self, machine: Machine) -> Combine:
        """How the column of the layers becomes the quantity: the stages of a pipeline all work at once."""
        return "max" if self.clocked and is_pipelined(machine) else self.combine

    def in_column(self, machine: Machine) -> float:
        """Units of the column in one unit of the quantity, on a machine."""
        return machine.clock_mhz * 1e3 if self.clocked else self.per_unit


LATENCY = Quantity("latency_ms", "latency_cycles", clocked=True)
ENERGY = Quantity("energy_mj", "energy_pj", 1e9)
AREA = Quantity("area_mm2", "area_mm2")
SENSITIVITY = Quantity("sensitivity", "sensitivity")
FAULT_LOSS = Quantity("fault_loss", "fault_loss")
ERROR = Quantity("top1_error", "top1_error")
"""The share of images that the twin classifies wrongly: 1 - accuracy, as less of it is better."""
DRAM = Quantity("dram_mb", "dram_bytes", 1e6)
WEIGHTS = Quantity("weight_kib", "weight_bytes", 1024.0)
POWER = Quantity("power_mw", "power")
PEAK_ACTIVATIONS = Quantity("peak_activation_kib", "live", 1024.0)
HELD, RESOURCE = "held_kib.", "resource."
FRAMES_PER_S = "frames_per_s"
"""A budget from below: at least so many results a second."""
ACCURACY, ACCURACY_LOSS = "accuracy", "accuracy_loss"
"""Budgets of the error: an accuracy from below, and how much less than the float model's it may be."""

SUMS: Mapping[str, Quantity] = {
    q.name: q for q in (LATENCY, ENERGY, AREA, SENSITIVITY, FAULT_LOSS, ERROR, DRAM, WEIGHTS)
}
"""Quantities that can be minimised, alone or weighted."""

SHORT: Mapping[str, str] = {
    "latency": LATENCY.name,
    "energy": ENERGY.name,
    "area": AREA.name,
    "interval": LATENCY.name,
    "dram": DRAM.name,
    "weights": WEIGHTS.name,
    ACCURACY: ERROR.name,
}
EDP = "edp"


@dataclass(frozen=True, slots=True)
class Goal:
    """Minimise the weighted sum of `terms`, or the product of the two; among equals minimise `then`."""

    terms: tuple[tuple[Quantity, float], ...]
    then: Quantity
    product: bool = False

    @property
    def objective(self) -> str:
        """What machines are set up for: of latency, energy and edp the nearest to the goal."""
        if self.product:
            return EDP
        return "energy" if self.terms[0][0] in (ENERGY, DRAM) else "latency"

    @property
    def text(self) -> str:
        if self.product:
            return " x ".join(quantity.name for quantity, _ in self.terms)
        parts = (f"{weight:g} {q.name}" if weight != 1 else q.name for q, weight in self.terms)
        return " + ".join(parts)


def goal_of(minimize: str | Mapping[str, float], then: str | None = None) -> Goal:
    """The goal that a study's `minimize` and `then` mean. Raises InputError for a word that is not known."""
    if minimize == EDP:
        terms = ((ENERGY, 1.0), (LATENCY, 1.0))
    elif isinstance(minimize, str):
        terms = ((objective_quantity(minimize), 1.0),)
    else:
        terms = tuple((objective_quantity(name), weight) for name, weight in minimize.items())
    if not terms:
        raise InputError("minimize: names nothing")
    second = ENERGY if terms[0][0] == LATENCY else LATENCY
    if then is not None:
        second = objective_quantity(then, "then")
        if len(terms) == 1 and second == terms[0][0]:
            raise InputError(
                f"then: {then} is what is minimised first; give another quantity, or leave it out"
            )
    return Goal(terms, second, product=minimize == EDP)


def objective_quantity(name: str, key: str = "minimize") -> Quantity:
    """The quantity that a word of `key` means. Raises InputError for another word."""
    full = SHORT.get(name, name)
    if full in SUMS:
        return SUMS[full]
    if name.startswith(RESOURCE) and name != RESOURCE:
        return budget_quantity(name)
    alone = [EDP] if key == "minimize" else []
    raise InputError(_unknown(key, name, [*alone, *SHORT, *SUMS, f"{RESOURCE}<name>"]))


def at_most(name: str, limit: float) -> tuple[Quantity, float]:
    """What a budget limits from above, and how far: a rate from below is a latency from above."""
    if name == FRAMES_PER_S:
        if limit <= 0:
            raise InputError(f"budgets: {FRAMES_PER_S} is {limit}; give a rate above 0")
        return LATENCY, 1e3 / limit
    if name in (ACCURACY, ACCURACY_LOSS, ERROR.name) and not 0 <= limit <= 1:
        example = "0.9 for 90 % of the images" if name == ACCURACY else "0.01 for one point in a hundred"
        raise InputError(f"budgets: {name} is {limit:g}; give a share from 0 to 1, as in {example}")
    if not limit >= 0:
        raise InputError(f"budgets: {name} is {limit:g}; give a limit of at least 0")
    return budget_quantity(name), limit


def budget_quantity(name: str) -> Quantity:
    """The quantity that a budget limits. Raises InputError for a name that is none."""
    if name in SUMS:
        return SUMS[name]
    if name == FRAMES_PER_S:
        return LATENCY
    if name in (ACCURACY, ACCURACY_LOSS):
        return ERROR
    for special in (POWER, PEAK_ACTIVATIONS):
        if name == special.name:
            return special
    if name.startswith(HELD) and name != HELD:
        return Quantity(name, f"held:{name.removeprefix(HELD)}", 1024.0, "max")
    if name.startswith(RESOURCE) and name != RESOURCE:
        return Quantity(name, resource_column(name.removeprefix(RESOURCE)))
    allowed = [
        *SUMS,
        ACCURACY,
        ACCURACY_LOSS,
        FRAMES_PER_S,
        POWER.name,
        PEAK_ACTIVATIONS.name,
        f"{HELD}<memory>",
        f"{RESOURCE}<name>",
    ]
    raise InputError(_unknown("budgets", name, allowed))


def resource_column(name: str) -> str:
    """Of what rows take of a machine's resource."""
    return f"resource:{name}"


def _unknown(key: str, name: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{key}: {name!r} is not known{hint} Allowed: {', '.join(allowed)}".replace(
        "known Allowed", "known. Allowed"
    )
