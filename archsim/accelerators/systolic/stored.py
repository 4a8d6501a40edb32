"""Where a layer's data lie on a systolic accelerator."""

from __future__ import annotations

from math import ceil

from archsim.accelerators.systolic.chosen import Chosen
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.sites import site_of
from archsim.accelerators.systolic.spec import OPERANDS, Register, Sram, SystolicSpec
from archsim.accelerators.systolic.vector import VectorWork
from archsim.components.sram_supply import Stored
from archsim.workloads.layer import Layer


def stored_of(layer: Layer, chosen: Chosen, spec: SystolicSpec, hierarchy: Hierarchy) -> tuple[Stored, ...]:
    """A contraction's operands in every memory that its tiles pass, from the outermost in."""
    found = [
        _stored(layer, operand, hierarchy.memory(level, operand), spec,
                int(chosen.nest.tile_elements(operand, level).max()))
        for operand in OPERANDS
        for level in hierarchy.levels_of(operand)
    ]  # fmt: skip
    found += [
        _stored(layer, operand, m, spec, int(chosen.nest.tile_elements(operand, len(hierarchy.tiers)).max()))
        for m in hierarchy.registers
        for operand in m.holds
    ]
    return tuple(found)


def stored_in_chunks(
    layer: Layer, work: VectorWork, spec: SystolicSpec, hierarchy: Hierarchy
) -> tuple[Stored, ...]:
    """Of a layer on the vector unit: its chunks pass the outermost buffers."""
    elements = {
        "input": sum(t.elements for t in layer.inputs),
        "output": sum(t.elements for t in layer.outputs),
    }
    holders = {operand: hierarchy.tiers[0].holder(operand) for operand in elements}
    return tuple(
        _stored(layer, operand, memory, spec, ceil(elements[operand] / work.chunks))
        for operand, memory in holders.items()
        if memory is not None
    )


def _stored(layer: Layer, operand: str, m: Sram | Register, spec: SystolicSpec, elements: int) -> Stored:
    precision = layer.precision
    copies = 1 if isinstance(m, Sram) else spec.array.rows * spec.array.columns * spec.array.cores
    weights = precision.weight_bits if layer.has_static_weights else precision.activation_bits
    bits = {"weight": weights, "input": precision.activation_bits, "output": precision.output_bits}
    return Stored(
        operand=operand,
        memory=m.name,
        word_bits=m.word_bits,
        words=copies * (m.capacity_bits // m.word_bits),
        element_bits=bits[operand],
        tile_elements=elements,
        buffers=2 if isinstance(m, Sram) and m.double_buffered else 1,
        supply=site_of(m, spec).supply,
    )
