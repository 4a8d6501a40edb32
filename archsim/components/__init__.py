"""Priced parts of a digital accelerator: energy per action, area and leakage, by node and supply voltage.

Every number is a `Figure` with its source and uncertainty; every part is a `Part` whose numbers can be
overridden. Constants fitted to published tables come from scripts/fit_components.py (calibrated); what is
derived or scaled beyond them says so and carries a wider uncertainty.
"""

from archsim.components.arithmetic import adder, comparator, shifter
from archsim.components.dram import DRAM_KINDS, DramKind, dram
from archsim.components.figure import Figure
from archsim.components.mac import NUMBER_FORMATS, mac
from archsim.components.part import Part
from archsim.components.register_file import register_file
from archsim.components.sram import sram
from archsim.components.technology import (
    area_scale,
    delay_scale,
    energy_scale,
    frequency_scale,
    leakage_scale,
    nominal_vdd_v,
    threshold_v,
)
from archsim.components.vector_lane import VECTOR_FORMATS, vector_lane
from archsim.components.wire import wire

__all__ = [
    "DRAM_KINDS",
    "NUMBER_FORMATS",
    "VECTOR_FORMATS",
    "DramKind",
    "Figure",
    "Part",
    "adder",
    "area_scale",
    "comparator",
    "delay_scale",
    "dram",
    "energy_scale",
    "frequency_scale",
    "leakage_scale",
    "mac",
    "nominal_vdd_v",
    "register_file",
    "shifter",
    "sram",
    "threshold_v",
    "vector_lane",
    "wire",
]
