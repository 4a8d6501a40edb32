"""FPGA devices: how many LUTs, flip-flops, block RAMs and DSPs they have, and what using one of them costs.

Counts are those of AMD's product tables (DS190, DS891, DS962) as tools carry them: rule4ml's boards.json,
hls4ml's reports, FINN's platforms.py (whose own values are rounded; not taken), Kria's data sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from archsim.components.figure import Figure
from archsim.components.technology import energy_scale, node_uncertainty
from archsim.errors import InputError

DspKind = Literal["dsp48e1", "dsp48e2", "dsp58"]
RESOURCES = ("lut", "ff", "bram18", "uram", "dsp")


@dataclass(frozen=True)
class Device:
    """What a chip (or the board that it is on) has; `static_w`: its power with the clock off, typical."""

    part: str
    node_nm: float
    lut: int
    ff: int
    bram18: int
    uram: int
    dsp: int
    dsp_kind: DspKind
    static_w: Figure
    ddr_bytes_per_s: float  # of the board's memory, seen by the fabric
    dma_bits: int  # width of a port to the processor's or card's memory
    source: str

    @property
    def amounts(self) -> Mapping[str, int]:
        return {name: getattr(self, name) for name in RESOURCES}


_STATIC = "static power of the fabric, order of XPE's typical value; assumed"
_ZYNQ7, _MPSOC, _ALVEO = (Figure(w, _STATIC, u) for w, u in ((0.15, 1.7), (0.45, 1.7), (3.0, 2.0)))
_COUNTS = "AMD product tables, as carried by rule4ml and hls4ml"


def _device(
    part: str,
    node_nm: float,
    lut: int,
    bram18: int,
    uram: int,
    dsp: int,
    static_w: Figure,
    ddr_gb_s: float,
    dma_bits: int,
) -> Device:
    """Every logic cell of these families has two flip-flops a LUT."""
    kind: DspKind = "dsp48e1" if node_nm == 28 else "dsp48e2"
    return Device(
        part, node_nm, lut, 2 * lut, bram18, uram, dsp, kind, static_w, ddr_gb_s * 1e9, dma_bits, _COUNTS
    )


_XC7Z020 = _device("XC7Z020", 28, 53_200, 280, 0, 220, _ZYNQ7, 4.2, 64)
_ZU3EG = _device("XCZU3EG", 16, 70_560, 432, 0, 360, _MPSOC, 4.26, 128)

DEVICES: Mapping[str, Device] = {
    "pynq-z1": _XC7Z020,
    "pynq-z2": _XC7Z020,
    "ultra96": _ZU3EG,
    "zc706": _device("XC7Z045", 28, 218_600, 1_090, 0, 900, Figure(0.25, _STATIC, 1.7), 4.2, 64),
    "arty-a7-100": _device("XC7A100T", 28, 63_400, 270, 0, 240, _ZYNQ7, 1.3, 64),
    "kv260": _device("XCK26", 16, 117_120, 288, 64, 1_248, _MPSOC, 19.2, 128),
    "zcu104": _device("XCZU7EV", 16, 230_400, 624, 96, 1_728, _MPSOC, 19.2, 128),
    "zcu102": _device("XCZU9EG", 16, 274_080, 1_824, 0, 2_520, _MPSOC, 19.2, 128),
    "vu9p": _device("XCVU9P", 16, 1_182_240, 4_320, 960, 6_840, _ALVEO, 77.0, 512),
    "u250": _device("XCU250", 16, 1_728_000, 5_376, 1_280, 12_288, _ALVEO, 77.0, 512),
}
"""By board. The memory's bandwidth is the peak of the board's DDR."""

_FINN_POWER = (
    "fit of chip power less static of SFC-max, LFC-max and CNV-max on XC7Z045 at 200 MHz "
    "(Umuroglu et al., FINN, FPGA 2017)"
)
# (pJ in a busy cycle at 28 nm, source, factor). SFC-max takes 7.3 W with 91,131 LUTs and 4.5 BRAM36, LFC-max
# 8.8 W with 82,988 and 396, CNV-max 3.6 W with 46,253 and 186; a LUT's wires and flip-flops are in the LUT.
_BUSY_PJ: Mapping[str, tuple[float, str, float]] = {
    "lut": (0.36, _FINN_POWER, 1.5),
    "bram18": (13.0, _FINN_POWER, 1.6),
    "uram": (52.0, "4 BRAM18 of equal data width; assumed", 2.5),
    "dsp": (5.0, "order of XPE's value at a toggle rate of 12.5 %; assumed", 2.5),
}
FINN_NODE_NM = 28.0
BRAM_WORD_BITS = 64  # data bits of a RAMB36's word with its built-in SECDED, whose check bits are parity bits

_BRAM_SPEED = "RAMB of the slowest grade, DS187 and DS925, from memory, not checked"


def bram_supply_v(node_nm: float) -> float:
    """Nominal VCCBRAM (V), which feeds block RAMs and UltraRAMs: 1.0 in the 28 nm families, 0.85 in later
    ones."""
    return 1.0 if node_nm >= FINN_NODE_NM else 0.85


def bram_mhz(node_nm: float) -> Figure:
    """The fastest clock of a block RAM at its nominal supply."""
    return Figure(388.0 if node_nm >= FINN_NODE_NM else 585.0, _BRAM_SPEED, 1.2)


def busy_pj(device: Device) -> Mapping[str, Figure]:
    """Energy in pJ of each resource in a cycle at work, at the device's node (scaled from 28 nm)."""
    factor = energy_scale(FINN_NODE_NM, device.node_nm)
    spread = node_uncertainty(FINN_NODE_NM, device.node_nm)
    return {
        name: Figure(pj, source, uncertainty).scaled(factor, f"scaled to {device.node_nm:g} nm", spread)
        if device.node_nm != FINN_NODE_NM
        else Figure(pj, source, uncertainty)
        for name, (pj, source, uncertainty) in _BUSY_PJ.items()
    }


def device_named(name: str) -> Device:
    """Raises InputError for a board that is not known."""
    if name not in DEVICES:
        raise InputError(f"device {name!r} is not known; allowed: {', '.join(DEVICES)}")
    return DEVICES[name]
