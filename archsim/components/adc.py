"""Analog-to-digital converters: energy of a conversion and area by resolution, rate and node.

Four published models, which differ by up to eight times for "the same" 8-bit converter; the one asked for
gives the value, and how far the others lie from it is its uncertainty:

- survey    regression over B. Murmann's ADC survey 1997-2023 (hwcomponents-adc 1.0, MIT): converters of all
            kinds, the rate counts. It reproduces tests/data/components.csv within 0.3 %
- zigzag    capacitor array and comparator fitted to three macros at 28 nm (ZigZag-IMC, Houshmand et al.)
- neurosim  Cadence simulations of a SAR ADC by node (DNN+NeuroSim V1.4, SarADC.cpp, low-power devices); its
            second term is the current of the column that is read, so it grows with what is added up
- isaac     the SAR ADC of Kull et al. (ISSCC 2013) as ISAAC and its followers scale it (32 nm)

None of them was fitted below 4 bits, where the survey's regression rises again: fewer bits cost what 4 do.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from archsim.components.arithmetic import check_bits
from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import (
    area_scale,
    check_node,
    energy_scale,
    leakage_scale,
    voltage_energy_scale,
    voltage_uncertainty,
)
from archsim.errors import InputError

AdcModel = Literal["survey", "zigzag", "neurosim", "isaac"]
AdcKind = Literal["sar", "flash", "ramp"]
FEWEST_BITS, MOST_BITS = 4, 14
SLOWEST_MSPS, FASTEST_MSPS = 1e-3, 1e5
LEAKAGE_SHARE = 0.2
"""Of the power at its rate that a converter at rest draws as well: the split of hwcomponents-adc."""

SOURCES: Mapping[AdcModel, str] = {
    "survey": "Murmann ADC survey 1997-2023, regression of hwcomponents-adc 1.0",
    "zigzag": "ZigZag-IMC ADC model, fitted to three macros at 28 nm",
    "neurosim": "DNN+NeuroSim V1.4, SarADC.cpp, low-power devices",
    "isaac": "Kull et al. (ISSCC 2013) as scaled by ISAAC and its followers, 32 nm",
}
ZIGZAG_NM, ZIGZAG_VDD_V = 28.0, 0.9
ISAAC_NM = 32.0
# bits -> pJ, um2
ISAAC = {4: (0.79, 361), 5: (0.99, 477), 6: (1.20, 627), 7: (1.42, 845), 8: (1.667, 1200), 9: (1.97, 1828),
         10: (2.38, 3002)}  # fmt: skip
# nm -> uW a bit, uW, uW of a column of 1 ohm (V² of the read): power while converting, bits + 1 nanoseconds
NEUROSIM = {
    130: (8.4483, 65.243, 0.169380e6), 90: (5.9869, 37.462, 0.144323e6), 65: (3.7506, 25.844, 0.121272e6),
    45: (2.1691, 16.693, 0.100225e6), 32: (1.1294, 8.8998, 0.079449e6), 22: (0.538, 4.3753, 0.072341e6),
    14: (0.3132, 2.5681, 0.061085e6), 10: (0.1823, 1.5073, 0.051580e6), 7: (0.1061, 0.8847, 0.043555e6),
}  # fmt: skip
COLUMN_OHM = 10e3
"""Of a column where none is given; NeuroSim's example."""
KIND_UNCERTAINTY = 2.0  # of a flash or ramp converter priced by a SAR's decisions (derived)


@dataclass(frozen=True, slots=True)
class KnownAdc:
    """A converter whose figures are known at so many bits, at the node and supply asked for."""

    bits: int
    energy_pj: float | None
    area_um2: float | None
    source: str


def adc(
    bits: int,
    node_nm: float,
    *,
    rate_msps: float,
    kind: AdcKind = "sar",
    model: AdcModel = "survey",
    known: KnownAdc | None = None,
    column_ohm: float = COLUMN_OHM,
    leakage_share: float = LEAKAGE_SHARE,
    vdd_v: float | None = None,
    name: str = "adc",
) -> Part:
    """One converter of `bits` that does up to `rate_msps` million conversions a second.

    Action "convert" (pJ). Of the power at full rate `leakage_share` is leakage, the rest belongs to
    conversions. `column_ohm` is the resistance of a column on average data; only NeuroSim's model reads it.
    `kind`: the survey knows converters of all kinds; the other models are of SAR converters, whose energy and
    area for each of `bits` decisions give those of a flash (2^bits - 1 comparators) or a ramp (as many
    decisions of one comparator); derived. NeuroSim's area is the survey's. With `known` figures the models
    only say how they change with the bits.

    Raises InputError outside 1 to 14 bits, 0.001 to 100,000 MS/s, the nodes or the supplies.
    """
    check_bits(name, "bits", bits, 1, MOST_BITS)
    check_node(node_nm)
    if not SLOWEST_MSPS <= rate_msps <= FASTEST_MSPS:
        raise InputError(
            f"{name}: rate_msps is {rate_msps:g}; allowed: {SLOWEST_MSPS:g} to {FASTEST_MSPS:g} "
            "million conversions a second"
        )
    if model not in SOURCES:
        raise InputError(f"{name}: model '{model}' is unknown; allowed: {', '.join(SOURCES)}")

    def energies(b: int) -> dict[AdcModel, float]:
        return {m: energy_pj(m, kind, b, node_nm, rate_msps, column_ohm) for m in SOURCES}

    def areas(b: int) -> dict[AdcModel, float]:
        return {m: area_um2(m, kind, b, node_nm, rate_msps) for m in SOURCES}

    doubt = 1.0 if kind == "sar" or model == "survey" else KIND_UNCERTAINTY
    law = doubt * voltage_uncertainty(node_nm, vdd_v, 0.3)
    energy = _among(energies(bits), model).scaled(voltage_energy_scale(node_nm, vdd_v), "", law)
    area = _among(areas(bits), model).scaled(1.0, "", doubt)
    if known is not None and known.energy_pj is not None:
        energy = _carried(energies, known.energy_pj, known, bits, model)
    if known is not None and known.area_um2 is not None:
        area = _carried(areas, known.area_um2, known, bits, model)
    idle = leakage_scale(node_nm, vdd_v) / voltage_energy_scale(node_nm, vdd_v) if known is None else 1.0
    return Part(
        name,
        {"convert": energy.scaled(1 - leakage_share)},
        area.scaled(1e-6),
        energy.scaled(leakage_share * rate_msps * 1e-3 * idle),  # pJ × MS/s is uW
    )


