"""`archsim sensitivity`: what every layer's bit-width costs a model's accuracy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import messages, results
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.progress import progress_bar
from archsim.cli.undervolting_options import FaultKind, parse_numbers
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
    bits: Annotated[str, typer.Option("--bits", metavar="BITS", help="Widths of the weights.")] = "2,4,8",
    activation_bits: Annotated[
        str, typer.Option("--activation-bits", metavar="BITS", help="Widths of the activations, or none.")
    ] = "4,8",
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
        Loss,
        typer.Option("--loss", help="How outputs are compared; auto: kl for class outputs, else noise."),
    ] = Loss.auto,
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
        int, typer.Option("--chips", metavar="N", min=1, help="With --ber: chips to average over.")
    ] = 10,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="With --ber: chips of another seed are others.")
    ] = 0,
    faults: Annotated[
        FaultKind, typer.Option("--faults", help="With --ber: faulty cells are stuck at 0 or 1, or flip.")
    ] = FaultKind.stuck,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The table, as .csv or .json."),
    ] = None,
    dim: Dims = None,
    strict: Strict = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Estimate, or measure, the loss of every layer's weights and activations at every bit-width.

    With --ber: what faulty cells under the weights of each layer cost (archsim.ber_sensitivity/1).
    """
    widths, activation_widths = (
        parse_widths(bits, "--bits"),
        parse_widths(activation_bits, "--activation-bits"),
    )
    if ber is not None:
        _bit_errors(model, ber, data, calibration, images, chips, seed, faults, output, quiet)
        return
    if data is not None:
        raise InputError("--data is what bit errors are measured on; give --ber too")
    files = [] if output is None else [Output("--output", output, _write)]
    check_outputs(files, inputs=(model, *([str(calibration)] if calibration else [])))
    from archsim.numerics.sensitivity_files import check_suffix

    for file in files:
        check_suffix(file.path)
    if calibration is None and (images is not None or loss is not Loss.auto):
        raise InputError("--images and --loss say how to measure; give --calibration too, or leave them out")
    if calibration is not None and assume_weights:
        raise InputError("--calibration runs the model with its weights; leave --assume-weights out")
    with progress_bar(f"Sensitivity of {model}", shown=not quiet) as progress:
        from archsim.numerics.estimate import sensitivity_of
        from archsim.numerics.weight_error import WeightScheme

        workload = read_workload(model, dim, None, strict)
        table = sensitivity_of(
            workload,
            widths,
            activation_widths,
            model_path=model if model.lower().endswith(".onnx") and not assume_weights else None,
            calibration=calibration,
            images=images,
            loss=loss.value,
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
    faults: FaultKind,
    output: Path | None,
    quiet: bool,
) -> None:
    rates = parse_numbers(ber, "--ber")
    files = [] if output is None else [Output("--output", output, _write_bit_errors)]
    check_outputs(files, inputs=(model, *(str(path) for path in (data, calibration) if path is not None)))
    with progress_bar(f"Bit errors in {model}", shown=not quiet) as progress:
        from archsim.evaluation import ber_sensitivity

        table = ber_sensitivity(
            model, rates, data=data, calibration=calibration, faults=faults.value, chips=chips, seed=seed,
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
