"""Layers on the engine, one after the other: load, compute and store of every tile, double-buffered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.overlay.tiles import ROWS, Product, pieces, rounds
from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import Firing, Loop, Node, sequence

DEPTH = 2
"""Tiles a buffer holds."""


@dataclass(frozen=True)
class LayerProgram:
    name: str
    start_cycles: int
    load: Node
    compute: Node
    store: Node


@dataclass(frozen=True)
class Tile:
    """Chosen tile sizes and the order of the two outer loops."""

    m: int
    n: int
    k: int
    order: int


def product_program(
    name: str,
    product: Product,
    tile: Tile,
    engine: tuple[int, int, int],
    bits: tuple[float, int, int],
    transfer: Callable[[float], int],
    start_cycles: int,
    pipeline_cycles: int,
) -> LayerProgram:
    """`transfer`: cycles of so many bytes; `bits` of (weights, activations, outputs)."""
    w, a, o = bits
    rows_outer = tile.order == ROWS
    m_pieces, n_pieces, k_pieces = (
        pieces(whole, size) for whole, size in ((product.m, tile.m), (product.n, tile.n), (product.k, tile.k))
    )
    outer, inner = (m_pieces, n_pieces) if rows_outer else (n_pieces, m_pieces)
    stays = len(k_pieces) == 1 and k_pieces[0][0] == 1

    def sizes(outer_size: int, inner_size: int) -> tuple[int, int]:
        return (outer_size, inner_size) if rows_outer else (inner_size, outer_size)

    def load(outer_size: int, inner_size: int, k: int, *, first: bool) -> Firing:
        m, n = sizes(outer_size, inner_size)
        inputs = float(product.input_elements(np.array([m]), np.array([k]))[0]) * a / 8
        weights = n * k * w / 8
        kept = 0.0 if first or not stays else (inputs if rows_outer else weights)
        return Firing(transfer(inputs + weights - kept), give={f"{name}:loaded": 1})

    def compute(m: int, n: int, k: int, *, last: bool) -> Firing:
        cycles = rounds(m, engine[0]) * rounds(n, engine[1]) * rounds(k, engine[2]) + pipeline_cycles
        give = {f"{name}:finished": 1} if last else {}
        return Firing(cycles, take={f"{name}:loaded": 1}, give=give)

    loads: list[Node] = []
    computes: list[Node] = []
    stores: list[Node] = []
    for outer_count, outer_size in outer:
        fetched: list[Node] = []
        done: list[Node] = []
        written: list[Node] = []
        for place, (count, size) in enumerate(inner):
            m, n = sizes(outer_size, size)
            for times, first in ((1, True), (count - 1, False)) if place == 0 else ((count, False),):
                chunks = [Loop(c, [load(outer_size, size, k, first=first)]) for c, k in k_pieces]
                fetched.append(Loop(times, chunks))
            *full, (last_count, last_k) = k_pieces
            body: list[Node] = [Loop(c, [compute(m, n, k, last=False)]) for c, k in full]
            body += [
                Loop(last_count - 1, [compute(m, n, last_k, last=False)]),
                compute(m, n, last_k, last=True),
            ]
            done.append(Loop(count, body))
            written.append(Loop(count, [Firing(transfer(m * n * o / 8), take={f"{name}:finished": 1})]))
        loads.append(Loop(outer_count, fetched))
        computes.append(Loop(outer_count, done))
        stores.append(Loop(outer_count, written))
    g = product.groups
    return LayerProgram(name, start_cycles, Loop(g, loads), Loop(g, computes), Loop(g, stores))


def stream_program(
    name: str, chunks: int, load: int, compute: int, store: int, start_cycles: int
) -> LayerProgram:
    """A layer that is no matrix product, in equal chunks; cycles are of the whole, spread evenly."""

    def spread(cycles: int, **rates: dict[str, int]) -> Node:
        each, more = divmod(cycles, chunks)
        return sequence(Loop(more, [Firing(each + 1, **rates)]), Loop(chunks - more, [Firing(each, **rates)]))

    loaded, finished = {f"{name}:loaded": 1}, {f"{name}:finished": 1}
    return LayerProgram(
        name,
        start_cycles,
        spread(load, give=loaded),
        spread(compute, take=loaded, give=finished),
        spread(store, take=finished),
    )


def graph_of(programs: Sequence[LayerProgram]) -> TimedGraph:
    """A layer starts when the one before has stored its last tile."""
    actors: list[Actor] = []
    channels: list[Channel] = []
    before: tuple[str, ...] = ()
    for p in programs:
        if p.start_cycles:
            actors.append(Actor(f"{p.name}:start", Firing(p.start_cycles), "host", before, "start"))
            before = (f"{p.name}:start",)
        actors += [
            Actor(f"{p.name}:load", p.load, "ddr", before, "dma"),
            Actor(f"{p.name}:compute", p.compute, "engine", (), "compute"),
            Actor(f"{p.name}:store", p.store, "ddr", (), "dma"),
        ]
        channels += [
            Channel(f"{p.name}:loaded", f"{p.name}:load", f"{p.name}:compute", DEPTH),
            Channel(f"{p.name}:finished", f"{p.name}:compute", f"{p.name}:store", DEPTH),
        ]
        before = (f"{p.name}:store",)
    used = {actor.resource for actor in actors if actor.resource}
    return TimedGraph(actors, channels, [Resource(name) for name in sorted(used)])
