"""Speed of the kernel: a ResNet-50-like chain of 54 layers of a million tiles on both engines.

Each layer is load -> compute -> store with double buffers; load and store share the DRAM channel in a
static order that loads one tile ahead; layers follow each other by precedence. Every loop of the nests
has a ragged edge of its own length.

Run: python benchmarks/kernel.py [--quick]
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from archsim.kernel import (
    Actor,
    Channel,
    Execution,
    Firing,
    Grant,
    Loop,
    Resource,
    TimedGraph,
    engine,
    sequence,
    simpy_engine,
)

LAYERS = 54
RAGGED = 3  # cycles saved per ragged dimension


def ragged_nest(trips: int, firing: Callable[[int], Firing]) -> Loop:
    """Three loops of `trips` iterations; `firing` makes a tile that is ragged in so many dimensions."""

    def nest(depth: int, ragged: int) -> Loop | Firing:
        if depth == 0:
            return firing(ragged)
        return sequence(Loop(trips - 1, [nest(depth - 1, ragged)]), nest(depth - 1, ragged + 1))

    return sequence(nest(3, 0))


def layer(number: int, trips: int) -> tuple[list[Actor], list[Channel], Loop]:
    """Actors and channels of one layer, and the order of its firings on the DRAM channel."""
    load, compute, store = (f"{kind}{number}" for kind in ("load", "compute", "store"))
    tile, result = f"tile{number}", f"result{number}"
    after = (f"store{number - 1}",) if number else ()
    load_cycles, compute_cycles, store_cycles = 40 + number % 7, 60 + 5 * (number % 11), 16 + number % 5
    actors = [
        Actor(
            load,
            ragged_nest(trips, lambda ragged: Firing(load_cycles - RAGGED * ragged, give={tile: 1})),
            "dram",
            after,
            "dma",
        ),
        Actor(
            compute,
            ragged_nest(
                trips,
                lambda ragged: Firing(compute_cycles - RAGGED * ragged, take={tile: 1}, give={result: 1}),
            ),
            "array",
            category="compute",
        ),
        Actor(
            store,
            ragged_nest(trips, lambda ragged: Firing(store_cycles - RAGGED * ragged, take={result: 1})),
            "dram",
            category="dma",
        ),
    ]
    channels = [Channel(tile, load, compute, 2), Channel(result, compute, store, 2)]
    turns = [Grant(load), Grant(store)]
    order = sequence(turns[0], Loop(trips**3 - 1, turns), turns[1])
    return actors, channels, order


def network(trips: int) -> TimedGraph:
    """The whole chain, trips³ tiles a layer."""
    actors: list[Actor] = []
    channels: list[Channel] = []
    orders: list[Loop] = []
    for number in range(LAYERS):
        own_actors, own_channels, order = layer(number, trips)
        actors += own_actors
        channels += own_channels
        orders.append(order)
    return TimedGraph(actors, channels, [Resource("dram", sequence(*orders)), Resource("array")])


def measured(simulate: Callable[[TimedGraph], Execution], graph: TimedGraph) -> tuple[Execution, float]:
    start = time.perf_counter()
    execution = simulate(graph)
    return execution, time.perf_counter() - start


def peak_mb(simulate: Callable[[TimedGraph], Execution], graph: TimedGraph) -> float:
    """Peak of memory allocated during a run; a run of its own, as tracing slows it down."""
    tracemalloc.start()
    simulate(graph)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="9³ instead of 27³ tiles a layer")
    trips = 9 if parser.parse_args().quick else 27

    start = time.perf_counter()
    graph = network(trips)
    build_s = time.perf_counter() - start
    fast, fast_s = min((measured(engine.simulate, graph) for _ in range(3)), key=lambda run: run[1])
    fast_mb = peak_mb(engine.simulate, graph)
    reference, reference_s = measured(simpy_engine.simulate, graph)
    if fast != reference:
        raise SystemExit("the engines disagree")

    table = Table(
        title=f"{LAYERS} layers, {LAYERS * trips**3:,} tiles, {fast.cycles:,} cycles on both engines"
    )
    table.add_column("")
    for column in ("seconds", "firings/s", "peak MB"):
        table.add_column(column, justify="right")
    firings = 3 * LAYERS * trips**3
    table.add_row("build the graph", f"{build_s:.3f}", "", "")
    table.add_row("fast engine (best of 3)", f"{fast_s:.3f}", f"{firings / fast_s:,.0f}", f"{fast_mb:.1f}")
    table.add_row("SimPy engine", f"{reference_s:.1f}", f"{firings / reference_s:,.0f}", "")
    Console().print(table)
    Console().print(f"fast engine is {reference_s / fast_s:,.0f} times as fast as SimPy")


if __name__ == "__main__":
    main()
