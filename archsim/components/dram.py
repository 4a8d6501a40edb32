"""Off-chip DRAM: energy per bit moved, peak bandwidth and access latency by device kind.

Energies per bit include the device and its interface at good use of the bandwidth; published values for one
kind differ by two to three times, which the uncertainty carries. Bandwidth is the standard's peak for the
stated width (exact); latency is that of a read to a closed bank in the device (row to column delay + read
latency + burst, typical JEDEC speed bin), without the queue of a memory controller, which adds tens of ns.
"""

from dataclasses import dataclass

from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.errors import InputError

_TABLE = "pJ/bit table of hwcomponents-cacti 1.0.40"


@dataclass(frozen=True, slots=True)
class DramKind:
    """One kind of DRAM: energy per bit (read and write alike), peak bandwidth, closed-bank read latency."""

    energy_pj_per_bit: Figure
    bandwidth_gb_s: float
    latency_ns: float
    source: str  # of bandwidth and latency: the standard, its speed and the width taken


DRAM_KINDS: dict[str, DramKind] = {
    "lpddr": DramKind(
        Figure(40.0, f"{_TABLE}, from Malladi et al., ISCA 2012 (LPDDR2)", 2.5),
        3.2, 45.0, "LPDDR2-800 x32 (JESD209-2)",
    ),
    "lpddr4": DramKind(
        # 4 pJ/bit in Dally et al. (CACM 63(7) 2020), 13 to 14 in simulation of 8 and 32 Gb parts (DramDSE)
        Figure(8.0, f"{_TABLE}; published values run from 4 to 14", 2.0),
        12.8, 43.0, "LPDDR4-3200 x32 (JESD209-4)",
    ),
    "ddr3": DramKind(
        # Vogelsang (MICRO 2010) has 9 pJ/bit for the device core alone
        Figure(70.0, f"{_TABLE}, server DIMMs with standby and termination", 3.0),
        12.8, 32.5, "DDR3-1600 x64 (JESD79-3)",
    ),
    "ddr4": DramKind(
        # 7.8 to 16.3 pJ/bit in the device (full use with open rows, half use with closed rows) plus I/O;
        # 12.5 to 18 are DRAMsim3 results in the Prosperity accelerator's artifact (HPCA 2025)
        Figure(15.0, "derived: Micron TN-40-07 with the 8 Gb x8 currents of Ramulator 2, plus I/O", 2.0),
        25.6, 30.0, "DDR4-3200 x64 (JESD79-4)",
    ),
    "gddr5": DramKind(
        Figure(14.0, "O'Connor et al., Fine-Grained DRAM, MICRO 2017", 1.5),
        32.0, 35.0, "GDDR5 8 Gb/s x32 (JESD212)",
    ),
    "hbm2": DramKind(
        # 3.9 in O'Connor et al. (MICRO 2017), 7 in HyGCN (HPCA 2020), 7.03 for TPUv4i in AccelForge
        Figure(6.25, f"{_TABLE}; published values run from 3.9 to 7.0", 1.7),
        256.0, 35.0, "HBM2 2 Gb/s x1024, one stack (JESD235B)",
    ),
    "hbm3": DramKind(
        Figure(4.05, _TABLE, 1.7), 819.2, 35.0, "HBM3 6.4 Gb/s x1024, one stack (JESD238)"
    ),
    "hbm4": DramKind(
        Figure(3.2, f"{_TABLE}; a projection", 2.0), 2048.0, 35.0, "HBM4 8 Gb/s x2048, one stack (JESD270-4)"
    ),
}  # fmt: skip


def dram(kind: str, *, energy_pj_per_bit: float | None = None, name: str = "dram") -> Part:
    """An off-chip DRAM; actions "read" and "write" in pJ PER BIT. No on-chip area, no leakage of its own.

    Its controller and PHY on chip are not in the area. Raises InputError for an unknown kind or a negative
    energy.
    """
    if kind not in DRAM_KINDS:
        raise InputError(f"{name}: DRAM kind '{kind}' is unknown; allowed: {', '.join(DRAM_KINDS)}")
    energy = DRAM_KINDS[kind].energy_pj_per_bit
    if energy_pj_per_bit is not None:
        energy = Figure(energy_pj_per_bit, f"given as energy_pj_per_bit of {name}", 1.0)
    nothing = Figure(0.0, "off chip", 1.0)
    return Part(name, {"read": energy, "write": energy}, nothing, nothing)
