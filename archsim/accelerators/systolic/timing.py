"""What of a systolic accelerator decides how long a mapping takes; capacities only decide whether it fits."""

from __future__ import annotations

from collections.abc import Hashable

from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.spec import Dram, Sram, SystolicSpec


def timing_of(spec: SystolicSpec, costs: Costs) -> Hashable:
    """Equal for accelerators on which every contraction's mapping that fits both takes the same time."""
    array = spec.array
    memories = [
        (m.kind, tuple(m.holds), m.ports, m.bandwidth_bits_per_cycle, m.double_buffered)
        if isinstance(m, Sram)
        else (m.kind, tuple(m.holds))
        for m in spec.memories
        if not isinstance(m, Dram)
    ]
    unroll = None if array.unroll is None else (str(array.unroll.rows), str(array.unroll.columns))
    return (
        (array.rows, array.columns, array.cores, array.dataflow, unroll, array.overlap_folds),
        (array.mac.accumulator_bits, costs.dram_bits_per_cycle, costs.dram_latency_cycles),
        tuple(memories),
        None if spec.vector_unit is None else (spec.vector_unit.lanes, str(spec.vector_unit.cycles)),
    )


def capacities_of(spec: SystolicSpec) -> tuple[int, ...]:
    """Bits of every on-chip memory, in the order of the spec."""
    return tuple(m.capacity_bits for m in spec.memories if not isinstance(m, Dram))
