"""Which tilings are wanted of all: those of least cost, and those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dominance import beaten_by, unbeaten
from archsim.accelerators.machine import SLACKS, cost_of

Array = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]
FEWEST = 64
"""Tilings of least cost that are listed: more than `choice.best_row` executes."""


class Priced(Protocol):
    """Tilings, or groups of them at the least."""

    @property
    def fits(self) -> Bool: ...

    def quantity(self, name: str) -> Array: ...


class Wanted:
    """Those that no other beats in the quantities `names` (latencies are taken at their lower bounds).

    With `minimize` instead those near the least of that objective, but no more than about FEWEST. `known`:
    what tilings already priced cost in `names`, (tilings, names); `least`: in the objective.
    """

    def __init__(
        self, names: Sequence[str], minimize: str | None, known: Array | None = None, least: float = np.inf
    ) -> None:
        self.names, self.minimize = tuple(names), minimize
        self.known = np.empty((0, len(self.names))) if known is None else known
        self.cheapest = np.array([least])  # costs of the cheapest, ascending
        self.least_skipped = np.inf  # of the objective, where a search gave up

    def costs(self, priced: Priced) -> list[Array]:
        """By name, or of the objective; infinite where nothing fits."""
        if self.minimize is None:
            found = [priced.quantity(name) for name in self.names]
        else:
            cycles = priced.quantity("cycles")
            energy = cycles if self.minimize == "latency" else priced.quantity("energy_pj")
            found = [cost_of(self.minimize, cycles, energy)]
        return [np.where(priced.fits, cost, np.inf) for cost in found]

    def are_open(self, costs: Sequence[Array]) -> Bool:
        """Where a tiling could be that is wanted."""
        found = np.isfinite(costs[0])
        if self.minimize is not None:
            return found & (costs[0] < self.listed_below)
        found[found] = ~beaten_by(np.stack(costs, axis=1)[found], self.known)
        return found

    def first(self, costs: Sequence[Array], most: int) -> Int:
        """About so many to go on with."""
        if len(costs[0]) <= most:
            return np.arange(len(costs[0]))
        rank = np.sum([cost / max(cost.min(), 1e-300) for cost in costs], axis=0)
        return np.argpartition(rank, most)[:most]

    def note(self, costs: Sequence[Array]) -> Int:
        """Tilings found; which of them are still wanted beside each other."""
        open_rows = np.flatnonzero(self.are_open(costs))
        named = np.stack(costs, axis=1)[open_rows]
        if self.minimize is not None:
            self.cheapest = np.sort(np.concatenate([self.cheapest, named[:, 0]]))[:FEWEST]
            return open_rows[named[:, 0] <= self.listed_below]
        own = unbeaten(named)
        together = np.concatenate([self.known, named[own]])
        self.known = together[unbeaten(together)]
        return open_rows[own]

    def skip(self, costs: Sequence[Array]) -> None:
        """What a search gives up to look into."""
        self.least_skipped = min(self.least_skipped, float(costs[0].min()))

    @property
    def any_known(self) -> bool:
        return len(self.known) > 0 or bool(np.isfinite(self.cheapest[0]))

    @property
    def listed_below(self) -> float:
        """Every tiling whose objective is less is wanted."""
        near = float(self.cheapest[0]) * (1 + SLACKS[1])
        return near if len(self.cheapest) < FEWEST else min(near, float(self.cheapest[-1]))
