"""A sweep: which designs are simulated (or searched), read from YAML or built in Python.

name: edge-arrays
workload: resnet18                       # or a list
accelerator: systolic-32-edge            # or a list
hardware:                                # as in a study: any field by its path
  array.rows, array.columns: [8, 16, 32]
  buffer.capacity_kib: {from: 64, to: 512, times: 2}
bits: [w8a8, w4a8]
names: {sram_kib: buffer.capacity_kib}   # shorter names of columns
minimize: energy                         # what each layer's mapping is chosen for
goals: [latency_ms, energy_mj]
budgets: {area_mm2: 4}
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from archsim.accelerators.machine import OBJECTIVES
from archsim.dse.hardware_axes import Hardware, Part, Value, check_hardware, paths_of
from archsim.dse.study import AccuracyMeasure, SearchTerms
from archsim.errors import InputError
from archsim.run import Totals
from archsim.workloads.precision import Precision

Method = Literal["grid", "sobol", "random", "guided"]
SAMPLE = re.compile(r"grid|(sobol|random|guided):([1-9][0-9]{0,6})")

TOTALS = tuple(field.name for field in fields(Totals))
"""What is known of a point that ran: the totals of a run."""

MEASURED = ("accuracy", "accuracy_std")
"""Mean and deviation over chips, where a sweep measures the twin."""

MORE_IS_BETTER = frozenset({"tops", "tops_per_w", "frames_per_s", "accuracy"})

OUTCOME = ("point", "status", "error", "proof", "gap", "warnings")
"""Columns of the results beside the parameters and the totals."""

Setting = Annotated[dict[str, Value], Field(min_length=1)]


@dataclass(frozen=True)
class Sample:
    """How points are drawn from the grid of all combinations; `points` is None for all of them."""

    method: Method
    points: int | None = None

    @classmethod
    def parse(cls, text: str) -> Sample:
        """Read `grid`, `sobol:N`, `random:N` or `guided:N`. Raises InputError for anything else."""
        match = SAMPLE.fullmatch(text.strip())
        if match is None:
            raise InputError(f"sample {text!r} is not understood; write grid, sobol:N, random:N or guided:N")
        method: Method
        for method in get_args(Method):
            if method == match.group(1):
                return cls(method, int(match.group(2)))
        return cls("grid")


class Sweep(Part):
    """Designs to simulate, or with `search` to search. Every list is an axis of the grid."""

    name: str = Field("sweep", min_length=1)
    description: str = ""
    workload: str | Annotated[list[str], Field(min_length=1)]
    dims: dict[str, PositiveInt] = Field(default_factory=dict)
    accelerator: str | dict[str, Any] | Annotated[list[str | dict[str, Any]], Field(min_length=1)]
    hardware: Annotated[Hardware, AfterValidator(check_hardware)] = Field(default_factory=dict)
    settings: dict[str, Annotated[dict[str, Setting], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="axes of named settings: fields set together, as operating points",
    )
    bits: list[str] = Field(default_factory=list, description="precisions of every layer; default: its own")
    names: dict[str, str] = Field(default_factory=dict, description="column: the path it stands for")
    minimize: str = Field("latency", description="what each layer's mapping is chosen for")
    accuracy: AccuracyMeasure | None = Field(None, description="measure every point's twin, and how")
    search: SearchTerms | None = Field(None, description="search every point for these instead of running it")
    goals: list[str] = Field(default=["latency_ms", "energy_mj"], min_length=1, max_length=3)
    budgets: dict[str, PositiveFloat] = Field(default_factory=dict, description="totals of feasible points")
    sample: str = "grid"
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        try:
            Sample.parse(self.sample)
            for precision in self.bits:
                Precision.parse(precision)
        except InputError as error:
            raise ValueError(str(error)) from None
        if self.minimize not in OBJECTIVES:
            raise ValueError(f"minimize {self.minimize!r} is not known; allowed: {', '.join(OBJECTIVES)}")
        goals = (*TOTALS, *(MEASURED[:1] if self.accuracy is not None else ()))
        for key, names, known in (("goals", self.goals, goals), ("budgets", self.budgets, TOTALS)):
            for name in names:
                if name not in known:
                    raise ValueError(f"{key}: {name!r} is not known; allowed: {', '.join(known)}")
        if self.accuracy is not None and self.search is not None:
            raise ValueError("accuracy is measured of runs; a search has its own in search.accuracy")
        if self.search is not None and self.bits:
            raise ValueError("bits is an axis of runs; a search has its choices in search.bits")
        self._check_repeats()
        self._check_names()
        return self

    def _check_repeats(self) -> None:
        lists = {"workload": self.workloads, "accelerator": [_label(a) for a in self.accelerators]}
        for key, values in {**lists, "bits": self.bits, "goals": self.goals}.items():
            if len(set(values)) != len(values):
                raise ValueError(f"{key} lists a value twice")
        taken = [path for key in self.hardware for path in paths_of(key)]
        for name, settings in self.settings.items():
            paths = {path for setting in settings.values() for path in setting}
            if any(set(setting) != paths for setting in settings.values()):
                raise ValueError(f"settings.{name}: every setting gives the same fields")
            taken += paths
        for path in taken:
            if taken.count(path) > 1:
                raise ValueError(f"{path} is there twice")

    def _check_names(self) -> None:
        paths = [path for key in self.hardware for path in paths_of(key)]
        for name, path in self.names.items():
            if path not in paths:
                raise ValueError(f"names: {name} stands for {path!r}, which is no path of hardware")
        if len(set(self.names.values())) != len(self.names):
            raise ValueError("names: two names stand for one path")
        columns = [*self.settings, *map(self.column, paths)]
        taken = {*OUTCOME, *TOTALS, *MEASURED, "workload", "accelerator", "bits", "feasible"}
        for column in columns:
            if column in taken or columns.count(column) > 1:
                raise ValueError(f"a column of the results is called {column!r} already; give another name")

    def column(self, path: str) -> str:
        """What a path is called in the results."""
        return next((name for name, named in self.names.items() if named == path), path)

    @property
    def workloads(self) -> list[str]:
        return [self.workload] if isinstance(self.workload, str) else self.workload

    @property
    def accelerators(self) -> list[str | dict[str, Any]]:
        return self.accelerator if isinstance(self.accelerator, list) else [self.accelerator]

    @property
    def accelerator_names(self) -> list[str]:
        return [_label(accelerator) for accelerator in self.accelerators]

    def fingerprint(self) -> str:
        """Equal for sweeps of equal results: how they are called and judged does not count."""
        told = self.model_dump_json(exclude={"name", "description", "budgets"})
        return hashlib.sha256(told.encode()).hexdigest()


def _label(accelerator: str | dict[str, Any]) -> str:
    return accelerator if isinstance(accelerator, str) else str(accelerator.get("name", "accelerator"))
