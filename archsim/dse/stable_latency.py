"""Dynamic voltage and frequency scaling at a latency that stays: a sub-network for every operating point.

After All-in-One (Gong et al., arXiv:2212.05122): a power manager lowers clock and supply, the
network gets slower; reconfigured to a smaller one of the same weights for each point, it keeps its latency.
Here the sub-networks are channel-pruned (see `workloads.channel_pruning`), and for every point the largest is
chosen that meets the latency of the whole network at the fastest point. What pruning costs in accuracy is the
training's matter and no part of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import Machine
from archsim.errors import InputError
from archsim.run import Totals
from archsim.simulation import simulate
from archsim.workloads.channel_pruning import with_pruned_channels
from archsim.workloads.workload import Workload

KEPT = tuple(percent / 100 for percent in range(100, 4, -5))
"""Shares of channels that are tried, the largest first."""


@dataclass(frozen=True)
class AtPoint:
    """One operating point: the whole network there, and the sub-network chosen for it."""

    vdd_v: float
    clock_mhz: float
    whole_ms: float
    whole_mj: float
    kept: float  # share of the prunable channels
    macs: int
    latency_ms: float
    energy_mj: float

    def meets(self, target_ms: float) -> bool:
        return self.latency_ms <= target_ms


@dataclass(frozen=True)
class StableLatency:
    """The points, the fastest first, and the latency that was asked for."""

    target_ms: float
    points: tuple[AtPoint, ...]

    @property
    def spread_before(self) -> float:
        """Slowest over fastest latency of the whole network, less one."""
        return _spread([point.whole_ms for point in self.points])

    @property
    def spread(self) -> float:
        """The same of the chosen sub-networks."""
        return _spread([point.latency_ms for point in self.points])


def stable_latency(
    workload: Workload,
    accelerator: str | Path | dict[str, Any],
    operating_points: Sequence[Mapping[str, float]],
    *,
    target_ms: float | None = None,
    kept: Sequence[float] = KEPT,
    minimize: str = "latency",
) -> StableLatency:
    """A sub-network for every operating point (`vdd_v` or `clock_mhz`, or both).

    `target_ms`: default what the whole network takes at the fastest point. Where even the smallest share in
    `kept` is too slow, that one is taken (see `AtPoint.meets`). Raises InputError for no point or no share,
    and for points at which the machine cannot run.
    """
    if not operating_points or not kept:
        raise InputError("stable_latency needs at least one operating point and one share of channels")
    machines = [
        load_accelerator(accelerator, vdd_v=point.get("vdd_v"), clock_mhz=point.get("clock_mhz"))
        for point in operating_points
    ]
    machines.sort(key=lambda machine: -machine.clock_mhz)
    whole = [simulate(workload, machine, minimize=minimize).totals for machine in machines]
    target = whole[0].latency_ms if target_ms is None else target_ms
    networks = {share: with_pruned_channels(workload, share) for share in sorted(kept, reverse=True)}
    points: list[AtPoint] = []
    for machine, before in zip(machines, whole, strict=True):
        share, totals = _largest(machine, networks, target, minimize)
        points.append(
            AtPoint(
                vdd_v=machine.settings()["vdd_v"],
                clock_mhz=machine.clock_mhz,
                whole_ms=before.latency_ms,
                whole_mj=before.energy_mj,
                kept=share,
                macs=totals.macs,
                latency_ms=totals.latency_ms,
                energy_mj=totals.energy_mj,
            )
        )
    return StableLatency(target, tuple(points))


def _largest(
    machine: Machine, networks: Mapping[float, Workload], target_ms: float, minimize: str
) -> tuple[float, Totals]:
    """The first network that meets the target, else the last; and what it takes."""
    *larger, (smallest, last) = networks.items()
    for share, network in larger:
        totals = simulate(network, machine, minimize=minimize).totals
        if totals.latency_ms <= target_ms:
            return share, totals
    return smallest, simulate(last, machine, minimize=minimize).totals


def _spread(latencies: Sequence[float]) -> float:
    return max(latencies) / min(latencies) - 1
