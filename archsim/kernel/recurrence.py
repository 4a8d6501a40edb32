"""Finding a recurring state and jumping over whole periods, exactly.

The idea is the state-space analysis of synchronous dataflow graphs (Ghamarian et al., "Throughput
Analysis of Synchronous Data Flow Graphs", ACSD 2006), taken to nested schedules. A state without its
iteration counters is, for each active actor, its leaf and what it waits for or the cycles it still
needs, the tokens of the channels and the turns of the static orders. Suppose that state recurs, and that
since then in every schedule either nothing or exactly one loop has moved on. Then what lies between is
a period: the future repeats it for as long as none of those loops runs out. So inner loops are jumped
first, and an outer loop as soon as two of its iterations have gone alike.

Three things may differ between the two states without harm:
- An actor that did nothing in the period keeps its past, provided what it waits for stays away.
- Tokens may pile up or drain by a fixed number a period, as long as no condition is decided otherwise
  by that: the jump ends before one could be (bounds from the rates, on the safe side).
- Iteration counters, bounded by the loop counts.

States are looked at when a loop of one actor, the anchor, begins an iteration. Which actor that is, and
how often is looked, matters for speed only: an anchor that has begun no iteration for long is replaced by
whoever fires, and what doesn't recur is looked at ever more seldom, until something does.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.kernel.program import END
from archsim.kernel.state import (
    BUSY,
    FIRINGS,
    READY,
    ActorState,
    ChannelState,
    ResourceState,
    State,
)
from archsim.kernel.timeline import Repeat
from archsim.kernel.token_drift import FOREVER, repeats_despite, visible_tokens

PATIENCE = 16  # firings a part (an active actor, and one more) after which an anchor with no news is replaced
EAGERNESS = 256  # looks in vain after which only every second iteration is looked at, then every fourth ...
MAX_STRIDE_BITS = 5
MAX_REMEMBERED = 50_000  # actor states kept, over all snapshots: some 15 MB


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is needed to tell what happened since, in the order of the active parts."""

    now: int
    items: int
    counters: list[list[int]]
    tallies: list[list[int]]
    ages: list[tuple[int, ...]]
    tokens: list[int]
    turns: list[list[int]]


@dataclass(slots=True)
class Period:
    """What happened between two like states.

    moves: (counters, loop that moved on, by how many iterations) of every schedule and order that did.
    firings: (loop that moved on, firings ended) of every actor that fired, by index.
    drift: tokens more or less, by channel where there are. repeats: how often it can be repeated.
    """

    cycles: int
    moves: list[tuple[list[int], int, int]]
    firings: dict[int, tuple[int, int]]
    drift: list[tuple[ChannelState, int]]
    repeats: int = FOREVER


