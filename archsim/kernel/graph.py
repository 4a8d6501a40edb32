"""Timed dataflow graphs: actors that fire, channels that carry tokens, resources that serve.

What a graph means (both engines keep to it, to the cycle)
----------------------------------------------------------
Time is a whole number of cycles and starts at 0. An actor goes through the firings of its schedule
in order, one at a time. Its next firing is *ready* when

1. precedence: if it is the first, every actor named in `after` has ended its last firing;
2. input: every input channel holds at least `need` tokens;
3. space: every bounded output channel has room: tokens + places reserved + give <= capacity.

Each channel has one producer and one consumer, so a firing that is ready stays ready. At the start of
a firing its `give` places are reserved; at its end `take` tokens vanish (freeing their places), `give`
tokens appear where they were reserved, and the actor's resource is free.

At one instant t, work goes in rounds until nothing is left to do at t:

1. every firing that ends at t completes;
2. every idle actor whose next firing has its conditions satisfied becomes ready, at ready time t;
3. every free resource grants one ready firing: with a static order the next actor in the order, or
   nobody if that one is not ready; without, the firing of least (ready time, place of the actor in the
   graph). The firings granted, and ready firings of actors without resource, start at t.

A resource freed in step 1 can be granted in step 3 of the same round. A firing of 0 cycles that
starts in a round ends at t and so makes one more round. Tokens are counted for a channel's peak at the
end of step 1 of each round, and at time 0.

Waiting is the time from the end of an actor's previous firing (or from 0) to the start of the next.
The part before the firing is ready is charged to the condition, in the order above, that was satisfied
at the latest instant (the first such one on ties); the part from ready to start to the resource.
An actor with no firing at all is complete at time 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from archsim.errors import InputError
from archsim.kernel.schedule import Firing, Grant, Node, leaf_counts, sequence


@dataclass(frozen=True, slots=True)
class Actor:
    """Something that fires: a DMA transfer, a tile's computation, a pipeline stage.

    schedule: tree of Loop and Firing. resource: the resource every firing occupies, or None.
    after: actors that must have ended their last firing before this one's first starts.
    category: what the timeline files the firings under (say "dma" or "compute").
    """

    name: str
    schedule: Node
    resource: str | None = None
    after: tuple[str, ...] = ()
    category: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """Tokens from one producer to one consumer. capacity None: unbounded. initial: tokens at time 0."""

    name: str
    producer: str
    consumer: str
    capacity: int | None = None
    initial: int = 0


@dataclass(frozen=True, slots=True)
class Resource:
    """Serves one firing at a time: first ready first served, or strictly in `order` (Loop and Grant).

    With an order on every shared resource the start times are a max-plus function of the firing times:
    a shorter firing can never make the whole longer.
    """

    name: str
    order: Node | None = None


@dataclass(frozen=True)
class TimedGraph:
    """Actors, channels and resources; raises InputError when they don't fit together."""

    actors: tuple[Actor, ...]
    channels: tuple[Channel, ...] = ()
    resources: tuple[Resource, ...] = ()

    def __init__(
        self, actors: Iterable[Actor], channels: Iterable[Channel] = (), resources: Iterable[Resource] = ()
    ) -> None:
        object.__setattr__(self, "actors", tuple(actors))
        object.__setattr__(self, "channels", tuple(channels))
        object.__setattr__(self, "resources", tuple(resources))
        for message in _faults(self):
            raise InputError(message)

    @cached_property
    def inputs(self) -> dict[str, tuple[Channel, ...]]:
        """The channels each actor consumes from, in graph order."""
        return {a.name: tuple(c for c in self._touching[a.name] if c.consumer == a.name) for a in self.actors}

    @cached_property
    def outputs(self) -> dict[str, tuple[Channel, ...]]:
        """The channels each actor produces into, in graph order."""
        return {a.name: tuple(c for c in self._touching[a.name] if c.producer == a.name) for a in self.actors}

    @cached_property
    def _touching(self) -> dict[str, list[Channel]]:
        touching: dict[str, list[Channel]] = {actor.name: [] for actor in self.actors}
        for channel in self.channels:
            for name in {channel.producer, channel.consumer}:
                touching[name].append(channel)
        return touching


def in_line(parts: Sequence[tuple[TimedGraph, str, int]]) -> TimedGraph:
    """Graphs one after the other as one, each with the name and the cycles of a pause before it.

    No actor of a graph starts before all of the one before have ended, and the pause after that. Resources of
    one name are one. Raises InputError for actors or channels of one name.
    """
    actors: list[Actor] = []
    resources: dict[str, Resource] = {}
    before: tuple[str, ...] = ()
    for graph, name, cycles in parts:
        pause = Actor(name, Firing(cycles), after=before, category="pause")
        own = [replace(actor, after=(*actor.after, name)) for actor in graph.actors]
        before = tuple(actor.name for actor in own)
        actors += [pause, *own]
        for resource in graph.resources:
            known = resources.get(resource.name)
            orders = [each.order for each in (known, resource) if each is not None and each.order is not None]
            resources[resource.name] = Resource(resource.name, sequence(*orders) if orders else None)
    channels = [channel for graph, *_ in parts for channel in graph.channels]
    return TimedGraph(actors, channels, resources.values())


