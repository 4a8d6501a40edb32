"""A plan: the sizes, the bits and the mapping of every layer that a search found (JSON `archsim.plan/1`).

Other tools may read, edit and replay it: `archsim run --plan plan.json` executes what it says. Only what says
how to run it is needed (workload, accelerator, hardware, layers); the rest is what the search knows of it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from archsim.accelerators.yaml_input import validate
from archsim.atomic import whole_file
from archsim.errors import InputError
from archsim.json_input import read_document
from archsim.workloads.precision import Precision

Bits = Annotated[int, Field(ge=1, le=32)]
Status = Literal["OPTIMAL", "FEASIBLE", "INFEASIBLE", "UNKNOWN"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanLayer(_Part):
    """How one layer runs; `latency_cycles` and `energy_pj` are those of the layer alone, on the kernel."""

    name: str
    weight_bits: Bits
    activation_bits: Bits
    output_bits: Bits | None = Field(None, description="default: activation_bits")
    mapping: dict[str, Any]
    latency_cycles: int | None = None
    energy_pj: float | None = None

    @property
    def precision(self) -> Precision:
        return Precision(self.weight_bits, self.activation_bits, self.output_bits or self.activation_bits)


class Step(_Part):
    """A layer's execution; its output is kept to the end of step number `kept_until`, counted from 0."""

    layer: str
    kept_until: int = Field(ge=0)


class PatchesOfPlan(_Part):
    """The layers up to `stage` run in `grid` patches (down, across); a layer `conv@1,2` is that of one."""

    stage: str
    grid: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class BudgetUse(_Part):
    """A limit and how much of it the plan takes, in the budget's unit."""

    name: str
    limit: float
    used: float
    slack: float


class Buys(_Part):
    """What a wider budget would buy: the best goal under it, and how much better that is."""

    budget: str
    limit: float
    objective: float
    gain_percent: float


class Round(_Part):
    """One search under a limit of a quantity (None: under none): how much it counted with, and what was
    measured of the plan on other chips and images."""

    quantity: str = "top1_error"
    limit: float | None
    searched: float
    verified: float


class ChipAccuracy(_Part):
    """Over chips, as shares of 1; `std` is that of the sample."""

    mean: float
    std: float
    worst: float
    best: float


class PlanAccuracy(_Part):
    """Accuracy of the plan's twin on chips and images that the search did not use (shares of 1).

    `float`: of the float model on the same images. `hardware` includes the bit errors of SRAMs, if any:
    `without_faults` is the accuracy without these, `fault_loss` how much more that is (None where they are
    not measured). `rounds`: the searches, for each quantity that was verified.
    """

    float_: float = Field(alias="float")
    hardware: ChipAccuracy
    without_faults: float | None = None
    fault_loss: float | None = None
    chips: int
    first_chip: int
    images: int
    first_image: int
    seed: int
    batch_norm: bool
    rounds: list[Round]


class Plan(_Part):
    """`objective` and `best_bound` are in the units of `minimize`, of the layers run one by one.

    `totals` are those of the whole plan on the kernel, where the next layer's first weights are fetched while
    a layer still runs: they may be a little better than the objective says, and are never worse.
    """

    schema_: Literal["archsim.plan/1"] = Field(default="archsim.plan/1", alias="schema")
    study: str = ""
    workload: str
    patches: PatchesOfPlan | None = None
    dims: dict[str, int] = Field(default_factory=dict)
    accelerator: str | dict[str, Any]
    hardware: dict[str, Any] = Field(default_factory=dict)
    minimize: str = ""
    status: Status = "UNKNOWN"
    objective: float | None = None
    best_bound: float | None = None
    gap: float | None = None
    then: dict[str, float] = Field(default_factory=dict)
    wall_s: float | None = None
    layers: list[PlanLayer]
    schedule: list[Step] = Field(
        default_factory=list[Step], description="executions in order; empty: every layer once"
    )
    totals: dict[str, Any] = Field(default_factory=dict)
    budgets: list[BudgetUse] = Field(default_factory=list)
    accuracy: PlanAccuracy | None = Field(default=None, description="where a search read it")
    baseline: dict[str, Any] | None = None
    buys: list[Buys] = Field(default_factory=list)
    search: dict[str, Any] = Field(default_factory=dict)
    warnings: list[str] = Field(default_factory=list)

    def precision_of(self, layer: str) -> Precision:
        """The bits of a layer. Raises InputError where the plan has none of that name."""
        for entry in self.layers:
            if entry.name == layer:
                return entry.precision
        raise InputError(f"the plan has no layer {layer!r}; it has {', '.join(x.name for x in self.layers)}")

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object."""
        return self.model_dump(by_alias=True)

    def to_json(self, path: str | Path) -> None:
        """Write the plan, a line a layer. Raises InputError when it can't be written."""
        write_document(self.to_dict(), path)

    def to_html(self, path: str | Path) -> None:
        """The plan as a page that works offline."""
        from archsim.reports.plan_page import write_plan_page

        write_plan_page(self.to_dict(), path)


class FrontPlan(_Part):
    """A point of a Pareto front: its quantities by name, and the plan that has them."""

    values: dict[str, float]
    plan: Plan


class FrontFile(_Part):
    """A Pareto front, in the order of the first quantity (JSON `archsim.front/1`)."""

    schema_: Literal["archsim.front/1"] = Field(default="archsim.front/1", alias="schema")
    study: str
    status: Status
    points: list[FrontPlan]

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object."""
        return self.model_dump(by_alias=True)

    def to_json(self, path: str | Path) -> None:
        """Write the front, a line a point. Raises InputError when it can't be written."""
        write_document(self.to_dict(), path)

    def to_html(self, path: str | Path) -> None:
        """The front as a page that works offline."""
        from archsim.reports.plan_page import write_front_page

        write_front_page(self.to_dict(), path)


def write_document(document: dict[str, Any], path: str | Path) -> None:
    """JSON, a line a key and an entry of a list. Raises InputError when it can't be written."""
    lines = []
    for key, value in document.items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {json.dumps(entry, allow_nan=False)}" for entry in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    with whole_file(path) as file:
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_plan(path: str | Path) -> Plan:
    """The plan in a file. Raises InputError for a file that is none, naming the key that is wrong."""
    data = read_document(path, "archsim.plan/1", "plan", made_by="archsim search … --out FILE")
    return validate(Plan, data, where=str(path))