def _carried(
    values: Callable[[int], dict[AdcModel, float]], value: float, known: KnownAdc, bits: int, model: AdcModel
) -> Figure:
    """A known figure at other bits: the chosen model's ratio; how the models differ in it is uncertain."""
    here, there = values(bits), values(known.bits)
    ratio = _among({m: here[m] / there[m] for m in SOURCES}, model)
    note = "" if bits == known.bits else f", {known.bits} to {bits} bits by {SOURCES[model]}"
    return Figure(value * ratio.value, known.source + note, ratio.uncertainty)


def conversion_ns(kind: AdcKind, bits: int) -> float:
    """Time of one conversion where no rate is given: a SAR's bits and a sample at 1 GHz (NeuroSim), a flash's
    one step, a ramp's 2^bits steps.
    """
    return {"sar": bits + 1.0, "flash": 1.0, "ramp": float(2**bits)}[kind]


def energy_pj(
    model: AdcModel, kind: AdcKind, bits: int, node_nm: float, rate_msps: float, column_ohm: float
) -> float:
    """Energy (pJ) of a conversion at the node's nominal supply, leakage at full rate included."""
    b = max(bits, FEWEST_BITS)
    if model == "survey":
        return survey_energy_pj(b, node_nm, rate_msps)
    if model == "zigzag":
        at_28 = (0.1 * b + 1e-6 * 4**b) * ZIGZAG_VDD_V**2
        sar = at_28 * energy_scale(ZIGZAG_NM, node_nm, from_vdd_v=ZIGZAG_VDD_V)
    elif model == "neurosim":
        a_bit, fixed, current = (_between_nodes(node_nm, i) for i in range(3))
        sar = (a_bit * b + fixed + current / column_ohm) * (b + 1) * 1e-3
    else:
        sar = _isaac(b, 0) * energy_scale(ISAAC_NM, node_nm)
    return sar * decisions(kind, b)


def column_share(bits: int, node_nm: float, column_ohm: float) -> float:
    """The part of a conversion's energy that follows the current of its column (NeuroSim's second term)."""
    a_bit, fixed, current = (_between_nodes(node_nm, i) for i in range(3))
    own = a_bit * max(bits, FEWEST_BITS) + fixed
    return current / column_ohm / (own + current / column_ohm)


def area_um2(model: AdcModel, kind: AdcKind, bits: int, node_nm: float, rate_msps: float) -> float:
    """Area (um2) of a converter."""
    b = max(bits, FEWEST_BITS)
    comparators = decisions(kind, b) if kind == "flash" else 1.0
    if model == "zigzag":
        return 10 ** (-0.0369 * b + 1.206) * 2**b * area_scale(ZIGZAG_NM, node_nm) * comparators
    if model == "isaac":
        return _isaac(b, 1) * area_scale(ISAAC_NM, node_nm) * comparators
    energy = survey_energy_pj(b, node_nm, rate_msps)
    rate = 0.1807 * math.log(rate_msps * 1e6)
    return math.exp(1.346 + 0.9933 * math.log(node_nm) + rate + 0.2991 * math.log(energy))


def survey_energy_pj(bits: int, node_nm: float, rate_msps: float) -> float:
    """The survey's regression: Schreier figure of merit (dB) by rate and bits, then node and bits."""
    merit = min(213.78 - 2.872 * math.log(rate_msps * 1e6), 128.307 + 3.2205 * bits)
    ideal = 10 ** ((6.02 * bits + 1.76 - merit) / 10) / 2
    return ideal * math.exp(26.05 + 1.880 * math.log(node_nm) - 2.829 * math.log(bits) - 1.470)


def decisions(kind: AdcKind, bits: int) -> float:
    """Comparisons of one conversion, over those of a SAR."""
    return 1.0 if kind == "sar" else (2**bits - 1) / bits


def _among(values: Mapping[AdcModel, float], model: AdcModel) -> Figure:
    """A model's value with the spread of all models around it."""
    value = values[model]
    spread = max(max(values.values()) / value, value / min(values.values()))
    return Figure(value, SOURCES[model], spread)


def _isaac(bits: int, column: int) -> float:
    """The table, grown by its last ratio beyond 10 bits."""
    most = max(ISAAC)
    last, before = ISAAC[most][column], ISAAC[most - 1][column]
    return ISAAC[bits][column] if bits <= most else last * (last / before) ** (bits - most)


def _between_nodes(node_nm: float, column: int) -> float:
    """NeuroSim's constant at a node: log-log between its nodes, carried on at their last slope outside."""
    nodes = sorted(NEUROSIM)
    below = max((n for n in nodes[:-1] if n <= node_nm), default=nodes[0])
    above = nodes[nodes.index(below) + 1]
    share = math.log(node_nm / below) / math.log(above / below)
    return NEUROSIM[below][column] ** (1 - share) * NEUROSIM[above][column] ** share
