"""Adders, multipliers and the other operators a MAC or a vector lane is built of.

Two published libraries, which do not agree (8-bit multiplier at 45 nm: 0.91 against 0.20 pJ):

- Aladdin (Shao et al., ISCA 2014), 40 nm, 32-bit operators at 1 GHz; multiplier ~ product of operand bits,
  adder and comparator ~ bits, barrel shifter ~ bits x log2(bits) (array and ripple structure; derived).
- Horowitz, "Computing's energy problem", ISSCC 2014, 45 nm, 0.9 V: integer 8 and 32 bits, floating point 16
  and 32 bits; power laws through the two widths, and for the floating-point multiplier one term in the
  significand squared (the array) and one in the width (exponent, rounding, registers; derived).

Leakage of Horowitz's operators is not published: area times the leakage per area of Aladdin's.
"""

import math
from dataclasses import dataclass

from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import (
    area_scale,
    energy_scale,
    leakage_scale,
    node_uncertainty,
    voltage_uncertainty,
)
from archsim.errors import InputError

ALADDIN, ALADDIN_NM = "Aladdin 40 nm (Shao et al., ISCA 2014)", 40
HOROWITZ, HOROWITZ_NM = "Horowitz, ISSCC 2014 (45 nm, 0.9 V)", 45
# per operator of 32 bits: pJ, um2, uW
ALADDIN_MULTIPLIER = (12.68, 6350.0, 80.0)
ALADDIN_ADDER = (0.21, 278.0, 2.4)
ALADDIN_SHIFTER = (0.417, 250.0, 1.7)
ALADDIN_COMPARATOR = (0.02947, 71.0, 0.0251)
LEAKAGE_UW_PER_UM2 = 0.0106  # at 40 nm: mean of Aladdin's multiplier (0.0126) and adder (0.0086)

# The other library's figure is the measure of how wrong one can be: 4.6 times for a multiplier, 2.4 for an
# adder (32 bits, 45 nm); operators only Aladdin has are taken to be as uncertain as the adder
MULTIPLIER_UNCERTAINTY, ADDER_UNCERTAINTY = 4.6, 2.5
FLOAT_UNCERTAINTY, DERIVED_FLOAT_UNCERTAINTY = 2.0, 2.5  # published 16 and 32 bits; bf16 and fp8 derived
AREA_UNCERTAINTY, LEAKAGE_UNCERTAINTY = 2.5, 4.0


@dataclass(frozen=True, slots=True)
class Operator:
    """Cost of one arithmetic operator at the node it was published for."""

    energy_pj: float
    area_um2: float
    leakage_uw: float
    node_nm: float
    source: str
    uncertainty: float  # of the energy


def int_multiplier(bits_a: int, bits_b: int, library: str = "aladdin") -> Operator:
    if library == "horowitz":
        product = bits_a * bits_b / 64
        return _horowitz(0.2 * product**0.9885, 282 * product**0.908, MULTIPLIER_UNCERTAINTY)
    share = bits_a * bits_b / 32**2
    return _aladdin(ALADDIN_MULTIPLIER, share, MULTIPLIER_UNCERTAINTY)


def int_adder(bits: int, library: str = "aladdin") -> Operator:
    if library == "horowitz":
        return _horowitz(0.03 * (bits / 8) ** 0.868, 36 * (bits / 8) ** 0.964, ADDER_UNCERTAINTY)
    return _aladdin(ALADDIN_ADDER, bits / 32, ADDER_UNCERTAINTY)


def int_shifter(bits: int) -> Operator:
    share = bits * math.log2(bits) / (32 * 5) if bits > 1 else 1 / (32 * 5)
    return _aladdin(ALADDIN_SHIFTER, share, ADDER_UNCERTAINTY)


def int_comparator(bits: int) -> Operator:
    return _aladdin(ALADDIN_COMPARATOR, bits / 32, ADDER_UNCERTAINTY)


def float_multiplier(significand_bits: int, width_bits: int) -> Operator:
    """`significand_bits` counts the hidden one: 24 for fp32, 11 for fp16, 8 for bf16."""
    published = (significand_bits, width_bits) in ((11, 16), (24, 32))
    energy = 0.00449102 * significand_bits**2 + 0.0347867 * width_bits
    area = 13.2335 * significand_bits**2 + 2.42141 * width_bits
    return _horowitz(energy, area, FLOAT_UNCERTAINTY if published else DERIVED_FLOAT_UNCERTAINTY)


