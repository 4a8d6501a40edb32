"""One point of a sweep by itself: `archsim sweep SWEEP --point N`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs

if TYPE_CHECKING:
    from archsim.dse.plan import Plan
    from archsim.dse.sweep.sweep import Sweep
    from archsim.run import Run


def show_point(sweep: Sweep, number: int, report: Path | None, *, shown: bool) -> None:
    """Print a point's run or plan, and write its report."""
    from archsim.dse.sweep.point_reports import evaluate_point
    from archsim.run import Run

    files = [] if report is None else [Output("--report", report, _write)]
    check_outputs(files, inputs=())
    found = evaluate_point(sweep, number)
    write_outputs(files, found)
    if not shown:
        return
    if isinstance(found, Run):
        from archsim.reports.table import print_run

        print_run(found, results())
    else:
        from archsim.cli.search_outputs import print_document

        print_document(found.to_dict())
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def _write(found: Run | Plan, path: Path) -> None:
    found.to_html(path)
