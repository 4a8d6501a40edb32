"""A study: what is searched, for what, under which budgets. Read from YAML, or built in Python.

name: edge-energy
workload: resnet50                        # library name or path
accelerator: systolic-32-edge             # library name or path; fields below are open
hardware:
  array.rows, array.columns: [8, 16, 32]  # set together
  buffer.capacity_kib: [64, 128, 192, 256]
bits:
  weights: [2, 4, 8]
  activations: [4, 8]
  layers: {first: {weights: [8]}, last: {weights: [8]}}
minimize: energy
budgets: {area_mm2: 4, sensitivity: 110 %}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from archsim.dse.hardware_axes import Hardware, Part, Value, check_hardware, listed, paths_of
from archsim.dse.quantities import (
    ACCURACY,
    ACCURACY_LOSS,
    ERROR,
    FAULT_LOSS,
    PEAK_ACTIVATIONS,
    Goal,
    at_most,
    budget_quantity,
    goal_of,
    objective_quantity,
)
from archsim.errors import InputError
from archsim.workloads.activation_memory import POLICIES, MemoryPolicy

Bits = Annotated[int, Field(ge=1, le=32)]
Limit = float | str
SHARE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*")
MOST_POINTS = 1_000_000


class LayerBits(Part):
    """Bit-widths that some layers may choose from; those of the study where left out."""

    weights: list[Bits] | None = Field(None, min_length=1)
    activations: list[Bits] | None = Field(None, min_length=1)


class BitChoices(Part):
    """Bit-widths to choose from. `layers`: exceptions by name, pattern (`layer4.*`), `first` or `last`."""

    weights: list[Bits] = Field(default=[8], min_length=1)
    activations: list[Bits] = Field(default=[8], min_length=1)
    layers: dict[str, LayerBits] = Field(default_factory=dict)
    tied: list[Annotated[list[str], Field(min_length=2)]] = Field(
        default_factory=list, description="groups of layers with equal weight and activation bits"
    )


class SensitivitySource(Part):
    """Where the sensitivity table comes from: a file, or computed with calibration inputs."""

    table: str | None = Field(None, description="CSV or JSON, as `archsim sensitivity` writes it")
    calibration: str | None = Field(None, description="inputs of the model, .npz or .npy")

    @model_validator(mode="after")
    def _one(self) -> SensitivitySource:
        if (self.table is None) == (self.calibration is None):
            raise ValueError("give either table or calibration")
        return self


class AccuracyMeasure(Part):
    """How the twin's accuracy is measured; data and calibration are the library model's own unless given."""

    data: str | None = Field(default=None, description="images and labels, .npz")
    calibration: str | None = Field(default=None, description="inputs that set ranges, .npz or .npy")
    images: PositiveInt = Field(
        default=500, description="of the data, at most half; the plan is verified on as many others"
    )
    chips: PositiveInt = Field(
        default=4, description="that are drawn; the plan is verified on as many others"
    )
    seed: int = Field(default=0, ge=0)
    batch_norm: bool = Field(default=False, description="re-calibrate the batch norms of every chip")


def _source(given: object) -> object:
    """A path alone is a table's."""
    return {"table": given} if isinstance(given, str) else given


class SearchTerms(Part):
    """What a search looks for on given hardware, and under which limits."""

    bits: BitChoices = Field(default_factory=BitChoices)
    minimize: str | dict[str, PositiveFloat] = "latency"
    then: str | None = None
    budgets: dict[str, Limit] = Field(default_factory=dict)
    allow_recompute: bool = False
    sensitivity: Annotated[SensitivitySource | None, BeforeValidator(_source)] = None
    ber_sensitivity: str | dict[str, Any] | None = Field(
        None, description="each layer's loss by bit-error rate: a JSON file, or its content"
    )
    accuracy: AccuracyMeasure = Field(default_factory=AccuracyMeasure)
    baseline_bits: str = "w8a8"
    time_limit_s: PositiveFloat = 300.0
    gap: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _known_words(self) -> Self:
        try:
            self.goal()
            for name, limit in self.budgets.items():
                budget_quantity(name)
                share_of_baseline(name, limit)
                if not isinstance(limit, str):
                    at_most(name, limit)
        except InputError as error:
            raise ValueError(str(error)) from None
        if self.allow_recompute:
            self._check_recompute()
        return self

    def _check_recompute(self) -> None:
        if PEAK_ACTIVATIONS.name not in self.budgets:
            raise ValueError(
                f"allow_recompute needs a limit to meet by it: give budgets {PEAK_ACTIVATIONS.name} "
                "(--max-peak-memory-kib)"
            )
        if self.goal().product:
            raise ValueError("allow_recompute goes with a goal that is a sum; edp is a product")

    def goal(self) -> Goal:
        """What is minimised first, and what among equals. Raises InputError for an unknown word."""
        return goal_of(self.minimize, self.then)


