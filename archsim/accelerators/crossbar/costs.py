"""Unit energies, areas and what is always drawn, from the component library or the YAML, at the operating
point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from archsim.accelerators.crossbar.layout import weight_columns, weight_conversions
from archsim.accelerators.crossbar.spec import REGISTER_KIB, Adc, CrossbarSpec, Store
from archsim.accelerators.low_voltage import SramSite, resupply, sram_clock, sram_settings
from archsim.accelerators.operating_point import Point, operating_point
from archsim.components import crossbar_cell
from archsim.components.adc import SLOWEST_MSPS, KnownAdc, adc, column_share, conversion_ns
from archsim.components.analog_periphery import router, sample_hold, shift_add
from archsim.components.crossbar_cell import ON_OHM
from archsim.components.dac import dac
from archsim.components.figure import Figure, total
from archsim.components.part import Part
from archsim.components.register_file import register_file
from archsim.components.sram import sram
from archsim.components.technology import supply_v
from archsim.components.vector_lane import vector_lane
from archsim.components.wire import wire
from archsim.workloads.precision import Precision

WORD_BYTES = 8
BUS_MM = 1.0  # of wire between a tile's buffer and its macros (assumed)
VECTOR_OPERATIONS = ("add", "mul", "max")  # the mean of these is an operation where none is given

Energies = dict[tuple[str, str], Figure]
Figures = dict[str, Figure]


@dataclass(frozen=True)
class Costs:
    """What one action of each component costs at the operating point, and what the machine is made of."""

    energy_pj: Mapping[tuple[str, str], Figure]  # (component, action)
    area_mm2: Mapping[str, Figure]
    always_on_mw: Mapping[str, Figure]
    point: Point
    adc_rate_msps: float
    adc_column_share: float  # of a conversion's energy: what follows the current of its column
    row_write_ns: float
    sram: Mapping[str, Any]  # of a result's settings: SRAMs apart from the rest

    @property
    def always_on_pj_per_cycle(self) -> dict[str, float]:
        """1 mW for 1 µs is 1000 pJ."""
        return {name: figure.value * 1e3 / self.point.clock_mhz for name, figure in self.always_on_mw.items()}


def costs_of(spec: CrossbarSpec) -> Costs:
    """Price the parts. Raises InputError for one outside its tables or an impossible operating point."""
    point, stores = operating_point(spec), stores_of(spec)
    sites = sites_of(spec, point)
    clock = sram_clock(point.clock_mhz, sites)
    point = replace(point, clock_mhz=clock.mhz)
    energy, area, leakage = Energies(), Figures(), Figures()
    row_write_ns = _add_array(spec, energy, area, leakage)
    rate, share = _add_converters(spec, energy, area, leakage)
    _add_stores(spec, energy, area, leakage)
    _add_rest(spec, energy, area, leakage)
    note = "" if point.energy_scale == 1 else f"× (V / Vref)² at {point.vdd_v:.3g} V"
    apart = {"offchip"}  # not at the chip's supply
    apart |= {
        site.memory
        for site in sites
        if resupply(site, energy, area, leakage, codecs=stores[site.memory][1], words=1 / WORD_BYTES)
    }
    scaled = {k: f if k[0] in apart else f.scaled(point.energy_scale, note) for k, f in energy.items()}
    always = {n: f if n in apart else f.scaled(point.leakage_scale) for n, f in leakage.items()}
    return Costs(scaled, area, always, point, rate, share, row_write_ns, sram_settings(sites, clock))


def stores_of(spec: CrossbarSpec) -> dict[str, tuple[Store, int]]:
    """The digital stores and how many there are of each on the chip."""
    tile, macros = spec.tile, spec.tile.count * spec.tile.macros
    found = {
        "buffer": (tile.buffer, tile.count),
        "input_register": (tile.input_register, macros),
        "output_register": (tile.output_register, macros),
    }
    return {name: (store, count) for name, (store, count) in found.items() if store is not None}


def sites_of(spec: CrossbarSpec, point: Point) -> list[SramSite]:
    """The stores that are SRAMs, with their supplies."""
    technology = spec.technology
    return [
        SramSite(
            memory=name,
            given=store.low_voltage,
            word_bits=8 * WORD_BYTES,
            node_nm=technology.node_nm,
            nominal_v=supply_v(technology.node_nm, technology.vdd_v),
            logic_v=point.vdd_v,
            made_for_mhz=technology.clock_mhz,
        )
        for name, (store, _) in stores_of(spec).items()
        if store.is_sram
    ]


def conversions_per_step(spec: CrossbarSpec, adc: Adc) -> int:
    """Conversions that one ADC does of each slice, at the precision the machine is built for."""
    bits = Precision.parse(spec.precision).weight_bits
    share = weight_conversions(spec.array, bits) / weight_columns(spec.array, bits)
    return max(1, ceil(adc.columns * share - 1e-9))


def _given(spec: CrossbarSpec, place: str, value: float | None, default: Figure) -> Figure:
    return default if value is None else Figure(value, f"given in {spec.name}: {place}", 1.0)


def _add_array(spec: CrossbarSpec, energy: Energies, area: Figures, leakage: Figures) -> float:
    """Returns the time to write a row, in ns."""
    array, given, count = spec.array, spec.array.cell, spec.arrays
    node, vdd, digital = spec.technology.node_nm, spec.technology.vdd_v, spec.array.compute == "digital"
    cell = crossbar_cell.cell(
        given.kind,
        given.bits,
        node,
        digital=digital,
        rows=array.rows,
        columns=array.columns,
        on_ohm=given.on_ohm,
        read_v=given.read_v,
        vdd_v=vdd,
        name=f"{spec.name}: array",
    )
    read_pj = None if given.read_fj is None else given.read_fj * 1e-3
    energy["array", "multiply"] = _given(spec, "array.cell.read_fj", read_pj, cell.read_pj)
    energy["array", "write"] = _given(spec, "array.cell.write_pj", given.write_pj, cell.write_pj)
    um2 = _given(spec, "array.cell.area_um2", given.area_um2, cell.area_um2)
    area["array"] = um2.scaled(1e-6 * array.rows * array.columns * count)
    idle = Figure(0.0, "cells that keep their state without power", 1.0)
    if given.kind == "sram":
        memory = sram(array.rows * array.columns / 8, array.columns, node, vdd_v=vdd, name=spec.name)
        idle = memory.leakage_mw
    leakage["array"] = _given(spec, "array.leakage_mw", array.leakage_mw, idle).scaled(count)
    if digital:
        rows = array.active_rows or array.rows
        tree = spec.adder_tree
        pj = _given(spec, "adder_tree.energy_pj", tree.energy_pj,
                    crossbar_cell.adder_tree_pj(rows, node, vdd))  # fmt: skip
        energy["adder_tree", "add"] = pj.scaled(1 / rows, "a row's share")
        um2 = _given(spec, "adder_tree.area_um2", tree.area_um2, crossbar_cell.adder_tree_um2(rows, node))
        area["adder_tree"] = um2.scaled(1e-6 * array.columns * count)
    return given.row_write_ns or cell.row_write_ns.value


def _add_converters(
    spec: CrossbarSpec, energy: Energies, area: Figures, leakage: Figures
) -> tuple[float, float]:
    """The ADC's rate in MS/s, and the share of its energy that follows its column's current."""
    array, node, vdd, count = spec.array, spec.technology.node_nm, spec.technology.vdd_v, spec.arrays
    row = dac(spec.dac.bits, node, kind=spec.dac.kind, vdd_v=vdd, name=f"{spec.name}: dac")
    energy["dac", "drive"] = _given(spec, "dac.energy_pj", spec.dac.energy_pj, row.energy_pj["convert"])
    um2 = _given(spec, "dac.area_um2", spec.dac.area_um2, row.area_mm2.scaled(1e6))
    area["dac"] = um2.scaled(1e-6 * (array.active_rows or array.rows) * count)
    if spec.adc is None:
        return 0.0, 0.0
    rate, pace = _adc_rates(spec, spec.adc)
    measured, column_ohm = spec.adc.measured, _column_ohm(spec)
    known = None
    if measured is not None:
        known = KnownAdc(
            measured.bits, measured.energy_pj, measured.area_um2, f"given in {spec.name}: adc.measured"
        )
    part = adc(
        spec.adc.bits,
        node,
        rate_msps=pace,
        kind=spec.adc.kind,
        model=spec.adc.model,
        known=known,
        column_ohm=column_ohm,
        leakage_share=spec.adc.leakage_share,
        vdd_v=vdd,
        name=f"{spec.name}: adc",
    )
    converters = ceil(array.columns / spec.adc.columns) * count
    energy["adc", "convert"] = part.energy_pj["convert"]
    leakage["adc"], area["adc"] = part.leakage_mw.scaled(converters), part.area_mm2.scaled(converters)
    if spec.sample_hold is not None:
        hold = sample_hold(node, vdd_v=vdd)
        energy["sample_hold", "sample"] = _given(
            spec, "sample_hold.energy_pj", spec.sample_hold.energy_pj, hold.energy_pj["sample"]
        )
        um2 = _given(spec, "sample_hold.area_um2", spec.sample_hold.area_um2, hold.area_mm2.scaled(1e6))
        area["sample_hold"] = um2.scaled(1e-6 * array.columns * count)
    share = 0.0 if array.cell.kind == "sram" else column_share(spec.adc.bits, node, column_ohm)
    return rate, share


def _adc_rates(spec: CrossbarSpec, adc: Adc) -> tuple[float, float]:
    """MS/s that a converter can do, and that it is built for: its energy, area and leakage are of these.

    Where none is given it converts as fast as its kind allows and is built for what the arrays ask of it.
    """
    if adc.rate_msps is not None:
        return adc.rate_msps, adc.rate_msps
    per_step = conversions_per_step(spec, adc)
    widest = min(spec.dac.bits, Precision.parse(spec.precision).activation_bits)
    read_ns = spec.array.read_ns * (2**widest - 1 if spec.dac.kind == "pulse" else 1)
    rate = max(1e3 / conversion_ns(adc.kind, adc.bits), per_step * 1e3 / read_ns)
    convert_ns = per_step * 1e3 / rate
    step_ns = max(read_ns, convert_ns) if spec.sample_hold is not None else read_ns + convert_ns
    return rate, max(SLOWEST_MSPS, per_step * 1e3 / step_ns)


def _column_ohm(spec: CrossbarSpec) -> float:
    """Of a column on dense random data: a quarter of its cells' conductance."""
    rows = spec.array.active_rows or spec.array.rows
    return 4 * (spec.array.cell.on_ohm or ON_OHM) / rows


