"""Unit energies, areas and leakage of a cluster, from the component library or its YAML, at its operating
point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archsim.accelerators.cluster.engines import ENGINES
from archsim.accelerators.cluster.isa import FLOAT_FORMATS
from archsim.accelerators.cluster.spec import ClusterSpec, Overrides
from archsim.accelerators.low_voltage import SramSite, resupply, sram_clock, sram_settings
from archsim.accelerators.operating_point import Point, operating_point
from archsim.components.arithmetic import area_at, int_adder, leakage_at
from archsim.components.figure import Figure
from archsim.components.mac import mac
from archsim.components.sram import sram
from archsim.components.technology import area_scale, energy_scale, node_uncertainty, supply_v
from archsim.components.wire import wire

WORD_BYTES, L2_WORD_BYTES = 4, 8
L2_BANKS = 8

CORE_KGE = {"rv32im": 18.9, "binary": 18.9, "armv7em": 40.0}
"""Zero-riscy 18.9 kGE (Schiavone et al., PATMOS 2017); Cortex-M4 about 40 kGE (assumed, no published count).
"""
DSP_CORE_KGE = 53.5  # RI5CY with its DSP extensions: Gautschi et al., IEEE TVLSI 2017
GATE_UM2, GATE_NM = 1.44, 65.0  # NAND2 of the same 65 nm library (UMC low leakage)
BINARY_MAC_GATES = 8.0
"""An AND and a full adder of the reduction tree (derived)."""
ACCUMULATOR_GATES = 32 * 12.0  # flip-flops and adders, one a pixel and output channel (derived)

# Vega (22FDX) does 615 Gop/s/W in 8 bits: at PULP-NN's 31 op/cycle 50 pJ a cycle, taken at 0.6 V (assumed),
# of which some 8 pJ a core and cycle remain for core and instruction cache at 0.8 V. Rossi et al., JSSC 2022
CORE_PJ, CORE_NM, CORE_UNCERTAINTY = 8.0, 22.0, 2.0
IDLE_SHARE = 0.1  # of a core's energy that its clock gate leaves (assumed)
PRODUCT_PJ = 0.0137
"""Of a 1-bit product in an engine at 22 nm and 0.8 V, and of each multiplier's share of a cycle's clock,
buffers and control: RBE's 12.4 Top/s/W at 0.5 V on 3×3 w2a4 layers (accelerators/marsellus.yaml), which use
54 % of its multipliers, if half of a fully used engine's power is for the products (assumed)."""
SPLIT_UNCERTAINTY = 2.0
"""No power breakdown of an engine was found: if all of it is for one of the two, that takes twice as much. Of
their sum more is known, so the interval that this gives it is too wide."""
DMA_MM = 1.0  # of wire between L2 and L1 (assumed)


@dataclass(frozen=True)
class Costs:
    """What one action of each component costs at the operating point, and what the machine is made of."""

    energy_pj: Mapping[tuple[str, str], Figure]  # (component, action)
    area_mm2: Mapping[str, Figure]
    always_on_mw: Mapping[str, Figure]  # leakage, and what is clocked in every cycle
    point: Point
    sram: Mapping[str, Any]  # of a result's settings: SRAMs apart from the rest

    @property
    def always_on_pj_per_cycle(self) -> dict[str, float]:
        """1 mW for 1 µs is 1000 pJ."""
        return {name: figure.value * 1e3 / self.point.clock_mhz for name, figure in self.always_on_mw.items()}


