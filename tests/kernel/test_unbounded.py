"""The closed form of actors that never wait for room, against the engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.kernel import engine
from archsim.kernel.graph import Actor, Channel, TimedGraph
from archsim.kernel.schedule import Firing, Loop, Node, sequence
from archsim.kernel.unbounded import Firings


@st.composite
def schedules(draw: st.DrawFn) -> list[Node]:
    """Of a source, of what reads it (firings of 0 cycles, needs that are not taken, too), and of a sink."""
    repeats = draw(st.integers(1, 4))
    passing = [
        Firing(draw(st.integers(0, 5)), {"first": take}, {}, {"first": take + draw(st.integers(0, 1))})
        for take in draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))
    ]
    body = [
        Firing(f.cycles, f.take, {"second": draw(st.integers(0, 2))} if f.cycles else {}, f.need)
        for f in passing
    ]
    taken = repeats * sum(firing.take["first"] for firing in body) + 1  # the last firing may need one more
    given = repeats * sum(firing.give.get("second", 0) for firing in body)
    pauses = draw(st.lists(st.integers(1, 7), min_size=taken, max_size=taken))
    source = sequence(*(Firing(cycles, give={"first": 1}) for cycles in pauses))
    sink = Loop(given, [Firing(draw(st.integers(0, 4)), {"second": 1})])
    return [source, Loop(repeats, body), sink]


@given(schedules())
@settings(deadline=None)
def test_ends_and_most_tokens_are_the_engine_s(drawn: list[Node]) -> None:
    names = ("source", "middle", "sink")
    actors = [Actor(name, schedule) for name, schedule in zip(names, drawn, strict=True)]
    graph = TimedGraph(actors, [Channel("first", *names[:2]), Channel("second", *names[1:])])
    execution = engine.simulate(graph)
    source, middle, sink = (Firings.of(schedule) for schedule in drawn)
    nothing = np.empty(0, dtype=np.int64)
    first = source.given(source.ends({}), "first")
    ends = middle.ends({"first": first})
    second = middle.given(ends, "second") if "second" in middle.gives else nothing
    assert middle.busy_cycles == execution.actors["middle"].busy_cycles
    assert ends[-1] == execution.actors["middle"].end
    if "first" in middle.takes:
        assert middle.most_held(ends, "first", first) == execution.peak_tokens["first"]
    if len(second):
        last = sink.ends({"second": second})
        assert last[-1] == execution.actors["sink"].end
        assert sink.most_held(last, "second", second) == execution.peak_tokens["second"]


def test_what_it_cannot_say_is_refused() -> None:
    with pytest.raises(InputError, match="0 cycles gives tokens to channel 'a'"):
        Firings.of(Firing(0, give={"a": 1}))
    with pytest.raises(InputError, match="channel 'a' brings 2 tokens, 3 are needed"):
        Firings.of(Loop(3, [Firing(1, {"a": 1})])).ends({"a": np.array([1, 2])})
