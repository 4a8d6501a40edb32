"""How long a layer takes, without the kernel: the recurrence of its loads, computations and stores.

Loads and stores take turns on the DRAM channel in a fixed order, computations follow each other on the array,
and a buffer's copies bound how far one may run ahead of the other: so every start is a maximum over a few
ends before it (a max-plus system; Baccelli et al., "Synchronization and Linearity", 1992). Such a system
repeats itself when its state is the one of a round before, only later: the rounds left are then skipped.
The kernel says the same, to the cycle, of the graph that `program` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from archsim.accelerators.systolic.layer_steps import LayerSteps, Step, Turns
from archsim.accelerators.systolic.program import transfer_cycles

State = tuple[int, int, int, int, int, int]
"""When the DRAM channel is free, the last two computations end, the last two stores end; the cycles of the
store that waits for its turn (-1: none)."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a layer, in cycles from its beginning: when the DRAM channel is free but for the last store,
    when the last computation ends, and what the last store then takes."""

    channel_free: int
    computed: int
    store: int

    def end(self, prefetch: int = 0) -> int:
        """When the last store ends, if so many cycles of the next layer's prefetch come before it."""
        return max(self.channel_free + prefetch, self.computed) + self.store


@lru_cache(maxsize=4096)
def walked(steps: LayerSteps, bits_per_cycle: float | None, depth: int, first_load_extra: int) -> Tail:
    """A layer from a standing start. `depth`: copies of each buffer, 1 or 2. The first load takes
    `first_load_extra` cycles more (or less, down to none): the DRAM's latency, less what was prefetched."""
    first = transfer_cycles(steps.first.load_bits, bits_per_cycle)
    walk = _Walk(bits_per_cycle, depth, max(-first, first_load_extra))
    walk.turn(steps.turns)
    channel, computed, _, _, _, store = walk.state
    return Tail(channel, computed, max(0, store))


def ends_in_line(tails: Sequence[Tail], prefetches: Sequence[int]) -> list[int]:
    """The ends of layers one after the other; `prefetches` are the cycles fetched for each beforehand."""
    found: list[int] = []
    start = 0
    for tail, following in zip(tails, [*prefetches[1:], 0], strict=True):
        start += tail.end(following)
        found.append(start)
    return found


class _Walk:
    def __init__(self, bits_per_cycle: float | None, depth: int, extra: int) -> None:
        self.rate, self.depth, self.extra = bits_per_cycle, depth, extra
        self.cycles: dict[int, tuple[int, int, int]] = {}
        self.state: State = (0, 0, 0, 0, 0, -1)

    def turn(self, turns: Turns) -> None:
        """Repeat the body; once it repeats the round before, or the one before that, skip what is left."""
        left, before, earlier = turns.count, None, None
        while left:
            self.body(turns.body)
            left -= 1
            if left:
                for known, rounds in ((before, 1), (earlier, 2)):
                    shift = (
                        None if known is None or left < rounds else self.shift(known, turns.touches_output)
                    )
                    if shift is not None:
                        self.skip(shift * (left // rounds), turns.touches_output)
                        left %= rounds
                        break
                before, earlier = self.state, before

    def body(self, parts: Sequence[Turns | Step]) -> None:
        for part in parts:
            if isinstance(part, Turns):
                self.turn(part)
            else:
                self.step(part)

    def step(self, step: Step) -> None:
        channel, last, second, stored, stored_second, waiting = self.state
        key = id(step)
        if key not in self.cycles:
            load = transfer_cycles(step.load_bits, self.rate)
            store = -1 if step.store_bits is None else transfer_cycles(step.store_bits, self.rate)
            self.cycles[key] = load, step.compute, store
        load, compute, store = self.cycles[key]
        buffer_free = last if self.depth == 1 else second
        loaded = (channel if channel > buffer_free else buffer_free) + load + self.extra
        self.extra = 0
        channel = loaded
        if waiting >= 0:  # the output tile before is put away after the first load of this one
            channel = (channel if channel > last else last) + waiting
            stored, stored_second = channel, stored
        start = last if last > loaded else loaded
        if step.opens:
            output_free = stored if self.depth == 1 else stored_second
            start = start if start > output_free else output_free
        self.state = channel, start + compute, last, stored, stored_second, store

    def shift(self, known: State, touches_output: bool) -> int | None:
        """By how much all that matters to the body is later than it was; None where not by the same."""
        now = self.state
        late = now[0] - known[0]
        if now[5] != known[5] or now[1] - known[1] != late or now[2] - known[2] != late:
            return None
        stores = (now[3] - known[3], now[4] - known[4])
        return late if stores == ((late, late) if touches_output else (0, 0)) else None

    def skip(self, cycles: int, touches_output: bool) -> None:
        channel, last, second, stored, stored_second, waiting = self.state
        more = cycles if touches_output else 0
        self.state = (
            channel + cycles,
            last + cycles,
            second + cycles,
            stored + more,
            stored_second + more,
            waiting,
        )
