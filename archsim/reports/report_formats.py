"""An energy report in every format: the same numbers, told as the format's readers expect them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from archsim.atomic import whole_file
from archsim.reports.change_page import write_change_page
from archsim.reports.energy_report import EnergyReport
from archsim.reports.export import document_text, plain
from archsim.reports.grouping import GROUPINGS
from archsim.reports.html import write_html
from archsim.reports.table_files import write_markdown, write_workbook

if TYPE_CHECKING:
    import pandas as pd


def _html(report: EnergyReport, path: Path) -> None:
    if report.baseline is None:
        write_html(report.run, path)
    else:
        write_change_page(report, path)


def _csv(report: EnergyReport, path: Path) -> None:
    with whole_file(path) as file:
        report.lines.to_csv(file, index=False, lineterminator="\n")


def _json(report: EnergyReport, path: Path) -> None:
    text = document_text(plain(report.to_dict()))
    with whole_file(path) as file:
        file.write_text(text, encoding="utf-8")


def _parquet(report: EnergyReport, path: Path) -> None:
    with whole_file(path) as file:
        report.lines.to_parquet(file, engine="pyarrow", index=False, compression="zstd")


def _markdown(report: EnergyReport, path: Path) -> None:
    run, baseline = report.run, report.baseline
    heading = f"{run.workload} on {run.accelerator}"
    if baseline is not None:
        heading += f" against {baseline.workload} on {baseline.accelerator}"
    tables = {"Totals": _totals(report)} | {f"Energy by {by}": report.groups(by) for by in GROUPINGS}
    write_markdown(path, heading, tables, notes=[f"Warning: {warning}" for warning in run.warnings])


def _excel(report: EnergyReport, path: Path) -> None:
    """A sheet of totals, one of every line, and one a grouping."""
    sheets = {"totals": _totals(report), "energy": report.lines}
    write_workbook(path, sheets | {f"by {by}": report.groups(by) for by in GROUPINGS})


def _totals(report: EnergyReport) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(report.totals())


WRITERS: Mapping[str, Callable[[EnergyReport, Path], None]] = {
    "html": _html,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
    "md": _markdown,
    "xlsx": _excel,
}
