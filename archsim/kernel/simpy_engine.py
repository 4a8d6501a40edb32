"""The reference engine: one SimPy process an actor, events for everything that is waited for.

Slow (it walks every firing) and easy to believe: each process reads like the definition of a firing in
archsim.kernel.graph. SimPy runs the events of one instant in order of priority, then of creation. All
events here have the normal priority, except the rounds of grants, which come last: when a grant is
made, everything that ends at this instant has ended, and everything that is ready is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heappop, heappush

import simpy
from simpy.events import Event, EventPriority, ProcessGenerator

from archsim.kernel.execution import ActorRun, Execution, StuckState, deadlock, tracks_of
from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import Firing, Grant, iterate
from archsim.kernel.timeline import Slice, Timeline

AFTER_NORMAL = EventPriority(2)


def simulate(graph: TimedGraph, *, timeline: bool = False) -> Execution:
    """Run the graph firing by firing. Raises DeadlockError when actors are left that can't go on."""
    return _Simulation(graph, timeline).run()


class _Fifo:
    """A channel at work: its tokens, the places reserved, and the event of the next change."""

    def __init__(self, env: simpy.Environment, channel: Channel) -> None:
        self.env = env
        self.capacity = channel.capacity
        self.tokens = self.peak = channel.initial
        self.reserved = 0
        self.changed = env.event()

    def has_space(self, give: int) -> bool:
        return self.capacity is None or self.tokens + self.reserved + give <= self.capacity

    def add(self, tokens: int) -> None:
        self.tokens += tokens
        if self.changed.callbacks:  # somebody waits
            self.changed.succeed()
            self.changed = self.env.event()


class _Server:
    """A resource at work: the firings that wait for it, and whose turn it is if it has an order."""

    def __init__(self, resource: Resource) -> None:
        self.name = resource.name
        self.free = True
        self.busy_cycles = 0
        self.queue: list[tuple[int, int, Event]] = []  # (ready time, place of the actor in the graph, grant)
        self.waiting: dict[str, Event] = {}  # with an order: grant by actor
        self.order: Iterator[str] | None = None
        if resource.order is not None:
            self.order = (leaf.actor for leaf in iterate(resource.order) if isinstance(leaf, Grant))
        self.turn = next(self.order, "") if self.order else ""

    def grant(self) -> None:
        if self.order is None:
            if self.free and self.queue:
                self.free = False
                heappop(self.queue)[2].succeed()
        elif self.free and self.turn in self.waiting:
            self.free = False
            self.waiting.pop(self.turn).succeed()
            self.turn = next(self.order, "")


class _Tally:
    """The figures of one actor while it runs, and the firing it is at (None once it is complete)."""

    def __init__(self) -> None:
        self.start = self.end = self.firings = self.busy = 0
        self.waits = {"precedence": 0, "input": 0, "space": 0, "resource": 0}
        self.next_firing: Firing | None = None


