"""`archsim run`: simulate a model on an accelerator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archsim.cli import outputs
from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.workload_options import Bits, Dims, Strict, parse_bits, read_workload
from archsim.errors import InputError


class Minimize(StrEnum):
    latency = "latency"
    energy = "energy"
    edp = "edp"


def run(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Library name, or an .onnx or .csv file.")],
    on: Annotated[str, typer.Option("--on", metavar="ACCELERATOR", help="Library name, or a .yaml file.")],
    minimize: Annotated[
        Minimize, typer.Option("--minimize", help="What each layer's mapping is chosen for.")
    ] = Minimize.latency,
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="The report, an HTML page that works offline."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Energy by layer, component and action, as CSV."),
    ] = None,
    layers_csv: Annotated[
        Path | None, typer.Option("--layers-csv", metavar="FILE", help="The layer table as CSV.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Everything, as JSON (archsim.run/1).")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="The energy table as Parquet.")
    ] = None,
    timeline: Annotated[
        Path | None,
        typer.Option(
            "--timeline", metavar="FILE", help="What ran when, as a Chrome/Perfetto trace (ui.perfetto.dev)."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate MODEL on ACCELERATOR: cycles, energy and area, layer by layer."""
    wanted = (
        ("--report", report, outputs.write_html),
        ("--csv", csv, outputs.write_csv),
        ("--layers-csv", layers_csv, outputs.write_layers_csv),
        ("--json", json, outputs.write_json),
        ("--parquet", parquet, outputs.write_parquet),
        ("--timeline", timeline, outputs.write_timeline),
    )
    files = [Output(option, path, write) for option, path, write in wanted if path is not None]
    check_outputs(files, inputs=(model, on))
    with _spinner(f"{model} on {on}", shown=not quiet):
        from archsim.accelerators.library import load_accelerator
        from archsim.simulation import simulate

        precision = parse_bits(bits)
        workload, machine = read_workload(model, dim, None, strict), load_accelerator(on)
        try:
            result = simulate(
                workload, machine, minimize=minimize.value, precision=precision, timeline=timeline is not None
            )
        except InputError as error:
            raise InputError(f"{model} on {on}: {error}") from None  # which of the two is for the user to see
        write_outputs(files, result)
    if quiet:
        return
    from archsim.reports.table import print_run

    print_run(result, results())
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


@contextmanager
def _spinner(text: str, *, shown: bool) -> Iterator[None]:
    """A sign of life on a terminal; nothing anywhere else."""
    console = messages()
    if not (shown and console.is_terminal):
        yield
        return
    from rich.markup import escape

    with console.status(f"Simulating {escape(text)} …"):
        yield
