"""What a run comes to, without the run: for sweeps, which keep nothing else of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from archsim.accelerators.machine import Action, Machine, Row
from archsim.accounting import energy_records, totals_of
from archsim.run import Totals
from archsim.simulation import chosen_rows, run_rows

if TYPE_CHECKING:
    from pathlib import Path

    from archsim.workloads.precision import Precision
    from archsim.workloads.workload import Workload


class CountedMachine(Machine, Protocol):
    """A machine that knows of rows run one after the other what the kernel would find, to the cycle."""

    def ends(self, rows: Sequence[Row]) -> list[int]:
        """When each ends, if `program` of all is executed."""
        ...

    def actions(self, row: Row) -> tuple[Action, ...]:
        """Those of `performed`."""
        ...

    def dram_bytes(self, row: Row) -> float:
        """Those of `performed`."""
        ...


def _is_counted(machine: Machine) -> TypeGuard[CountedMachine]:
    return hasattr(machine, "ends")


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
    if not _is_counted(machine):
        run = run_rows(workload, machine, rows, settings={})
        return run.totals, len(run.warnings)
    return _counted_totals(workload, machine, rows), len(workload.warnings)


def _counted_totals(workload: Workload, machine: CountedMachine, rows: Sequence[Row]) -> Totals:
    ends = machine.ends(rows)
    cycles: dict[str, float] = {}
    for row, begin, end in zip(rows, (0, *ends), ends, strict=False):
        cycles[row.layer.name] = end - begin - (1 if machine.counts_from_zero and row.layer.macs else 0)
    records = energy_records(machine, ((row.layer.name, machine.actions(row)) for row in rows), cycles)
    latency = int(sum(cycles.values()))
    return totals_of(
        machine,
        records,
        macs=sum(row.layer.macs for row in rows),
        latency_cycles=latency,
        interval_cycles=float(latency),
        area_mm2=sum(figure.value for figure in machine.area().values()),
        peak_memory_bytes=workload.peak_memory.bytes,
        dram_bytes=sum(round(machine.dram_bytes(row)) for row in rows),
    )
