"""What of a contraction's plans is kept: all, rows near the cheapest, or those on a front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.blocks import Block, Rows
from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.wanted import Wanted
from archsim.accelerators.dominance import certainly_unbeaten, leaders, unbeaten
from archsim.accelerators.machine import SLACKS, cost_of, total
from archsim.errors import InputError

Array = npt.NDArray[np.float64]
LEADERS = 24
"""Rows of earlier plans that a plan's rows are compared with, before all are with all."""


class All:
    """Every row."""

    def wants(self, least_cycles: float) -> bool:
        return True

    def keep(self, block: Block, fitting: Rows, costs: Costs) -> Rows:
        return fitting

    def wanted(self) -> None:
        return None


class Nearest:
    """Rows near the cheapest by their bounds (SLACKS)."""

    def __init__(self, minimize: str) -> None:
        self.minimize = minimize
        self.least = float("inf")

    def wants(self, least_cycles: float) -> bool:
        return self.minimize != "latency" or least_cycles <= self.least * (1 + SLACKS[-1])

    def keep(self, block: Block, fitting: Rows, costs: Costs) -> Rows:
        cycles = block.cycles[0][fitting]
        energy = cycles if self.minimize == "latency" else total(block.energy_pj(fitting, costs))
        return fitting[self.near(cycles, energy)]

    def wanted(self) -> Wanted:
        return Wanted((), self.minimize, least=self.least)

    def near(self, cycles: Array, energy_pj: Array) -> Rows:
        """Rows near the cheapest seen so far, these included."""
        cost = cost_of(self.minimize, cycles, energy_pj)
        self.least = min(self.least, float(cost.min()))
        return np.flatnonzero(cost <= self.least * (1 + SLACKS[-1]))


class Front:
    """Rows of one precision that no other beats for certain in all the named quantities."""

    def __init__(self, names: Sequence[str]) -> None:
        if not names:
            raise InputError(
                "front names no quantity; name cycles, energy_pj, traffic:<memory> or held:<memory>"
            )
        self.names = tuple(names)
        self._leaders: Array | None = None  # what they cost at most
        self._least = np.empty((0, len(self.names)))  # the front of all rows' lower bounds

    def wants(self, least_cycles: float) -> bool:
        return True

    def keep(self, block: Block, fitting: Rows, costs: Costs) -> Rows:
        low, high = self._costs(block, fitting, costs)
        if self._leaders is not None:
            beaten = (self._leaders[:, :, None] <= low[:, None, :]).all(axis=0).any(axis=0)
            fitting, low, high = fitting[~beaten], low[:, ~beaten], high[:, ~beaten]
        kept = certainly_unbeaten(low, high)
        self._lead(high[:, kept])
        together = np.concatenate([self._least, low[:, kept].T])
        self._least = together[unbeaten(together)]
        return fitting[kept]

    def wanted(self) -> Wanted:
        return Wanted(self.names, None, known=self._least)

    def _costs(self, block: Block, rows: Rows, costs: Costs) -> tuple[Array, Array]:
        """Bounds (names, rows) from below and above; what a plan does not hold or move is 0."""
        least, most = (cycles[rows] for cycles in block.cycles)
        energy = total(block.energy_pj(rows, costs)) + np.zeros(len(rows))
        leaking = sum(costs.always_on_pj_per_cycle.values()) * (most - least)
        low = {"cycles": least, "energy_pj": energy}
        low |= {f"traffic:{name}": size for name, size in block.traffic_bytes(rows).items()}
        low |= {f"held:{name}": size[rows] for name, size in block.held.items()}
        high = low | {"cycles": most, "energy_pj": energy + leaking}
        nothing = np.zeros(len(rows))
        lows, highs = (np.stack([each.get(name, nothing) for name in self.names]) for each in (low, high))
        return lows, highs

    def _lead(self, high: Array) -> None:
        if not high.shape[1]:
            return
        new = high[:, leaders(high)]
        known = new if self._leaders is None else np.concatenate([new, self._leaders], axis=1)
        self._leaders = known[:, unbeaten(known.T)][:, :LEADERS]
