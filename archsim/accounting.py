"""What a run comes to: its energy, record by record, and its totals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archsim.run import Totals

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine
    from archsim.components.figure import Figure

Floats = npt.NDArray[np.float64]

EnergyRecord = tuple[str, str, str, float, "Figure"]
"""(layer, component, action, times, pJ of one)"""


def energy_records(
    machine: Machine,
    done: Iterable[tuple[str, Iterable[tuple[str, str, float, Figure]]]],
    leaking_cycles: Mapping[str, float],
    leakage_mw: Mapping[str, Mapping[str, Figure]] = MappingProxyType({}),
) -> list[EnergyRecord]:
    """What every layer did, and how long what leaked; both by the name of the layer (or of the whole).

    `leakage_mw`: what a layer's components leak while it runs, where that is not always the same.
    """
    found = [(layer, *action) for layer, actions in done for action in actions if action[2]]
    always = machine.leakage()
    known: dict[int, Mapping[str, Figure]] = {}
    for what, cycles in leaking_cycles.items():
        own = leakage_mw.get(what, always)
        if id(own) not in known:
            known[id(own)] = _pj_per_cycle(own, machine.clock_mhz)
        found += [(what, component, "leak", cycles, figure) for component, figure in known[id(own)].items()]
    return found


def _pj_per_cycle(leakage_mw: Mapping[str, Figure], clock_mhz: float) -> Mapping[str, Figure]:
    """1 mW for one cycle at f MHz is 1000 / f pJ."""
    return {name: figure.scaled(1e3 / clock_mhz) for name, figure in leakage_mw.items() if figure.value}


def energies_of(records: Sequence[EnergyRecord]) -> tuple[Floats, Floats, Floats]:
    """pJ of every record: expected, at the least, at the most."""
    counts = np.array([count for *_, count, _ in records], dtype=float)
    units = [unit for *_, unit in records]
    values, factors = (
        np.array(column) for column in ([u.value for u in units], [u.uncertainty for u in units])
    )
    return counts * values, counts * (values / factors), counts * (values * factors)


def totals_of(
    machine: Machine,
    energies: Iterable[Floats],
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
    mj, low, high = (float(pj.sum()) * 1e-9 for pj in energies)
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
