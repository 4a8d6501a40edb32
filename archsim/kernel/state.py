"""The state of a graph in execution, as the fast engine holds it."""

from __future__ import annotations

from dataclasses import dataclass, field

from archsim.kernel.graph import TimedGraph
from archsim.kernel.program import END, Program, compile_schedule
from archsim.kernel.schedule import Firing, Grant
from archsim.kernel.timeline import Repeat, Slice

# What an actor is waiting for. A condition on channel number c is 2c (tokens) or 2c + 1 (space).
READY, PRECEDENCE, COMPLETE, BUSY = -1, -2, -3, -4

# Places in ActorState.tally; the four waits are in the order of the causes.
FIRINGS, BUSY_CYCLES, WAIT_PRECEDENCE, WAIT_INPUT, WAIT_SPACE, WAIT_RESOURCE = range(6)

UNBOUNDED = 1 << 62


@dataclass(slots=True, eq=False)
class Rates:
    """A firing with its channels resolved. spaces: the gives that can be refused for lack of space."""

    cycles: int
    needs: tuple[tuple[ChannelState, int], ...]
    takes: tuple[tuple[ChannelState, int], ...]
    gives: tuple[tuple[ChannelState, int], ...]
    spaces: tuple[tuple[ChannelState, int], ...]


@dataclass(slots=True, eq=False)
class ActorState:
    """Position in the schedule, the one condition it waits for, since when, and its figures so far."""

    index: int
    program: Program
    resource: ResourceState | None
    missing: int = 0  # actors of `after` that are not complete
    successors: list[ActorState] = field(default_factory=list)
    rates: list[Rates] = field(default_factory=list)  # by leaf
    channels: list[ChannelState] = field(default_factory=list)  # inputs and outputs
    leaf: int = 0
    counters: list[int] = field(default_factory=list)
    waits_for: int = PRECEDENCE
    idle_since: int = 0
    asked_since: int = 0  # when the conditions were last looked at
    ready_since: int = 0
    cause: int = WAIT_PRECEDENCE  # the last condition that took time
    start: int = 0
    end: int = 0  # of the firing under way, or else of the last one
    active: bool = False  # has been ready once and is not complete
    tally: list[int] = field(default_factory=lambda: [0] * 6)


@dataclass(slots=True, eq=False)
class ChannelState:
    """Tokens of a channel. Reserved places need no count: only the producer, when idle, asks for space."""

    producer: ActorState
    consumer: ActorState
    capacity: int
    tokens: int
    peak: int
    tokens_code: int
    space_code: int
    demand: dict[int, tuple[int, int]] = field(default_factory=dict)  # most (need, take), by consumer's loop
    supply: dict[int, int] = field(default_factory=dict)  # most give, by producer's loop

    def most_demanded(self, loop: int) -> tuple[int, int]:
        """The greatest need and the greatest take of the consumer's firings in one of its loops."""
        if loop not in self.demand:
            rates = [self.consumer.rates[leaf] for leaf in self.consumer.program.spans[loop]]
            needs = [n for rate in rates for channel, n in rate.needs if channel is self]
            takes = [n for rate in rates for channel, n in rate.takes if channel is self]
            self.demand[loop] = max(needs, default=0), max(takes, default=0)
        return self.demand[loop]

    def most_supplied(self, loop: int) -> int:
        """The greatest give of the producer's firings in one of its loops."""
        if loop not in self.supply:
            rates = [self.producer.rates[leaf] for leaf in self.producer.program.spans[loop]]
            gives = [n for rate in rates for channel, n in rate.gives if channel is self]
            self.supply[loop] = max(gives, default=0)
        return self.supply[loop]


@dataclass(slots=True, eq=False)
class ResourceState:
    free: bool = True
    queue: list[tuple[int, int]] = field(default_factory=list)  # heap of (ready time, actor), without order
    order: Program | None = None
    turns: tuple[ActorState, ...] = ()  # by leaf of the order
    leaf: int = 0
    counters: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class State:
    actors: list[ActorState]
    channels: list[ChannelState]
    resources: list[ResourceState]
    items: list[Slice | Repeat] | None  # of the timeline, if wanted
    now: int = 0
    agenda: list[tuple[int, int]] = field(default_factory=list)  # heap of (end, actor) of firings under way
    to_visit: list[ResourceState] = field(default_factory=list)  # resources that may be able to grant
    unserved: list[ActorState] = field(default_factory=list)  # ready actors without resource
    active: list[ActorState] = field(default_factory=list)
    epoch: int = 0  # number of changes of `active`


def build(graph: TimedGraph, timeline: bool) -> State:
    """The graph at time 0, before anything was looked at."""
    resources = {resource.name: ResourceState() for resource in graph.resources}
    actors: dict[str, ActorState] = {}
    for index, actor in enumerate(graph.actors):
        resource = resources[actor.resource] if actor.resource is not None else None
        program = compile_schedule(actor.schedule)
        counters = [0] * len(program.counts)
        waits_for = COMPLETE if program.start == END else PRECEDENCE
        actors[actor.name] = ActorState(
            index, program, resource, leaf=program.start, counters=counters, waits_for=waits_for
        )
    for actor in graph.actors:
        after = [actors[name] for name in dict.fromkeys(actor.after)]
        if actors[actor.name].waits_for != COMPLETE:
            for predecessor in (a for a in after if a.waits_for != COMPLETE):
                predecessor.successors.append(actors[actor.name])
                actors[actor.name].missing += 1
    channels: dict[str, ChannelState] = {}
    for index, channel in enumerate(graph.channels):
        channels[channel.name] = ChannelState(
            producer=actors[channel.producer],
            consumer=actors[channel.consumer],
            capacity=UNBOUNDED if channel.capacity is None else channel.capacity,
            tokens=channel.initial,
            peak=channel.initial,
            tokens_code=2 * index,
            space_code=2 * index + 1,
        )
        for name in {channel.producer, channel.consumer}:
            actors[name].channels.append(channels[channel.name])
    for actor in actors.values():
        actor.rates = [_resolve(leaf, channels) for leaf in actor.program.leaves if isinstance(leaf, Firing)]
    for resource in graph.resources:
        if resource.order is not None:
            state = resources[resource.name]
            state.order = compile_schedule(resource.order)
            state.leaf = state.order.start
            state.counters = [0] * len(state.order.counts)
            state.turns = tuple(actors[leaf.actor] for leaf in state.order.leaves if isinstance(leaf, Grant))
    items: list[Slice | Repeat] | None = [] if timeline else None
    return State(list(actors.values()), list(channels.values()), list(resources.values()), items)


def _resolve(firing: Firing, channels: dict[str, ChannelState]) -> Rates:
    needs = tuple((channels[name], rate) for name, rate in firing.needs().items())
    takes = tuple((channels[name], rate) for name, rate in firing.take.items() if rate)
    gives = tuple((channels[name], rate) for name, rate in firing.give.items() if rate)
    spaces = tuple((channel, give) for channel, give in gives if channel.capacity != UNBOUNDED)
    return Rates(firing.cycles, needs, takes, gives, spaces)