class Study(SearchTerms):
    """What is searched. Raises InputError (through `read_study`) for whatever does not fit together."""

    name: str = Field("search", min_length=1)
    description: str = ""
    workload: str
    dims: dict[str, PositiveInt] = Field(default_factory=dict)
    accelerator: str | dict[str, Any]
    hardware: Annotated[Hardware, AfterValidator(check_hardware)] = Field(default_factory=dict)
    allow_patches: bool = False
    finest_patches: int = Field(8, ge=2, le=32)
    own_patch_bits: bool = False
    activation_memory: Literal["alive", "in_place", "published"] = "alive"
    front: list[str] | None = Field(None, min_length=2, max_length=3)
    points: int = Field(15, ge=2)
    marginals: bool = True

    @field_validator("hardware")
    @classmethod
    def _few_enough(cls, hardware: Hardware) -> Hardware:
        points = prod(len(listed(values)) for values in hardware.values())
        if points > MOST_POINTS:
            raise ValueError(f"these are {points:,} combinations; at most {MOST_POINTS:,} are searched")
        return hardware

    @model_validator(mode="after")
    def _patches_fit(self) -> Study:
        if self.allow_patches and PEAK_ACTIVATIONS.name not in self.budgets:
            raise ValueError(
                f"allow_patches needs a limit to meet by them: give budgets {PEAK_ACTIVATIONS.name} "
                "(--max-peak-memory-kib)"
            )
        if self.allow_patches and self.front:
            raise ValueError("allow_patches gives one plan; leave front out")
        of_layers = {FAULT_LOSS.name, ERROR.name, ACCURACY, ACCURACY_LOSS} & self.quantities_read
        if self.allow_patches and of_layers:
            raise ValueError(
                f"allow_patches makes layers of patches, for which {min(of_layers)} is not known; "
                "leave one of the two out"
            )
        if self.allow_recompute and (self.allow_patches or self.activation_memory != "alive"):
            raise ValueError(
                "allow_recompute keeps layers whole and counts every tensor alive; "
                "leave allow_patches and activation_memory out"
            )
        return self

    @property
    def memory_policy(self) -> MemoryPolicy:
        """What of the activations a limit counts."""
        return POLICIES[self.activation_memory]

    @model_validator(mode="after")
    def _known_front(self) -> Study:
        try:
            for name in self.front or ():
                objective_quantity(name)
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def quantities_read(self) -> set[str]:
        """Names of the quantities in the goal, the budgets and the front."""
        goal = self.goal()
        return {*self.budgets, *(q.name for q, _ in goal.terms), goal.then.name, *(self.front or ())}

    def points_of_hardware(self) -> Iterator[dict[str, Value]]:
        """Every combination of the open fields, path by path; keys that list several paths set them alike."""
        for values in product(*map(listed, self.hardware.values())):
            yield {
                path: value
                for key, value in zip(self.hardware, values, strict=True)
                for path in paths_of(key)
            }


def share_of_baseline(budget: str, limit: Limit) -> float | None:
    """1.1 for `110 %` of the baseline's; None for a limit in the budget's own unit. Raises InputError."""
    if not isinstance(limit, str):
        return None
    match = SHARE.fullmatch(limit)
    if match is None:
        raise InputError(
            f"budgets: {budget} is {limit!r}; give a number, or a share of the baseline as in '90 %'"
        )
    return float(match.group(1)) / 100
