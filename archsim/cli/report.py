"""`archsim report`: a run's energy or a sweep's points in any format; a run also against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.errors import InputError


class Grouping(StrEnum):
    component = "component"
    level = "level"
    operator = "operator"
    block = "block"
    layer = "layer"
    action = "action"


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|RESULTS",
            help="Of `archsim run`: its --json or --parquet file. Of `archsim sweep`: its file or --parquet.",
        ),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="A .html, .csv, .json, .parquet, .md or .xlsx file; again for more.",
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="RUN", help="A baseline: what changed since.")
    ] = None,
    by: Annotated[
        Grouping | None,
        typer.Option("--by", help="What a run's energies on the console are summed by. Default: component."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Report the energy of a run per layer, component and action, or the points of a sweep."""
    from archsim.reports.energy_report import format_of
    from archsim.reports.read_run import is_run

    paths = out or []
    check_outputs(
        [Output("--out", path, _never) for path in paths],
        inputs=[str(path) for path in (source, against) if path is not None],
    )
    for path in paths:
        format_of(path)
    if is_run(source):
        _report_run(source, against, paths, None if quiet else (by or Grouping.component).value)
    elif against is not None:
        raise InputError(f"--against: {source} is no run; only a run is compared with another")
    elif by is not None:
        raise InputError(f"--by: {source} is no run; the energies of a sweep's points are not told apart")
    else:
        _report_points(source, paths, quiet=quiet)
    if not quiet:
        for path in paths:
            messages().print(f"wrote {path}", markup=False)


def _report_run(source: Path, against: Path | None, paths: Sequence[Path], by: str | None) -> None:
    """Print nothing where `by` is None."""
    from archsim.reports.energy_report import EnergyReport
    from archsim.reports.energy_report_table import print_energy_report
    from archsim.reports.read_run import read_run

    made = EnergyReport(read_run(source), None if against is None else read_run(against))
    write_outputs([Output("--out", path, EnergyReport.write) for path in paths], made)
    if by is not None:
        print_energy_report(made, by, results())


def _report_points(source: Path, paths: Sequence[Path], *, quiet: bool) -> None:
    from archsim.dse.sweep.results import read_results
    from archsim.dse.sweep.results_files import write_results
    from archsim.reports.sweep_table import print_points

    found = read_results(source)
    goals = ("latency_ms", "energy_mj") if found.sweep is None else found.sweep.goals
    for goal in goals:
        if goal not in found.frame:
            raise InputError(f"{source}: has no column {goal!r}, which a report of points shows")
    write_outputs([Output("--out", path, write_results) for path in paths], found)
    if not quiet:
        print_points(found.frame, found.parameters, list(goals), results())


def _never(made: object, path: Path) -> None:
    raise AssertionError("asked about before the work, written after it")
