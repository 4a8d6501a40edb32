"""Jumps: that they happen where they should, and stay exact on graphs like real ones."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import layered_graphs, unbalanced_graphs
from test_engines_agree import outcome

from archsim.kernel import (
    Actor,
    Channel,
    Firing,
    Grant,
    Loop,
    Resource,
    TimedGraph,
    engine,
    recurrence,
    sequence,
    simpy_engine,
    simulate,
)


def chain(stages: int, tiles: int, capacity: int | None) -> TimedGraph:
    """Pipeline stages of different speed, the slowest in the middle."""
    actors, channels = [], []
    for i in range(stages):
        take = {f"c{i - 1}": 1} if i else {}
        give = {f"c{i}": 1} if i + 1 < stages else {}
        actors.append(Actor(f"a{i}", Loop(tiles, [Firing(20 - abs(i - stages // 2), take, give)])))
        if give:
            channels.append(Channel(f"c{i}", f"a{i}", f"a{i + 1}", capacity))
    return TimedGraph(actors, channels)


def line_buffers(layers: int, side: int) -> TimedGraph:
    """Convolutions that start when two lines are in, and keep them: need is far more than take."""
    actors, channels = [], []
    for i in range(layers):
        take = {f"c{i - 1}": 1} if i else {}
        give = {f"c{i}": 1} if i + 1 < layers else {}
        pixel = Firing(4 + i % 3, take, give, dict.fromkeys(take, 2 * side))
        rest = Firing(4 + i % 3, take, give)
        actors.append(Actor(f"a{i}", sequence(Loop(side * side - 2 * side, [pixel]), Loop(2 * side, [rest]))))
        if give:
            channels.append(Channel(f"c{i}", f"a{i}", f"a{i + 1}", 2 * side + 2))
    return TimedGraph(actors, channels)


def weight_stationary(n: int) -> TimedGraph:
    """A weight tile is used for n input tiles; four DMA streams share a memory, first come first served."""
    reuse = [Loop(n - 1, [Firing(11, {"x": 1}, need={"w": 1})]), Firing(11, {"x": 1, "w": 1}, {"o": 1})]
    return TimedGraph(
        [
            Actor("weights", Loop(n, [Firing(50, give={"w": 1})]), "dram"),
            Actor("inputs", Loop(n, [Loop(n, [Firing(9, give={"x": 1})])]), "dram"),
            Actor("compute", Loop(n, reuse)),
            Actor("store", Loop(n, [Firing(30, {"o": 1})]), "dram"),
        ],
        [
            Channel("w", "weights", "compute", 2),
            Channel("x", "inputs", "compute", 2),
            Channel("o", "compute", "store", 1),
        ],
        [Resource("dram")],
    )


def whole_layer_buffer(tiles: int) -> TimedGraph:
    """A consumer that starts when everything is there, then drains it, beside a slow skip connection."""
    last = Firing(7, {"c": 1, "skip": 1})
    return TimedGraph(
        [
            Actor("p", Loop(tiles, [Firing(5, give={"c": 1, "skip": 1})])),
            Actor("q", sequence(Firing(1, need={"c": tiles}), Loop(tiles, [last]))),
        ],
        [Channel("c", "p", "q", tiles), Channel("skip", "p", "q")],
    )


def bursts(count: int) -> TimedGraph:
    """Bursts of 500 tokens into room for 600, drained one by one: long waits for space."""
    return TimedGraph(
        [
            Actor("p", Loop(count, [Firing(40, give={"c": 500})])),
            Actor("q", Loop(500 * count, [Firing(3, {"c": 1})])),
        ],
        [Channel("c", "p", "q", 600)],
    )


def alternating(count: int) -> TimedGraph:
    """A buffer that fills by one token every two firings, with a peak in the first or in the second."""
    return TimedGraph(
        [
            Actor("p", Loop(count, [Firing(5, give={"c": 2})])),
            Actor("q", Loop(count // 2, [Firing(5, {"c": 3}), Firing(5)])),
        ],
        [Channel("c", "p", "q")],
    )


def ebb(tokens: int) -> TimedGraph:
    """A full buffer that slowly runs dry, and first does so between two bursts that refill it."""
    return TimedGraph(
        [
            Actor("q", Loop(8 * tokens, [Firing(1, {"c": 1})])),
            Actor("p", Loop(2 * tokens, [Firing(6, give={"c": 5})])),
        ],
        [Channel("c", "p", "q", initial=tokens)],
    )


def flood(places: int) -> TimedGraph:
    """An empty buffer that slowly fills up, and first does so between two bursts that drain it."""
    return TimedGraph(
        [
            Actor("p", Loop(8 * places, [Firing(1, give={"c": 1})])),
            Actor("q", Loop(8 * places // 5, [Firing(6, {"c": 5})])),
        ],
        [Channel("c", "p", "q", places)],
    )


def ragged_layers(trips: int) -> TimedGraph:
    """Two layers of three-deep ragged nests, DMA in a static order, one after the other."""

    def nest(depth: int, make, edge: int = 0):
        if depth == 0:
            return make(edge)
        return sequence(Loop(trips - 1, [nest(depth - 1, make, edge)]), nest(depth - 1, make, edge + 1))

    actors, channels, orders = [], [], []
    for i in range(2):
        load, compute, store = f"load{i}", f"compute{i}", f"store{i}"
        t, r = f"t{i}", f"r{i}"
        after = ("store0",) if i else ()
        actors += [
            Actor(load, nest(3, lambda e, t=t: Firing(20 - e, give={t: 1})), "dram", after),
            Actor(compute, nest(3, lambda e, t=t, r=r, i=i: Firing(22 + 9 * i - 3 * e, {t: 1}, {r: 1}))),
            Actor(store, nest(3, lambda e, r=r: Firing(9 - e, {r: 1})), "dram"),
        ]
        channels += [Channel(t, load, compute, 2), Channel(r, compute, store, 2)]
        turns = [Grant(load), Grant(store)]
        orders.append(sequence(turns[0], Loop(trips**3 - 1, turns), turns[1]))
    return TimedGraph(actors, channels, [Resource("dram", sequence(*orders))])


@pytest.mark.parametrize(
    ("graph", "most_items"),
    [
        (chain(12, 800, 2), 800),
        (chain(2, 3000, None), 1500),
        (chain(2, 20000, 300), 2500),
        (line_buffers(4, 40), 1500),
        (weight_stationary(30), 300),
        (whole_layer_buffer(3000), 60),
        (bursts(20), 300),
        (alternating(2000), 50),
        (alternating(2001), 50),
        (ebb(400), 400),
        (flood(400), 400),
        (ragged_layers(8), 800),
    ],
    ids=[
        "chain",
        "unbounded chain",
        "deep chain",
        "line buffers",
        "reuse",
        "whole layer",
        "bursts",
        "even peak",
        "odd peak",
        "ebb",
        "flood",
        "ragged layers",
    ],
)
def test_usual_graphs_are_jumped_and_exact(graph, most_items):
    assert outcome(simulate, graph) == outcome(simpy_engine.simulate, graph)
    assert len(simulate(graph, timeline=True).timeline.items) < most_items


@pytest.mark.parametrize("build", [weight_stationary, whole_layer_buffer, lambda n: chain(9, n, 2)])
def test_work_does_not_grow_with_the_number_of_tiles(build):
    some, many = (len(simulate(build(n), timeline=True).timeline.items) for n in (3000, 3_000_000))
    assert many < 1.1 * some + 10


def test_a_firing_passed_by_on_a_tie_is_not_passed_by_again():
    """Two like states, but the third actor, ready at 5 like the others, is next now: no jump over that."""
    schedules = [
        Loop(2, [Loop(3, [Firing(1)]), Firing(0)]),
        Loop(6, [Firing(0)]),
        Loop(2, [Firing(1), Firing(0)]),
    ]
    actors = [Actor(f"a{i}", schedule, "pool") for i, schedule in enumerate(schedules)]
    graph = TimedGraph(actors, [], [Resource("pool")])
    assert outcome(simulate, graph) == outcome(simpy_engine.simulate, graph)
    assert simulate(graph).actors["a2"].end == 6


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    graph=st.one_of(layered_graphs(), unbalanced_graphs()),
    patience=st.integers(0, 3),
    eagerness=st.integers(1, 4),
    remembered=st.integers(1, 30),
)
def test_where_and_how_often_is_looked_changes_nothing(graph, patience, eagerness, remembered):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recurrence, "PATIENCE", patience)
        patch.setattr(recurrence, "EAGERNESS", eagerness)
        patch.setattr(recurrence, "MAX_REMEMBERED", remembered)
        result = outcome(engine.simulate, graph)
    assert result == outcome(simpy_engine.simulate, graph)
