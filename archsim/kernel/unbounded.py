"""Actors that never wait for room or a resource, without events: the end of every firing in closed form.

Such an actor starts a firing when the one before has ended and its tokens are there, so firing k ends at
max over j <= k of (ready_j + cycles_j + ... + cycles_k): a running maximum (the max-plus recursion of
Baccelli et al., Synchronization and Linearity, 1992). Tokens and firings are those of archsim.kernel.graph,
and what a channel holds at most is what the engines find there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archsim.errors import InputError
from archsim.kernel.schedule import Firing, Loop, Node

Times = npt.NDArray[np.int64]
"""When the tokens of a channel come, one after the other."""


@dataclass(frozen=True, eq=False)
class Firings:
    """A schedule written out: arrays (firings,) of cycles, and by channel of tokens needed, taken and given.

    Raises InputError for a firing of 0 cycles that gives tokens: what a channel then holds at once is decided
    by rounds within an instant, which only the engines have.
    """

    cycles: Times
    needs: Mapping[str, Times]
    takes: Mapping[str, Times]
    gives: Mapping[str, Times]

    def __post_init__(self) -> None:
        for channel, given in self.gives.items():
            if (given[self.cycles == 0] > 0).any():
                raise InputError(f"a firing of 0 cycles gives tokens to channel {channel!r}")

    @classmethod
    def of(cls, schedule: Node) -> Firings:
        leaves: list[Firing] = []
        order = _order(schedule, leaves)

        def rates(kind: str) -> dict[str, Times]:
            by_leaf = [leaf.needs() if kind == "need" else getattr(leaf, kind) for leaf in leaves]
            names = dict.fromkeys(name for rate in by_leaf for name in rate)
            return {name: _column([rate.get(name, 0) for rate in by_leaf])[order] for name in names}

        cycles = _column([leaf.cycles for leaf in leaves])[order]
        return cls(cycles, rates("need"), rates("take"), rates("give"))

    @property
    def busy_cycles(self) -> int:
        return int(self.cycles.sum())

    def ends(self, arrivals: Mapping[str, Times]) -> Times:
        """When each firing ends, given when the tokens of each channel that it reads come.

        Raises InputError where fewer come than are needed.
        """
        ready = np.zeros_like(self.cycles)
        for channel, (reading, token) in self._reads.items():
            times = arrivals[channel]
            if len(token) and token.max() >= len(times):
                raise InputError(
                    f"channel {channel!r} brings {len(times)} tokens, {token.max() + 1} are needed"
                )
            ready[reading] = np.maximum(ready[reading], times[token])
        return np.maximum.accumulate(ready - self._before) + self._before + self.cycles

    def given(self, ends: Times, channel: str) -> Times:
        """When the tokens come that it puts into a channel."""
        return np.repeat(ends, self.gives[channel])

    def most_held(self, ends: Times, channel: str, arrivals: Times) -> int:
        """Tokens that a channel it reads holds at once: those that end a wait of 0 cycles leave after those
        that come at the same instant.
        """
        leave = np.repeat(ends + (self.cycles == 0), self.takes[channel])
        there = np.arange(1, len(arrivals) + 1) - np.searchsorted(leave, arrivals, side="right")
        return int(there.max(initial=0))

    @cached_property
    def _before(self) -> Times:
        return np.cumsum(self.cycles) - self.cycles

    @cached_property
    def _reads(self) -> dict[str, tuple[Times, Times]]:
        """By channel the firings that need tokens of it, and the last token (from 0) that each needs."""
        found = {}
        for channel, need in self.needs.items():
            taken = self.takes.get(channel, np.zeros_like(need))
            reading = np.flatnonzero(need)
            found[channel] = reading, (np.cumsum(taken) - taken + need - 1)[reading]
        return found


def _order(node: Node, leaves: list[Firing]) -> Times:
    """Which of `leaves`, to which those of the node are added, is fired one after the other."""
    if isinstance(node, Loop):
        body = [_order(child, leaves) for child in node.body] if node.count else []
        return np.tile(np.concatenate(body), node.count) if body else _column([])
    assert isinstance(node, Firing)
    leaves.append(node)
    return _column([len(leaves) - 1])


def _column(values: list[int]) -> Times:
    return np.array(values, dtype=np.int64)
