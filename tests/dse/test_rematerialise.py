"""Rematerialisation against an exhaustive search of small graphs, and a replay of what it says."""

from __future__ import annotations

from random import Random

import pytest
from recompute_cases import least_extra, long_skip, random_workload, u_net

from archsim.dse.rematerialise import Rematerialisation, rematerialise
from archsim.dse.retention import Graph
from archsim.errors import InputError
from archsim.workloads.workload import Workload


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
    before = graph.peak(graph.plain)
    assert before == workload.peak_memory.bytes
    for limit in range(graph.least_bytes(), before + 1, max(1, (before - graph.least_bytes()) // 3)):
        expected = least_extra(graph, limit)
        if expected is None:
            with pytest.raises(InputError, match="does not fit"):
                rematerialise(workload, limit, most_executions=4)
            continue
        plan = rematerialise(workload, limit, most_executions=4)
        assert (plan.status, plan.extra_cost) == ("OPTIMAL", expected)
        assert replay(workload, plan) <= limit
        assert plan.peak_bytes <= limit


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


def test_a_u_net_in_less_memory():
    workload = u_net(4, 32)
    graph = Graph.of(workload)
    before = graph.peak(graph.plain)
    previous = 0
    for limit in (before - 1, (before + graph.least_bytes()) // 2):
        plan = rematerialise(workload, limit, time_limit_s=30)
        assert plan.status == "OPTIMAL"
        assert replay(workload, plan) <= limit
        assert plan.extra_cost >= previous > -1
        previous = plan.extra_cost
    assert previous > 0
    with pytest.raises(InputError, match="up to 2 times does not help"):
        rematerialise(workload, graph.least_bytes())
