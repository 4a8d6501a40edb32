"""Rematerialisation against an exhaustive search of small graphs, and a replay of what it says."""

from __future__ import annotations

import heapq
from random import Random

import pytest

from archsim.dse.rematerialise import Graph, Rematerialisation, rematerialise
from archsim.errors import InputError
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


def least_extra(workload: Workload, limit: int) -> int | None:
    """Dijkstra over (layers first executed so far, what is held); anything may be dropped or executed again,
    in the stages' order: before a layer's first execution, earlier ones in rising order.
    """
    graph = Graph.of(workload)
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


def replay(workload: Workload, plan: Rematerialisation) -> int:
    """Execute the steps: every input must be held; returns the most bytes held."""
    sizes = workload.tensor_bytes
    layers = {x.name: x for x in workload.layers}
    given = {t.name for t in workload.inputs}
    last_use = {
        name: max(i for i, s in enumerate(plan.steps) if name in {t.name for t in layers[s.layer].inputs})
        for name in given
    }
    held: dict[str, int] = {}
    most = 0
    for i, step in enumerate(plan.steps):
        alive = {name for name, until in held.items() if until >= i}
        alive |= {name for name in given if last_use[name] >= i}
        assert {t.name for t in layers[step.layer].inputs} <= alive, (i, step)
        held |= {t.name: max(step.kept_until, i) for t in layers[step.layer].outputs}
        alive |= {t.name for t in layers[step.layer].outputs}
        most = max(most, sum(sizes[name] for name in alive))
    assert {t.name for t in workload.outputs} <= {
        n for n, until in held.items() if until >= len(plan.steps) - 1
    }
    return most


@pytest.mark.parametrize("number", range(14))
def test_against_exhaustive_search(number):
    rng = Random(f"remat {number}")
    workload = random_workload(rng, rng.randint(3, 6))
    graph = Graph.of(workload)
    before = graph.peak(graph.plain())
    assert before == workload.peak_memory.bytes
    for limit in range(graph.least_bytes, before + 1, max(1, (before - graph.least_bytes) // 3)):
        expected = least_extra(workload, limit)
        if expected is None:
            with pytest.raises(InputError, match="does not fit"):
                rematerialise(workload, limit, most_executions=4)
            continue
        plan = rematerialise(workload, limit, most_executions=4)
        assert (plan.status, plan.extra_cost) == ("OPTIMAL", expected)
        assert replay(workload, plan) <= limit
        assert plan.peak_bytes <= limit


def long_skip() -> Workload:
    """A cheap large tensor that is wanted again at the end, as a U-Net's."""
    x = Tensor("input", (4,))
    wide = layer("wide", [x], 64, 3)
    down = layer("down", [wide.outputs[0]], 8, 100)
    deep = layer("deep", [down.outputs[0]], 64, 100)
    up = layer("up", [deep.outputs[0]], 8, 100)
    join = layer("join", [up.outputs[0], wide.outputs[0]], 8, 10)
    return Workload.from_layers("skip", [wide, down, deep, up, join])


def test_a_skip_is_made_again():
    workload = long_skip()
    assert workload.peak_memory.bytes == 136
    plan = rematerialise(workload, 90)
    assert plan.repeated == ("wide",)
    assert (plan.extra_cost, plan.status) == (3, "OPTIMAL")
    assert replay(workload, plan) <= 90


def test_nothing_is_repeated_where_memory_is_enough():
    plan = rematerialise(long_skip(), 200)
    assert (plan.extra_cost, plan.repeated, plan.peak_bytes) == (0, (), 136)


def test_too_little_is_told():
    with pytest.raises(InputError, match="a single layer needs"):
        rematerialise(long_skip(), 50)


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


def test_a_u_net_in_less_memory():
    workload = u_net(4, 32)
    graph = Graph.of(workload)
    before = graph.peak(graph.plain())
    previous = 0
    for limit in (before - 1, (before + graph.least_bytes) // 2):
        plan = rematerialise(workload, limit, time_limit_s=30)
        assert plan.status == "OPTIMAL"
        assert replay(workload, plan) <= limit
        assert plan.extra_cost >= previous > -1
        previous = plan.extra_cost
    assert previous > 0
    with pytest.raises(InputError, match="up to 2 times does not help"):
        rematerialise(workload, graph.least_bytes)
