"""`archsim sweep`: many designs simulated or searched, by processes here or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.progress import progress_bar
from archsim.cli.sweep_point import show_point
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.dse.sweep.results import Results
    from archsim.dse.sweep.run import Progress, Swept

    Tell = Callable[[Progress], None]

INTERRUPTED = 130


def sweep(
    sweep: Annotated[str, typer.Argument(metavar="SWEEP", help="Library name, or a .yaml file.")],
    sample: Annotated[
        str | None,
        typer.Option("--sample", metavar="HOW", help="grid, sobol:N, random:N or guided:N; else the file's."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The results. Default: NAME.sweep.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the points that the results don't have yet.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes. Default: one a processor.")
    ] = None,
    worker_mb: Annotated[
        float | None,
        typer.Option("--worker-mb", min=1, help="Memory after which a process is replaced. Default: 2000."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster, as tcp://host:8786."),
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="The table of points as Parquet.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="The table of points as CSV.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="An HTML page that works offline.")
    ] = None,
    point: Annotated[
        int | None,
        typer.Option("--point", metavar="NUMBER", help="This point alone; --report is then its own report."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate or search every design of SWEEP; what is done survives whatever dies.

    Results go to a file that `archsim pareto` and `--resume` read. Ctrl-C ends the sweep after the points
    under way; a point that fails is recorded with its error.
    """
    from archsim.dse.sweep.files import load_sweep
    from archsim.dse.sweep.results import read_results
    from archsim.dse.sweep.run import MOST_MB
    from archsim.dse.sweep.run import sweep as run_sweep

    asked = load_sweep(sweep, **({} if sample is None else {"sample": sample}))
    if point is not None:
        show_point(asked, point, report, shown=not quiet)
        return
    target = out or Path(f"{asked.name}.sweep")
    wanted: tuple[tuple[str, Path | None, Callable[[Results, Path], None]], ...] = (
        ("--parquet", parquet, lambda found, path: found.to_parquet(path)),
        ("--csv", csv, lambda found, path: found.to_csv(path)),
        ("--report", report, lambda found, path: _write_page(found, path, shown=not quiet)),
    )
    files = [Output(option, path, write) for option, path, write in wanted if path is not None]
    check_outputs([Output("--out", target, _recorded), *files], inputs=(sweep,))
    with _progress(asked.name, shown=not quiet) as tell:
        swept = run_sweep(
            asked,
            target,
            resume=resume,
            workers=workers,
            cluster=cluster,
            worker_mb=MOST_MB if worker_mb is None else worker_mb,
            on_progress=tell,
        )
    found = read_results(target)
    write_outputs(files, found)
    if not quiet:
        _print(found, swept)
        for path in (target, *(file.path for file in files)):
            messages().print(f"wrote {path}", markup=False)
    if swept.interrupted:
        raise typer.Exit(INTERRUPTED)
    if swept.progress.failed == swept.progress.points:
        raise InputError(f"{target.stem}: no point could be run; of most the reason is: {_reason(found)}")


def _reason(found: Results) -> str:
    """Why most of the failed points failed."""
    return str(found.frame["error"].dropna().mode().iloc[0])


def _write_page(found: Results, path: Path, *, shown: bool) -> None:
    """The page, and in a folder beside it the reports of the points on the front."""
    from archsim.dse.sweep.point_reports import write_point_reports
    from archsim.dse.sweep.results import pareto

    assert found.sweep is not None
    numbers = pareto(found.frame, found.sweep.goals)["point"].tolist()
    folder = path.with_name(f"{path.stem}_points")
    with progress_bar("energy reports of the front", shown=shown) as tell:
        links = write_point_reports(found.sweep, numbers, folder, tell)
    found.to_html(path, links=links)


def _recorded(_results: Results, _path: Path) -> None:
    """The results are written while the sweep runs."""


def _print(found: Results, swept: Swept) -> None:
    from archsim.dse.sweep.results import pareto
    from archsim.reports.sweep_table import print_points

    progress = swept.progress
    assert found.sweep is not None
    front = pareto(found.frame, found.sweep.goals)
    if len(front):
        quantities = [*found.sweep.goals, *found.sweep.budgets]
        print_points(front, found.telling, quantities, results())
    parts = [f"{progress.done:,} of {progress.points:,} points"]
    parts += [f"{progress.failed:,} failed"] if progress.failed else []
    parts += [f"{progress.known:,} known before"] if progress.known else []
    if progress.deaths == 1:
        parts.append("a worker died and was replaced")
    elif progress.deaths:
        parts.append(f"{progress.deaths} workers died and were replaced")
    parts.append(f"{progress.elapsed_s:.1f} s")
    parts += [f"{progress.points_per_s:,.1f} points/s"] if progress.done > progress.known else []
    messages().print(" · ".join(parts), markup=False)
    if 0 < progress.failed < progress.points:
        messages().print(f"most failed because: {_reason(found)}", markup=False)
    if swept.interrupted:
        messages().print("Interrupted: what is done is recorded; go on with --resume.")


@contextmanager
def _progress(name: str, *, shown: bool) -> Iterator[Tell]:
    """A bar with rate and time to go, on a terminal; nothing anywhere else."""
    console = messages()
    if not (shown and console.is_terminal):
        yield lambda _: None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    words: Any = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}")
    with Bar(*words, console=console, transient=True) as bar:
        task = bar.add_task(escape(name), words="")
        yield lambda progress: bar.update(
            task, completed=progress.done, total=progress.points, words=escape(_words(progress))
        )


def _words(progress: Progress) -> str:
    parts = [f"{progress.done:,} of {progress.points:,}", f"{progress.points_per_s:,.1f} points/s"]
    if progress.eta_s is not None:
        minutes, seconds = divmod(round(progress.eta_s), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append(f"{hours}:{minutes:02}:{seconds:02} to go")
    parts += [f"{progress.failed:,} failed"] if progress.failed else []
    return " · ".join(parts)
