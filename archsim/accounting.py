"""What a run comes to: its energy, record by record, and its totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from archsim.run import Totals

if TYPE_CHECKING:
    from archsim.accelerators.machine import Action, Machine
    from archsim.components.figure import Figure

EnergyRecord = tuple[str, str, str, float, "Figure"]
"""(layer, component, action, times, pJ of one)"""


def energy_records(
    machine: Machine,
    performed: Iterable[tuple[str, Sequence[Action]]],
    leaking_cycles: Mapping[str, float],
) -> list[EnergyRecord]:
    """What every layer did, and how long what leaked; both by the name of the layer (or of the whole)."""
    found: list[EnergyRecord] = [
        (layer, action.component, action.action, action.count, action.unit_energy)
        for layer, actions in performed
        for action in actions
        if action.count
    ]
    # 1 mW for one cycle at f MHz is 1000 / f pJ
    leakage = {
        name: figure.scaled(1e3 / machine.clock_mhz)
        for name, figure in machine.leakage().items()
        if figure.value
    }
    for what, cycles in leaking_cycles.items():
        found += [(what, component, "leak", cycles, figure) for component, figure in leakage.items()]
    return found


def energy_of(count: float, unit: Figure) -> tuple[float, float, float]:
    """pJ: expected, at the least, at the most."""
    return count * unit.value, count * unit.low, count * unit.high


def totals_of(
    machine: Machine,
    records: Sequence[EnergyRecord],
    *,
    macs: int,
    latency_cycles: int,
    interval_cycles: float,
    area_mm2: float,
    peak_memory_bytes: int,
    dram_bytes: int,
) -> Totals:
    """Throughput counts a result an interval; a sequential machine's is the latency."""
    latency_ms, interval_ms = (c / machine.clock_mhz / 1e3 for c in (latency_cycles, interval_cycles))
    energy_pj = np.array([energy_of(count, unit) for *_, count, unit in records]).reshape(-1, 3)
    mj, low, high = (float(column.sum()) * 1e-9 for column in energy_pj.T.copy())
    return Totals(
        latency_cycles=latency_cycles,
        latency_ms=latency_ms,
        interval_cycles=interval_cycles,
        frames_per_s=1e3 / interval_ms if interval_ms else 0.0,
        energy_mj=mj,
        energy_mj_low=low,
        energy_mj_high=high,
        macs=macs,
        tops=2 * macs / interval_ms * 1e-9 if interval_ms else 0.0,
        tops_per_w=2 * macs / mj * 1e-9 if mj else 0.0,
        area_mm2=area_mm2,
        edp_mj_ms=mj * latency_ms,
        peak_memory_bytes=peak_memory_bytes,
        dram_bytes=dram_bytes,
    )
