"""`archsim import`: an accelerator's YAML from another simulator's hardware file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from archsim.cli.console import messages
from archsim.cli.outputs import Output, check_outputs, write_outputs


def import_accelerator(
    hardware: Annotated[
        Path, typer.Argument(metavar="HARDWARE", help="ZigZag hardware or Timeloop architecture (YAML).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The accelerator's YAML.")],
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="FILE", help="ZigZag's mapping, for the spread of loops."),
    ] = None,
    rows: Annotated[
        str | None, typer.Option("--rows", metavar="C=8,R=3", help="Loops over the rows of the array.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="K=8", help="Loops over the columns of the array.")
    ] = None,
    mhz: Annotated[float | None, typer.Option("--mhz", min=1e-3, help="The clock.")] = None,
    node_nm: Annotated[float | None, typer.Option("--node-nm", min=1, help="The process node.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make an accelerator's YAML of HARDWARE; says what could not be carried over, also in the file's head.

    Workloads of Timeloop and ZigZag need no import: archsim run takes them as they are.
    """
    files = [Output("--output", output, _write)]
    check_outputs(files, inputs=[str(path) for path in (hardware, mapping) if path is not None])
    from archsim.accelerators.peers.imported import Given, parse_spread
    from archsim.accelerators.peers.read import import_accelerator as read

    given = Given(
        mapping,
        None if rows is None else parse_spread("--rows", rows),
        None if columns is None else parse_spread("--columns", columns),
        mhz,
        node_nm,
    )
    imported = read(hardware, given)
    write_outputs(files, imported)
    if not quiet:
        for remark in imported.remarks:
            messages().print(f"Note: {remark}", markup=False)
        messages().print(f"wrote {output}", markup=False)


def _write(imported: Any, path: Path) -> None:
    imported.write(path)
