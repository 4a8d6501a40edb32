"""How exact the analog computation of a crossbar is: what the hardware twin of a model reads.

Energy and time do not depend on these fields. All errors are off (zero) unless given.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from archsim.accelerators.spec import StrictModel

Error = Annotated[float, Field(ge=0, le=1e3)]
Seconds = Annotated[float, Field(gt=0, le=1e12)]
FullScale = Literal["worst_case", "percentile", "calibrated"]
Levels = Literal["mid_tread", "mid_rise"]


class Noise(StrictModel):
    """Errors of converters and cells. LSB: one step of the ADC; sigma: deviation of a normal error."""

    full_scale: FullScale = Field(
        "calibrated",
        description="of the ADC: the largest sum that can occur, a percentile of what occurs in calibration, "
        "or whichever range has the least squared error there",
    )
    percentile: Annotated[float, Field(gt=50, le=100)] = Field(99.9, description="for full_scale: percentile")
    levels: Levels = Field(
        "mid_tread",
        description="of a signed conversion: 2^bits - 1 levels with zero among them, or 2^bits without it",
    )
    gain_sigma: Error = Field(0.0, description="relative, one an ADC")
    offset_sigma_lsb: Error = Field(0.0, description="one an ADC")
    inl_lsb: Error = Field(0.0, description="peak integral non-linearity, one bow an ADC")
    thermal_sigma_lsb: Error = Field(0.0, description="anew in every conversion")
    programming_sigma: Error = Field(0.0, description="of a cell when written, one a cell")
    programming_of: Literal["range", "level"] = Field(
        "range", description="programming_sigma is a share of the full conductance range, or of the level"
    )
    read_sigma: Error = Field(0.0, description="of a cell's level, anew in every read")
    drift_exponent: Error = Field(0.0, description="nu: conductance falls as (t / drift_start_s)^-nu")
    drift_exponent_sigma: Error = Field(0.0, description="of nu, one a cell")
    drift_start_s: Seconds = Field(20.0, description="when the conductance was as programmed")
    drift_time_s: Seconds = Field(20.0, description="when the network runs, after programming")
    on_off_ratio: Annotated[float, Field(gt=1, le=1e12)] | None = Field(
        None, description="conductance of the highest level over that of the lowest; none: the lowest is off"
    )
    wire_ohm: Error = Field(0.0, description="of the line between two neighbouring cells (IR drop)")

    @model_validator(mode="after")
    def _in_order(self) -> Noise:
        if self.drift_time_s < self.drift_start_s:
            raise ValueError("drift_time_s must not be before drift_start_s")
        return self
