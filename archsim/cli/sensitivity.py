"""`archsim sensitivity`: what every layer's bit-width costs a model's accuracy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from archsim.cli.console import messages, results
from archsim.cli.idle_options import refuse_idle
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.progress import progress_bar
from archsim.cli.undervolting_options import FaultKind, parse_rates
from archsim.cli.workload_options import Dims, Strict, read_workload
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.numerics.faults.ber_sensitivity import BerSensitivity
    from archsim.numerics.sensitivity import Sensitivity


class Loss(StrEnum):
    auto = "auto"
    kl = "kl"
    noise = "noise"


def sensitivity(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Library name, or an .onnx or .csv file.")],
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="Inputs to measure with: .npz with an array for every input, or .npy (needs onnxruntime).",
        ),
    ] = None,
    bits: Annotated[
        str | None, typer.Option("--bits", metavar="BITS", help="Widths of the weights. Default: 2,4,8.")
    ] = None,
    activation_bits: Annotated[
        str | None,
        typer.Option(
            "--activation-bits", metavar="BITS", help="Widths of the activations, or none. Default: 4,8."
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images",
            metavar="N",
            min=1,
            help="Use the first N calibration inputs; with --ber test inputs (default: half).",
        ),
    ] = None,
    loss: Annotated[
        Loss | None,
        typer.Option("--loss", help="How outputs are compared; auto (default): kl for classes, else noise."),
    ] = None,
    per_tensor: Annotated[
        bool,
        typer.Option("--per-tensor", help="One weight scale a tensor instead of one an output channel."),
    ] = False,
    assume_weights: Annotated[
        bool,
        typer.Option(
            "--assume-weights", help="Do not read weight values; take them as normal, variance 2 / fan-in."
        ),
    ] = False,
    ber: Annotated[
        str | None,
        typer.Option(
            "--ber",
            metavar="RATE,…",
            help="Measure the accuracy lost by these shares of faulty cells under each layer's weights.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="With --ber: test inputs and labels (.npz); default: the model's own.",
        ),
    ] = None,
    chips: Annotated[
        int | None,
        typer.Option("--chips", metavar="N", min=1, help="With --ber: chips to average over. Default: 10."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="With --ber: chips of another seed are others."),
    ] = None,
    faults: Annotated[
        FaultKind | None,
        typer.Option("--faults", help="With --ber: faulty cells are stuck at 0 or 1 (default), or flip."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The table, as .csv or .json; with --ber .json."),
    ] = None,
    dim: Dims = None,
    strict: Strict = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Estimate, or measure, the loss of every layer's weights and activations at every bit-width.

    With --ber: what faulty cells under the weights of each layer cost (archsim.ber_sensitivity/1).
    """
    of_bits = {
        "--bits": bits, "--activation-bits": activation_bits, "--loss": loss, "--per-tensor": per_tensor,
        "--assume-weights": assume_weights, "--dim": dim, "--strict": strict,
    }  # fmt: skip
    of_errors = {"--data": data, "--chips": chips, "--seed": seed, "--faults": faults}
    if ber is not None:
        refuse_idle(of_bits, "is of bit-widths, and --ber measures at w8a8; leave one of the two out")
        kind = (faults or FaultKind.stuck).value
        _bit_errors(
            model,
            ber,
            data,
            calibration,
            images,
            10 if chips is None else chips,
            seed or 0,
            kind,
            output,
            quiet,
        )
        return
    refuse_idle(of_errors, "is of what bit errors cost; give --ber too, or leave it out")
    widths = parse_widths("2,4,8" if bits is None else bits, "--bits")
    activation_widths = parse_widths(
        "4,8" if activation_bits is None else activation_bits, "--activation-bits"
    )
    files = [] if output is None else [Output("--output", output, _write, (".csv", ".json"))]
    check_outputs(files, inputs=(model, *([str(calibration)] if calibration else [])))
    if calibration is None:
        refuse_idle(
            {"--images": images, "--loss": loss},
            "says how to measure; give --calibration too, or leave it out",
        )
    elif assume_weights:
        raise InputError("--calibration runs the model with its weights; leave --assume-weights out")
    with progress_bar(f"Sensitivity of {model}", shown=not quiet) as progress:
        from archsim.numerics.estimate import sensitivity_of
        from archsim.numerics.weight_error import WeightScheme
        from archsim.workloads.library import model_file

        workload = read_workload(model, dim, None, strict)
        path = model if model.lower().endswith(".onnx") and not assume_weights else None
        if calibration is not None:
            path = model_file(model)  # of a library's name too
        table = sensitivity_of(
            workload,
            widths,
            activation_widths,
            model_path=path,
            calibration=calibration,
            images=images,
            loss=(loss or Loss.auto).value,
            weights=WeightScheme(per_channel=not per_tensor),
            progress=progress,
        )
        write_outputs(files, table)
    if quiet:
        return
    from archsim.cli.show_sensitivity import print_sensitivity

    print_sensitivity(table, results(), workload.warnings)
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def _bit_errors(
    model: str,
    ber: str,
    data: Path | None,
    calibration: Path | None,
    images: int | None,
    chips: int,
    seed: int,
    faults: Literal["stuck", "flip"],
    output: Path | None,
    quiet: bool,
) -> None:
    rates = parse_rates(ber)
    files = [] if output is None else [Output("--output", output, _write_bit_errors, (".json",))]
    check_outputs(files, inputs=(model, *(str(path) for path in (data, calibration) if path is not None)))
    with progress_bar(f"Bit errors in {model}", shown=not quiet) as progress:
        from archsim.evaluation import ber_sensitivity

        table = ber_sensitivity(
            model, rates, data=data, calibration=calibration, faults=faults, chips=chips, seed=seed,
            images=images, progress=progress,
        )  # fmt: skip
        write_outputs(files, table)
    if quiet:
        return
    from archsim.cli.show_sensitivity import print_ber_sensitivity

    print_ber_sensitivity(table, results())
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def parse_widths(text: str, option: str) -> list[int]:
    """`2,4,8` as [2, 4, 8], ascending; `none` or nothing as []. Raises InputError for anything else."""
    if text.strip().lower() in ("", "none"):
        return []
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= 16 for word in words):
        raise InputError(
            f"{option} {text!r} is not understood; write whole numbers from 1 to 16, as in {option} 2,4,8"
        )
    return sorted({int(word) for word in words})


def _write_bit_errors(table: BerSensitivity, path: Path) -> None:
    table.to_json(path)


def _write(table: Sensitivity, path: Path) -> None:
    from archsim.numerics.sensitivity_files import write_sensitivity

    write_sensitivity(table, path)
