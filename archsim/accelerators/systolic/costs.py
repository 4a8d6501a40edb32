"""Unit energies, areas and leakage of a systolic accelerator, from the component library or its YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, sqrt

from archsim.accelerators.systolic.sites import site_of
from archsim.accelerators.systolic.spec import Dram, Register, Sram, SystolicSpec
from archsim.components.dram import DRAM_KINDS, DramKind, dram
from archsim.components.figure import Figure
from archsim.components.mac import mac
from archsim.components.part import Part
from archsim.components.register_file import register_file
from archsim.components.sram import sram
from archsim.components.vector_lane import vector_lane
from archsim.components.wire import wire
from archsim.errors import InputError
from archsim.workloads.precision import Precision


@dataclass(frozen=True)
class Costs:
    """What one action of each component costs, at one precision, and what the machine is made of."""

    energy_pj: Mapping[tuple[str, str], Figure]  # (component, action)
    area_mm2: Mapping[str, Figure]
    leakage_mw: Mapping[str, Figure]
    clock_mhz: float
    dram_bits_per_cycle: float | None  # None: unlimited
    dram_latency_cycles: int

    def unit_energy(self, component: str, action: str) -> Figure:
        return self.energy_pj[component, action]

    @cached_property
    def leakage_pj_per_cycle(self) -> dict[str, float]:
        """1 mW for 1 µs is 1000 pJ."""
        return {name: figure.value * 1e3 / self.clock_mhz for name, figure in self.leakage_mw.items()}


def costs_of(spec: SystolicSpec, precision: Precision, others: Costs | None = None) -> Costs:
    """Price the accelerator for layers at `precision`. Raises InputError for a part outside its tables.

    `others` are its costs at another precision: only what a MAC takes differs.
    """
    if others is not None:
        unit = {("mac", "mac"): _mac(spec, precision).energy_pj["mac"]}
        return replace(others, energy_pj={**others.energy_pj, **unit})
    dram_spec = next(m for m in spec.memories if isinstance(m, Dram))
    parts = {m.name: _memory(m, spec) for m in spec.memories if not isinstance(m, Dram)}
    energy = {(name, action): f for name, part in parts.items() for action, f in part.energy_pj.items()}
    energy |= {(dram_spec.name, action): f for action, f in _dram(dram_spec).energy_pj.items()}

    pes = spec.array.rows * spec.array.columns * spec.array.cores
    copies = {m.name: pes if m.kind == "register" else 1 for m in spec.memories}
    energy["mac", "mac"] = _mac(spec, precision).energy_pj["mac"]
    built = _mac(spec, Precision.parse(spec.array.mac_bits))
    parts["mac"], copies["mac"] = built, pes
    if spec.array.dataflow != "unrolled":  # there the PEs' storage is listed among the memories
        registers = _pipeline_registers(spec)
        energy["pe_registers", "move"] = registers.energy_pj["write"].scaled(1 / _pipeline_bits(spec))
        parts["pe_registers"], copies["pe_registers"] = registers, pes
    energy["wires", "transfer"] = _wires(spec, parts, copies)
    if spec.vector_unit is not None:
        lane = _vector_lane(spec)
        parts["vector_unit"], copies["vector_unit"] = lane, spec.vector_unit.lanes
        energy |= {("vector_unit", action): f for action, f in lane.energy_pj.items()}
        # a moved element costs its memory accesses, which are counted where they happen
        energy["vector_unit", "move"] = Figure(0.0, "counted as memory accesses", 1.0)

    return Costs(
        energy_pj=energy,
        area_mm2={name: part.area_mm2.scaled(copies[name]) for name, part in parts.items()},
        leakage_mw={name: part.leakage_mw.scaled(copies[name]) for name, part in parts.items()},
        clock_mhz=spec.technology.clock_mhz,
        dram_bits_per_cycle=_dram_bits_per_cycle(dram_spec, spec.technology.clock_mhz),
        dram_latency_cycles=_dram_latency_cycles(dram_spec, spec.technology.clock_mhz),
    )


def _memory(m: Sram | Register, spec: SystolicSpec) -> Part:
    technology = spec.technology
    where = f"{spec.name}: memory {m.name!r}"
    if isinstance(m, Register) and m.built_as == "flip_flops":
        part = register_file(
            m.capacity_bits, m.word_bits, technology.node_nm, vdd_v=technology.vdd_v, name=where
        )
    else:
        shape = {"banks": m.banks, "ports": m.ports} if isinstance(m, Sram) else {}
        part = sram(
            m.capacity_bits / 8,
            m.word_bits,
            technology.node_nm,
            vdd_v=technology.vdd_v,
            name=where,
            **shape,
        )
    given = {"read": m.read_pj, "write": m.write_pj}
    nominal = part.with_overrides(
        energy_pj={action: value for action, value in given.items() if value is not None},
        area_mm2=m.area_mm2,
        leakage_mw=m.leakage_mw,
        source=f"given in {spec.name}: memory {m.name}",
    )
    return site_of(m, spec).supplied(nominal)


def _dram(m: Dram) -> Part:
    part = dram(m.device, name=m.name)
    given = {"read": m.read_pj_per_bit, "write": m.write_pj_per_bit}
    energy = {action: value for action, value in given.items() if value is not None}
    return part.with_overrides(energy_pj=energy, source=f"given for memory {m.name}")


def _mac(spec: SystolicSpec, precision: Precision) -> Part:
    given = spec.array.mac
    part = mac(
        precision.number_format,
        spec.technology.node_nm,
        weight_bits=precision.weight_bits,
        activation_bits=precision.activation_bits,
        accumulator_bits=given.accumulator_bits,
        vdd_v=spec.technology.vdd_v,
        library=given.library,
        name=f"{spec.name}: array.mac",
    )
    return part.with_overrides(
        energy_pj={} if given.energy_pj is None else {"mac": given.energy_pj},
        area_mm2=given.area_mm2,
        leakage_mw=given.leakage_mw,
        source=f"given in {spec.name}: array.mac",
    )


def _pipeline_bits(spec: SystolicSpec) -> int:
    """Operand and sum registers between neighbouring PEs, for the precision the array is built for."""
    built = Precision.parse(spec.array.mac_bits)
    return built.weight_bits + built.activation_bits + spec.array.mac.accumulator_bits


def _pipeline_registers(spec: SystolicSpec) -> Part:
    bits = _pipeline_bits(spec)
    technology = spec.technology
    return register_file(bits, bits, technology.node_nm, vdd_v=technology.vdd_v, name="PE pipeline registers")


def _wires(spec: SystolicSpec, parts: Mapping[str, Part], copies: Mapping[str, int]) -> Figure:
    """pJ per bit between a buffer and the array: half the side of the square that all of it would fill."""
    given = spec.array.wires_pj_per_bit
    if given is not None:
        return Figure(given, f"given in {spec.name}: array.wires_pj_per_bit", 1.0)
    area_mm2 = sum(part.area_mm2.value * copies[name] for name, part in parts.items())
    technology = spec.technology
    return wire(sqrt(area_mm2) / 2, technology.node_nm, vdd_v=technology.vdd_v).energy_pj["transfer"]


def _vector_lane(spec: SystolicSpec) -> Part:
    given = spec.vector_unit
    assert given is not None
    part = vector_lane(
        spec.technology.node_nm,
        number_format=given.number_format,
        vdd_v=spec.technology.vdd_v,
        name=f"{spec.name}: vector_unit",
    )
    actions = [] if given.energy_pj is None else list(part.energy_pj)
    return part.with_overrides(
        energy_pj=dict.fromkeys(actions, given.energy_pj or 0.0),
        area_mm2=None if given.area_mm2 is None else given.area_mm2 / given.lanes,
        leakage_mw=None if given.leakage_mw is None else given.leakage_mw / given.lanes,
        source=f"given in {spec.name}: vector_unit",
    )


def _dram_bits_per_cycle(m: Dram, clock_mhz: float) -> float | None:
    if m.bandwidth_gb_s == "unlimited":
        return None
    bandwidth_gb_s = m.bandwidth_gb_s or _dram_kind(m).bandwidth_gb_s
    return bandwidth_gb_s * 8e3 / clock_mhz


def _dram_latency_cycles(m: Dram, clock_mhz: float) -> int:
    if m.latency_ns is None and m.bandwidth_gb_s == "unlimited":
        return 0
    latency_ns = _dram_kind(m).latency_ns if m.latency_ns is None else m.latency_ns
    return ceil(latency_ns * clock_mhz / 1e3)


def _dram_kind(m: Dram) -> DramKind:
    if m.device not in DRAM_KINDS:
        raise InputError(
            f"memory {m.name!r}: device {m.device!r} is not known; allowed: {', '.join(DRAM_KINDS)}"
        )
    return DRAM_KINDS[m.device]
