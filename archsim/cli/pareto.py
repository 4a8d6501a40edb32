"""`archsim pareto`: the points of a sweep that no other beats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs

if TYPE_CHECKING:
    from archsim.dse.sweep.results import Results


def pareto(
    file: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="Of `archsim sweep`: its file, or a .parquet or .csv.")
    ],
    x: Annotated[
        str, typer.Option("--x", metavar="COLUMN", help="The first quantity, as in the table.")
    ] = "latency_ms",
    y: Annotated[str, typer.Option("--y", metavar="COLUMN", help="The second one.")] = "energy_mj",
    color: Annotated[
        str | None, typer.Option("--color", metavar="COLUMN", help="What the page's points are coloured by.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="CONDITION", help="Only points such as 'area_mm2 < 4 and rows > 8'."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="An HTML page that works offline.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="The front as CSV.")] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="The front as Parquet.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Show the feasible points of RESULTS that no other beats in two quantities, per workload.

    Less is better, but for tops, tops_per_w and frames_per_s. The sweep may still be running.
    """
    from dataclasses import replace

    from archsim.dse.sweep.results import pareto as front_of
    from archsim.dse.sweep.results import read_results
    from archsim.reports.sweep_table import print_points

    tables: tuple[tuple[str, Path | None, Callable[[Results, Path], None]], ...] = (
        ("--csv", csv, lambda found, path: found.to_csv(path)),
        ("--parquet", parquet, lambda found, path: found.to_parquet(path)),
    )
    of_front = [Output(option, path, write) for option, path, write in tables if path is not None]
    of_all = [] if report is None else [Output("--report", report, _page(x, y, color))]
    check_outputs([*of_front, *of_all], inputs=(str(file),))
    found = read_results(file)
    telling = found.telling
    if where is not None:
        found = found.where(where)
    front = replace(found, frame=front_of(found.frame, (x, y)))
    if color is not None:
        found.require(color)
    write_outputs(of_front, front)
    write_outputs(of_all, found)
    if quiet:
        return
    if len(front.frame):
        quantities = [x, y] if color is None else [x, y, color]
        print_points(front.frame, telling, quantities, results())
    feasible = int(found.frame["feasible"].sum())
    messages().print(f"{len(front.frame):,} of {feasible:,} feasible points are on the front")
    for output in (*of_front, *of_all):
        messages().print(f"wrote {output.path}", markup=False)


def _page(x: str, y: str, color: str | None) -> Callable[[Results, Path], None]:
    return lambda found, path: found.to_html(path, goals=(x, y), color=color)
