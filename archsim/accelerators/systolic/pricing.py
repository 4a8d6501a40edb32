"""Pricing all mappings of a layer at once: counted actions, energy by component, cycles, what is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.machine import total
from archsim.accelerators.systolic.array_work import ArrayWork
from archsim.accelerators.systolic.arrays import ArrayModel, is_unrolled
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import Grid, Nest
from archsim.accelerators.systolic.spec import Sram, SystolicSpec
from archsim.accelerators.systolic.traffic import Traffic, traffic_of
from archsim.workloads.layer import Layer


@dataclass(frozen=True)
class Priced:
    """Grids over the mappings of one nest, loop order and split, for the whole layer (all groups)."""

    cycles: Grid  # lower bound of the layer's latency
    compute_cycles: Grid
    memory_cycles: Mapping[str, Grid]  # busy time of each memory whose bandwidth is finite
    actions: Mapping[tuple[str, str], Grid]  # (component, action) -> count
    held_bits: Mapping[str, Grid]
    dram_bits: Grid
    folds: Grid
    fits: Grid
    together: int  # groups run at the same time

    def energy_pj(self, costs: Costs, rows: Callable[[Grid], Grid] = np.asarray) -> dict[str, Grid]:
        """By component; leakage over `cycles` included. `rows` picks those wanted from each grid."""
        energy: dict[str, Grid] = {}
        for (component, action), count in self.actions.items():
            part = rows(count) * costs.unit_energy(component, action).value
            energy[component] = energy[component] + part if component in energy else part
        cycles = rows(self.cycles)
        for component, pj_per_cycle in costs.leakage_pj_per_cycle.items():
            part = cycles * pj_per_cycle
            energy[component] = energy[component] + part if component in energy else part
        return energy


def operand_bits(layer: Layer, spec: SystolicSpec) -> dict[str, int]:
    """Widths of input, weight, output and partial sum. Two activations multiplied: both have their width."""
    p = layer.precision
    return {
        "input": p.activation_bits,
        "weight": p.weight_bits if layer.has_static_weights else p.activation_bits,
        "output": p.output_bits,
        "sum": max(spec.array.mac.accumulator_bits, p.output_bits),
    }


def price(
    layer: Layer,
    array: ArrayModel,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Costs,
    orders: Sequence[str],
) -> Priced:
    """Price every mapping of the array's nest under one loop order a level."""
    assert layer.contraction is not None
    groups, nest = layer.contraction.G, array.nest
    bits = operand_bits(layer, spec)
    work = array.work(orders, bits)
    traffic = traffic_of(nest, hierarchy, work, orders, bits)
    dram = hierarchy.dram.name
    dram_bits = (traffic.read_bits[dram] + traffic.write_bits[dram]) * groups
    compute = work.cycles * work.rounds
    memory_cycles = _memory_cycles(hierarchy, traffic, groups)
    busiest_buffer = compute
    for cycles in memory_cycles.values():
        busiest_buffer = np.maximum(busiest_buffer, cycles)
    if costs.dram_bits_per_cycle is not None:
        memory_cycles[dram] = dram_bits / costs.dram_bits_per_cycle
        if all(m.double_buffered for m in hierarchy.tiers[0].memories):
            exposed = _exposed_bits(nest, hierarchy, bits) / costs.dram_bits_per_cycle
            latency = np.maximum(busiest_buffer + exposed, memory_cycles[dram])
        else:  # one copy of a tile: loading, working and storing take turns
            latency = busiest_buffer + memory_cycles[dram]
    else:
        latency = busiest_buffer
    latency = latency + costs.dram_latency_cycles
    return Priced(
        cycles=latency,
        compute_cycles=compute,
        memory_cycles=memory_cycles,
        actions=_actions(layer, spec, hierarchy, work, traffic, groups),
        held_bits=traffic.held_bits,
        dram_bits=dram_bits,
        folds=work.folds * work.rounds,
        fits=_fits(hierarchy, traffic) & work.register_fits,
        together=work.together,
    )


