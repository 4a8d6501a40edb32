"""Supply, clock and body bias: how fast the clock may be, and what energy and leakage become.

Frequency: measured points, straight lines between them; or the alpha-power law (Sakurai & Newton 1990)
through the technology's own point. Forward body bias lowers the threshold: with the alpha-power law more
clock at a supply, or the same at a lower one, and subthreshold leakage times exp(shift / (n vT)) (Roy et al.
2003). Energy of an action ~ V².
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field, model_validator

from archsim.accelerators.spec import StrictModel, Technology
from archsim.components.technology import ALPHA, LEAKAGE_PER_VOLT, supply_v, threshold_v
from archsim.errors import InputError

SLOPE_V = 1.5 * 0.02585
"""n vT: slope factor 1.5 at 300 K, as for the DIBL law of `components.technology`."""
TOLERANCE = 1e-9
MOST_V = 5.0
SLOWEST_MHZ, FASTEST_MHZ = 1e-3, 1e5
Voltage = Annotated[float, Field(gt=0, le=MOST_V)]
Clock = Annotated[float, Field(ge=SLOWEST_MHZ, le=FASTEST_MHZ)]


class FrequencyPoint(StrictModel):
    vdd_v: Voltage
    max_mhz: Clock


class BodyBias(StrictModel):
    """Forward body bias: a lower threshold, and so a faster clock and more leakage."""

    threshold_shift_v: Annotated[float, Field(gt=0, le=0.3)]


class Operating(StrictModel):
    """How fast the clock may be at a supply."""

    points: list[FrequencyPoint] = Field(
        default_factory=list[FrequencyPoint], description="measured; straight lines between them"
    )
    threshold_v: Annotated[float, Field(gt=0, le=2)] | None = Field(
        None, description="of the alpha-power law; default: the node's"
    )
    body_bias: BodyBias | None = None

    @model_validator(mode="after")
    def _rising(self) -> Operating:
        if any(
            b.vdd_v <= a.vdd_v or b.max_mhz <= a.max_mhz
            for a, b in zip(self.points, self.points[1:], strict=False)
        ):
            raise ValueError("points must rise in vdd_v and in max_mhz")
        return self


class OperatingPoint(StrictModel):
    """Where the machine runs. Of one alone, the other is the fastest clock or the lowest supply for it."""

    vdd_v: Voltage | None = None
    clock_mhz: Clock | None = None
    body_bias: bool = False


class Scalable(Protocol):
    """A spec whose supply and clock can be chosen."""

    @property
    def technology(self) -> Technology: ...
    @property
    def operating(self) -> Operating: ...
    @property
    def operating_point(self) -> OperatingPoint | None: ...


@dataclass(frozen=True, slots=True)
class Point:
    """A supply, its clock, and the factors on energies and leakage given at the reference supply."""

    vdd_v: float
    clock_mhz: float
    body_bias: bool
    energy_scale: float
    leakage_scale: float


def check_supply(what: str, vdd_v: float) -> None:
    """Raise InputError for what is no supply of any circuit."""
    if not 0 < vdd_v <= MOST_V:
        raise InputError(f"{what} at {vdd_v:g} V; a supply is above 0 and at most {MOST_V:g} V")


def check_clock(what: str, clock_mhz: float) -> None:
    """Raise InputError for what is no clock of any circuit."""
    if not SLOWEST_MHZ <= clock_mhz <= FASTEST_MHZ:
        raise InputError(
            f"{what} at {clock_mhz:g} MHz; a clock is from {SLOWEST_MHZ:g} to {FASTEST_MHZ:g} MHz"
        )


def operating_point(spec: Scalable) -> Point:
    """Where the machine runs. InputError: the clock is too fast for the supply, or nothing reaches it."""
    reference = supply_v(spec.technology.node_nm, spec.technology.vdd_v)
    chosen = spec.operating_point
    if chosen is None:
        return _point(spec, reference, spec.technology.clock_mhz, biased=False)
    biased = chosen.body_bias
    if biased and spec.operating.body_bias is None:
        raise InputError(
            "operating_point.body_bias: this accelerator has none; give operating.body_bias its "
            "threshold_shift_v, or leave body_bias out"
        )
    if chosen.vdd_v is None and chosen.clock_mhz is None:
        return _point(spec, reference, spec.technology.clock_mhz, biased)
    if chosen.vdd_v is None:
        assert chosen.clock_mhz is not None
        return _point(spec, lowest_supply(spec, chosen.clock_mhz, biased), chosen.clock_mhz, biased)
    fastest = max_clock_mhz(spec, chosen.vdd_v, biased)
    clock = fastest if chosen.clock_mhz is None else chosen.clock_mhz
    if clock > fastest * (1 + TOLERANCE):
        raise InputError(
            f"operating_point: {clock:g} MHz is too fast for {chosen.vdd_v:g} V, which allows "
            f"{fastest:.4g} MHz; lower clock_mhz{_hint(spec, clock, biased)}"
        )
    return _point(spec, chosen.vdd_v, clock, biased)


def max_clock_mhz(spec: Scalable, vdd_v: float, biased: bool = False) -> float:
    """The fastest clock at a supply. InputError: the supply is outside what is known."""
    shift = _shift(spec, biased)
    threshold = _threshold(spec)
    points = spec.operating.points
    if points:
        lowest, highest = points[0].vdd_v, points[-1].vdd_v
        if not lowest - TOLERANCE <= vdd_v <= highest + TOLERANCE:
            raise InputError(
                f"operating_point.vdd_v: {vdd_v:g} V is outside operating.points; "
                f"allowed: {lowest:g} to {highest:g} V"
            )
        base = _between(spec, vdd_v)
        if not shift:
            return base
        return base * ((vdd_v - threshold + shift) / (vdd_v - threshold)) ** ALPHA
    reference = supply_v(spec.technology.node_nm, spec.technology.vdd_v)
    supply_v(spec.technology.node_nm, vdd_v)
    if vdd_v <= threshold:
        raise InputError(f"operating_point.vdd_v: {vdd_v:g} V is not above the threshold of {threshold:g} V")
    drive = ((vdd_v - threshold + shift) / (reference - threshold)) ** ALPHA
    return spec.technology.clock_mhz * drive * reference / vdd_v


def lowest_supply(spec: Scalable, clock_mhz: float, biased: bool = False) -> float:
    """The least supply that allows a clock, by bisection (the clock rises with the supply)."""
    low, high = supply_range(spec)
    fastest = max_clock_mhz(spec, high, biased)
    if clock_mhz > fastest * (1 + TOLERANCE):
        raise InputError(
            f"operating_point.clock_mhz: {clock_mhz:g} MHz is more than {fastest:.4g} MHz, the fastest clock "
            f"(at {high:g} V)"
        )
    if clock_mhz <= max_clock_mhz(spec, low, biased):
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if max_clock_mhz(spec, middle, biased) >= clock_mhz else (middle, high)
    return high


def supply_range(spec: Scalable) -> tuple[float, float]:
    """The least and the highest supply: the measured points', or 100 mV above threshold to reference."""
    points = spec.operating.points
    if points:
        return points[0].vdd_v, points[-1].vdd_v
    reference = supply_v(spec.technology.node_nm, spec.technology.vdd_v)
    return min(reference, _threshold(spec) + 0.1), reference


