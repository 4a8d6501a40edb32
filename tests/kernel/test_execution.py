"""Executions against closed forms, conservation laws and monotonicity; deadlocks and their reasons."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_graphs import layered_graphs

from archsim.kernel import (
    Actor,
    ActorRun,
    Channel,
    DeadlockError,
    Firing,
    Grant,
    Loop,
    Resource,
    TimedGraph,
    busy_cycles,
    engine,
    sequence,
    simpy_engine,
    total_firings,
)

ENGINES = pytest.mark.parametrize("simulate", [engine.simulate, simpy_engine.simulate], ids=["fast", "simpy"])
FEW = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def double_buffered(tiles: int, load: int, compute: int, capacity: int = 2) -> TimedGraph:
    return TimedGraph(
        [
            Actor("load", Loop(tiles, [Firing(load, give={"tile": 1})])),
            Actor("compute", Loop(tiles, [Firing(compute, take={"tile": 1})])),
        ],
        [Channel("tile", "load", "compute", capacity)],
    )


@given(st.integers(1, 60), st.integers(0, 30), st.integers(0, 30))
def test_double_buffer_hides_the_shorter_of_load_and_compute(tiles, load, compute):
    expected = load + (tiles - 1) * max(load, compute) + compute
    for simulate in (engine.simulate, simpy_engine.simulate):
        assert simulate(double_buffered(tiles, load, compute)).cycles == expected


@given(st.integers(1, 10**12), st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_trillion_tiles_take_no_longer(tiles, load, compute):
    execution = engine.simulate(double_buffered(tiles, load, compute))
    assert execution.cycles == load + (tiles - 1) * max(load, compute) + compute
    assert execution.actors["compute"].firings == tiles


@given(st.integers(1, 60), st.integers(0, 30), st.integers(0, 30))
def test_single_buffer_hides_nothing(tiles, load, compute):
    assert engine.simulate(double_buffered(tiles, load, compute, capacity=1)).cycles == tiles * (
        load + compute
    )


@ENGINES
def test_a_reused_tile_keeps_its_place_to_the_end_of_the_last_use(simulate):
    use, last = Firing(5, need={"w": 1}), Firing(5, take={"w": 1})
    graph = TimedGraph(
        [
            Actor("load", Loop(3, [Firing(20, give={"w": 1})])),
            Actor("compute", Loop(3, [Loop(3, [use]), last])),
        ],
        [Channel("w", "load", "compute", 1)],
    )
    execution = simulate(graph)
    assert execution.cycles == 3 * (20 + 4 * 5)
    assert execution.peak_tokens == {"w": 1}
    assert execution.actors["load"] == ActorRun(0, 100, 3, 60, 0, 0, 2 * 20, 0)
    assert execution.actors["compute"] == ActorRun(20, 120, 12, 60, 0, 3 * 20, 0, 0)


@ENGINES
def test_first_ready_is_first_served_and_ties_go_by_graph_order(simulate):
    actors = [Actor(name, Firing(10), "r") for name in ("b", "a")]
    late = Actor("early in graph order, ready late", Firing(1), "r", after=("b",))
    execution = simulate(TimedGraph([late, *actors], [], [Resource("r")]))
    assert [run.start for run in execution.actors.values()] == [20, 0, 10]
    assert execution.actors["a"].wait_resource_cycles == 10
    assert execution.actors[late.name] == ActorRun(20, 21, 1, 1, 10, 0, 0, 10)
    assert execution.resource_busy_cycles == {"r": 21}


@ENGINES
def test_a_static_order_waits_for_the_next_even_if_another_is_ready(simulate):
    actors = [
        Actor("slow", Firing(30)),
        Actor("first", Firing(5), "r", after=("slow",)),
        Actor("ready", Firing(5), "r"),
    ]
    order = sequence(Grant("first"), Grant("ready"))
    assert simulate(TimedGraph(actors, [], [Resource("r", order)])).actors["ready"].start == 35
    assert simulate(TimedGraph(actors, [], [Resource("r")])).actors["ready"].start == 0


@ENGINES
def test_actors_without_firings_are_complete_at_once(simulate):
    graph = TimedGraph([Actor("none", Loop(0, [Firing(3)])), Actor("next", Firing(4), after=("none",))])
    execution = simulate(graph)
    assert execution.cycles == 4
    assert execution.actors["none"] == ActorRun(0, 0, 0, 0, 0, 0, 0, 0)
    assert simulate(TimedGraph([])).cycles == 0


@FEW
@given(layered_graphs())
def test_time_and_work_are_conserved(graph):
    try:
        execution = engine.simulate(graph)
    except DeadlockError:
        assume(False)
    resource_busy = dict.fromkeys(execution.resource_busy_cycles, 0)
    for actor in graph.actors:
        run = execution.actors[actor.name]
        assert run.busy_cycles == busy_cycles(actor.schedule)
        assert run.firings == total_firings(actor.schedule)
        waits = (
            run.wait_precedence_cycles
            + run.wait_input_cycles
            + run.wait_space_cycles
            + run.wait_resource_cycles
        )
        assert run.busy_cycles + waits == run.end
        if actor.resource:
            resource_busy[actor.resource] += run.busy_cycles
    assert resource_busy == execution.resource_busy_cycles
    assert execution.cycles >= max(resource_busy.values(), default=0)
    for channel in graph.channels:
        assert channel.initial <= execution.peak_tokens[channel.name]
        assert channel.capacity is None or execution.peak_tokens[channel.name] <= channel.capacity


def shortened(node, draw):
    if isinstance(node, Loop):
        return Loop(node.count, [shortened(child, draw) for child in node.body])
    return replace(node, cycles=draw(st.integers(0, node.cycles)))


@FEW
@given(layered_graphs(static_order=True), st.data())
def test_with_static_orders_shorter_firings_never_make_the_whole_longer(graph, data):
    try:
        before = engine.simulate(graph)
    except DeadlockError:
        assume(False)
    actors = [replace(actor, schedule=shortened(actor.schedule, data.draw)) for actor in graph.actors]
    after = engine.simulate(TimedGraph(actors, graph.channels, graph.resources))
    assert after.cycles <= before.cycles
    assert all(after.actors[name].end <= run.end for name, run in before.actors.items())


@ENGINES
def test_a_deadlock_names_what_each_stuck_actor_waits_for(simulate):
    graph = TimedGraph(
        [
            Actor("p", Loop(9, [Firing(2, give={"c": 2})]), "r"),
            Actor("q", Loop(3, [Firing(1, take={"c": 1}, need={"c": 3})]), "r"),
            Actor("last", Firing(1), after=("p", "q")),
        ],
        [Channel("c", "p", "q", 3)],
        [Resource("r")],
    )
    with pytest.raises(DeadlockError, match="deadlock at cycle 2: 3 actors are stuck") as caught:
        simulate(graph)
    assert caught.value.cycle == 2
    assert caught.value.waits == {
        "p": "firing 1 waits for space in channel 'c': 2 of 3 places taken, 2 needed",
        "q": "firing 0 waits for tokens in channel 'c': 2 present, 3 needed",
        "last": "firing 0 waits for completion of actor 'p'; completion of actor 'q'",
    }


@ENGINES
def test_a_deadlock_by_static_order_names_whose_turn_it_is(simulate):
    graph = TimedGraph(
        [
            Actor("load", Loop(1000, [Firing(2, give={"c": 1})]), "r"),
            Actor("store", Loop(1000, [Firing(1, take={"c": 1})]), "r"),
        ],
        [Channel("c", "load", "store", 2)],
        [
            Resource(
                "r",
                sequence(
                    Loop(997, [Grant("load"), Grant("store")]),
                    Loop(3, [Grant("store")]),
                    Loop(3, [Grant("load")]),
                ),
            )
        ],
    )
    with pytest.raises(DeadlockError) as caught:
        simulate(graph)
    assert caught.value.cycle == 997 * 3
    assert (
        caught.value.waits["load"]
        == "firing 997 waits for its turn on resource 'r': the order grants 'store' next"
    )
    assert "tokens in channel 'c': 0 present, 1 needed" in caught.value.waits["store"]
