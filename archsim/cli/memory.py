"""`archsim memory`: what a model's activations take, and how patches or recomputation make them fit."""

from __future__ import annotations

import json as json_module
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsim.cli.console import messages, results
from archsim.cli.idle_options import refuse_idle
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.search_input import whole_numbers
from archsim.cli.workload_options import Bits, Dims, Strict, read_workload
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.dse.memory import MemoryReport

KIB = 1024


def memory(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Library name, or an .onnx, .csv or .yaml file.")
    ],
    max_kib: Annotated[
        float | None, typer.Option("--max-peak-memory-kib", metavar="KIB", help="What activations may take.")
    ] = None,
    patches: Annotated[
        bool, typer.Option("--patches", help="Run the first layers patch by patch to fit (MCUNetV2).")
    ] = False,
    patch_bits: Annotated[
        str | None,
        typer.Option("--patch-bits", metavar="4,8", help="Activation bits that each patch may have."),
    ] = None,
    activation_memory: Annotated[
        str | None,
        typer.Option(
            "--activation-memory",
            metavar="POLICY",
            help="What counts with --patches: alive, in_place or published (default).",
        ),
    ] = None,
    allow_recompute: Annotated[
        bool, typer.Option("--allow-recompute", help="Make tensors again to fit (Moccasin).")
    ] = False,
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Everything, as JSON (archsim.memory/1).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Peak activation memory of MODEL, layer by layer; and under a limit the least extra work to meet it.

    The choice of patches is the best of all stages and grids up to 8×8; that of layers to make again is
    proven by CP-SAT, or its gap is told.
    """
    if (patches or allow_recompute) and max_kib is None:
        raise InputError("--patches and --allow-recompute need a limit: give --max-peak-memory-kib")
    if max_kib is not None and not 0 < max_kib < math.inf:
        raise InputError(f"--max-peak-memory-kib is {max_kib:g}; give a number of KiB above 0")
    if not patches:
        of_patches = {"--patch-bits": patch_bits, "--activation-memory": activation_memory}
        refuse_idle(of_patches, "goes with --patches; give that too, or leave it out")
    widths = [] if patch_bits is None else whole_numbers("--patch-bits", patch_bits)
    files = [] if json is None else [Output("--json", json, _write)]
    check_outputs(files, inputs=(model,))
    workload = read_workload(model, dim, bits, strict)
    from archsim.dse.memory import memory_report

    limit = None if max_kib is None else max_kib * KIB
    report = memory_report(
        workload,
        limit,
        patches=patches,
        recompute=allow_recompute,
        policy=activation_memory or "published",
        patch_bits=widths,
    )
    write_outputs(files, report)
    if not quiet:
        for line in _lines(report):
            results().print(line, markup=False)
        for file in files:
            messages().print(f"wrote {file.path}", markup=False)


def _write(report: Any, path: Path) -> None:
    from archsim.atomic import whole_file

    with whole_file(path) as file:
        file.write_text(json_module.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")


def _lines(report: MemoryReport) -> Iterator[str]:
    yield f"{report.workload}: peak activations, layer by layer"
    for name, entry in report.peaks.items():
        excess = 0.0 if report.limit_bytes is None else entry.bytes - report.limit_bytes
        over = f"; {excess / KIB:.1f} KiB over the limit" if excess > 0 else ""
        yield f"  {entry.bytes / KIB:10.1f} KiB  {name} (at {entry.layer}){over}"
    if report.patches is not None:
        best = report.patches.best
        if best is None:
            yield "patches: none are needed"
        else:
            yield (
                f"patches: {best.grid[0]}×{best.grid[1]} up to {best.stage[-1]}: "
                f"{best.peak_bytes / KIB:.1f} KiB, {100 * best.overhead:.1f} % more MACs, "
                f"input patch {best.input_patch[0]}×{best.input_patch[1]} "
                f"(best of {report.patches.tried} stages and grids)"
            )
            for row in report.patches.bits or ():
                yield f"  bits of its patches: {' '.join(map(str, row))}"
    again = report.recomputation
    if again is not None:
        yield (
            f"recomputation: {again.peak_bytes / KIB:.1f} KiB instead of "
            f"{again.peak_bytes_before / KIB:.1f}, "
            f"{100 * again.overhead:.2f} % more operations ({again.status}), "
            f"made again: {', '.join(again.repeated) or 'nothing'}"
        )
