"""The timeline of an execution, kept compressed, and its export to the Chrome trace-event format.

Format: "Trace Event Format" (Google), JSON object form; chrome://tracing and ui.perfetto.dev open it.
A resource is shown as a process, each category of its actors as a thread, each firing as a complete event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from archsim.atomic import whole_file
from archsim.errors import InputError

DEFAULT_MAX_EVENTS = 200_000


class Slice(NamedTuple):
    """One firing: index of the actor in `Timeline.tracks`, first cycle, length in cycles."""

    track: int
    start: int
    cycles: int


class Repeat(NamedTuple):
    """What items[first:last] of the timeline show happens `times` more, each `period` cycles later."""

    first: int
    last: int
    period: int
    times: int


@dataclass(frozen=True, slots=True)
class Track:
    """One actor: its names and the extent of its firings, in cycles."""

    actor: str
    resource: str | None
    category: str
    firings: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every firing of an execution, in order of start. Items refer to earlier items only."""

    tracks: tuple[Track, ...]
    items: tuple[Slice | Repeat, ...]

    def __len__(self) -> int:
        """Number of firings, counted without expanding."""
        sizes = [0]
        for item in self.items:
            size = 1 if isinstance(item, Slice) else item.times * (sizes[item.last] - sizes[item.first])
            sizes.append(sizes[-1] + size)
        return sizes[-1]

    def slices(self) -> Iterator[Slice]:
        """The firings one by one, repeats expanded, in order of start."""
        return self._expand(0, len(self.items), 0)

    def _expand(self, first: int, last: int, shift: int) -> Iterator[Slice]:
        for item in self.items[first:last]:
            if isinstance(item, Slice):
                yield Slice(item.track, item.start + shift, item.cycles)
            else:
                for number in range(1, item.times + 1):
                    yield from self._expand(item.first, item.last, shift + number * item.period)


def write_trace(
    timeline: Timeline,
    path: str | Path,
    *,
    clock_mhz: float | None = None,
    max_events: int = DEFAULT_MAX_EVENTS,
) -> None:
    """Write the timeline as a trace-event file (JSON), whole or not at all.

    clock_mhz: clock that turns cycles into the format's microseconds; None shows one cycle as 1 us.
    max_events: this many firings, the first ones, are written each as an event; each actor's others are
    one slice "<actor> ×N firings" up to the actor's end, so that the file stays loadable.
    Raises InputError for a clock or a limit out of range.
    """
    if clock_mhz is not None and not clock_mhz > 0:
        raise InputError(f"clock_mhz is {clock_mhz!r}; give a frequency > 0 MHz, or None for 1 us a cycle")
    if max_events < 0:
        raise InputError(f"max_events is {max_events!r}; give a number >= 0")
    events = trace_events(timeline, clock_mhz=clock_mhz, max_events=max_events)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write('{"displayTimeUnit": "ns", "traceEvents": [\n')
        for number, event in enumerate(events):
            file.write((",\n" if number else "") + json.dumps(event))
        file.write("\n]}\n")


def trace_events(
    timeline: Timeline, *, clock_mhz: float | None = None, max_events: int = DEFAULT_MAX_EVENTS
) -> Iterator[dict[str, Any]]:
    """The events of `write_trace`, one by one.

    What a resource serves never overlaps, so its actors share one thread a category; an actor without a
    resource has a thread of its own.
    """
    processes = {
        name: pid for pid, name in enumerate(dict.fromkeys(t.resource for t in timeline.tracks), start=1)
    }
    threads: dict[tuple[str | None, str], int] = {}
    for name, pid in processes.items():
        yield _name_event("process_name", pid, 0, name or "no resource")
    for track in timeline.tracks:
        key = _thread(track)
        if key not in threads:
            threads[key] = len(threads) + 1
            yield _name_event("thread_name", processes[track.resource], threads[key], key[1])

    us_per_cycle = 1 if clock_mhz is None else 1 / clock_mhz

    def complete_event(index: int, name: str, start: int, cycles: int) -> dict[str, Any]:
        track = timeline.tracks[index]
        return {
            "ph": "X",
            "name": name,
            "cat": track.category or "firing",
            "ts": start * us_per_cycle,
            "dur": cycles * us_per_cycle,
            "pid": processes[track.resource],
            "tid": threads[_thread(track)],
        }

    shown = [0] * len(timeline.tracks)
    ends = [track.start for track in timeline.tracks]
    for index, start, cycles in islice(timeline.slices(), max_events):
        shown[index] += 1
        ends[index] = start + cycles
        yield complete_event(index, timeline.tracks[index].actor, start, cycles)
    for index, track in enumerate(timeline.tracks):
        hidden = track.firings - shown[index]
        if hidden:
            yield complete_event(
                index, f"{track.actor} ×{hidden} firings", ends[index], track.end - ends[index]
            )


def _thread(track: Track) -> tuple[str | None, str]:
    shared = track.resource is not None and track.category
    return track.resource, track.category if shared else track.actor


def _name_event(kind: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}