def _add_stores(spec: CrossbarSpec, energy: Energies, area: Figures, leakage: Figures) -> None:
    """Registers of every macro, the buffer of every tile and its bus. Energies are of a byte."""
    tile, node, vdd = spec.tile, spec.technology.node_nm, spec.technology.vdd_v
    for name, (store, count) in stores_of(spec).items():
        part = _store(spec, name, store)
        for action, value in (("read", store.read_pj), ("write", store.write_pj)):
            byte = part.energy_pj[action].scaled(1 / WORD_BYTES)
            energy[name, action] = _given(spec, f"tile.{name}.{action}_pj", value, byte)
        area[name] = _given(spec, f"tile.{name}.area_mm2", store.area_mm2, part.area_mm2).scaled(count)
        idle = _given(spec, f"tile.{name}.leakage_mw", store.leakage_mw, part.leakage_mw)
        leakage[name] = idle.scaled(count)
    byte = wire(BUS_MM, node, vdd_v=vdd).energy_pj["transfer"].scaled(8)
    energy["bus", "move"] = _given(spec, "tile.buffer.bus_pj", tile.buffer.bus_pj, byte)
    nothing = Figure(0.0, "wires run above the logic", 1.0)
    area["bus"] = _given(spec, "tile.buffer.bus_area_mm2", tile.buffer.bus_area_mm2, nothing).scaled(
        tile.count
    )


