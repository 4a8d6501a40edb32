"""Hardware fields that are open, and the values that each of them may have."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

Value = bool | int | float | str
MOST_VALUES = 10_000


class Part(BaseModel):
    """Unknown keys are errors, and so are infinities."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Range(Part):
    """Values from `start` to `stop`, both included where the steps meet it."""

    start: float = Field(alias="from")
    stop: float = Field(alias="to")
    step: PositiveFloat | None = Field(None, description="added each time")
    times: float | None = Field(None, gt=1, description="multiplied each time")

    @model_validator(mode="after")
    def _sensible(self) -> Range:
        if (self.step is None) == (self.times is None):
            raise ValueError("a range is given by either step or times")
        if self.times is not None and self.start <= 0:
            raise ValueError("a range by times starts above 0")
        return self

    def values(self) -> list[Value]:
        values, value = [], self.start
        while value <= self.stop * (1 + 1e-12) and len(values) < MOST_VALUES:
            values.append(int(value) if float(value).is_integer() else value)
            value = value + self.step if self.step is not None else value * (self.times or 1.0)
        return values


Hardware = dict[str, list[Value] | Range]
"""Values by path; a key may list several paths, which are set alike."""


def listed(values: list[Value] | Range) -> list[Value]:
    return values.values() if isinstance(values, Range) else values


def paths_of(key: str) -> list[str]:
    """The paths that a key of `hardware` sets alike."""
    return [path.strip() for path in key.split(",")]


def check_hardware(hardware: Hardware) -> Hardware:
    """Raises ValueError for a key without a value, a value listed twice or a path that is there twice."""
    for key, values in hardware.items():
        found = listed(values)
        if not found:
            raise ValueError(f"{key} has no value to choose from")
        if len(set(map(repr, found))) != len(found):
            raise ValueError(f"{key} lists a value twice")
    paths = [path for key in hardware for path in paths_of(key)]
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"{path} is there twice")
    return hardware
