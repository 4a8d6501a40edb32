"""FIFO depths from the kernel: enough to keep the pipeline's interval, and the smallest that do.

With unbounded FIFOs and an input every interval, what a FIFO holds at most is enough: with that room the same
schedule never waits for it, and start times are a max-plus function of the room and of the inputs' times, so
inputs that come earlier delay nothing. From there each FIFO is made smaller by bisection, as less room never
makes a graph faster. Of the result no single FIFO can be smaller; on small graphs no mix of a smaller total
keeps the pace (brute force, tests). Where no FIFO is given, `flow` finds what is enough without events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from archsim.accelerators.pipeline.flow import WATCHED_INPUTS
from archsim.accelerators.pipeline.program import Stage, fifo_name, fifo_of, inner_fifo_name, input_port
from archsim.errors import InputError
from archsim.kernel import engine
from archsim.kernel.execution import DeadlockError
from archsim.kernel.graph import TimedGraph

Rooms = Mapping[str, int | None]
Build = Callable[[Rooms, int, int | None], TimedGraph]
"""The graph with that room by FIFO (None: unbounded), for so many inputs, one every so many cycles (None: as
soon as there is room)."""


def fifo_channels(stages: Sequence[Stage]) -> dict[str, str]:
    """The FIFOs in front of layers and their parts, with the name of their channel in the graph.

    They are called `<layer>.in` (in1, in2 ...), and `<layer>.<part>` in front of the parts after the first.
    """
    found: dict[str, str] = {}
    for stage in stages:
        layer = stage.layer
        for place, tensor in enumerate(layer.inputs):
            name = fifo_of(layer, input_port(place))
            found[name] = fifo_name(tensor.name, name)
        for part, following in pairwise(stage.parts):
            found[fifo_of(layer, following.name)] = inner_fifo_name(layer.name, part, following)
    return found


def enough_room(build: Build, channels: Mapping[str, str], least: int, interval: int) -> dict[str, int]:
    """Pixels of room by FIFO, at least `least` each, with which none holds the pipeline up.

    `interval`: cycles of its slowest stage. Raises InputError where FIFOs of given room lock it up.
    """
    unbounded: Rooms = dict.fromkeys(channels)
    try:
        held = engine.simulate(build(unbounded, WATCHED_INPUTS, interval)).peak_tokens
    except DeadlockError as error:
        raise locked_up(error) from None
    return {name: max(least, held[channel] + 1) for name, channel in channels.items()}


def smallest_rooms(build: Build, enough: Mapping[str, int], least: int) -> dict[str, int]:
    """The same pace, for latency and interval, with every FIFO as small as the others allow."""
    rooms = dict(enough)
    ends = _end(build, rooms)
    for name in rooms:
        low, high = least, rooms[name]
        while low < high:
            middle = (low + high) // 2
            if _end(build, rooms | {name: middle}) <= ends:
                high = middle
            else:
                low = middle + 1
        rooms[name] = high
    return rooms


def locked_up(error: DeadlockError) -> InputError:
    """What to do about a pipeline that stands still."""
    return InputError(
        f"the pipeline locks up; give its FIFOs more room (full: {', '.join(error.full)}): {error}"
    )


def _end(build: Build, rooms: Rooms) -> float:
    try:
        return engine.simulate(build(rooms, WATCHED_INPUTS, None)).cycles
    except DeadlockError:
        return float("inf")
