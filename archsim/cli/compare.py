"""`archsim compare`: one model on several accelerators of whatever families."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.run import Minimize
from archsim.cli.workload_options import Bits, Dims, Strict, parse_bits, read_workload
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.dse.comparison import Comparison


def compare(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Library name, or an .onnx, .csv or .yaml file.")
    ],
    on: Annotated[
        list[str],
        typer.Option("--on", metavar="ACCELERATOR", help="Library name, or a .yaml file. Repeat it."),
    ],
    minimize: Annotated[
        Minimize, typer.Option("--minimize", help="What each layer's mapping is chosen for.")
    ] = Minimize.latency,
    bits: Bits = None,
    dim: Dims = None,
    strict: Strict = False,
    accuracy: Annotated[
        list[str] | None,
        typer.Option("--accuracy", metavar="ACCELERATOR=VALUE", help="What you know of it, to stand beside."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="An HTML page that works offline.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="The table as CSV.")] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="As JSON (archsim.comparison/1).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run MODEL on every ACCELERATOR: latency, energy, area side by side, whatever their families."""
    wanted: tuple[tuple[str, Path | None, Callable[[Comparison, Path], None]], ...] = (
        ("--report", report, lambda found, path: found.to_html(path)),
        ("--csv", csv, lambda found, path: found.to_csv(path)),
        ("--json", json, lambda found, path: found.to_json(path)),
    )
    files = [Output(option, path, write) for option, path, write in wanted if path is not None]
    check_outputs(files, inputs=(model, *on))
    accuracies = _accuracies(accuracy or [])
    precision = parse_bits(bits)
    from archsim.dse.comparison import compare as run_all
    from archsim.reports.comparison_table import print_comparison

    workload = read_workload(model, dim, None, strict)
    found = run_all(workload, on, minimize=minimize.value, precision=precision, accuracies=accuracies)
    write_outputs(files, found)
    if quiet:
        return
    print_comparison(found.to_dict(), results())
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def _accuracies(texts: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not name.strip() or not math.isfinite(number):
            raise InputError(
                f"--accuracy {text!r} is not understood; write ACCELERATOR=VALUE, as in gap9=0.91"
            )
        if name.strip() in found:
            raise InputError(f"--accuracy {name.strip()} is given twice")
        found[name.strip()] = number
    return found