def costs_of(spec: ClusterSpec) -> Costs:
    """Price the cluster. Raises InputError for a part outside its tables or an impossible operating point."""
    point = operating_point(spec)
    sites = sites_of(spec, point)
    clock = sram_clock(point.clock_mhz, sites)
    point = replace(point, clock_mhz=clock.mhz)
    energy: dict[tuple[str, str], Figure] = {}
    area: dict[str, Figure] = {}
    leakage: dict[str, Figure] = {}
    _add_cores(spec, energy, area, leakage)
    _add_float_units(spec, energy, area, leakage)
    _add_engine(spec, energy, area, leakage)
    _add_memories(spec, energy, area, leakage)
    note = "" if point.energy_scale == 1 else f"× (V / Vref)² at {point.vdd_v:.3g} V"
    apart = {"l3"}  # not at the cluster's supply
    apart |= {s.memory for s in sites if resupply(s, energy, area, leakage, codecs=_codecs(spec, s.memory))}
    scaled = {
        key: figure if key[0] in apart else figure.scaled(point.energy_scale, note)
        for key, figure in energy.items()
    }
    always = {
        name: figure if name in apart else figure.scaled(point.leakage_scale)
        for name, figure in leakage.items()
    }
    if spec.uncore is not None:
        mw = spec.uncore.active_pj * point.energy_scale * point.clock_mhz * 1e-3
        idle = always.get("uncore", Figure(0.0, "", 1.0)).value
        always["uncore"] = Figure(mw + idle, f"given in {spec.name}: uncore, every cycle", 1.0)
        area["uncore"] = Figure(spec.uncore.area_mm2 or 0.0, f"given in {spec.name}: uncore", 1.0)
    return Costs(scaled, area, always, point, sram_settings(sites, clock))


def sites_of(spec: ClusterSpec, point: Point) -> list[SramSite]:
    """The memories with their supplies."""
    technology = spec.technology
    memories = [("l1", spec.l1, WORD_BYTES), ("l2", spec.l2, L2_WORD_BYTES)]
    return [
        SramSite(
            memory=name,
            given=memory.low_voltage,
            word_bits=8 * word_bytes,
            node_nm=technology.node_nm,
            nominal_v=supply_v(technology.node_nm, technology.vdd_v),
            logic_v=point.vdd_v,
            made_for_mhz=technology.clock_mhz,
            banks=spec.l1.banks if spec.l1 is not None and name == "l1" else L2_BANKS,
        )
        for name, memory, word_bytes in memories
        if memory is not None
    ]


def _codecs(spec: ClusterSpec, memory: str) -> int:
    """Banks of L1 are accessed all at once."""
    return spec.l1.banks if spec.l1 is not None and memory == "l1" else 1


def _given(
    spec: ClusterSpec, place: str, value: float | None, default: Figure, uncertainty: float = 1.0
) -> Figure:
    return default if value is None else Figure(value, f"given in {spec.name}: {place}", uncertainty)


def _logic(spec: ClusterSpec, place: str, kilo_gates: float, given: Overrides) -> tuple[Figure, Figure]:
    """Area and leakage of logic: gates of the 65 nm library, leaking as an adder of that area does."""
    node = spec.technology.node_nm
    error = 1.5 * node_uncertainty(GATE_NM, node)
    area = Figure(
        kilo_gates * 1e3 * GATE_UM2 * 1e-6 * area_scale(GATE_NM, node), f"{kilo_gates:g} kGE", error
    )
    adder = int_adder(32)
    per_mm2 = leakage_at(adder, node, None).value / area_at(adder, node).value
    leaks = area.scaled(per_mm2, "leaking as an adder does", 3.0)
    return _given(spec, f"{place}.area_mm2", given.area_mm2, area), _given(
        spec, f"{place}.leakage_mw", given.leakage_mw, leaks
    )


def _add_cores(spec: ClusterSpec, energy: dict, area: dict, leakage: dict) -> None:
    cores = spec.cores
    kge = CORE_KGE.get(cores.isa, DSP_CORE_KGE) * cores.count
    area["cores"], leakage["cores"] = _logic(spec, "cores", kge, cores)
    node = spec.technology.node_nm
    active = Figure(CORE_PJ, "a Vega core (JSSC 57(1) 2022), derived", CORE_UNCERTAINTY).scaled(
        energy_scale(CORE_NM, node), "", node_uncertainty(CORE_NM, node)
    )
    active = _given(spec, "cores.active_pj", cores.active_pj, active)
    idle = active.scaled(IDLE_SHARE, "clock gated", 2.0)
    energy["cores", "active"] = active
    energy["cores", "idle"] = _given(spec, "cores.idle_pj", cores.idle_pj, idle)


