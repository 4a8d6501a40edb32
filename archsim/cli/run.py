"""`archsim run`: simulate a model on an accelerator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsim.cli import outputs
from archsim.cli.console import messages, results
from archsim.cli.operating_point_options import BodyBias, Mhz, SramVdd, Vdd, parse_sram_vdd
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.workload_options import Bits, Dims, Strict, parse_bits, read_workload
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.run import Run


@dataclass(frozen=True)
class Activity:
    """Priced by the model's own data: those on the `calibration` inputs (None: the model's own)."""

    calibration: Path | None


class Minimize(StrEnum):
    latency = "latency"
    energy = "energy"
    edp = "edp"


def run(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Library name, or an .onnx, .csv or .yaml file.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="ACCELERATOR", help="Library name, or a .yaml file.")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Run a plan of `archsim search`."),
    ] = None,
    minimize: Annotated[
        Minimize | None,
        typer.Option("--minimize", help="What each layer's mapping is chosen for. Default: latency."),
    ] = None,
    bits: Bits = None,
    vdd: Vdd = None,
    mhz: Mhz = None,
    body_bias: BodyBias = None,
    sram_vdd: SramVdd = None,
    activity: Annotated[
        bool,
        typer.Option(
            "--activity",
            help="On a crossbar: price cells and converters by the trained model's own data.",
        ),
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="With --activity: inputs, .npz or .npy; default: the model's.",
        ),
    ] = None,
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
    check_outputs(files, inputs=[str(name) for name in (model, on, plan, calibration) if name is not None])
    if calibration is not None and not activity:
        raise InputError("--calibration is what --activity is measured on; give that too")
    with _spinner(str(plan) if plan is not None else f"{model} on {on}", shown=not quiet):
        if plan is not None:
            if bits is not None:
                raise InputError("--bits: a plan has its own bits; edit the plan to change them")
            if minimize is not None:
                raise InputError("--minimize: a plan says how every layer is mapped; leave it out")
            if (vdd, mhz, body_bias, sram_vdd) != (None, None, None, None):
                raise InputError(
                    "--vdd, --mhz, --body-bias, --sram-vdd: a plan has its own operating point; edit its "
                    "hardware (operating_point.vdd_v, …) to change that"
                )
            if activity:
                raise InputError("--activity goes with MODEL and --on, not with --plan")
            result = _run_plan(plan, model, on, dim, strict, timeline=timeline is not None)
        else:
            point: dict[str, Any] = {"vdd_v": vdd, "clock_mhz": mhz, "body_bias": body_bias}
            point["sram_vdd_v"] = parse_sram_vdd(sram_vdd)
            goal = (minimize or Minimize.latency).value
            busy = Activity(calibration) if activity else None
            result = _run_model(model, on, point, goal, bits, dim, strict, timeline is not None, busy)
        write_outputs(files, result)
    if quiet:
        return
    from archsim.reports.table import print_run

    print_run(result, results())
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def _run_model(
    model: str | None,
    on: str | None,
    point: Mapping[str, Any],
    minimize: str,
    bits: str | None,
    dims: list[str] | None,
    strict: bool,
    timeline: bool,
    activity: Activity | None,
) -> Run:
    """Each layer by its cheapest mapping."""
    from archsim.accelerators.library import load_accelerator
    from archsim.simulation import simulate

    if model is None or on is None:
        raise InputError("give a MODEL and --on ACCELERATOR, or --plan FILE")
    precision = parse_bits(bits)
    machine = load_accelerator(on, **point)
    if activity is None:
        workload = read_workload(model, dims, None, strict)
    else:
        from archsim.evaluation import with_activity

        workload = with_activity(model, on, calibration=activity.calibration, bits=precision)
    try:
        return simulate(workload, machine, minimize=minimize, precision=precision, timeline=timeline)
    except InputError as error:
        raise InputError(f"{model} on {on}: {error}") from None  # which of the two is for the user to see


def _run_plan(
    path: Path, model: str | None, on: str | None, dims: list[str] | None, strict: bool, *, timeline: bool
) -> Run:
    """What a plan says; the model and the accelerator are its own unless others are named."""
    from archsim.dse.plan import read_plan
    from archsim.dse.replay import run_plan

    plan = read_plan(path)
    is_plans_own = model is None and not dims and not strict
    workload = None if is_plans_own else read_workload(model or plan.workload, dims, None, strict)
    try:
        return run_plan(plan, workload=workload, accelerator=on, timeline=timeline)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


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
