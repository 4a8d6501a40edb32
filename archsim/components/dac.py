"""What drives a crossbar's row with a slice of its input: a level or a number of pulses."""

from typing import Literal

from archsim.components.arithmetic import check_bits
from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import (
    area_scale,
    energy_scale,
    node_uncertainty,
    voltage_energy_scale,
    voltage_uncertainty,
)
from archsim.errors import InputError

DacKind = Literal["voltage", "pulse"]
MOST_BITS = 16

# ZigZag-IMC: 50 fF a bit at 28 nm, nothing for 1 bit (the row's own driver does it). At 40 nm and 8 bits it
# gives 0.61 pJ where BRAHMS has 0.29 (from Chen et al., VLSI 2018: 0.32 mW at 1.1 GS/s)
VOLTAGE_PJ_PER_BIT_V2, VOLTAGE_NM, VOLTAGE_SOURCE = 0.05, 28.0, "ZigZag-IMC, 50 fF a bit at 28 nm"
VOLTAGE_UNCERTAINTY = 2.0
# Area of an 8-bit DAC: BRAHMS, as above; its 2^bits unit elements shrink with the bits (derived)
VOLTAGE_8_BIT_UM2, VOLTAGE_AREA_NM = 438.0, 40.0
# TIMELY's 8-bit digital-to-time converter at 65 nm (Li et al., ISCA 2020, Table II); by the bit (derived)
PULSE_8_BIT_PJ, PULSE_8_BIT_UM2, PULSE_NM = 0.0375, 240.0, 65.0
PULSE_SOURCE = "TIMELY's 8-bit digital-to-time converter, 65 nm (ISCA 2020, Table II)"
# ISAAC's 1-bit DAC is an inverter: 0.166 um2 at 32 nm
INVERTER_UM2, INVERTER_NM = 0.166, 32.0
DERIVED_UNCERTAINTY, AREA_UNCERTAINTY = 3.0, 3.0


def dac(
    bits: int, node_nm: float, *, kind: DacKind = "voltage", vdd_v: float | None = None, name: str = "dac"
) -> Part:
    """One row's converter of slices of up to `bits`; action "convert" (pJ a slice of all bits).

    The energy of the line that it drives belongs to the cells. A DAC of 1 bit is an inverter. Leakage is
    neglected. Raises InputError outside 1 to 16 bits, for an unknown kind, node or supply.
    """
    check_bits(name, "bits", bits, 1, MOST_BITS)
    if kind not in ("voltage", "pulse"):
        raise InputError(f"{name}: kind '{kind}' is unknown; allowed: voltage, pulse")
    law = voltage_uncertainty(node_nm, vdd_v, 0.3)
    nothing = Figure(0.0, "leakage of a row's driver neglected", 1.0)
    if bits == 1:
        area = Figure(INVERTER_UM2 * 1e-6, "ISAAC's 1-bit DAC, an inverter", AREA_UNCERTAINTY)
        moved = area.scaled(area_scale(INVERTER_NM, node_nm), "", node_uncertainty(INVERTER_NM, node_nm))
        return Part(name, {"convert": Figure(0.0, "an inverter: the row's line is all it drives", 1.0)},
                    moved, nothing)  # fmt: skip
    if kind == "pulse":
        energy = Figure(PULSE_8_BIT_PJ * bits / 8, PULSE_SOURCE, DERIVED_UNCERTAINTY)
        scale = energy_scale(PULSE_NM, node_nm, to_vdd_v=vdd_v)
        area_8, from_nm, share = PULSE_8_BIT_UM2, PULSE_NM, bits / 8
    else:
        at_28 = VOLTAGE_PJ_PER_BIT_V2 * bits * 0.9**2
        energy = Figure(at_28, VOLTAGE_SOURCE, VOLTAGE_UNCERTAINTY)
        scale = energy_scale(VOLTAGE_NM, node_nm, from_vdd_v=0.9) * voltage_energy_scale(node_nm, vdd_v)
        area_8, from_nm, share = VOLTAGE_8_BIT_UM2, VOLTAGE_AREA_NM, 2.0 ** (bits - 8)
    source = PULSE_SOURCE if kind == "pulse" else "BRAHMS' 8-bit DAC (Chen et al., VLSI 2018), 40 nm"
    area = Figure(area_8 * share * 1e-6, source, AREA_UNCERTAINTY)
    return Part(
        name,
        {"convert": energy.scaled(scale, "", node_uncertainty(from_nm, node_nm) * law)},
        area.scaled(area_scale(from_nm, node_nm), "", node_uncertainty(from_nm, node_nm)),
        nothing,
    )
