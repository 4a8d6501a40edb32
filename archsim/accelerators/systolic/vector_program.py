"""A layer on the vector unit as the load, compute and store schedules the kernel runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from math import ceil

from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.program import LayerProgram, channel_names, transfer_cycles
from archsim.accelerators.systolic.vector import VectorWork
from archsim.kernel.schedule import Firing, Loop, Node
from archsim.workloads.layer import Layer


def vector_program(layer: Layer, work: VectorWork, costs: Costs, *, double_buffered: bool) -> LayerProgram:
    loaded, finished, free = channel_names(layer.name)
    rate = costs.dram_bits_per_cycle

    def load(chunk: int) -> Firing:
        return Firing(transfer_cycles(work.chunk(chunk, work.load_bits), rate), give={loaded: 1})

    def compute(chunk: int) -> Firing:
        cycles = ceil(work.vector_cycles * (chunk + 1) / work.chunks) - ceil(
            work.vector_cycles * chunk / work.chunks
        )
        return Firing(cycles, take={loaded: 1, free: 1}, give={finished: 1})

    def store(chunk: int) -> Firing:
        cycles = transfer_cycles(work.chunk(chunk, work.store_bits), rate)
        return Firing(cycles, take={finished: 1}, give={free: 1})

    return LayerProgram(
        name=layer.name,
        load=_schedule(work.chunks, load),
        compute=_schedule(work.chunks, compute),
        store=_schedule(work.chunks, store),
        positions=work.chunks,
        per_output=1,
        depth=2 if double_buffered else 1,
        resource="vector",
        prefetch_cycles=0,
    )


def _schedule(chunks: int, firing: Callable[[int], Firing]) -> Node:
    def runs() -> Iterator[Node]:
        for leaf, alike in groupby(firing(chunk) for chunk in range(chunks)):
            yield Loop(sum(1 for _ in alike), (leaf,))

    return Loop(1, runs())