def never_stalls(spec: SystolicSpec, costs: Costs) -> bool:
    """Whether no memory has a finite bandwidth: then the array alone sets the time."""
    buffers = (m for m in spec.memories if isinstance(m, Sram))
    return costs.dram_bits_per_cycle is None and all(m.bandwidth_bits_per_cycle is None for m in buffers)


def _exposed_bits(nest: Nest, hierarchy: Hierarchy, bits: Mapping[str, int]) -> Grid | int:
    """Bits of the very first tile's operands and of the very last output tile: nothing overlaps them."""
    outer = hierarchy.tiers[0]
    first_input = nest.grid("M", nest.m.window_first) * nest.grid("K", nest.k.channels_first)
    first_weight = nest.tiles("N", 0) * nest.tiles("K", 0)
    last_output = nest.grid("M", nest.m.last[:, 0]) * nest.grid("N", nest.n.last[:, 0])
    exposed = {"input": first_input, "weight": first_weight, "output": last_output}
    held = [elements * bits[operand] for operand, elements in exposed.items() if outer.holder(operand)]
    return sum(held[1:], start=held[0])


def _memory_cycles(hierarchy: Hierarchy, traffic: Traffic, groups: int) -> dict[str, Grid]:
    cycles: dict[str, Grid] = {}
    for tier in hierarchy.tiers:
        for memory in tier.memories:
            if memory.bandwidth_bits_per_cycle is not None:
                read, write = traffic.read_bits[memory.name], traffic.write_bits[memory.name]
                cycles[memory.name] = port_cycles(memory, read, write) * groups
    return cycles


def port_cycles(memory: Sram, read_bits, write_bits):
    """Cycles the ports of a buffer need for so many bits read and written."""
    assert memory.bandwidth_bits_per_cycle is not None
    if memory.ports == "1r1w":
        return np.maximum(read_bits, write_bits) / memory.bandwidth_bits_per_cycle
    ports = 2 if memory.ports == "2rw" else 1
    return (read_bits + write_bits) / (ports * memory.bandwidth_bits_per_cycle)


def _fits(hierarchy: Hierarchy, traffic: Traffic) -> Grid:
    fits: Grid = np.ones((1, 1, 1), dtype=bool)
    for tier in hierarchy.tiers:
        for memory in tier.memories:
            fits = fits & (traffic.held_bits[memory.name] <= memory.capacity_bits)
    return fits


def _delivered_bits(work: ArrayWork, bits: Mapping[str, int]) -> Grid:
    """Bits that cross between the buffers and the array."""
    return total(
        {
            "input": work.reads["input"] * bits["input"],
            "weight": work.reads["weight"] * bits["weight"],
            "output": (work.output_writes - work.output_reads) * bits["output"],
            "sum": work.output_reads * (2 * bits["sum"]),
        }
    )


def _actions(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    work: ArrayWork,
    traffic: Traffic,
    groups: int,
) -> dict[tuple[str, str], Grid]:
    one = np.ones((1, 1, 1))
    dram = hierarchy.dram.name
    actions: dict[tuple[str, str], Grid] = {
        (dram, "read"): traffic.read_bits[dram] * groups,
        (dram, "write"): traffic.write_bits[dram] * groups,
    }
    for tier in hierarchy.tiers:
        for memory in tier.memories:
            for action, bits in (("read", traffic.read_bits), ("write", traffic.write_bits)):
                words = bits[memory.name] * groups / memory.word_bits
                actions[memory.name, action] = np.ceil(words, out=words)
    if is_unrolled(spec):
        word_bits = {m.name: m.word_bits for m in hierarchy.registers}
        for (name, action), bits in work.register_accesses.items():
            actions[name, action] = np.ceil(bits * groups / word_bits[name])
    else:
        actions["pe_registers", "move"] = one * groups * work.register_bits
    actions["wires", "transfer"] = _delivered_bits(work, operand_bits(layer, spec)) * groups
    actions["mac", "mac"] = layer.macs * one
    if spec.vector_unit is not None:
        for operation, count in layer.ops.items():
            actions["vector_unit", operation] = count * one
    return actions
