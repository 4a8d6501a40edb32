"""What an engine hands back: the figures of an execution, or the explanation of a deadlock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archsim.kernel.graph import Actor, Channel, TimedGraph
from archsim.kernel.schedule import Firing
from archsim.kernel.timeline import Timeline, Track


@dataclass(frozen=True, slots=True)
class ActorRun:
    """One actor's share. start: start of its first firing; end: end of its last (both 0 if it has none).

    The waits are split by cause as the docstring of archsim.kernel.graph says; up to the actor's end,
    end = busy + waits.
    """

    start: int
    end: int
    firings: int
    busy_cycles: int
    wait_precedence_cycles: int
    wait_input_cycles: int
    wait_space_cycles: int
    wait_resource_cycles: int


@dataclass(frozen=True, slots=True)
class Execution:
    """Result of either engine. cycles: end of the last firing. Mappings are by name, in graph order."""

    cycles: int
    actors: dict[str, ActorRun]
    resource_busy_cycles: dict[str, int]
    peak_tokens: dict[str, int]
    timeline: Timeline | None = None


def tracks_of(graph: TimedGraph, runs: Mapping[str, ActorRun]) -> tuple[Track, ...]:
    """The tracks of a timeline: one an actor, in graph order."""
    return tuple(
        Track(a.name, a.resource, a.category, runs[a.name].firings, runs[a.name].start, runs[a.name].end)
        for a in graph.actors
    )


class DeadlockError(RuntimeError):
    """Actors are left unfinished and nothing can happen any more.

    cycle: when it came to a stop. waits: for each stuck actor what it waits for. full: channels without the
    space that an actor waits for.
    """

    def __init__(self, cycle: int, waits: dict[str, str], full: tuple[str, ...] = ()) -> None:
        self.cycle = cycle
        self.waits = waits
        self.full = full
        lines = "".join(f"\n  {name}: {reason}" for name, reason in waits.items())
        super().__init__(f"deadlock at cycle {cycle}: {len(waits)} actors are stuck{lines}")


@dataclass(frozen=True, slots=True)
class StuckState:
    """What is left when nothing moves: by actor its next firing and firings done, by channel its tokens,
    by resource with an order the actor whose turn it is."""

    cycle: int
    next_firing: Mapping[str, Firing]
    fired: Mapping[str, int]
    tokens: Mapping[str, int]
    turn: Mapping[str, str]


def deadlock(graph: TimedGraph, state: StuckState) -> DeadlockError:
    """The error that names for each stuck actor every condition it still waits for."""
    actors = {actor.name: actor for actor in graph.actors}
    waits = {name: "; ".join(_reasons(graph, state, actors[name])) for name in state.next_firing}
    full = tuple(
        channel.name
        for name, firing in state.next_firing.items()
        for channel in graph.outputs[name]
        if _is_full(channel, state.tokens[channel.name], firing.give.get(channel.name, 0))
    )
    return DeadlockError(state.cycle, waits, full)


def _is_full(channel: Channel, tokens: int, give: int) -> bool:
    return channel.capacity is not None and give > 0 and tokens + give > channel.capacity


def _reasons(graph: TimedGraph, state: StuckState, actor: Actor) -> list[str]:
    firing, fired = state.next_firing[actor.name], state.fired[actor.name]
    reasons = []
    if not fired:
        reasons += [f"completion of actor {name!r}" for name in actor.after if name in state.next_firing]
    needs = firing.needs()
    for channel in graph.inputs[actor.name]:
        tokens, need = state.tokens[channel.name], needs.get(channel.name, 0)
        if tokens < need:
            reasons.append(f"tokens in channel {channel.name!r}: {tokens} present, {need} needed")
    for channel in graph.outputs[actor.name]:
        tokens, give = state.tokens[channel.name], firing.give.get(channel.name, 0)
        if _is_full(channel, tokens, give):
            reasons.append(
                f"space in channel {channel.name!r}: {tokens} of {channel.capacity} places taken, "
                f"{give} needed"
            )
    if not reasons and actor.resource is not None:
        turn = state.turn[actor.resource]
        reasons.append(f"its turn on resource {actor.resource!r}: the order grants {turn!r} next")
    return [f"firing {fired} waits for {reasons[0]}", *reasons[1:]]
