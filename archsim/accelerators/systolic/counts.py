"""What a mapping does, counted in cycles and elements: all of its cost that no bit-width, capacity, bandwidth
or unit energy has a part in. Prices are linear in these counts (see `pricing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.systolic.array_work import Held, Moved
from archsim.accelerators.systolic.arrays import ArrayModel
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import Grid, Nest
from archsim.accelerators.systolic.traffic import traffic_of

PIPELINE = ("pe_registers", "move")
WIRES = ("wires", "transfer")


@dataclass(frozen=True)
class Counts:
    """Grids over the mappings of a nest under one loop order; `moved` is of one group of the layer."""

    compute_cycles: Grid  # of all groups
    folds: Grid
    moved: Moved  # (component, action, kind) -> elements
    held: Held  # in buffers
    register_held: Held  # in each PE
    exposed: dict[str, Grid]  # kind -> elements of the very first tile's loads and the very last's store
    positions: Grid  # outermost tiles worked on, one after another
    together: int  # groups run at the same time


def counts_of(array: ArrayModel, hierarchy: Hierarchy, orders: Sequence[str]) -> Counts:
    """Count every mapping of the array's nest under one loop order a level."""
    nest = array.nest
    work = array.work(orders)
    traffic = traffic_of(nest, hierarchy, work, orders)
    moved: Moved = {**traffic.moved, **work.register_accesses}
    for kind, elements in work.pipelined.items():
        moved[(*PIPELINE, kind)] = np.asarray(elements)
    outputs = nest.m.size * nest.n.size
    # every sum fetched comes back, so it crosses twice
    crossing = {"input": work.reads["input"], "weight": work.reads["weight"], "output": np.array(outputs)}
    for kind, elements in {**crossing, "sum": 2 * work.output_reads}.items():
        moved[(*WIRES, kind)] = elements
    tiles = nest.counts("M", 0) * nest.counts("N", 0) * nest.counts("K", 0)
    return Counts(
        compute_cycles=work.cycles * work.rounds,
        folds=work.folds * work.rounds,
        moved=moved,
        held=traffic.held,
        register_held=work.register_held,
        exposed=_exposed(nest, hierarchy),
        positions=tiles * work.rounds,
        together=work.together,
    )


def _exposed(nest: Nest, hierarchy: Hierarchy) -> dict[str, Grid]:
    """Elements of the very first tile's operands and of the very last output tile: nothing overlaps them."""
    exposed = {
        "input": nest.grid("M", nest.m.window_first) * nest.grid("K", nest.k.channels_first),
        "weight": nest.tiles("N", 0) * nest.tiles("K", 0),
        "output": nest.grid("M", nest.m.last[:, 0]) * nest.grid("N", nest.n.last[:, 0]),
    }
    return {kind: grid for kind, grid in exposed.items() if hierarchy.tiers[0].holder(kind)}
