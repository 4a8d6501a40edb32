"""The key `low_voltage` of an SRAM in every family's YAML, and what it does to the machine's clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from archsim.accelerators.spec import StrictModel
from archsim.components.figure import Figure
from archsim.components.low_voltage import LowVoltageSram, low_voltage_sram
from archsim.components.part import Part
from archsim.components.sram_supply import SramSupply
from archsim.errors import InputError

Voltage = Annotated[float, Field(gt=0, le=5)]


class MeasuredRate(StrictModel):
    vdd_v: Voltage
    ber: Annotated[float, Field(gt=0, lt=1)] = Field(description="share of cells that fail")


class Rail(StrictModel):
    """A supply that is switched between layers."""

    vdd_v: Annotated[list[Voltage], Field(min_length=2)] = Field(description="V, rising; one a layer")
    switch_us: Annotated[float, Field(ge=0, le=1e6)] = Field(
        description="until the supply has settled; nothing runs meanwhile"
    )
    switch_nj: Annotated[float, Field(ge=0, le=1e9)] = Field(description="of a switch")

    @model_validator(mode="after")
    def _rising(self) -> Rail:
        if any(after <= before for before, after in pairwise(self.vdd_v)):
            raise ValueError("rail.vdd_v must rise")
        return self


class LowVoltage(StrictModel):
    """The supply of an SRAM apart from the rest, and how its cells take it."""

    technology: str = Field("generic", description="of its cells: 14nm, 65nm, fpga-28nm, or generic")
    vdd_v: Voltage | Annotated[list[Voltage], Field(min_length=1)] | None = Field(
        None, description="V, or one a bank (words are interleaved over them); default: nominal, no errors"
    )
    rail: Rail | None = Field(None, description="voltages that layers choose from, in place of vdd_v")
    ecc: Literal["none", "secded"] = Field(
        "none", description="secded: check bits in every word, a codec in its way"
    )
    max_mhz: Annotated[float, Field(ge=1e-3, le=1e6)] | None = Field(
        None, description="of the memory at its nominal supply; default: the machine's clock, no slack"
    )
    vmin_v: Voltage | None = Field(None, description="lowest supply without errors; default: technology's")
    ber_mean: Annotated[float, Field(gt=0, le=2)] | None = Field(
        None, description="mean of the cells' lowest voltages, over vmin_v"
    )
    ber_sigma: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="their spread, over vmin_v"
    )
    energy_exponent: Annotated[float, Field(ge=0, le=5)] | None = Field(None, description="energy ~ V^this")
    threshold_v: Annotated[float, Field(gt=0, le=2)] | None = Field(
        None, description="of the alpha-power law"
    )
    measured: list[MeasuredRate] = Field(
        default_factory=list[MeasuredRate], description="rising in vdd_v; replaces the probit"
    )

    @model_validator(mode="after")
    def _one_supply(self) -> LowVoltage:
        if self.rail is not None and self.vdd_v is not None:
            raise ValueError("vdd_v is one supply for all layers, rail one a layer; give one of the two")
        return self

    def sram(self, node_nm: float, nominal_v: float) -> LowVoltageSram:
        """The technology with what is given here, in a machine whose figures hold at `nominal_v`."""
        base = low_voltage_sram(self.technology, node_nm, nominal_v)
        given = {
            "vmin_v": self.vmin_v,
            "mean": self.ber_mean,
            "sigma": self.ber_sigma,
            "energy_exponent": self.energy_exponent,
            "threshold_v": self.threshold_v,
        }
        changes: dict[str, Any] = {
            name: Figure(value, f"given as low_voltage.{name}", 1.0)
            for name, value in given.items()
            if value is not None
        }
        if self.measured:
            changes["measured"] = tuple((point.vdd_v, point.ber) for point in self.measured)
            changes["measured_source"] = "given as low_voltage.measured"
        elif {"vmin_v", "mean", "sigma"} & changes.keys():
            changes["measured"] = ()
        return replace(base, **changes)


@dataclass(frozen=True)
class SramSite:
    """One SRAM of a machine as far as its supply goes. `word_bits` are of data. Energies and leakage of its
    part are given at `nominal_v`; what is around it runs at `logic_v`, and so does the memory where nothing
    else is given. At `nominal_v` it was made for `made_for_mhz`, unless its own `max_mhz` is given.
    """

    memory: str
    given: LowVoltage | None
    word_bits: int
    node_nm: float
    nominal_v: float
    logic_v: float
    made_for_mhz: float
    banks: int | None = None  # None: any number

    @property
    def supply(self) -> SramSupply | None:
        """None: nominal and unprotected, as if nothing were given. InputError for a supply that cannot be."""
        given = self.given
        if given is None or (given.vdd_v is None and given.ecc == "none"):
            return None
        where = f"memory {self.memory!r}: low_voltage"
        asked = given.vdd_v
        volts = tuple(asked) if isinstance(asked, list) else (asked or self.logic_v,)
        if isinstance(asked, list) and self.banks not in (None, len(volts)):
            raise InputError(
                f"{where}.vdd_v has {len(volts)} voltages, but the memory has banks: {self.banks}; "
                "give one voltage, or one a bank"
            )
        technology = self.technology
        assert technology is not None
        try:
            supply = SramSupply(technology, volts, self.word_bits, given.ecc, asked is None)
            _ = supply.bit_error_rates  # raises for a supply that cannot be
            return supply
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    def at(self, vdd_v: float) -> SramSite:
        """The same memory at another supply."""
        given = LowVoltage.model_validate({}) if self.given is None else self.given
        return replace(self, given=given.model_copy(update={"vdd_v": vdd_v}))

    @property
    def technology(self) -> LowVoltageSram | None:
        """How its cells take a lower supply; None where the YAML does not say. Raises InputError."""
        if self.given is None:
            return None
        try:
            return self.given.sram(self.node_nm, self.nominal_v)
        except InputError as error:
            raise InputError(f"memory {self.memory!r}: low_voltage: {error}") from None

    def supplied(self, part: Part, *, codecs: int = 1) -> Part:
        """The part at its supply; unchanged where nothing is given."""
        supply = self.supply
        return part if supply is None else supply.supplied(part, self.node_nm, self.logic_v, codecs=codecs)

    @property
    def max_mhz(self) -> float | None:
        """The fastest clock that the memory allows; None: any."""
        supply = self.supply
        if supply is None or self.given is None:
            return None
        return supply.max_mhz(self.given.max_mhz or self.made_for_mhz, self.node_nm, self.logic_v)


def passed(sites: Iterable[SramSite]) -> float:
    """Share of faulty bits in what passes several memories, behind their codes."""
    fine = 1.0
    for site in sites:
        supply = site.supply
        fine *= 1 - (0.0 if supply is None else supply.residual_bit_error_rate)
    return 1 - fine


@dataclass(frozen=True)
class SramClock:
    """The clock that all memories allow: that of the machine (`wanted_mhz`), or the slowest memory's."""

    mhz: float
    wanted_mhz: float
    memory: str | None  # that sets the pace; None: none does