class Recurrence:
    """Watches the rounds of an execution and jumps when it can."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.anchor: ActorState | None = None
        self.anchor_fired = False
        self.silence = 0  # firings since the anchor last began an iteration
        self.fruitless = 0  # looks since the last jump
        self.epoch = -1
        self.snapshots: dict[tuple[int, ...], dict[int, Snapshot]] = {}
        self.channels: list[ChannelState] = []
        self.resources: list[ResourceState] = []
        self.orders: list[ResourceState] = []

    def fired(self, actor: ActorState) -> None:
        """To be told of every firing that ends."""
        self.silence += 1
        if self.anchor is None or self.silence > PATIENCE * (1 + len(self.state.active)):
            self.anchor = actor
            self.silence = 0
        if actor is self.anchor:
            self.anchor_fired = True

    def end_of_round(self) -> None:
        """Look at the state, when the anchor has begun an iteration of some loop, and jump if possible."""
        if not self.anchor_fired or self.anchor is None:
            return
        self.anchor_fired = False
        anchor = self.anchor
        if anchor.leaf == END:
            self.anchor = None
            return
        begun = anchor.program.loops_begun(anchor.leaf, anchor.counters)
        if not begun:
            return
        self.silence = 0
        if self.epoch != self.state.epoch:
            self._survey()
        stride = 1 << min(self.fruitless // EAGERNESS, MAX_STRIDE_BITS)
        if len(begun) == 1 and anchor.counters[begun[0]] % stride:
            return
        if len(self.snapshots) * len(self.state.active) > MAX_REMEMBERED:
            self.snapshots.clear()
        self.fruitless += 1
        like = self.snapshots.setdefault(self._key(), {})
        for loop in begun:
            if loop in like and self._jump(like[loop]):
                self.fruitless = 0
                break
        snapshot = self._snapshot()
        for loop in begun:
            like[loop] = snapshot

    def _survey(self) -> None:
        """Forget the past (no state with other active actors can recur) and list the active parts."""
        self.snapshots.clear()
        state = self.state
        self.epoch = state.epoch
        channels: dict[int, ChannelState] = {}
        resources: dict[int, ResourceState] = {}
        for actor in state.active:
            for channel in actor.channels:
                channels[id(channel)] = channel
            if actor.resource is not None:
                resources[id(actor.resource)] = actor.resource
        self.channels = list(channels.values())
        self.resources = list(resources.values())
        self.orders = [resource for resource in self.resources if resource.order is not None]

    def _key(self) -> tuple[int, ...]:
        """The state without its counters, and who looks at it."""
        now = self.state.now
        key = [self.anchor.index if self.anchor else -1]
        for actor in self.state.active:
            key.append(actor.leaf)
            key.append(BUSY - (actor.end - now) if actor.waits_for == BUSY else actor.waits_for)
        key += [visible_tokens(channel) for channel in self.channels]
        key += [resource.leaf for resource in self.orders]
        return tuple(key)

    def _snapshot(self) -> Snapshot:
        state = self.state
        return Snapshot(
            now=state.now,
            items=0 if state.items is None else len(state.items),
            counters=[actor.counters.copy() for actor in state.active],
            tallies=[actor.tally.copy() for actor in state.active],
            ages=[_ages(actor, state.now) for actor in state.active],
            tokens=[channel.tokens for channel in self.channels],
            turns=[resource.counters.copy() for resource in self.orders],
        )

    def _jump(self, then: Snapshot) -> bool:
        """Repeat what happened since `then` as often as possible; whether that was at least once."""
        period = self._period_since(then)
        if period is None:
            return False
        for channel, drift in period.drift:
            period.repeats = min(period.repeats, repeats_despite(channel, drift, period.firings))
        if any(drift > 0 for _, drift in period.drift):
            period.repeats -= 1  # the last one is simulated, to see the peaks it makes
        if period.repeats <= 0:
            return False
        self._repeat(period, then)
        return True

    def _period_since(self, then: Snapshot) -> Period | None:
        """What happened since a like state, if it can be repeated (tokens apart)."""
        state = self.state
        period = Period(state.now - then.now, [], {}, [])
        for at, actor in enumerate(state.active):
            if actor.counters == then.counters[at]:
                # First come, first served: those who passed it by in this period, on a tie of ready times,
                # will come after it in the next.
                if actor.waits_for == READY and period.cycles and actor.resource and not actor.resource.order:
                    return None
                continue
            if _ages(actor, state.now) != then.ages[at]:
                return None
            loop = _add_move(period, actor.program.counts, then.counters[at], actor.counters)
            if loop == END:
                return None
            period.firings[actor.index] = loop, actor.tally[FIRINGS] - then.tallies[at][FIRINGS]
        for resource, counters in zip(self.orders, then.turns, strict=True):
            if resource.order is None or counters == resource.counters:
                continue
            if _add_move(period, resource.order.counts, counters, resource.counters) == END:
                return None
        for channel, tokens in zip(self.channels, then.tokens, strict=True):
            if channel.tokens != tokens:
                period.drift.append((channel, channel.tokens - tokens))
        return period

    def _repeat(self, period: Period, then: Snapshot) -> None:
        """Shift the state by all repeats of the period."""
        state, repeats = self.state, period.repeats
        shift = repeats * period.cycles
        if state.items is not None:
            state.items.append(Repeat(then.items, len(state.items), period.cycles, repeats))
        for counters, loop, iterations in period.moves:
            counters[loop] += repeats * iterations
        for channel, drift in period.drift:
            channel.tokens += repeats * drift
        for actor, tally in zip(state.active, then.tallies, strict=True):
            if actor.index in period.firings:
                actor.tally[:] = [
                    new + repeats * (new - old) for new, old in zip(actor.tally, tally, strict=True)
                ]
                actor.idle_since += shift
                actor.asked_since += shift
                actor.ready_since += shift
                actor.end += shift
        # Whoever is busy, or queued, did something in the period, unless the period has no length.
        state.agenda = [(end + shift, actor) for end, actor in state.agenda]
        for resource in self.resources:
            resource.queue = [(ready + shift, actor) for ready, actor in resource.queue]
        state.now += shift


def _ages(actor: ActorState, now: int) -> tuple[int, ...]:
    """The part of an actor's past that still matters, relative to now."""
    if actor.waits_for == BUSY:
        return ()
    if actor.waits_for == READY:
        return (now - actor.ready_since,)
    return (now - actor.idle_since, now - actor.asked_since, actor.cause)


def _add_move(period: Period, counts: tuple[int, ...], then: list[int], now: list[int]) -> int:
    """Note which loop moved on, and how often it still can. END unless exactly one did, forwards."""
    moved = [loop for loop, count in enumerate(now) if count != then[loop]]
    if len(moved) != 1 or now[moved[0]] < then[moved[0]]:
        return END
    loop = moved[0]
    iterations = now[loop] - then[loop]
    period.moves.append((now, loop, iterations))
    period.repeats = min(period.repeats, (counts[loop] - 1 - now[loop]) // iterations)
    return loop
