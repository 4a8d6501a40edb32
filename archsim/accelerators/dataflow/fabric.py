"""What stages are made of: an FPGA's LUTs, memories and DSPs, or the standard cells of a chip of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

import numpy as np

from archsim.accelerators.bram_rail import at_bram_supply, bram_site
from archsim.accelerators.dataflow.memories import bram18s, fifo_luts
from archsim.accelerators.dataflow.resources import Array, Site, StageRows, Use, stage_resources
from archsim.accelerators.dataflow.shape import StageShape
from archsim.accelerators.dataflow.spec import AsicDevice, CustomDevice, DataflowSpec
from archsim.accelerators.dataflow.timing import StageCycles
from archsim.accelerators.low_voltage import SramSite
from archsim.components.dram import DRAM_KINDS
from archsim.components.figure import Figure
from archsim.components.fpga import RESOURCES, Device, busy_pj, device_named
from archsim.components.mac import mac
from archsim.components.part import Part
from archsim.components.register_file import register_file
from archsim.workloads.precision import Precision

MOST_MULTIPLIERS = 2.0**20
"""Of a chip of standard cells: more than any that was made."""

Spent = dict[tuple[str, str], tuple[Array, Figure]]
"""By (component, action): how often for each input, and what one costs in pJ."""


class Fabric(Protocol):
    """Prices of stages; `capacity` is what they may take together, by resource."""

    capacity: Mapping[str, float]
    ddr_bytes_per_s: float
    dma_bits: int
    most_macs_per_cycle: float
    static: Figure  # W
    ddr_pj_per_byte: Figure
    luts_per_bram18: float  # what a block RAM is worth

    def settings(self) -> Mapping[str, Any]: ...

    def unit_energies(self, precision: Precision) -> Mapping[tuple[str, str], Figure]: ...

    def use(self, stage: StageShape, rows: StageRows, cycles: StageCycles, site: Site) -> Use: ...

    def spent(
        self, stage: StageShape, rows: StageRows, cycles: StageCycles, use: Use, site: Site
    ) -> Spent: ...

    def fifo(self, words: float, bits: float) -> Mapping[str, float]:
        """What a FIFO deeper than the one priced with its stage takes."""
        ...


class Fpga:
    """See `Fabric`."""

    def __init__(self, device: Device, spec: DataflowSpec) -> None:
        self.device = device
        self.ddr_bytes_per_s, self.dma_bits = device.ddr_bytes_per_s, device.dma_bits
        # no product takes less than a LUT, and no DSP makes more than four
        self.most_macs_per_cycle = float(device.lut + 4 * device.dsp)
        rail = bram_site(spec.low_voltage, device.node_nm)
        self.static, self.energies = device.static_w, at_bram_supply(dict(busy_pj(device)), rail)
        memory = DRAM_KINDS["ddr4" if device.node_nm < 28 else "ddr3"]
        self.ddr_pj_per_byte = memory.energy_pj_per_bit.scaled(8)
        self.luts_per_bram18 = device.lut / max(1, device.bram18)
        room = {
            name: max(0.0, device.amounts[name] * getattr(spec.usable, name) - getattr(spec.reserved, name))
            for name in RESOURCES
        }
        streamed = 8.0 * device.ddr_bytes_per_s / (spec.clock_mhz * 1e6)
        self.capacity: Mapping[str, float] = room | {"stream_bits": streamed}

    def settings(self) -> Mapping[str, Any]:
        return {"device": self.device.part, "node_nm": self.device.node_nm}

    def unit_energies(self, precision: Precision) -> Mapping[tuple[str, str], Figure]:
        """The same at every precision: resources are what is priced."""
        return {(name, "busy cycle"): figure for name, figure in self.energies.items()}

    def use(self, stage: StageShape, rows: StageRows, cycles: StageCycles, site: Site) -> Use:
        return stage_resources(stage, rows, cycles, site, self.device.dsp_kind)

    def spent(self, stage: StageShape, rows: StageRows, cycles: StageCycles, use: Use, site: Site) -> Spent:
        """Resource-cycles at work: what switches while the stage computes."""
        work = (cycles.compute + cycles.load).astype(np.float64)
        return {(name, "busy cycle"): (use[name] * work, figure) for name, figure in self.energies.items()}

    def fifo(self, words: float, bits: float) -> Mapping[str, float]:
        deep, wide = np.array([words]), np.array([bits])
        luts, brams = float(fifo_luts(deep, wide)[0]), float(bram18s(deep, wide)[0])
        return {"lut": luts} if luts <= brams * self.luts_per_bram18 else {"bram18": brams}


class Asic:
    """See `Fabric`. Multipliers and adders beside registers for weights, sums and FIFOs; no memory macros."""

    luts_per_bram18 = 1.0

    def __init__(self, device: AsicDevice, spec: DataflowSpec) -> None:
        self.device = device
        self.ddr_bytes_per_s = 1e15  # none: inputs and outputs are pins
        self.dma_bits = 2**20
        self.most_macs_per_cycle = MOST_MULTIPLIERS
        self.static = Figure(device.static_w, "given as device.static_w", 1.0)
        self.ddr_pj_per_byte = Figure(0.0, "no memory off chip", 1.0)
        most = float("inf") if device.area_mm2 is None else device.area_mm2
        self.capacity: Mapping[str, float] = {"mm2": most, "stream_bits": 0.0}
        self.bit = register_file(1, 1, device.node_nm, vdd_v=device.vdd_v)

    def settings(self) -> Mapping[str, Any]:
        return {"device": "standard cells", "node_nm": self.device.node_nm}

    def _mac(self, precision: Precision) -> Part:
        return _mac(self.device.node_nm, self.device.vdd_v, precision.weight_bits, precision.activation_bits)

    def unit_energies(self, precision: Precision) -> Mapping[tuple[str, str], Figure]:
        glitches = self.device.glitch_factor
        product = self._mac(precision).energy_pj["mac"].scaled(glitches, f"glitches times {glitches:g}")
        return {("mac", "mac"): product, ("registers", "bit cycle"): self.bit.energy_pj["write"]}

    def _bits(self, stage: StageShape, rows: StageRows, site: Site) -> tuple[Array, Array]:
        """Registers of weights, which hold still, and of sums and pixels, which are clocked through."""
        copies = self.device.register_copies
        weights = np.full(len(rows.pe), float(stage.weights * site.precision.weight_bits * copies))
        sums = rows.pe.astype(np.float64) * site.accumulator_bits
        pixels = site.fifo_pixels * stage.channels_in * site.precision.activation_bits
        return weights, (sums + pixels) * float(copies)

    def use(self, stage: StageShape, rows: StageRows, cycles: StageCycles, site: Site) -> Use:
        still, clocked = self._bits(stage, rows, site)
        registers = (still + clocked) * self.bit.area_mm2.value
        macs = rows.pe * rows.simd if stage.weights else np.zeros(len(rows.pe))
        logic = macs * self._mac(site.precision).area_mm2.value
        mm2 = (logic + registers) / self.device.placement_density
        return {"mm2": mm2, "stream_bits": np.zeros(len(rows.pe))}

    def spent(self, stage: StageShape, rows: StageRows, cycles: StageCycles, use: Use, site: Site) -> Spent:
        work = (cycles.compute + cycles.load).astype(np.float64)
        macs = rows.pe * rows.simd * work if stage.weights else np.zeros(len(work))
        clocked = self._bits(stage, rows, site)[1] * work
        figures = self.unit_energies(site.precision)
        counts = {("mac", "mac"): macs, ("registers", "bit cycle"): clocked}
        return {key: (counts[key], figure) for key, figure in figures.items()}

    def fifo(self, words: float, bits: float) -> Mapping[str, float]:
        copies = self.device.register_copies
        return {"mm2": words * bits * copies * self.bit.area_mm2.value / self.device.placement_density}


@cache
def _mac(node_nm: float, vdd_v: float | None, weight_bits: int, activation_bits: int) -> Part:
    """Horowitz's, which is the nearer to a synthesised array; the components' tables begin at 2 bits."""
    w, a = max(2, weight_bits), max(2, activation_bits)
    return mac(
        "int",
        node_nm,
        weight_bits=w,
        activation_bits=a,
        accumulator_bits=max(8, w + a),
        vdd_v=vdd_v,
        library="horowitz",
    )


def fabric_of(spec: DataflowSpec) -> Fabric:
    given = spec.device
    return Asic(given, spec) if isinstance(given, AsicDevice) else Fpga(_device(given), spec)


def rails_of(spec: DataflowSpec) -> list[SramSite]:
    """The rail of the block RAMs; none where all is in registers."""
    given = spec.device
    return [] if isinstance(given, AsicDevice) else [bram_site(spec.low_voltage, _device(given).node_nm)]


def _device(given: str | CustomDevice) -> Device:
    return _custom(given) if isinstance(given, CustomDevice) else device_named(given)


def _custom(given: CustomDevice) -> Device:
    return Device(
        part="custom",
        node_nm=given.node_nm,
        lut=given.lut,
        ff=2 * given.lut if given.ff is None else given.ff,
        bram18=given.bram18,
        uram=given.uram,
        dsp=given.dsp,
        dsp_kind=given.dsp_kind,
        static_w=Figure(given.static_w, "given as device.static_w", 1.0),
        ddr_bytes_per_s=given.ddr_gb_s * 1e9,
        dma_bits=given.dma_bits,
        source="given",
    )
