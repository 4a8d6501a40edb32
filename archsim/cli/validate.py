"""`archsim validate`: published figures against simulated ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archsim.validation.table import Comparison


def validate(
    systems: Annotated[
        list[str] | None, typer.Argument(metavar="[SYSTEM]...", help="Only these, as in gap9. Default: all.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="The table as CSV.")] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The table as JSON (archsim.validation/1).")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="An HTML page that works offline.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate what was published of real systems, and tell how far off it is.

    Every figure is marked: calibrated, if a constant was fitted to it, or predicted.
    """
    wanted = (("--csv", csv, _write_csv), ("--json", json, _write_json), ("--report", report, _write_page))
    files = [Output(option, path, write) for option, path, write in wanted if path is not None]
    check_outputs(files, inputs=())
    from archsim.validation.table import compare

    rows = compare(systems or ())
    write_outputs(files, rows)
    if quiet:
        return
    _print(rows)
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def _write_csv(rows: Sequence[Comparison], path: Path) -> None:
    from archsim.validation.table import write_csv

    write_csv(rows, path)


def _write_json(rows: Sequence[Comparison], path: Path) -> None:
    from archsim.validation.table import write_json

    write_json(rows, path)


def _write_page(rows: Sequence[Comparison], path: Path) -> None:
    from dataclasses import asdict

    from archsim.reports.validation_page import write_validation_page

    write_validation_page([asdict(row) for row in rows], path)


def _print(rows: tuple[Comparison, ...]) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("system", "workload", "quantity"):
        table.add_column(title, overflow="fold")
    for title in ("published", "simulated", "error %"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("unit", "kind"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        figures = (f"{row.published:.4g}", f"{row.simulated:.4g}", f"{row.error_percent:+.1f}")
        table.add_row(row.system, row.workload, row.quantity, *figures, row.unit, row.kind)
    results().print(table)
