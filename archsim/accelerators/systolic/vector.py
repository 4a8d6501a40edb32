"""Layers that are no contraction: streamed through the buffers past the vector unit."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.workloads.layer import Layer

MOST_CHUNKS = 64
"""More and smaller chunks overlap load, work and store better, but nothing is gained beyond some dozens."""


@dataclass(frozen=True)
class VectorWork:
    """Every operand is read from DRAM once, every result written once, chunk by chunk."""

    load_bits: int
    store_bits: int
    vector_cycles: float
    chunks: int
    buffer_bits: dict[str, int]  # by memory: bits written and then read there
    held_bits: dict[str, float]

    def chunk(self, index: int, total: int) -> int:
        """The part of `total` that chunk `index` has: as even as whole numbers allow."""
        return total * (index + 1) // self.chunks - total * index // self.chunks


def vector_work(layer: Layer, spec: SystolicSpec, hierarchy: Hierarchy) -> VectorWork:
    p = layer.precision
    made = sum(t.elements for t in layer.outputs)
    read, constants = (sum(t.elements for t in group) for group in (layer.inputs, layer.weights))
    if layer.operator in ("gather", "slice"):  # only what is picked out is fetched
        read, constants = min(read, made), min(constants, made)
    inputs, weights, stored = read * p.activation_bits, constants * p.weight_bits, made * p.output_bits
    outer = hierarchy.tiers[0]
    passing: dict[str, int] = {}
    for operand, bits in (("input", inputs + weights), ("output", stored)):
        memory = outer.holder(operand)
        if memory is not None:
            passing[memory.name] = passing.get(memory.name, 0) + bits
    capacity = {m.name: m.capacity_bits for m in outer.memories}
    chunks = max([1, *(ceil(2 * bits / capacity[name]) for name, bits in passing.items())])
    smallest = min(t.elements for t in layer.outputs)
    chunks = max(chunks, min(MOST_CHUNKS, smallest))
    copies = 2 if chunks > 1 else 1
    return VectorWork(
        load_bits=inputs + weights,
        store_bits=stored,
        vector_cycles=_vector_cycles(layer, spec),
        chunks=chunks,
        buffer_bits=passing,
        held_bits={name: copies * bits / chunks for name, bits in passing.items()},
    )


def _vector_cycles(layer: Layer, spec: SystolicSpec) -> float:
    unit = spec.vector_unit
    if unit is None:
        return 0.0
    return sum(count * unit.cycles.get(op, 1.0) for op, count in layer.ops.items()) / unit.lanes


def vector_actions(
    layer: Layer, work: VectorWork, spec: SystolicSpec, hierarchy: Hierarchy
) -> dict[tuple[str, str], float]:
    """(component, action) -> count."""
    dram = hierarchy.dram.name
    actions: dict[tuple[str, str], float] = {(dram, "read"): work.load_bits, (dram, "write"): work.store_bits}
    for memory in hierarchy.tiers[0].memories:
        words = work.buffer_bits.get(memory.name, 0) / memory.word_bits
        if words:
            actions[memory.name, "read"] = actions[memory.name, "write"] = words
    if spec.vector_unit is not None:
        actions |= {("vector_unit", operation): count for operation, count in layer.ops.items()}
    return actions


def vector_latency(work: VectorWork, costs: Costs) -> float:
    """Lower bound: the slower of moving and working, plus the first chunk's load and the last one's store."""
    if costs.dram_bits_per_cycle is None:
        return work.vector_cycles + costs.dram_latency_cycles
    exposed = work.chunk(0, work.load_bits) + work.chunk(work.chunks - 1, work.store_bits)
    working = work.vector_cycles + exposed / costs.dram_bits_per_cycle
    moving = (work.load_bits + work.store_bits) / costs.dram_bits_per_cycle
    return max(working, moving) + costs.dram_latency_cycles


def vector_latency_high(work: VectorWork, costs: Costs) -> float:
    """Upper bound: every chunk loaded, worked on and stored in turn, each in whole cycles."""
    rate = costs.dram_bits_per_cycle
    moving = 0.0 if rate is None else (work.load_bits + work.store_bits) / rate + 2 * work.chunks
    return ceil(work.vector_cycles) + moving + costs.dram_latency_cycles