def _store(spec: CrossbarSpec, name: str, store: Store) -> Part:
    node, vdd = spec.technology.node_nm, spec.technology.vdd_v
    size = store.capacity_kib * 1024
    if store.capacity_kib <= REGISTER_KIB:
        bits = max(8 * WORD_BYTES, round(8 * size))
        return register_file(bits, 8 * WORD_BYTES, node, vdd_v=vdd, name=f"{spec.name}: {name}")
    return sram(size, 8 * WORD_BYTES, node, vdd_v=vdd, name=f"{spec.name}: {name}")


def _add_rest(spec: CrossbarSpec, energy: Energies, area: Figures, leakage: Figures) -> None:
    """Shift and add (one a converter, or a column of digital arrays), network, vector unit, links."""
    node, vdd, tiles = spec.technology.node_nm, spec.technology.vdd_v, spec.tile.count
    adders = shift_add(spec.shift_add.bits, node, vdd_v=vdd)
    sharing = 1 if spec.adc is None else spec.adc.columns
    count = ceil(spec.array.columns / sharing) * spec.arrays
    given = spec.shift_add
    energy["shift_add", "add"] = _given(spec, "shift_add.energy_pj", given.energy_pj, adders.energy_pj["add"])
    um2 = _given(spec, "shift_add.area_um2", given.area_um2, adders.area_mm2.scaled(1e6))
    area["shift_add"], leakage["shift_add"] = um2.scaled(1e-6 * count), adders.leakage_mw.scaled(count)
    if spec.network is not None:
        hop = router(node, vdd_v=vdd)
        pj = _given(spec, "network.pj_per_byte", spec.network.pj_per_byte, hop.energy_pj["hop"])
        energy["network", "hop"] = pj
        area["network"] = _given(spec, "network.area_mm2", spec.network.area_mm2, hop.area_mm2).scaled(tiles)
    lane, unit = vector_lane(node, number_format="int16", vdd_v=vdd), spec.vector_unit
    mean = total([lane.energy_pj[o].scaled(1 / len(VECTOR_OPERATIONS)) for o in VECTOR_OPERATIONS],
                 f"mean of {', '.join(VECTOR_OPERATIONS)} (Aladdin)")  # fmt: skip
    energy["vector_unit", "operate"] = _given(spec, "vector_unit.energy_pj", unit.energy_pj, mean)
    lanes = lane.area_mm2.scaled(unit.lanes)
    area["vector_unit"] = _given(spec, "vector_unit.area_mm2", unit.area_mm2, lanes).scaled(tiles)
    leakage["vector_unit"] = lane.leakage_mw.scaled(unit.lanes * tiles)
    area["other"] = Figure(spec.tile.other_mm2 * tiles, f"given in {spec.name}: tile.other_mm2", 1.0)
    leakage["other"] = Figure(spec.tile.other_mw * tiles, f"given in {spec.name}: tile.other_mw", 1.0)
    links = spec.offchip
    energy["offchip", "byte"] = Figure(8 * links.pj_per_bit, f"given in {spec.name}: offchip.pj_per_bit", 2.0)
    area["offchip"] = Figure(links.area_mm2, f"given in {spec.name}: offchip.area_mm2", 1.0)
    leakage["offchip"] = Figure(links.static_mw, f"given in {spec.name}: offchip.static_mw", 1.0)
