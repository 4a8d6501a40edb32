"""A contraction's chosen mapping as the load, compute and store schedules the kernel runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from archsim.accelerators.systolic.array_work import ArrayWork
from archsim.accelerators.systolic.arrays import LoopTiles, array_at, tiles_of
from archsim.accelerators.systolic.contraction_tiles import ContractionTiles
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import IRRELEVANT, Nest
from archsim.accelerators.systolic.pricing import operand_bits
from archsim.accelerators.systolic.program import (
    LayerProgram,
    channel_names,
    layer_schedule,
    lengthened,
    transfer_cycles,
)
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.tile_cycles import StationaryTileCycles, UnrolledTileCycles
from archsim.accelerators.systolic.tile_loops import Tile, tile_loops
from archsim.accelerators.systolic.unrolled import UnrolledArray
from archsim.accelerators.systolic.windows import Nesting
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer

Groups = tuple[tuple[int, int], ...]
"""(groups run together, how many times)."""


def contraction_tiles(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    nest: Nest,
    mapping: Mapping[str, Any],
    priced: GridPrices,
) -> ContractionTiles:
    """The loops over the outermost tiles of a mapping whose single-row `nest` and price are given."""
    assert layer.contraction is not None
    c = lowered(layer.contraction)
    orders = tuple(str(order) for order in mapping["order"])
    tiles = tiles_of(mapping, spec)
    loops = tile_loops(c, {dim: nesting[0] for dim, nesting in _flattened(tiles).items()}, orders[0])
    array = array_at(nest, spec, len(hierarchy.tiers), str(mapping["split"]) or None, c)
    bits = operand_bits(layer, layer.precision, spec)
    held = frozenset(o for o in IRRELEVANT if hierarchy.tiers[0].holder(o))
    load, store = _spread(nest, hierarchy, array.work(orders), orders, bits, set(IRRELEVANT) - held)
    ports = [float(v.max()) for v in priced.memory_cycles.values()]
    return ContractionTiles(
        bits=bits,
        held_outermost=held,
        loops=loops,
        array=(
            UnrolledTileCycles(tiles, (c.R, c.S))
            if isinstance(array, UnrolledArray)
            else StationaryTileCycles.of(array, tiles, loops, orders)
        ),
        spread_load_bits=load / loops.positions(),
        spread_store_bits=store * loops.positions_per_output() / loops.positions(),
        port_cycles_per_mac=max(ports, default=0.0) / c.macs,
    )


def _flattened(tiles: LoopTiles) -> dict[str, Nesting]:
    """C, R and S as the one loop that the tile loops turn."""
    if "CRS" in tiles:
        return dict(tiles)
    whole = tuple(c * r * s for c, r, s in zip(tiles["C"], tiles["R"], tiles["S"], strict=True))
    return {dim: n for dim, n in tiles.items() if dim not in "CRS"} | {"CRS": whole}


def _spread(
    nest: Nest,
    hierarchy: Hierarchy,
    work: ArrayWork,
    orders: Sequence[str],
    bits: Mapping[str, int],
    operands: Iterable[str],
) -> tuple[float, float]:
    """(load, store) DRAM bits of a group's `operands`, which bypass the outermost buffer."""
    load = store = 0.0
    outputs = nest.m.size * nest.n.size
    for operand in operands:
        levels = hierarchy.levels_of(operand)
        if operand == "output":
            written = outputs * nest.visits(operand, levels[0], orders) if levels else work.output_writes
            partial = (int(written.max()) - outputs) * bits["sum"]
            load, store = load + partial, store + partial + outputs * bits["output"]
        elif levels:
            fetched = nest.volume(operand, levels[0]) * nest.visits(operand, levels[0], orders)
            load += float(fetched.max()) * bits[operand]
        else:
            load += float(work.reads[operand].max()) * bits[operand]
    return load, store


def contraction_program(
    name: str, groups: Groups, tiles: ContractionTiles, costs: Costs, *, depth: int, prefetch: bool
) -> LayerProgram:
    """`depth`: copies of each buffer. `prefetch`: the first weight tile may be fetched while the layer
    before still runs."""
    loaded, finished, free = channel_names(name)
    rate = costs.dram_bits_per_cycle
    loops = tiles.loops

    def load(tile: Tile, together: int) -> Firing:
        return Firing(transfer_cycles(tiles.load_bits(tile) * together, rate), give={loaded: 1})

    def compute(tile: Tile, _together: int) -> Firing:
        take = {loaded: 1} | ({free: 1} if loops.starts("output", tile) else {})
        give = {finished: 1} if loops.ends_output(tile) else {}
        return Firing(tiles.compute_cycles(tile), take=take, give=give)

    def store(tile: Tile, together: int) -> Firing | None:
        if not loops.ends_output(tile):
            return None
        cycles = transfer_cycles(tiles.store_bits(tile) * together, rate)
        return Firing(cycles, take={finished: 1}, give={free: 1})

    def schedule(firing: Callable[[Tile, int], Firing | None], fill: int = 0) -> Node:
        def group(together: int) -> Node:
            return lengthened(Loop(1, layer_schedule(loops.loops, lambda tile: firing(tile, together))), fill)

        return Loop(1, [Loop(times, [group(together)]) for together, times in groups if times])

    first = {loop.dim: loop.pieces[0] for loop in loops.loops}
    early = tiles.weight_bits_of(first) * groups[0][0] if prefetch and "weight" in tiles.held_outermost else 0
    first_load = transfer_cycles(tiles.load_bits(first) * groups[0][0], rate)
    return LayerProgram(
        name=name,
        load=schedule(load),
        compute=schedule(compute, tiles.array.fill),
        store=schedule(store),
        positions=loops.positions() * sum(times for _, times in groups),
        per_output=loops.positions_per_output(),
        depth=depth,
        resource="array",
        prefetch_cycles=min(transfer_cycles(early, rate), first_load),
    )


def groups_of(total: int, together: int) -> Groups:
    """Rounds of `together` groups, and a last smaller one."""
    rounds, rest = divmod(total, together)
    return tuple(entry for entry in ((together, rounds), (rest, 1 if rest else 0)) if entry[1])