def _faults(graph: TimedGraph) -> Iterator[str]:
    """One message a fault. Later checks rely on the earlier ones, so only the first is to be trusted."""
    yield from _name_faults(graph)
    yield from _channel_faults(graph)
    for actor in graph.actors:
        yield from _schedule_faults(graph, actor)
    yield from _precedence_faults(graph)
    for resource in graph.resources:
        yield from _order_faults(graph, resource)


def _name_faults(graph: TimedGraph) -> Iterator[str]:
    for kind, parts in (("actor", graph.actors), ("channel", graph.channels), ("resource", graph.resources)):
        seen: set[str] = set()
        for part in parts:
            if part.name in seen:
                yield f"two {kind}s are named {part.name!r}: names of {kind}s must differ"
            seen.add(part.name)
    actors = {actor.name for actor in graph.actors}
    resources = {resource.name for resource in graph.resources}
    for actor in graph.actors:
        if actor.resource is not None and actor.resource not in resources:
            yield _unknown(f"actor {actor.name!r}", "resource", actor.resource, resources)
        for name in actor.after:
            if name not in actors:
                yield _unknown(f"actor {actor.name!r}: after", "actor", name, actors)
    for channel in graph.channels:
        for name in (channel.producer, channel.consumer):
            if name not in actors:
                yield _unknown(f"channel {channel.name!r}", "actor", name, actors)


def _unknown(where: str, kind: str, name: str, known: set[str]) -> str:
    some = ", ".join(sorted(known)[:8]) + (", ..." if len(known) > 8 else "")
    return f"{where}: unknown {kind} {name!r}; the graph has: {some or 'none'}"


def _channel_faults(graph: TimedGraph) -> Iterator[str]:
    for channel in graph.channels:
        capacity, initial = channel.capacity, channel.initial
        if capacity is not None and (not isinstance(capacity, int) or capacity < 1):
            yield f"channel {channel.name!r}: capacity is {capacity!r}; give a whole number >= 1, or None"
        elif not isinstance(initial, int) or initial < 0 or (capacity is not None and initial > capacity):
            yield f"channel {channel.name!r}: initial is {initial!r}; allowed: 0 to the capacity, {capacity}"


def _schedule_faults(graph: TimedGraph, actor: Actor) -> Iterator[str]:
    inputs = {channel.name: channel for channel in graph.inputs[actor.name]}
    outputs = {channel.name: channel for channel in graph.outputs[actor.name]}
    for leaf, _ in leaf_counts(actor.schedule):
        if not isinstance(leaf, Firing):
            yield f"actor {actor.name!r}: its schedule holds {leaf!r}; allowed are Loop and Firing"
            continue
        for kind, rates, channels in (
            ("take", leaf.take, inputs),
            ("need", leaf.need, inputs),
            ("give", leaf.give, outputs),
        ):
            for name, rate in rates.items():
                if name not in channels:
                    side = "output" if kind == "give" else "input"
                    yield _unknown(f"actor {actor.name!r}: {kind}", f"{side} channel", name, set(channels))
                    continue
                capacity = channels[name].capacity
                if capacity is not None and rate > capacity:
                    yield (
                        f"actor {actor.name!r}: a firing has {kind} {rate} on channel {name!r}, whose "
                        f"capacity is {capacity}: it could never fire; lower the rate or raise the capacity"
                    )


def _precedence_faults(graph: TimedGraph) -> Iterator[str]:
    try:
        TopologicalSorter({actor.name: actor.after for actor in graph.actors}).prepare()
    except CycleError as error:
        circle = " after ".join(repr(name) for name in reversed(error.args[1]))
        yield f"actors wait for each other to complete: {circle}; remove one `after`"


def _order_faults(graph: TimedGraph, resource: Resource) -> Iterator[str]:
    if resource.order is None:
        return
    turns: dict[str, int] = {}
    for leaf, times in leaf_counts(resource.order):
        if not isinstance(leaf, Grant):
            yield f"resource {resource.name!r}: its order holds {leaf!r}; allowed are Loop and Grant"
            return
        turns[leaf.actor] = turns.get(leaf.actor, 0) + times
    users = {
        actor.name: sum(times for _, times in leaf_counts(actor.schedule))
        for actor in graph.actors
        if actor.resource == resource.name
    }
    for name in turns:
        if name not in users:
            yield _unknown(f"resource {resource.name!r}: order", "user", name, set(users))
    for name, firings in users.items():
        if turns.get(name, 0) != firings:
            yield (
                f"resource {resource.name!r}: the order grants actor {name!r} {turns.get(name, 0)} firings, "
                f"its schedule has {firings}; make them equal"
            )
