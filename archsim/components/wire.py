"""On-chip wires: energy to move a bit over a distance."""

import math

from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import supply_v
from archsim.errors import InputError

SOURCE = "Keckler et al., GPUs and the Future of Parallel Computing, IEEE Micro 31(5) 2011, Table 1 (40 nm)"
# 256 random bits over 10 mm cost 310 pJ at 40 nm and 0.9 V, repeaters included
PJ_PER_BIT_MM, SOURCE_VDD_V = 310 / (256 * 10), 0.9
# Dally et al. give 0.10 pJ/bit/mm near 14 nm (CACM 63(7) 2020) and 0.02 to 0.04 at 16 nm (VLSI Symposium
# 2018); at 0.86 V this law gives 0.11
UNCERTAINTY = 3.0


def wire(length_mm: float, node_nm: float, *, vdd_v: float | None = None, name: str = "wire") -> Part:
    """A full-swing repeated wire; action "transfer" (pJ per bit of random data over the whole length).

    Capacitance per mm hardly changes between nodes (the source's own assumption), so energy goes with V^2
    and the node enters through its nominal supply alone. At 10 nm that predicts the same table's 0.078
    (0.75 V) and 0.059 (0.65 V) pJ/bit/mm within 9 %. Wires run above the logic: no area, no leakage.

    Raises InputError for a negative length, an unknown node or an unusable supply.
    """
    if not (math.isfinite(length_mm) and length_mm >= 0):
        raise InputError(f"{name}: length_mm is {length_mm}; it must be zero or more")
    energy = PJ_PER_BIT_MM * length_mm * (supply_v(node_nm, vdd_v) / SOURCE_VDD_V) ** 2
    nothing = Figure(0.0, "wires run above the logic; repeaters neglected", 1.0)
    return Part(name, {"transfer": Figure(energy, SOURCE, UNCERTAINTY)}, nothing, nothing)
