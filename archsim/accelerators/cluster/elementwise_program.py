"""A layer that is no contraction as the schedules the kernel runs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from math import ceil

import numpy as np

from archsim.accelerators.cluster.elementwise import Stream, chunk_cycles
from archsim.accelerators.cluster.program import LayerProgram, channel
from archsim.accelerators.cluster.work import Site
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer


def elementwise_program(layer: Layer, site: Site, stream: Stream) -> LayerProgram:
    """Chunk after chunk: (fetched,) loaded, worked on, stored (and spilled)."""
    loaded, finished, free, staged, made = (
        channel(layer.name, what) for what in ("loaded", "finished", "free", "staged", "made")
    )
    work = chunk_cycles(layer, site, stream)

    def cycles(total: float, chunk: int, *, l3: bool = False) -> int:
        size = np.float64(stream.part(total, chunk))
        moved = site.l3_cycles(size) if l3 else site.transfer_cycles(size)
        return ceil(float(moved) - 1e-9)

    def load(chunk: int) -> Firing:
        take = {staged: 1} if stream.in_l3 else {}
        return Firing(cycles(stream.load_bytes, chunk), take=take, give={loaded: 1})

    def store(chunk: int) -> Firing:
        give = {free: 1} | ({made: 1} if stream.out_l3 else {})
        return Firing(cycles(stream.store_bytes, chunk), take={finished: 1}, give=give)

    def schedule(firing: Callable[[int], Firing]) -> Node:
        runs = groupby(firing(chunk) for chunk in range(stream.chunks))
        return Loop(1, [Loop(sum(1 for _ in alike), [leaf]) for leaf, alike in runs])

    def fetch(chunk: int) -> Firing:
        return Firing(cycles(stream.load_bytes, chunk, l3=True), give={staged: 1})

    def spill(chunk: int) -> Firing:
        return Firing(cycles(stream.store_bytes, chunk, l3=True), take={made: 1})

    return LayerProgram(
        name=layer.name,
        load=schedule(load),
        compute=schedule(lambda _: Firing(work, take={loaded: 1, free: 1}, give={finished: 1})),
        store=schedule(store),
        fetch=schedule(fetch) if stream.in_l3 else None,
        spill=schedule(spill) if stream.out_l3 else None,
        depth=2 if stream.chunks > 1 else 1,
        start_cycles=site.spec.overheads.layer_cycles,
        prefetch_cycles=0,
        early_fetch=False,
        resource="cluster",
    )
