"""Cells that multiply: energy of a cell's part in one slice, of writing it, its area and time to write.

Energies are those of dense random data: half of the input bits and half of the cell's range on average, so a
quarter of what a cell takes with both at their most. `activity` in the machine's pricing moves from there.

- charge   SRAM cell with a capacitor (or its share of the column) to charge: C V², C = 6.1 fF. CALIBRATED on
           two macros that agree: Jia et al. (JSSC 2020, 65 nm, 1.2 V) 20.4 pJ a column of 2304 cells, and
           Wang et al. (VLSI 2022, 22 nm, 1.0 V) 40 % of 122 fJ a MAC of eight cells. So no node in it down to
           22 nm (metal capacitors hardly shrink); below, energy goes with its root as that of other SRAM.
           Others take less: C3SRAM (JSSC 2020, 65 nm, abstract: 672 Top/s/W) 3 fJ a 1-bit MAC, ADC and all
- current  resistive cell: (read voltage)² / resistance for the time of the read pulse; NeuroSim V1.4's
           defaults (100 kOhm on, 10 ns, about 0.5 V); three times what the cells of ISAAC take
- logic    SRAM cell of a digital macro: an AND gate; the column's adder tree is a part of its own
"""

import math
from dataclasses import dataclass
from typing import Literal

from archsim.components.arithmetic import HOROWITZ_NM, energy_at, int_adder
from archsim.components.figure import Figure
from archsim.components.sram import sram
from archsim.components.technology import area_scale, check_node, node_uncertainty, supply_v
from archsim.errors import InputError

CellKind = Literal["sram", "rram", "pcm"]

CHARGE_FF, CHARGE_SOURCE = 6.1, "calibrated on Jia et al. (JSSC 2020) and Wang et al. (VLSI 2022)"
CHARGE_UNCERTAINTY, SMALLEST_CALIBRATED_NM = 4.0, 22.0
ON_OHM, READ_V, READ_PULSE_NS = 100e3, 0.5, 10.0
CURRENT_SOURCE = "V² / R of a read pulse, NeuroSim V1.4's defaults"
CURRENT_UNCERTAINTY = 6.0  # resistances from 6 kOhm to 1 MOhm and voltages from 0.1 V are published
GATE_SHARE = 0.2  # of a full adder's energy for an AND gate (derived: 1 of about 5 gates)

# Area of a cell in squares of the node: NeuroSim's 6-transistor cell 10 x 28 and 1T1R 4 x 12; a charge cell
# the geometric mean of four: the two macros above (1168 and 1798 with drivers and ladder), CAP-RAM (JSSC
# 2021: 229 of its macro without ADCs) and MC2-RAM (ISLPED 2021: 1.41 of a 6-transistor cell); a digital one
# with its gate (assumed).
# Fins don't shrink as their node's name does: NeuroSim V1.4's cells at 14, 10 and 7 nm over that of 280
AREA_F2 = {"charge": 660.0, "logic": 400.0, "rram": 48.0, "pcm": 48.0}
SRAM_GROWTH = {16.0: 1.0, 14.0: 326.5 / 280, 10.0: 400 / 280, 7.0: 550.9 / 280}
AREA_UNCERTAINTY = {"charge": 3.0, "logic": 2.0, "rram": 2.0, "pcm": 2.0}

# Writing at 2 V into 100 kOhm for 50 ns (NeuroSim V1.4), once a level to verify (assumed); phase change: SET
# 13.5 pJ and 150 ns, RESET 19.2 pJ (Lee et al., ISCA 2009, 90 nm)
RRAM_PULSE_PJ, RRAM_PULSE_NS = 2.0, 50.0
PCM_PULSE_PJ, PCM_PULSE_NS = 16.4, 150.0
WRITE_UNCERTAINTY = 5.0


@dataclass(frozen=True, slots=True)
class CellFigures:
    """One cell: pJ of its part in a slice and of writing it, um2, and the ns it takes to write a row."""

    read_pj: Figure
    write_pj: Figure
    area_um2: Figure
    row_write_ns: Figure