def sram_clock(wanted_mhz: float, sites: Iterable[SramSite]) -> SramClock:
    """A machine runs at its own clock or at its slowest SRAM's, whichever is less."""
    allowed = {site.memory: mhz for site in sites if (mhz := site.max_mhz) is not None}
    slowest = min(allowed, key=lambda name: allowed[name], default=None)
    if slowest is None or allowed[slowest] >= wanted_mhz * (1 - 1e-12):
        return SramClock(wanted_mhz, wanted_mhz, None)
    return SramClock(allowed[slowest], wanted_mhz, slowest)


Figures = dict[str, Figure]
Energies = dict[tuple[str, str], Figure]


def resupply(
    site: SramSite, energy: Energies, area: Figures, leakage: Figures, *, codecs: int = 1, words: float = 1.0
) -> bool:
    """Put a memory's entries in a machine's costs at its own supply; whether it has one.

    `words`: the share of a word that one of its actions is of.
    """
    if site.supply is None:
        return False
    name = site.memory
    actions = ("read", "write")
    word = {action: energy[name, action].scaled(1 / words) for action in actions}
    part = site.supplied(Part(name, word, area[name], leakage[name]), codecs=codecs)
    energy |= {(name, action): part.energy_pj[action].scaled(words) for action in actions}
    area[name], leakage[name] = part.area_mm2, part.leakage_mw
    return True


def sram_settings(sites: Iterable[SramSite], clock: SramClock) -> Mapping[str, Any]:
    """What a result says of the memories' supplies; nothing where all are nominal."""
    found: dict[str, Any] = {}
    for site in sites:
        supply = site.supply
        if supply is not None:
            found[site.memory] = {
                "vdd_v": supply.vdd_v[0] if len(set(supply.vdd_v)) == 1 else list(supply.vdd_v),
                "ber": supply.bit_error_rate,
                "residual_ber": supply.residual_bit_error_rate,
                "energy_factor": supply.energy_factor,
                "leakage_factor": supply.leakage_factor,
                "max_mhz": site.max_mhz,
                "ecc": supply.ecc,
            }
    if not found:
        return {}
    limit = {"clock_limited_by": clock.memory, "clock_wanted_mhz": clock.wanted_mhz}
    return {"sram": found} | (limit if clock.memory is not None else {})
