"""What a run comes to, without the run: for sweeps, which keep nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archsim.accelerators.machine import CountedMachine, Machine, Row, is_counted
from archsim.accounting import energies_of, energy_records, totals_of
from archsim.run import Totals
from archsim.simulation import chosen_rows, run_rows

if TYPE_CHECKING:
    from pathlib import Path

    from archsim.components.figure import Figure
    from archsim.workloads.precision import Precision
    from archsim.workloads.workload import Workload


def run_totals(
    workload: Workload | str | Path,
    accelerator: Machine | str | Path | dict[str, Any],
    *,
    minimize: str = "latency",
    precision: Precision | str | None = None,
) -> tuple[Totals, int]:
    """The totals of `simulate`, to the last bit, and how many warnings it gives. Raises as `simulate`.

    The kernel executes the rows only where the machine does not know what it would find.
    """
    workload, machine, rows = chosen_rows(workload, accelerator, minimize=minimize, precision=precision)
    if not is_counted(machine):
        run = run_rows(workload, machine, rows, settings={})
        return run.totals, len(run.warnings)
    return _counted(workload, machine, rows), len(workload.warnings)


def _counted(workload: Workload, machine: CountedMachine, rows: Sequence[Row]) -> Totals:
    tallied = machine.tally(rows)
    done: list[tuple[str, list[tuple[str, str, float, Figure]]]] = []
    cycles: dict[str, float] = {}
    units: dict[Precision, Mapping[tuple[str, str], Figure]] = {}
    begin = latency = 0
    for row, each in zip(rows, tallied, strict=True):
        own = each.end - begin - (1 if machine.counts_from_zero and row.layer.macs else 0)
        begin, latency = each.end, latency + own
        cycles[row.layer.name] = float(own)
        precision = row.layer.precision
        if precision not in units:
            units[precision] = machine.unit_energies(precision)
        unit = units[precision]
        done.append((row.layer.name, [(*of, count, unit[of]) for of, count in each.actions.items()]))
    return totals_of(
        machine,
        energies_of(energy_records(machine, done, cycles)),
        macs=sum(row.layer.macs for row in rows),
        latency_cycles=latency,
        interval_cycles=float(latency),
        area_mm2=sum(figure.value for figure in machine.area().values()),
        peak_memory_bytes=workload.peak_memory.bytes,
        dram_bytes=sum(round(each.dram_bytes) for each in tallied),
    )