def _between(spec: Scalable, vdd_v: float) -> float:
    points = spec.operating.points
    for a, b in itertools.pairwise(points):
        if vdd_v <= b.vdd_v:
            return a.max_mhz + (vdd_v - a.vdd_v) / (b.vdd_v - a.vdd_v) * (b.max_mhz - a.max_mhz)
    return points[-1].max_mhz


def _threshold(spec: Scalable) -> float:
    given = spec.operating.threshold_v
    return threshold_v(spec.technology.node_nm) if given is None else given


def _shift(spec: Scalable, biased: bool) -> float:
    bias = spec.operating.body_bias
    return bias.threshold_shift_v if biased and bias is not None else 0.0


def _hint(spec: Scalable, clock_mhz: float, biased: bool) -> str:
    try:
        return f", or raise vdd_v to {lowest_supply(spec, clock_mhz, biased):.3g} V"
    except InputError:
        return ", as no supply allows it"


def _point(spec: Scalable, vdd_v: float, clock_mhz: float, biased: bool) -> Point:
    reference = supply_v(spec.technology.node_nm, spec.technology.vdd_v)
    dibl = math.exp(LEAKAGE_PER_VOLT * (vdd_v - reference))
    return Point(
        vdd_v=vdd_v,
        clock_mhz=clock_mhz,
        body_bias=biased,
        energy_scale=(vdd_v / reference) ** 2,
        leakage_scale=vdd_v / reference * dibl * math.exp(_shift(spec, biased) / SLOPE_V),
    )
