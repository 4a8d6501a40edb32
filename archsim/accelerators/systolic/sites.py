"""Supplies of a systolic accelerator's SRAMs, and the clock that they allow."""

from __future__ import annotations

from archsim.accelerators.low_voltage import SramClock, SramSite, sram_clock
from archsim.accelerators.systolic.spec import Register, Sram, SystolicSpec
from archsim.components.technology import supply_v


def site_of(m: Sram | Register, spec: SystolicSpec) -> SramSite:
    """A buffer, or a PE's scratchpad, which has the supply of all PEs' alike."""
    nominal = supply_v(spec.technology.node_nm, spec.technology.vdd_v)
    banks = m.banks if isinstance(m, Sram) else 1
    return SramSite(
        memory=m.name,
        given=m.low_voltage,
        word_bits=m.word_bits,
        node_nm=spec.technology.node_nm,
        nominal_v=nominal,
        logic_v=nominal,
        made_for_mhz=spec.technology.clock_mhz,
        banks=banks,
    )


def sites_of(spec: SystolicSpec) -> list[SramSite]:
    """Of the memories that are SRAMs."""
    on_chip = [m for m in spec.memories if isinstance(m, Sram | Register)]
    return [site_of(m, spec) for m in on_chip if isinstance(m, Sram) or m.built_as == "sram"]


def sram_clock_of(spec: SystolicSpec) -> SramClock:
    return sram_clock(spec.technology.clock_mhz, sites_of(spec))


def at_sram_clock(spec: SystolicSpec) -> SystolicSpec:
    """The spec at the clock that its SRAMs allow."""
    clock = sram_clock_of(spec)
    if clock.memory is None:
        return spec
    slower = spec.technology.model_copy(update={"clock_mhz": clock.mhz})
    return spec.model_copy(update={"technology": slower})
