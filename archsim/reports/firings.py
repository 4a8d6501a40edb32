"""The first firings of a run, for the page: on what, from when, how long."""

from __future__ import annotations

from itertools import islice
from typing import Any

from archsim.kernel.timeline import Timeline

MOST_FIRINGS = 3000


def first_firings(timeline: Timeline, most: int = MOST_FIRINGS) -> dict[str, Any]:
    """Lanes (a resource, or an actor that has none) with [start cycle, cycles, index of the actor].

    `shown` of `firings` are there, those that start before `until_cycle` or end there.
    """
    lanes: dict[str, list[tuple[int, int, int]]] = {}
    shown, until = 0, 0
    for track, start, cycles in islice(timeline.slices(), most):
        lane = timeline.tracks[track].resource or timeline.tracks[track].actor
        lanes.setdefault(lane, []).append((start, cycles, track))
        shown, until = shown + 1, max(until, start + cycles)
    return {
        "lanes": [{"name": name, "firings": found} for name, found in lanes.items()],
        "actors": [track.actor for track in timeline.tracks],
        "shown": shown,
        "firings": len(timeline),
        "until_cycle": until,
    }
