"""`archsim export`: a workload in the format of another simulator, or as a layer trace."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.console import messages
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.workload_options import Bits, Dims, Strict, read_workload


class Format(StrEnum):
    trace = "trace"
    scalesim = "scalesim"
    scalesim_gemm = "scalesim-gemm"
    timeloop = "timeloop"
    zigzag = "zigzag"


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Library name, or an .onnx, .csv or .yaml file.")
    ],
    format: Annotated[Format, typer.Option("--as", help="Whose format.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A .csv; a .yaml for zigzag; a .yaml or a new folder for timeloop.",
        ),
    ],
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Write MODEL for SCALE-Sim, Timeloop or ZigZag, or as a layer trace; says what the format cannot hold.

    Timeloop gets one problem a layer in a new folder, or one .yaml file, which it reads if it is one layer.
    """
    warnings: list[str] = []

    def write(workload: object, path: Path) -> None:
        from archsim.workloads.export import export_workload
        from archsim.workloads.workload import Workload

        assert isinstance(workload, Workload)
        warnings.extend(export_workload(workload, path, format.value))

    from archsim.workloads.export import check_ending

    check_ending(output, format.value)
    files = [Output("--output", output, write)]
    if format is not Format.timeloop or output.suffix:
        check_outputs(files, inputs=(model,))
    write_outputs(files, read_workload(model, dim, bits, strict))
    if not quiet:
        for warning in warnings:
            messages().print(f"Warning: {warning}", markup=False)
        messages().print(f"wrote {output}", markup=False)
