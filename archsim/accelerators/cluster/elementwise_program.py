"""A layer that is no contraction as the schedules the kernel runs."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np

from archsim.accelerators.cluster.elementwise import Stream, chunk_cycles
from archsim.accelerators.cluster.program import LayerProgram, channel
from archsim.accelerators.cluster.work import Site
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer

Tokens = Mapping[str, int]


def elementwise_program(layer: Layer, site: Site, stream: Stream) -> LayerProgram:
    """Chunk after chunk: (fetched,) loaded, worked on, stored (and spilled)."""
    loaded, finished, free, staged, made = (
        channel(layer.name, what) for what in ("loaded", "finished", "free", "staged", "made")
    )
    take_staged = {staged: 1} if stream.in_l3 else {}
    give_made = {made: 1} if stream.out_l3 else {}

    def schedule(total: float, take: Tokens, give: Tokens, *, l3: bool = False) -> Node:
        runs = []
        for chunks, size in stream.parts(total):
            moved = site.l3_cycles(np.float64(size)) if l3 else site.transfer_cycles(np.float64(size))
            runs.append(Loop(chunks, [Firing(ceil(float(moved) - 1e-9), take=take, give=give)]))
        return Loop(1, runs)

    work = Firing(chunk_cycles(layer, site, stream), take={loaded: 1, free: 1}, give={finished: 1})
    return LayerProgram(
        name=layer.name,
        load=schedule(stream.load_bytes, take_staged, {loaded: 1}),
        compute=Loop(stream.chunks, [work]),
        store=schedule(stream.store_bytes, {finished: 1}, {free: 1} | give_made),
        fetch=schedule(stream.load_bytes, {}, {staged: 1}, l3=True) if stream.in_l3 else None,
        spill=schedule(stream.store_bytes, {made: 1}, {}, l3=True) if stream.out_l3 else None,
        depth=2 if stream.chunks > 1 else 1,
        start_cycles=site.spec.overheads.layer_cycles,
        prefetch_cycles=0,
        early_fetch=False,
        resource="cluster",
    )