def float_adder(width_bits: int) -> Operator:
    return _horowitz(0.4 * (width_bits / 16) ** 1.170, 1360 * (width_bits / 16) ** 1.621, FLOAT_UNCERTAINTY)


def adder(bits: int, node_nm: float, *, vdd_v: float | None = None, name: str = "adder") -> Part:
    """Integer adder; action "add". Raises InputError outside 1 to 128 bits, the nodes or the supplies."""
    check_bits(name, "bits", bits, 1, 128)
    return operator_part(name, "add", int_adder(bits), node_nm, vdd_v)


def shifter(bits: int, node_nm: float, *, vdd_v: float | None = None, name: str = "shifter") -> Part:
    """Barrel shifter; action "shift". Raises InputError outside 1 to 128 bits, the nodes or the supplies."""
    check_bits(name, "bits", bits, 1, 128)
    return operator_part(name, "shift", int_shifter(bits), node_nm, vdd_v)


def comparator(bits: int, node_nm: float, *, vdd_v: float | None = None, name: str = "comparator") -> Part:
    """Comparator; action "compare". Raises InputError outside 1 to 128 bits, the nodes or the supplies."""
    check_bits(name, "bits", bits, 1, 128)
    return operator_part(name, "compare", int_comparator(bits), node_nm, vdd_v)


def check_bits(name: str, label: str, bits: int, fewest: int, most: int) -> None:
    """Raise InputError unless `bits` is a whole number between the two bounds."""
    if not fewest <= bits <= most or bits != int(bits):
        raise InputError(f"{name}: {label} is {bits}; allowed: {fewest} to {most}, whole numbers")


def operator_part(name: str, action: str, operator: Operator, node_nm: float, vdd_v: float | None) -> Part:
    """One operator as a part with one action."""
    energy = energy_at(operator, node_nm, vdd_v)
    return Part(name, {action: energy}, area_at(operator, node_nm), leakage_at(operator, node_nm, vdd_v))


def energy_at(operator: Operator, node_nm: float, vdd_v: float | None) -> Figure:
    """Energy (pJ) of an operator at a node and supply."""
    moved = node_uncertainty(operator.node_nm, node_nm)
    return Figure(operator.energy_pj, operator.source, operator.uncertainty).scaled(
        energy_scale(operator.node_nm, node_nm, to_vdd_v=vdd_v),
        "",
        moved * voltage_uncertainty(node_nm, vdd_v, 0.3),
    )


def area_at(operator: Operator, node_nm: float) -> Figure:
    """Area (mm2) of an operator at a node."""
    return Figure(operator.area_um2 * 1e-6, operator.source, AREA_UNCERTAINTY).scaled(
        area_scale(operator.node_nm, node_nm), "", node_uncertainty(operator.node_nm, node_nm)
    )


def leakage_at(operator: Operator, node_nm: float, vdd_v: float | None) -> Figure:
    """Leakage (mW) of an operator; between nodes it is scaled like energy, as hwcomponents does."""
    moved = node_uncertainty(operator.node_nm, node_nm)
    return Figure(operator.leakage_uw * 1e-3, operator.source, LEAKAGE_UNCERTAINTY).scaled(
        energy_scale(operator.node_nm, node_nm) * leakage_scale(node_nm, vdd_v),
        "",
        moved * voltage_uncertainty(node_nm, vdd_v, 1.5),
    )


def _aladdin(published: tuple[float, float, float], share: float, uncertainty: float) -> Operator:
    energy, area, leakage = (share * value for value in published)
    return Operator(energy, area, leakage, ALADDIN_NM, ALADDIN, uncertainty)


def _horowitz(energy_pj: float, area_um2: float, uncertainty: float) -> Operator:
    # leakage per area at 40 nm carried to 45 nm: power scales like energy, area by its own table
    density = LEAKAGE_UW_PER_UM2 * energy_scale(ALADDIN_NM, HOROWITZ_NM) / area_scale(ALADDIN_NM, HOROWITZ_NM)
    return Operator(energy_pj, area_um2, density * area_um2, HOROWITZ_NM, HOROWITZ, uncertainty)
