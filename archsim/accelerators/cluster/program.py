"""Chosen rows as a timed dataflow graph: fetch (L3 to L2), load (L2 to L1), compute, store and spill of every
tile.

Each layer is up to six actors. `start` is the run-time software that starts it, then `load` brings in what a
tile needs, `compute` works on it, `store` puts finished tiles away; `fetch` and `spill` do the same between
L3 and L2 for operands that live there. Buffers are double (or single) by the channels' capacity. The DMA's
two directions and L3 are resources that serve in program order, so a faster one never makes the whole slower.
Where there is room, the next layer's first weights are fetched (`prefetch` into L1, `fetch` into L2) while a
layer still runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import Firing, Grant, Loop, Node, leaf_counts, sequence


@dataclass(frozen=True)
class LayerProgram:
    """One layer, ready to be put in line. Schedules without firings are left out of the graph."""

    name: str
    load: Node
    compute: Node
    store: Node
    fetch: Node | None
    spill: Node | None
    depth: int  # 2: double-buffered
    start_cycles: int
    prefetch_cycles: int  # of the first load, which the layer before may hide
    early_fetch: bool  # its first L2 tiles may come in while the layer before runs
    resource: str


def channel(name: str, what: str) -> str:
    return f"{name}:{what}"


def graph_of(programs: Sequence[LayerProgram]) -> TimedGraph:
    """Layers one after the other."""
    actors: list[Actor] = []
    channels: list[Channel] = []
    turns: dict[str, list[Node]] = {"dma_in": [], "dma_out": [], "l3": []}
    end: tuple[str, ...] = ()  # what the next layer waits for
    before: tuple[str, ...] = ()  # what the layer after the next may not overtake
    for p in programs:
        named = {part: f"{p.name}:{part}" for part in ("start", "load", "compute", "store", "fetch", "spill")}
        if p.prefetch_cycles:
            early = f"{p.name}:prefetch"
            actors.append(Actor(early, Firing(p.prefetch_cycles), "dma_in", before, "dma"))
            turns["dma_in"].append(Grant(early))
        previous = end
        if p.start_cycles:
            actors.append(Actor(named["start"], Firing(p.start_cycles), "control", previous, "start"))
            previous = (named["start"],)
        if p.fetch is not None:
            waits = before if p.early_fetch else previous
            actors.append(Actor(named["fetch"], p.fetch, "l3", waits, "dma"))
        load = shortened(p.load, p.prefetch_cycles)
        actors += [
            Actor(named["load"], load, "dma_in", previous, "dma"),
            Actor(named["compute"], p.compute, p.resource, (), "compute"),
            Actor(named["store"], p.store, "dma_out", (), "dma"),
        ]
        turns["dma_in"].append(_turns(load, named["load"]))
        turns["dma_out"].append(_turns(p.store, named["store"]))
        if p.spill is not None:
            actors.append(Actor(named["spill"], p.spill, "l3", (), "dma"))
        turns["l3"] += _l3_turns(p, named)
        channels += _channels(p, named)
        before = end
        end = (named["spill" if p.spill is not None else "store"],)
    shared = [Resource(name, sequence(*order)) for name, order in turns.items() if order]
    others = sorted(
        {p.resource for p in programs} | ({"control"} if any(p.start_cycles for p in programs) else set())
    )
    return TimedGraph(actors, channels, [*shared, *(Resource(name) for name in others)])


def _channels(p: LayerProgram, named: dict[str, str]) -> Iterator[Channel]:
    load, compute, store = (named[part] for part in ("load", "compute", "store"))
    yield Channel(channel(p.name, "loaded"), load, compute, capacity=p.depth)
    yield Channel(channel(p.name, "finished"), compute, store)
    yield Channel(channel(p.name, "free"), store, compute, initial=p.depth)
    if p.fetch is not None:
        yield Channel(channel(p.name, "staged"), named["fetch"], load, capacity=2)
    if p.spill is not None:
        yield Channel(channel(p.name, "made"), store, named["spill"], capacity=1)


def firings(schedule: Node) -> int:
    return sum(times for _, times in leaf_counts(schedule))


def _turns(schedule: Node, actor: str) -> Node:
    return Loop(firings(schedule), [Grant(actor)])


def _l3_turns(p: LayerProgram, named: dict[str, str]) -> list[Node]:
    """The next tile is fetched before the one before is spilled, so that work goes on meanwhile."""
    fetches = 0 if p.fetch is None else firings(p.fetch)
    spills = 0 if p.spill is None else firings(p.spill)
    fetch, spill = Grant(named["fetch"]), Grant(named["spill"])
    both = min(fetches, spills)
    first = [fetch] if fetches else []
    middle = Loop(max(0, both - 1), [fetch, spill])
    return [
        *first,
        middle,
        Loop(max(0, fetches - max(both, 1)), [fetch]),
        Loop(spills - max(0, both - 1), [spill]),
    ]


def shortened(schedule: Node, cycles: int) -> Node:
    """The schedule with its first firing shorter by `cycles`."""
    if not cycles:
        return schedule
    if isinstance(schedule, Loop):
        first, *others = schedule.body
        again = Loop(schedule.count - 1, schedule.body)
        return sequence(shortened(first, cycles), *others, again)
    assert isinstance(schedule, Firing)
    return Firing(max(0, schedule.cycles - cycles), schedule.take, schedule.give, schedule.need)
