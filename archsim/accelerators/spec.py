"""What the YAML of every accelerator family shares."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

Operand = Literal["input", "weight", "output"]


class StrictModel(BaseModel):
    """Unknown keys are errors, and so are numbers written as text and infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Technology(StrictModel):
    """The silicon the accelerator is made in and the clock it runs at."""

    node_nm: PositiveFloat = Field(description="process node, nm")
    vdd_v: PositiveFloat | None = Field(None, description="supply, V; default: the node's nominal")
    clock_mhz: float = Field(ge=1e-3, le=1e6)