def cell(
    kind: CellKind,
    bits: int,
    node_nm: float,
    *,
    digital: bool = False,
    rows: int = 128,
    columns: int = 128,
    on_ohm: float | None = None,
    read_v: float | None = None,
    vdd_v: float | None = None,
    name: str = "cell",
) -> CellFigures:
    """A cell of an array of `rows` x `columns`. Raises InputError for an unknown kind, node or supply."""
    check_node(node_nm)
    if kind not in ("sram", "rram", "pcm"):
        raise InputError(f"{name}: cell kind '{kind}' is unknown; allowed: sram, rram, pcm")
    if kind == "sram":
        built = "logic" if digital else "charge"
        read = _gate(node_nm, vdd_v) if digital else _charge(node_nm, vdd_v)
        memory = sram(rows * columns / 8, columns, node_nm, vdd_v=vdd_v, name=name)
        write = memory.energy_pj["write"].scaled(1 / columns, "a word of all columns")
        time = Figure(1.0, "a row a nanosecond (assumed)", 2.0)
    else:
        built = kind
        volts = READ_V if read_v is None else read_v
        joules = volts**2 / (on_ohm or ON_OHM) * READ_PULSE_NS / 4  # V²/Ohm x ns is nJ
        read = Figure(joules * 1e3, CURRENT_SOURCE, CURRENT_UNCERTAINTY)
        pj, ns = (RRAM_PULSE_PJ, RRAM_PULSE_NS) if kind == "rram" else (PCM_PULSE_PJ, PCM_PULSE_NS)
        source = "NeuroSim V1.4" if kind == "rram" else "Lee et al., ISCA 2009"
        pulses = 2.0**bits
        write = Figure(pj * pulses, f"{source}, a pulse a level", WRITE_UNCERTAINTY)
        time = Figure(ns * pulses, f"{source}, a pulse a level", WRITE_UNCERTAINTY)
    squares = AREA_F2[built] * (node_nm * 1e-3) ** 2 * (_sram_growth(node_nm) if kind == "sram" else 1.0)
    return CellFigures(
        read, write, Figure(squares, "squares of the node, see crossbar_cell", AREA_UNCERTAINTY[built]), time
    )


def adder_tree_pj(rows: int, node_nm: float, vdd_v: float | None = None) -> Figure:
    """Energy of adding up one bit from each of `rows` rows: about 2 full adders a row in all.

    A tree of R leaves has R/2 adders of 1 bit, R/4 of 2 bits, ...: the sum of l R / 2^l is 2R full adders.
    Horowitz's 8-bit adder, 3.75 fJ a bit at 45 nm; a quarter of the products is 1, which is its data too.
    """
    bit = energy_at(int_adder(8, "horowitz"), node_nm, vdd_v).scaled(1 / 8)
    return bit.scaled(2 * rows, "2 full adders a row")


def adder_tree_um2(rows: int, node_nm: float) -> Figure:
    """Area of the tree of one column, by Horowitz's 8-bit adder (36 um2 at 45 nm)."""
    bit = Figure(int_adder(8, "horowitz").area_um2 / 8, "Horowitz, ISSCC 2014 (45 nm)", 2.5)
    return bit.scaled(2 * rows * area_scale(HOROWITZ_NM, node_nm), "", node_uncertainty(HOROWITZ_NM, node_nm))


def _charge(node_nm: float, vdd_v: float | None) -> Figure:
    at_node = CHARGE_FF * math.sqrt(min(1.0, node_nm / SMALLEST_CALIBRATED_NM))
    figure = Figure(at_node * 1e-3 * supply_v(node_nm, vdd_v) ** 2, CHARGE_SOURCE, CHARGE_UNCERTAINTY)
    return figure.scaled(
        1.0, "", node_uncertainty(min(node_nm, SMALLEST_CALIBRATED_NM), SMALLEST_CALIBRATED_NM)
    )


def _sram_growth(node_nm: float) -> float:
    """Squares of the node that an SRAM cell takes, over those down to 16 nm: log-log between the nodes."""
    nodes = sorted(SRAM_GROWTH)
    if node_nm >= nodes[-1]:
        return 1.0
    below = max(n for n in nodes[:-1] if n <= node_nm)
    above = nodes[nodes.index(below) + 1]
    share = math.log(node_nm / below) / math.log(above / below)
    return SRAM_GROWTH[below] ** (1 - share) * SRAM_GROWTH[above] ** share


def _gate(node_nm: float, vdd_v: float | None) -> Figure:
    return energy_at(int_adder(8, "horowitz"), node_nm, vdd_v).scaled(GATE_SHARE / 8, "an AND gate", 2.0)
