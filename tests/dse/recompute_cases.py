"""Small networks to run in less memory, and the least work for it by exhaustive search."""

from __future__ import annotations

import heapq
from random import Random

from archsim.dse.retention import Graph
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.workload import Workload


def layer(name: str, reads: list[Tensor], size: int, cost: int) -> Layer:
    return Layer(name, "add", tuple(reads), (Tensor(f"{name}.out", (size,)),), ops={"add": cost})


def random_workload(rng: Random, count: int) -> Workload:
    made = [Tensor("input", (rng.randint(1, 6),))]
    layers = []
    for i in range(count):
        reads = rng.sample(made, min(len(made), rng.choice((1, 1, 2))))
        if made[-1] not in reads:
            reads[0] = made[-1]
        layers.append(layer(f"n{i}", reads, rng.randint(1, 9), rng.randint(1, 9)))
        made.append(layers[-1].outputs[0])
    return Workload.from_layers("random", layers)


def least_extra(graph: Graph, limit: int) -> int | None:
    """Dijkstra over (layers first executed so far, what is held); anything may be dropped or executed again,
    in the stages' order: before a layer's first execution, earlier ones in rising order.
    """
    count = len(graph.names)
    first = frozenset(range(graph.inputs))
    if sum(graph.sizes[v] for v in first) > limit:
        return None
    queue: list[tuple[int, int, int, int, tuple[int, ...]]] = [(0, 0, graph.inputs, -1, tuple(first))]
    best: dict[tuple[int, int, frozenset[int]], int] = {}
    number = 0
    while queue:
        cost, _, done, at, held_tuple = heapq.heappop(queue)
        held = frozenset(held_tuple)
        if best.get((done, at, held), cost + 1) <= cost:
            continue
        best[done, at, held] = cost
        if done == count and graph.kept <= held:
            return cost
        moves = [(done, at, held - {v}, 0) for v in held]
        for v in range(max(at + 1, graph.inputs), min(done + 1, count)):
            if not set(graph.reads[v]) <= held or v in held:
                continue
            new = held | {v}
            if sum(graph.sizes[u] for u in new) <= limit:
                fresh = v == done
                moves.append((done + fresh, -1 if fresh else v, new, 0 if fresh else graph.costs[v]))
        for next_done, next_at, next_held, extra in moves:
            number += 1
            heapq.heappush(queue, (cost + extra, number, next_done, next_at, tuple(sorted(next_held))))
    return None


def random_skip(rng: Random) -> Workload:
    """A large tensor that is wanted again at the end, past another large one."""
    large, small = (lambda: rng.randint(6, 9)), (lambda: rng.randint(1, 3))
    x = Tensor("input", (small(),))
    wide = layer("wide", [x], large(), 3)
    down = layer("down", [wide.outputs[0]], small(), 3)
    deep = layer("deep", [rng.choice((down, wide)).outputs[0], down.outputs[0]], large(), 3)
    up = layer("up", [deep.outputs[0]], small(), 3)
    join = layer("join", [up.outputs[0], wide.outputs[0]], small(), 3)
    return Workload.from_layers("skip", [wide, down, deep, up, join])


def long_skip() -> Workload:
    """A cheap large tensor that is wanted again at the end, as a U-Net's."""
    x = Tensor("input", (4,))
    wide = layer("wide", [x], 64, 3)
    down = layer("down", [wide.outputs[0]], 8, 100)
    deep = layer("deep", [down.outputs[0]], 64, 100)
    up = layer("up", [deep.outputs[0]], 8, 100)
    join = layer("join", [up.outputs[0], wide.outputs[0]], 8, 10)
    return Workload.from_layers("skip", [wide, down, deep, up, join])


def u_net(levels: int, size: int) -> Workload:
    """Down and up again, every level joined with its counterpart on the way down."""
    net = NetworkBuilder("u-net")
    x = Tensor("input", (1, 3, size, size))
    skips = []
    for level in range(levels):
        x = net.conv(f"down{level}", x, 4 << 2 * level, 3, padding=1)
        skips.append(x)
        x = net.conv(f"halve{level}", x, 4 << 2 * level, 3, stride=2, padding=1)
    for level in reversed(range(levels)):
        skip = skips[level]
        x = net.layer(f"up{level}", "resize", [x], skip.shape, {"move": skip.elements})
        shape = (1, 2 * skip.shape[1], *skip.shape[2:])
        x = net.layer(f"join{level}", "concat", [x, skip], shape, {"move": 2 * skip.elements})
        x = net.conv(f"merge{level}", x, 4 << 2 * max(0, level - 1), 3, padding=1)
    return net.build()
