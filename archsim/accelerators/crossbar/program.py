"""Layers one after the other as a timed dataflow graph: write, fetch, load, compute, store, spill.

`write` puts weights into the arrays, once a round; `load` brings a chunk's inputs from the buffers to the
arrays, `compute` multiplies, `store` puts results back; `fetch` and `spill` do the same between the chip and
the memory off chip, for activations that are kept there. Buffers between the parts are double. What goes off
chip does so in program order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import Firing, Grant, Loop, Node, sequence

ROUNDING = 1e-9
DEPTH = 2
AHEAD = 4
"""Chunks fetched before the first is spilled: while one is fetched, the four before it are loaded, computed,
stored and spilled."""


@dataclass(frozen=True)
class LayerProgram:
    """One layer: rounds of chunks; cycles of one pass through each part, and of a round's other parts.

    A round's passes are split into `chunks`, as even as whole passes allow, the larger ones first. `fill`
    is added to a round's last chunk. Parts of no cycles are left out: write, fetch, spill.
    """

    name: str
    rounds: int
    passes: int
    chunks: int
    load: float
    compute: float
    store: float
    fill: int
    write: float = 0.0
    fetch: float = 0.0  # of a round
    spill: float = 0.0  # of a round
    writes_from_memory: bool = True
    resource: str = "arrays"

    def parts(self) -> list[str]:
        optional = (("write", self.write), ("fetch", self.fetch), ("spill", self.spill))
        return [name for name, cycles in optional if cycles > 0]

    def actor(self, part: str) -> str:
        return f"{self.name}:{part}"

    def channel(self, what: str) -> str:
        return f"{self.name}:{what}"

    def each_chunk(self, firing: Callable[[int, bool], Firing]) -> Loop:
        """The schedule of all rounds; `firing` is told a chunk's passes, and if it is a round's last."""
        small, larger = divmod(self.passes, self.chunks)
        body: list[Node] = [
            Loop(larger, [firing(small + 1, False)]),
            Loop(self.chunks - larger - 1, [firing(small, False)]),
            firing(small, True),
        ]
        return Loop(self.rounds, body)


def graph_of(programs: Sequence[LayerProgram]) -> TimedGraph:
    """Layers one after the other: each starts when the one before has put its results away."""
    actors: list[Actor] = []
    channels: list[Channel] = []
    turns: list[Node] = []
    end: tuple[str, ...] = ()
    for program in programs:
        actors += _actors(program, end)
        channels += _channels(program)
        turns.append(_turns(program))
        end = (program.actor("spill" if "spill" in program.parts() else "store"),)
    others = {actor.resource for actor in actors if actor.resource} - {"offchip"}
    resources = [Resource(name) for name in sorted(others)]
    if any(actor.resource == "offchip" for actor in actors):
        resources.append(Resource("offchip", sequence(*turns)))
    return TimedGraph(actors, channels, resources)


def _actors(p: LayerProgram, end: tuple[str, ...]) -> Iterator[Actor]:
    parts = p.parts()
    written, idle, staged, made = (p.channel(what) for what in ("written", "idle", "staged", "made"))
    loaded, free, finished = (p.channel(what) for what in ("loaded", "free", "finished"))

    def load(passes: int, last: bool) -> Firing:
        take = {staged: 1} if "fetch" in parts else {}
        return Firing(whole(passes * p.load), take=take, give={loaded: 1})

    def compute(passes: int, last: bool) -> Firing:
        take, give, need = {loaded: 1, free: 1}, {finished: 1}, {}
        if "write" in parts:
            need = {written: 1}
            take |= {written: 1} if last else {}
            give |= {idle: 1} if last else {}
        return Firing(whole(passes * p.compute) + (p.fill if last else 0), take, give, need)

    def store(passes: int, last: bool) -> Firing:
        give = {free: 1} | ({made: 1} if "spill" in parts else {})
        return Firing(whole(passes * p.store), take={finished: 1}, give=give)

    if "write" in parts:
        cycles, where = whole(p.write), "offchip" if p.writes_from_memory else "buffer"
        schedule = Loop(p.rounds, [Firing(cycles, take={idle: 1}, give={written: 1})])
        yield Actor(p.actor("write"), schedule, where, end, "write")
    if "fetch" in parts:
        cycles = whole(p.fetch / p.chunks)
        schedule = Loop(p.rounds * p.chunks, [Firing(cycles, give={staged: 1})])
        yield Actor(p.actor("fetch"), schedule, "offchip", end, "dma")
    yield Actor(p.actor("load"), p.each_chunk(load), "buffer in", end, "load")
    yield Actor(p.actor("compute"), p.each_chunk(compute), p.resource, (), "compute")
    yield Actor(p.actor("store"), p.each_chunk(store), "buffer out", (), "store")
    if "spill" in parts:
        cycles = whole(p.spill / p.chunks)
        schedule = Loop(p.rounds * p.chunks, [Firing(cycles, take={made: 1})])
        yield Actor(p.actor("spill"), schedule, "offchip", (), "dma")


def _channels(p: LayerProgram) -> Iterator[Channel]:
    load, compute, store = (p.actor(part) for part in ("load", "compute", "store"))
    yield Channel(p.channel("loaded"), load, compute, capacity=DEPTH)
    yield Channel(p.channel("finished"), compute, store)
    yield Channel(p.channel("free"), store, compute, initial=DEPTH)
    if "write" in p.parts():
        yield Channel(p.channel("written"), p.actor("write"), compute, capacity=1)
        yield Channel(p.channel("idle"), compute, p.actor("write"), initial=1)
    if "fetch" in p.parts():
        yield Channel(p.channel("staged"), p.actor("fetch"), load, capacity=DEPTH)
    if "spill" in p.parts():
        yield Channel(p.channel("made"), store, p.actor("spill"), capacity=DEPTH)


def _turns(p: LayerProgram) -> Node:
    """Off chip: a round's weights, then its inputs, so far ahead of results that every part has a chunk."""
    parts = p.parts()
    write, fetch, spill = (
        [Grant(p.actor(part))] if part in parts else [] for part in ("write", "fetch", "spill")
    )
    if not p.writes_from_memory:
        write = []
    ahead = min(AHEAD, p.chunks)
    both = Loop(p.chunks - ahead, [*fetch, *spill])
    return Loop(p.rounds, [*write, Loop(ahead, fetch), both, Loop(ahead, spill)])


def whole(cycles: float) -> int:
    return ceil(cycles - ROUNDING)
