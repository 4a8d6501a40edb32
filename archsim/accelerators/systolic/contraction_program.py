"""A contraction's chosen mapping as the load, compute and store schedules the kernel runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from archsim.accelerators.systolic.arrays import LoopTiles
from archsim.accelerators.systolic.chosen import Chosen
from archsim.accelerators.systolic.contraction_tiles import ContractionTiles
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import IRRELEVANT
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
    chosen: Chosen,
    tiles: LoopTiles,
    port_cycles: Sequence[float],
) -> ContractionTiles:
    """The loops over the outermost tiles of a mapping; `port_cycles`: busy time of each buffer whose
    bandwidth is finite."""
    assert layer.contraction is not None
    c = lowered(layer.contraction)
    array, orders = chosen.array, chosen.orders
    loops = tile_loops(c, {dim: nesting[0] for dim, nesting in _flattened(tiles).items()}, orders[0])
    bits = operand_bits(layer, layer.precision, spec)
    held = frozenset(o for o in IRRELEVANT if hierarchy.tiers[0].holder(o))
    load, store = _spread(chosen, bits, set(IRRELEVANT) - held)
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
        port_cycles_per_mac=max(port_cycles, default=0.0) / c.macs,
    )


def _flattened(tiles: LoopTiles) -> dict[str, Nesting]:
    """C, R and S as the one loop that the tile loops turn."""
    if "CRS" in tiles:
        return dict(tiles)
    whole = tuple(c * r * s for c, r, s in zip(tiles["C"], tiles["R"], tiles["S"], strict=True))
    return {dim: n for dim, n in tiles.items() if dim not in "CRS"} | {"CRS": whole}


def _spread(chosen: Chosen, bits: Mapping[str, int], operands: Iterable[str]) -> tuple[float, float]:
    """(load, store) DRAM bits of a group's `operands`, which bypass the outermost buffer."""
    load = store = 0.0
    nest, orders = chosen.nest, chosen.orders
    outputs = nest.m.size * nest.n.size
    for operand in operands:
        levels = chosen.hierarchy.levels_of(operand)
        work = None if levels else chosen.array.work(orders)
        if operand == "output":
            written = work.output_writes if work else outputs * nest.visits(operand, levels[0], orders)
            partial = (int(written.max()) - outputs) * bits["sum"]
            load, store = load + partial, store + partial + outputs * bits["output"]
        elif work:
            load += float(work.reads[operand].max()) * bits[operand]
        else:
            fetched = nest.volume(operand, levels[0]) * nest.visits(operand, levels[0], orders)
            load += float(fetched.max()) * bits[operand]
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
