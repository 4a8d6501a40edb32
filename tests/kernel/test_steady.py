"""Interval and latency of pipelines against closed forms and against the completion times themselves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.kernel import Actor, Channel, DeadlockError, Firing, Loop, TimedGraph, simulate, steady_state


def chain(times: list[int], capacity: int, tokens: int = 4):
    """Stages in a row that each work so many cycles on a token."""

    def graph(inputs: int) -> TimedGraph:
        actors, channels = [], []
        for i, cycles in enumerate(times):
            take = {f"c{i}": 1} if i else {}
            give = {f"c{i + 1}": 1} if i + 1 < len(times) else {}
            actors.append(Actor(f"s{i}", Loop(inputs * tokens, [Firing(cycles, take=take, give=give)])))
            if i:
                channels.append(Channel(f"c{i}", f"s{i - 1}", f"s{i}", capacity))
        return TimedGraph(actors, channels)

    return graph


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(2, 4))
def test_with_double_buffers_the_slowest_stage_is_the_interval(times: list[int], capacity: int) -> None:
    steady = steady_state(chain(times, capacity))
    assert steady.interval_cycles == 4 * max(times)
    assert steady.first.cycles == sum(times) + 3 * max(times)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_single_buffers_hold_neighbours_up(times: list[int]) -> None:
    """A place is taken from the start of a producer's firing to the end of the consumer's."""
    interval = steady_state(chain(times, 1)).interval_cycles
    assert interval == 4 * max(a + b for a, b in pairwise(times))


def test_the_interval_is_the_distance_of_results_far_out() -> None:
    graph = chain([3, 1, 7, 2], 1, tokens=5)
    far = (simulate(graph(900)).cycles - simulate(graph(500)).cycles) / 400
    assert steady_state(graph).interval_cycles == far


def test_a_lock_is_an_error() -> None:
    def graph(inputs: int) -> TimedGraph:
        needs_two = Actor("b", Loop(inputs, [Firing(1, take={"c": 1}, need={"c": 2})]))
        return TimedGraph(
            [Actor("a", Loop(inputs, [Firing(1, give={"c": 1})])), needs_two], [Channel("c", "a", "b", 2)]
        )

    with pytest.raises(DeadlockError):
        steady_state(graph)


def test_an_interval_known_to_be_kept_is_taken_where_it_is_the_least_one() -> None:
    graph, asked = chain([3, 1, 7, 2], 2), list[int]()

    def counted(inputs: int) -> TimedGraph:
        asked.append(inputs)
        return graph(inputs)

    assert steady_state(counted, kept=28) == steady_state(graph)
    assert asked == [1]
    steady_state(counted, kept=30)
    assert len(asked) > 2
