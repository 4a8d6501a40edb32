"""A chosen sequence of layers as a timed dataflow graph: load, compute and store of every tile.

Each layer is three actors. `load` brings in what a tile needs, `compute` works on it, `store` puts finished
output tiles away; buffers are double (or single) by the channels' capacity. Loads and stores take turns on
the DRAM channel in program order, so the graph is deterministic and a faster memory never makes it slower.
Where there is room beside the layer before, a fourth, `prefetch`, fetches the first weights while that layer
still computes. The DRAM's latency is seen by a layer's first load; later ones are asked for in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from archsim.accelerators.systolic.tile_loops import Piece, Tile, TileLoop
from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import Firing, Grant, Loop, Node, sequence


@dataclass(frozen=True)
class LayerProgram:
    """One layer, ready to be put in line.

    The three schedules fire once a tile position, once a tile position, and once a visited output tile
    (`per_output` positions). `prefetch_cycles` of the first load move into `prefetch`.
    """

    name: str
    load: Node
    compute: Node
    store: Node
    positions: int
    per_output: int
    depth: int  # 2: double-buffered
    resource: str  # what computes
    prefetch_cycles: int


def layer_schedule(
    loops: Sequence[TileLoop],
    firing: Callable[[Tile], Firing | None],
    tile: dict[str, Piece] | None = None,
) -> tuple[Node, ...]:
    """The nested loops with one firing (or none) at each tile position."""
    tile = tile or {}
    if not loops:
        leaf = firing(tile)
        return (leaf,) if leaf else ()
    nodes: list[Node] = []
    for piece in loops[0].pieces:
        body = layer_schedule(loops[1:], firing, tile | {loops[0].dim: piece})
        if body:
            nodes.append(Loop(piece.count, body))
    return tuple(nodes)


def undivided_program(name: str, cycles: int) -> LayerProgram:
    """A layer whose transfers take no time: its tiles have nothing to wait for, so they are one firing."""
    loaded, finished, free = channel_names(name)
    return LayerProgram(
        name=name,
        load=Firing(0, give={loaded: 1}),
        compute=Firing(cycles, take={loaded: 1, free: 1}, give={finished: 1}),
        store=Firing(0, take={finished: 1}, give={free: 1}),
        positions=1,
        per_output=1,
        depth=1,
        resource="array",
        prefetch_cycles=0,
    )


def graph_of(programs: Sequence[LayerProgram], dram_latency_cycles: int, has_dram: bool) -> TimedGraph:
    """Layers one after the other. `has_dram` is false when DRAM is unlimited: transfers then take no time."""
    actors: list[Actor] = []
    channels: list[Channel] = []
    turns: list[Node] = []
    dram = "dram" if has_dram else None
    for i, p in enumerate(programs):
        if p.prefetch_cycles:
            actors.append(Actor(_named(p, "prefetch"), Firing(p.prefetch_cycles), dram, (), "dma"))
            turns.append(Grant(_named(p, "prefetch")))
        if i:
            turns.append(Grant(_named(programs[i - 1], "store")))
        load = lengthened(p.load, dram_latency_cycles - p.prefetch_cycles)
        previous = (_named(programs[i - 1], "store"),) if i else ()
        actors += [
            Actor(_named(p, "load"), load, dram, previous, "dma"),
            Actor(_named(p, "compute"), p.compute, p.resource, (), "compute"),
            Actor(_named(p, "store"), p.store, dram, (), "dma"),
        ]
        channels += _channels(p)
        turns += _turns(p)
    turns.append(Grant(_named(programs[-1], "store")))
    resources = [Resource(name) for name in sorted({p.resource for p in programs})]
    if has_dram:
        resources.append(Resource("dram", sequence(*turns)))
    return TimedGraph(actors, channels, resources)


def channel_names(name: str) -> tuple[str, str, str]:
    """(loaded tiles, finished output tiles, free output buffers) of a layer."""
    return f"{name}:loaded", f"{name}:finished", f"{name}:free"


def _named(program: LayerProgram, part: str) -> str:
    return f"{program.name}:{part}"


def _channels(p: LayerProgram) -> Iterator[Channel]:
    loaded, finished, free = channel_names(p.name)
    load, compute, store = (_named(p, part) for part in ("load", "compute", "store"))
    yield Channel(loaded, load, compute, capacity=p.depth)
    yield Channel(finished, compute, store)
    yield Channel(free, store, compute, initial=p.depth)


def _turns(p: LayerProgram) -> list[Node]:
    """DRAM turns but for the last store: the first load of an output tile goes before the store of the one
    before it, so that the array has work while results drain."""
    load, store = Grant(_named(p, "load")), Grant(_named(p, "store"))
    visits = p.positions // p.per_output
    return [
        Loop(p.per_output, [load]),
        Loop(visits - 1, [load, store, Loop(p.per_output - 1, [load])]),
    ]


def lengthened(schedule: Node, cycles: int) -> Node:
    """The schedule with its first firing longer (or, if negative, shorter) by `cycles`."""
    if not cycles:
        return schedule
    if isinstance(schedule, Loop):
        first, *others = schedule.body
        again = Loop(schedule.count - 1, schedule.body)
        return sequence(lengthened(first, cycles), *others, again)
    assert isinstance(schedule, Firing)
    return Firing(max(0, schedule.cycles + cycles), schedule.take, schedule.give, schedule.need)


def transfer_cycles(bits: float, bits_per_cycle: float | None) -> int:
    """Whole cycles to move `bits`; none when the bandwidth is unlimited."""
    return 0 if bits_per_cycle is None else ceil(bits / bits_per_cycle)
