"""Chunks: every point is dealt out once, in chunks of the time aimed at; deadly points are singled out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.dse.sweep.point_queue import AIM_S, MOST_DEATHS, PointQueue


def queue(points: int) -> PointQueue:
    return PointQueue(np.arange(points, dtype=np.int64))


@pytest.mark.parametrize("seconds_per_point", [1e-4, 0.01, 0.5, 7.0])
def test_chunks_take_about_the_time_aimed_at(seconds_per_point: float) -> None:
    points, lengths = queue(1_000_000), []
    while len(points) and len(lengths) < 40:
        task = points.take(2)
        lengths.append(len(task.numbers) * seconds_per_point)
        points.note(len(task.numbers), lengths[-1])
    settled = lengths[8:15]
    assert all(length <= max(AIM_S, seconds_per_point) * 1.01 for length in settled)
    assert all(length > AIM_S / 2 or seconds_per_point > AIM_S / 2 for length in settled)


def test_all_are_busy_to_the_end() -> None:
    """The last chunks get smaller, down to a second."""
    points = queue(4000)
    sizes = []
    while len(points):
        task = points.take(2)
        sizes.append(len(task.numbers))
        points.note(len(task.numbers), len(task.numbers) * 0.005)
    assert sizes[-1] * 0.005 <= 1.01
    assert sum(sizes) == 4000


@settings(deadline=None)
@given(st.integers(1, 200), st.data())
def test_every_point_is_done_once_whoever_dies(count: int, data: st.DataObject) -> None:
    deadly = data.draw(st.sets(st.integers(0, count - 1), max_size=3))
    points, done, failed = queue(count), [], []
    while len(points):
        task = points.take(data.draw(st.integers(1, 4)))
        if deadly.intersection(task.numbers):
            found = points.give_back(task)
            failed += [] if found is None else [found]
            continue
        part = data.draw(st.integers(1, len(task.numbers)))
        done += task.numbers[:part]
        points.note(part, part * 0.1)
        if part < len(task.numbers):
            points.put_rest(task.numbers[part:])
    assert sorted(done + failed) == list(range(count))
    assert set(failed) == deadly


def test_one_death_condemns_nobody() -> None:
    points = queue(1)
    for _ in range(MOST_DEATHS - 1):
        assert points.give_back(points.take(1)) is None
    assert points.give_back(points.take(1)) == 0
