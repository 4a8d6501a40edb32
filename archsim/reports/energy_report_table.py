"""An energy report on the console: the totals and the energies of one grouping."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from archsim.reports import units
from archsim.reports.columns import Column, column_table, printable
from archsim.reports.energy_report import EnergyReport

if TYPE_CHECKING:
    from rich.console import Console

_TOTALS = {
    "latency_ms": ("Latency", units.duration),
    "energy_mj": ("Energy", lambda mj: units.energy(mj * 1e9)),
    "edp_mj_ms": ("EDP mJ·ms", units.digits),
    "dram_bytes": ("DRAM traffic", units.traffic),
}


def print_energy_report(report: EnergyReport, by: str, console: Console) -> None:
    """Print the totals, and the energies summed by one of GROUPINGS; both beside the baseline's."""
    run, baseline = report.run, report.baseline
    title = Text(printable(f"{run.workload} on {run.accelerator}"), style="bold")
    if baseline is not None:
        title.append(printable(f" against {baseline.workload} on {baseline.accelerator}"), style="not bold")
    console.print(title)
    console.print(column_table(_totals(report), console.width, (), foot=False))
    columns = _groups(report, by) if baseline is None else _changes(report, by)
    console.print(column_table(columns, console.width, ("Interval",), name=by.capitalize()))


def _totals(report: EnergyReport) -> list[Column]:
    rows = [row for row in report.totals() if row["quantity"] in _TOTALS]

    def column(title: str, key: str) -> Column:
        return Column(title, tuple(_TOTALS[row["quantity"]][1](row[key]) for row in rows))

    labels = tuple(_TOTALS[row["quantity"]][0] for row in rows)
    columns = [Column("", labels, is_number=False), column("This run", "value")]
    if report.baseline is not None:
        changes = tuple(_signed_percent(row["change"]) for row in rows)
        columns += [column("Baseline", "baseline"), Column("Change", changes)]
    return columns


def _groups(report: EnergyReport, by: str) -> list[Column]:
    table = report.groups(by)
    bounds = zip(table["energy_pj_low"], table["energy_pj_high"], strict=True)
    total = units.energy(report.run.totals.energy_mj * 1e9)
    return [
        Column(by.capitalize(), tuple(map(printable, table[by])), "total", is_number=False),
        Column("Energy", _energies(table["energy_pj"]), total),
        Column("Share", tuple(units.percent(share) for share in table["share"])),
        Column("Interval", tuple(f"{units.energy(low)} – {units.energy(high)}" for low, high in bounds)),
    ]


def _changes(report: EnergyReport, by: str) -> list[Column]:
    table = report.groups(by)
    before, change = table["baseline_energy_pj"], table["change_pj"]
    shares = (now / was if was else math.nan for now, was in zip(change, before, strict=True))
    return [
        Column(by.capitalize(), tuple(map(printable, table[by])), "total", is_number=False),
        Column("This run", _energies(table["energy_pj"]), units.energy(float(table["energy_pj"].sum()))),
        Column("Baseline", _energies(before), units.energy(float(before.sum()))),
        Column("Change", tuple(map(_signed_energy, change)), _signed_energy(float(change.sum()))),
        Column("of baseline", tuple(map(_signed_percent, shares))),
    ]


def _energies(values: Iterable[float]) -> tuple[str, ...]:
    return tuple(units.energy(value) for value in values)


def _signed_energy(value_pj: float) -> str:
    return ("+" if value_pj > 0 else "") + units.energy(value_pj)


def _signed_percent(share: float | None) -> str:
    return ("+" if share is not None and share > 0 else "") + units.percent(share)
