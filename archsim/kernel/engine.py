"""The fast engine: the semantics of archsim.kernel.graph as a plain event loop that skips recurrences.

The cost of an event does not grow with the graph: an idle actor waits for exactly one condition and is
looked at only when that condition may have changed. Repeating stretches are found and jumped over by
archsim.kernel.recurrence, so time and memory grow with the number of different tiles, not of tiles.
"""

from __future__ import annotations

from heapq import heappop, heappush

from archsim.kernel.execution import ActorRun, DeadlockError, Execution, StuckState, deadlock, tracks_of
from archsim.kernel.graph import TimedGraph
from archsim.kernel.program import END
from archsim.kernel.recurrence import Recurrence
from archsim.kernel.schedule import Firing
from archsim.kernel.state import (
    BUSY,
    BUSY_CYCLES,
    COMPLETE,
    FIRINGS,
    PRECEDENCE,
    READY,
    WAIT_INPUT,
    WAIT_PRECEDENCE,
    WAIT_RESOURCE,
    ActorState,
    State,
    build,
)
from archsim.kernel.timeline import Slice, Timeline


def simulate(graph: TimedGraph, *, timeline: bool = False) -> Execution:
    """Run the graph. Raises DeadlockError when actors are left that can't go on."""
    state = build(graph, timeline)
    recurrence = Recurrence(state)
    candidates = [actor for actor in state.actors if actor.waits_for != COMPLETE]
    while True:
        for actor in candidates:
            _check(state, actor)
        _grant(state)
        recurrence.end_of_round()
        if not state.agenda:
            break
        candidates = _complete(state, recurrence)
    if any(actor.waits_for != COMPLETE for actor in state.actors):
        raise _explain(graph, state)
    return _report(graph, state)


def _complete(state: State, recurrence: Recurrence) -> list[ActorState]:
    """End the firings that end next; the actors that may have become ready by that."""
    agenda = state.agenda
    now = state.now = agenda[0][0]
    candidates: list[ActorState] = []
    given = []
    while agenda and agenda[0][0] == now:
        actor = state.actors[heappop(agenda)[1]]
        rates = actor.rates[actor.leaf]
        for channel, take in rates.takes:
            channel.tokens -= take
            if channel.producer.waits_for == channel.space_code:
                candidates.append(channel.producer)
        for channel, give in rates.gives:
            channel.tokens += give
            given.append(channel)
            if channel.consumer.waits_for == channel.tokens_code:
                candidates.append(channel.consumer)
        if actor.resource is not None:
            actor.resource.free = True
            state.to_visit.append(actor.resource)
        actor.tally[FIRINGS] += 1
        actor.tally[BUSY_CYCLES] += rates.cycles
        actor.leaf = actor.program.step(actor.leaf, actor.counters)
        actor.idle_since = actor.asked_since = now
        if actor.leaf != END:
            candidates.append(actor)
        else:
            candidates += _retire(state, actor)
        recurrence.fired(actor)
    for channel in given:
        if channel.tokens > channel.peak:
            channel.peak = channel.tokens
    return candidates


def _retire(state: State, actor: ActorState) -> list[ActorState]:
    """Take a complete actor off the active ones; the actors that waited for it alone."""
    actor.waits_for = COMPLETE
    actor.active = False
    state.active.remove(actor)
    state.epoch += 1
    for successor in actor.successors:
        successor.missing -= 1
    return [successor for successor in actor.successors if not successor.missing]


def _check(state: State, actor: ActorState) -> None:
    """Find the first condition that an idle actor still waits for, or make it ready."""
    now = state.now
    if actor.asked_since < now:  # the condition it waited for took time
        waited_for = actor.waits_for
        actor.cause = WAIT_PRECEDENCE if waited_for == PRECEDENCE else WAIT_INPUT + (waited_for & 1)
        actor.asked_since = now
    if actor.missing:
        actor.waits_for = PRECEDENCE
        return
    rates = actor.rates[actor.leaf]
    for channel, need in rates.needs:
        if channel.tokens < need:
            actor.waits_for = channel.tokens_code
            return
    for channel, give in rates.spaces:
        if channel.tokens + give > channel.capacity:
            actor.waits_for = channel.space_code
            return
    actor.waits_for = READY
    actor.ready_since = now
    actor.tally[actor.cause] += now - actor.idle_since
    if not actor.active:
        actor.active = True
        state.active.append(actor)
        state.epoch += 1
    resource = actor.resource
    if resource is None:
        state.unserved.append(actor)
        return
    if resource.order is None:
        heappush(resource.queue, (now, actor.index))
    state.to_visit.append(resource)


def _grant(state: State) -> None:
    """Start one ready firing on every free resource, and all those that need no resource."""
    for resource in state.to_visit:
        if not resource.free:
            continue
        if resource.order is None:
            if resource.queue:
                resource.free = False
                _start(state, state.actors[heappop(resource.queue)[1]])
        elif resource.leaf != END:
            actor = resource.turns[resource.leaf]
            if actor.waits_for == READY:
                resource.free = False
                resource.leaf = resource.order.step(resource.leaf, resource.counters)
                _start(state, actor)
    state.to_visit.clear()
    for actor in state.unserved:
        _start(state, actor)
    state.unserved.clear()


def _start(state: State, actor: ActorState) -> None:
    now = state.now
    rates = actor.rates[actor.leaf]
    if not actor.tally[FIRINGS]:
        actor.start = now
    actor.tally[WAIT_RESOURCE] += now - actor.ready_since
    actor.waits_for = BUSY
    actor.cause = WAIT_PRECEDENCE
    actor.end = now + rates.cycles
    heappush(state.agenda, (actor.end, actor.index))
    if state.items is not None:
        state.items.append(Slice(actor.index, now, rates.cycles))


def _explain(graph: TimedGraph, state: State) -> DeadlockError:
    next_firing: dict[str, Firing] = {}
    fired: dict[str, int] = {}
    for actor, at in zip(graph.actors, state.actors, strict=True):
        if at.waits_for != COMPLETE:
            leaf = at.program.leaves[at.leaf]
            assert isinstance(leaf, Firing)
            next_firing[actor.name] = leaf
            fired[actor.name] = at.tally[FIRINGS]
    tokens = {channel.name: at.tokens for channel, at in zip(graph.channels, state.channels, strict=True)}
    turns = {
        resource.name: graph.actors[at.turns[at.leaf].index].name if at.order and at.leaf != END else ""
        for resource, at in zip(graph.resources, state.resources, strict=True)
    }
    return deadlock(graph, StuckState(state.now, next_firing, fired, tokens, turns))


def _report(graph: TimedGraph, state: State) -> Execution:
    runs: dict[str, ActorRun] = {}
    busy = {resource.name: 0 for resource in graph.resources}
    for actor, at in zip(graph.actors, state.actors, strict=True):
        runs[actor.name] = ActorRun(at.start, at.end, *at.tally)
        if actor.resource is not None:
            busy[actor.resource] += at.tally[BUSY_CYCLES]
    return Execution(
        cycles=max((run.end for run in runs.values()), default=0),
        actors=runs,
        resource_busy_cycles=busy,
        peak_tokens={
            channel.name: at.peak for channel, at in zip(graph.channels, state.channels, strict=True)
        },
        timeline=None if state.items is None else Timeline(tracks_of(graph, runs), tuple(state.items)),
    )
