"""Graphs that don't fit together are refused with a message that names the place."""

import pytest

from archsim.errors import InputError
from archsim.kernel import Actor, Channel, Firing, Grant, Loop, Resource, TimedGraph

IDLE = Loop(2, [Firing(1)])
PUT, GET = Loop(2, [Firing(1, give={"c": 3})]), Loop(2, [Firing(1, take={"c": 3})])


def pair(put=PUT, get=GET, capacity=4, initial=0, **channel):
    ends = {"producer": "p", "consumer": "q", **channel}
    return TimedGraph(
        [Actor("p", put), Actor("q", get)], [Channel("c", **ends, capacity=capacity, initial=initial)]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimedGraph([Actor("a", IDLE), Actor("a", IDLE)]), "two actors are named 'a'"),
        (
            lambda: TimedGraph([Actor("a", IDLE, "dram")], [], [Resource("bus")]),
            "unknown resource 'dram'.*bus",
        ),
        (lambda: TimedGraph([Actor("a", IDLE, after=("b",))]), "after: unknown actor 'b'"),
        (lambda: pair(producer="x"), "channel 'c': unknown actor 'x'"),
        (lambda: pair(capacity=0), "channel 'c': capacity is 0"),
        (lambda: pair(initial=5), "channel 'c': initial is 5"),
        (lambda: pair(initial=-1), "channel 'c': initial is -1"),
        (lambda: pair(capacity=2), "give 3 on channel 'c', whose capacity is 2"),
        (lambda: pair(get=Firing(1, need={"c": 5})), "need 5 on channel 'c', whose capacity is 4"),
        (lambda: pair(put=Firing(1, give={"d": 1})), "give: unknown output channel 'd'"),
        (lambda: pair(put=Firing(1, take={"c": 1})), "take: unknown input channel 'c'"),
        (lambda: pair(put=Loop(2, [Grant("p")])), "its schedule holds Grant"),
        (
            lambda: TimedGraph([Actor("a", IDLE, after=("b",)), Actor("b", IDLE, after=("a",))]),
            "wait for each other to complete",
        ),
        (
            lambda: TimedGraph([Actor("a", IDLE, "r")], [], [Resource("r", Loop(3, [Grant("a")]))]),
            "grants actor 'a' 3 firings, its schedule has 2",
        ),
        (
            lambda: TimedGraph([Actor("a", IDLE, "r")], [], [Resource("r", Loop(2, [Grant("b")]))]),
            "order: unknown user 'b'",
        ),
        (lambda: TimedGraph([Actor("a", IDLE, "r")], [], [Resource("r", Loop(0, []))]), "grants actor 'a' 0"),
        (lambda: TimedGraph([], [], [Resource("r", Firing(1))]), "its order holds Firing"),
    ],
)
def test_bad_graphs_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_inputs_and_outputs_are_in_graph_order():
    channels = [Channel("c2", "p", "q"), Channel("c1", "p", "q"), Channel("loop", "q", "q")]
    graph = TimedGraph([Actor("p", IDLE), Actor("q", IDLE)], channels)
    assert [channel.name for channel in graph.outputs["p"]] == ["c2", "c1"]
    assert [channel.name for channel in graph.inputs["q"]] == ["c2", "c1", "loop"]
    assert [channel.name for channel in graph.outputs["q"]] == ["loop"]