def _add_float_units(spec: ClusterSpec, energy: dict, area: dict, leakage: dict) -> None:
    """A multiplication and an addition each, beside the core's cycle that issues them."""
    if spec.cores.isa != "fp16_simd":
        return
    units = {name: mac(name, spec.technology.node_nm) for name in FLOAT_FORMATS}
    for name, unit in units.items():
        energy["float_units", name] = unit.energy_pj["mac"]
    count, widest = spec.cores.float_units or spec.cores.count, units["fp32"]
    area["float_units"] = widest.area_mm2.scaled(count)
    leakage["float_units"] = widest.leakage_mw.scaled(count)


def _add_engine(spec: ClusterSpec, energy: dict, area: dict, leakage: dict) -> None:
    if spec.engine is None:
        return
    engine = ENGINES[spec.engine.kind]
    pixels = engine.patch**2
    one_bit = 10368 if spec.engine.kind == "rbe" else pixels * 9 * engine.channels_in * 8
    gates = one_bit * BINARY_MAC_GATES + pixels * engine.channels_out * ACCUMULATOR_GATES
    area["engine"], leakage["engine"] = _logic(spec, "engine", gates / 1e3, spec.engine)
    node = spec.technology.node_nm
    product = Figure(PRODUCT_PJ, "fitted to Marsellus' RBE (arXiv:2305.08415)", SPLIT_UNCERTAINTY).scaled(
        energy_scale(CORE_NM, node), "", node_uncertainty(CORE_NM, node)
    )
    given = spec.engine
    error, clock = given.energy_uncertainty, product.scaled(one_bit)
    energy["engine", "product"] = _given(spec, "engine.product_pj", given.product_pj, product, error)
    energy["engine", "active"] = _given(spec, "engine.active_pj", given.active_pj, clock, error)


def _add_memories(spec: ClusterSpec, energy: dict, area: dict, leakage: dict) -> None:
    node = spec.technology.node_nm
    if spec.l1 is not None and spec.dma is not None:
        given = spec.l1
        bank = sram(given.capacity_kib * 1024 / given.banks, 32, node, name=f"{spec.name}: l1")
        energy["l1", "read"] = _given(spec, "l1.read_pj", given.read_pj, bank.energy_pj["read"])
        energy["l1", "write"] = _given(spec, "l1.write_pj", given.write_pj, bank.energy_pj["write"])
        area["l1"] = _given(spec, "l1.area_mm2", given.area_mm2, bank.area_mm2.scaled(given.banks))
        leakage["l1"] = _given(spec, "l1.leakage_mw", given.leakage_mw, bank.leakage_mw.scaled(given.banks))
        byte = wire(DMA_MM, node).energy_pj["transfer"].scaled(8)
        energy["dma", "byte"] = _given(spec, "dma.pj_per_byte", spec.dma.pj_per_byte, byte)
    l2 = sram(spec.l2.capacity_kib * 1024, 64, node, banks=L2_BANKS, name=f"{spec.name}: l2")
    energy["l2", "read"] = _given(spec, "l2.read_pj", spec.l2.read_pj, l2.energy_pj["read"])
    energy["l2", "write"] = _given(spec, "l2.write_pj", spec.l2.write_pj, l2.energy_pj["write"])
    area["l2"] = _given(spec, "l2.area_mm2", spec.l2.area_mm2, l2.area_mm2)
    leakage["l2"] = _given(spec, "l2.leakage_mw", spec.l2.leakage_mw, l2.leakage_mw)
    if spec.l3 is not None:
        energy["l3", "byte"] = Figure(spec.l3.pj_per_byte, f"given in {spec.name}: l3.pj_per_byte", 1.0)
        leakage["l3"] = Figure(spec.l3.leakage_mw, f"given in {spec.name}: l3.leakage_mw", 1.0)
