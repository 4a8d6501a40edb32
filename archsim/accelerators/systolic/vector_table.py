"""The options table of a layer that is no contraction: one way to stream it, at several precisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from archsim.accelerators.machine import Options
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.vector import (
    vector_actions,
    vector_latency,
    vector_latency_high,
    vector_work,
)
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision


def vector_options(
    layer: Layer,
    precisions: Sequence[Precision],
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs_at: Callable[[Precision], Costs],
) -> Options:
    """The one row of the layer at every precision."""
    cycles, high, dram_bytes = [], [], []
    energy: dict[str, list[float]] = {}
    held: dict[str, list[float]] = {}
    for precision in precisions:
        at = layer.with_precision(precision)
        work = vector_work(at, spec, hierarchy)
        costs = costs_at(precision)
        latency = vector_latency(work, costs)
        cycles.append(latency)
        high.append(vector_latency_high(work, costs))
        dram_bytes.append((work.load_bits + work.store_bits) / 8)
        spent = {name: latency * pj for name, pj in costs.leakage_pj_per_cycle.items()}
        for (component, action), count in vector_actions(at, work, spec, hierarchy).items():
            pj = count * costs.unit_energy(component, action).value
            spent[component] = spent.get(component, 0.0) + pj
        for component, pj in spent.items():
            energy.setdefault(component, []).append(pj)
        for name, bits in work.held_bits.items():
            held.setdefault(name, []).append(bits / 8)
    return Options(
        layer=layer,
        precisions=tuple(precisions),
        precision=np.arange(len(precisions)),
        cycles=np.array(cycles),
        energy_pj={name: np.array(values) for name, values in energy.items()},
        traffic_bytes={hierarchy.dram.name: np.array(dram_bytes)},
        held_bytes={name: np.array(values) for name, values in held.items()},
        mapping={},
        codebooks={},
        priced=len(precisions),
        cycles_high=np.array(high),
        leakage_pj_per_cycle=dict(costs_at(precisions[0]).leakage_pj_per_cycle),
        complete=True,
    )