class _Simulation:
    """All the processes of one run and what they share."""

    def __init__(self, graph: TimedGraph, timeline: bool) -> None:
        self.graph = graph
        self.env = simpy.Environment()
        self.fifos = {channel.name: _Fifo(self.env, channel) for channel in graph.channels}
        self.servers = {resource.name: _Server(resource) for resource in graph.resources}
        self.tallies = {actor.name: _Tally() for actor in graph.actors}
        self.done = {actor.name: self.env.event() for actor in graph.actors}
        self.slices: list[Slice] | None = [] if timeline else None
        self.round_is_due = False
        self.servers_to_visit: dict[str, _Server] = {}
        self.fifos_to_measure: dict[str, _Fifo] = {}
        self.ready_without_resource: list[Event] = []

    def run(self) -> Execution:
        for place, actor in enumerate(self.graph.actors):
            self.env.process(self.actor(place, actor))
        self.env.run()
        stuck = {name: t.next_firing for name, t in self.tallies.items() if t.next_firing is not None}
        if stuck:
            fired = {name: self.tallies[name].firings for name in stuck}
            tokens = {name: fifo.tokens for name, fifo in self.fifos.items()}
            turns = {name: server.turn for name, server in self.servers.items()}
            raise deadlock(self.graph, StuckState(int(self.env.now), stuck, fired, tokens, turns))
        return self.execution()

    def actor(self, place: int, actor: Actor) -> ProcessGenerator:
        """The life of an actor: wait for the conditions, be granted, fire; firing by firing."""
        env, tally = self.env, self.tallies[actor.name]
        server = self.servers[actor.resource] if actor.resource else None
        for firing in iterate(actor.schedule):
            assert isinstance(firing, Firing)
            tally.next_firing = firing
            idle_since, cause = int(env.now), "precedence"
            if not tally.firings and actor.after:
                yield env.all_of([self.done[name] for name in actor.after])
            for channel, need in self.rates(firing.needs()):
                asked = env.now
                while channel.tokens < need:
                    yield channel.changed
                if env.now > asked:
                    cause = "input"
            for channel, give in self.rates(firing.give):
                asked = env.now
                while not channel.has_space(give):
                    yield channel.changed
                if env.now > asked:
                    cause = "space"
            ready = int(env.now)
            tally.waits[cause] += ready - idle_since
            yield self.request(server, ready, place, actor.name)

            start = int(env.now)
            tally.waits["resource"] += start - ready
            if not tally.firings:
                tally.start = start
            if self.slices is not None:
                self.slices.append(Slice(place, start, firing.cycles))
            for channel, give in self.rates(firing.give):
                channel.reserved += give
            yield env.timeout(firing.cycles)

            tally.end = int(env.now)
            tally.firings += 1
            tally.busy += firing.cycles
            self.complete(firing, server)
        tally.next_firing = None
        self.done[actor.name].succeed()

    def rates(self, rates: Mapping[str, int]) -> list[tuple[_Fifo, int]]:
        return [(self.fifos[name], rate) for name, rate in rates.items()]

    def request(self, server: _Server | None, ready: int, place: int, name: str) -> Event:
        grant = self.env.event()
        if server is None:
            self.ready_without_resource.append(grant)
        else:
            if server.order is None:
                heappush(server.queue, (ready, place, grant))
            else:
                server.waiting[name] = grant
            self.servers_to_visit[server.name] = server
        self.plan_round()
        return grant

    def complete(self, firing: Firing, server: _Server | None) -> None:
        for fifo, take in self.rates(firing.take):
            fifo.add(-take)
        for name, give in firing.give.items():
            fifo = self.fifos[name]
            fifo.reserved -= give
            fifo.add(give)
            self.fifos_to_measure[name] = fifo
        if server is not None:
            server.free = True
            server.busy_cycles += firing.cycles
            self.servers_to_visit[server.name] = server
        self.plan_round()

    def plan_round(self) -> None:
        """Have the grants made once everything else of this instant has happened."""
        if not self.round_is_due:
            self.round_is_due = True
            event = self.env.event()
            event._ok, event._value = True, None
            event.callbacks.append(self.grant_round)
            self.env.schedule(event, priority=AFTER_NORMAL)

    def grant_round(self, _: Event) -> None:
        self.round_is_due = False
        for fifo in self.fifos_to_measure.values():
            fifo.peak = max(fifo.peak, fifo.tokens)
        self.fifos_to_measure.clear()
        for server in self.servers_to_visit.values():
            server.grant()
        self.servers_to_visit.clear()
        for grant in self.ready_without_resource:
            grant.succeed()
        self.ready_without_resource.clear()

    def execution(self) -> Execution:
        runs = {
            name: ActorRun(tally.start, tally.end, tally.firings, tally.busy, *tally.waits.values())
            for name, tally in self.tallies.items()
        }
        timeline = None
        if self.slices is not None:
            timeline = Timeline(tracks_of(self.graph, runs), tuple(self.slices))
        return Execution(
            cycles=max((run.end for run in runs.values()), default=0),
            actors=runs,
            resource_busy_cycles={name: server.busy_cycles for name, server in self.servers.items()},
            peak_tokens={name: fifo.peak for name, fifo in self.fifos.items()},
            timeline=timeline,
        )
