"""A contraction's chosen mapping as the load, compute and store schedules the kernel runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archsim.accelerators.systolic.array_work import stationary_side
from archsim.accelerators.systolic.contraction_tiles import ContractionTiles, Tile
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.folds import DATAFLOWS
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import IRRELEVANT, Nest
from archsim.accelerators.systolic.pricing import Priced, operand_bits
from archsim.accelerators.systolic.program import (
    LayerProgram,
    channel_names,
    layer_schedule,
    transfer_cycles,
)
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.tile_loops import AXIS_OF, tile_loops
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer


def contraction_tiles(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    nest: Nest,
    mapping: Mapping[str, Any],
    priced: Priced,
) -> ContractionTiles:
    """The loops over the outermost tiles of a mapping whose single-row `nest` and price are given."""
    assert layer.contraction is not None
    orders = tuple(str(order) for order in mapping["order"])
    split = str(mapping["split"]) or None
    tiles = {dim: tuple(int(t) for t in mapping[dim]) for dim in AXIS_OF}
    c = lowered(layer.contraction)
    loops = tile_loops(c, tiles, orders[0])
    flow = DATAFLOWS[spec.array.dataflow]
    held = frozenset(o for o in IRRELEVANT if hierarchy.tiers[0].holder(o))
    load, store = _spread(nest, hierarchy, orders, operand_bits(layer, spec), held)
    ports = [float(v.max()) for name, v in priced.memory_cycles.items() if name != hierarchy.dram.name]
    return ContractionTiles(
        layer=layer,
        spec=spec,
        held_outermost=held,
        tiles=tiles,
        loops=loops,
        split=split,
        kept_depth=int(nest.depth(flow.stationary, nest.levels - 1, orders).max()),
        single_fold=bool(stationary_side(nest, spec.array, split).single.all()),
        spread_load_bits=load / loops.positions(),
        spread_store_bits=store * loops.positions_per_output() / loops.positions(),
        port_cycles_per_mac=max(ports, default=0.0) / c.macs,
    )


def _spread(
    nest: Nest,
    hierarchy: Hierarchy,
    orders: tuple[str, ...],
    bits: Mapping[str, int],
    held: frozenset[str],
) -> tuple[float, float]:
    """(load, store) DRAM bits of a group's operands that bypass the outermost buffer."""
    load = store = 0.0
    for operand in set(IRRELEVANT) - held:
        level = hierarchy.levels_of(operand)[0]
        visits = nest.visits(operand, level, orders)
        if operand == "output":
            outputs = nest.m.size * nest.n.size
            partial = float(((visits - 1) * outputs * bits["sum"]).max())
            load, store = load + partial, store + partial + outputs * bits["output"]
        else:
            load += float((nest.volume(operand, level) * visits * bits[operand]).max())
    return load, store


def contraction_program(
    tiles: ContractionTiles, costs: Costs, *, double_buffered: bool, prefetch: bool
) -> LayerProgram:
    """`prefetch`: the first weight tile may be fetched while the layer before still runs."""
    name = tiles.layer.name
    loaded, finished, free = channel_names(name)
    rate = costs.dram_bits_per_cycle

    def load(tile: Tile) -> Firing:
        return Firing(transfer_cycles(tiles.load_bits(tile), rate), give={loaded: 1})

    def compute(tile: Tile) -> Firing:
        take = {loaded: 1} | ({free: 1} if tiles.starts("output", tile) else {})
        give = {finished: 1} if tiles.ends_output(tile) else {}
        return Firing(tiles.compute_cycles(tile), take=take, give=give)

    def store(tile: Tile) -> Firing | None:
        if not tiles.ends_output(tile):
            return None
        cycles = transfer_cycles(tiles.store_bits(tile), rate)
        return Firing(cycles, take={finished: 1}, give={free: 1})

    def schedule(firing) -> Node:
        return Loop(tiles.groups, layer_schedule(tiles.loops.loops, firing))

    first = {loop.dim: loop.pieces[0] for loop in tiles.loops.loops}
    weights = tiles.weight_bits_of(first) if prefetch and "weight" in tiles.held_outermost else 0
    return LayerProgram(
        name=name,
        load=schedule(load),
        compute=schedule(compute),
        store=schedule(store),
        positions=tiles.loops.positions() * tiles.groups,
        per_output=tiles.loops.positions_per_output(),
        depth=2 if double_buffered else 1,
        resource="array",
        prefetch_cycles=min(transfer_cycles(weights, rate), transfer_cycles(tiles.load_bits(first), rate)),
    )
