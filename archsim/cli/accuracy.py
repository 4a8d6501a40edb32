"""`archsim accuracy` and `archsim twin`: a trained model as an accelerator computes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import messages, results
from archsim.cli.idle_options import refuse_idle
from archsim.cli.layer_bits import parse_layer_bits, parse_range
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.progress import progress_bar
from archsim.cli.undervolting_options import (
    Activations,
    Ber,
    ColumnShare,
    Ecc,
    EncodingOf,
    FaultMap,
    Faults,
    Memories,
    Nominal,
    ProtectedBits,
    Vdd,
    Within,
    undervolting,
)
from archsim.errors import InputError

if TYPE_CHECKING:
    import onnx

    from archsim.evaluation import Accelerator
    from archsim.evaluation import Widths as Bits
    from archsim.numerics.accuracy_report import Accuracy


class FitChoice(StrEnum):
    max = "max"
    least_squares = "least-squares"


Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A trained model: library name or .onnx file (needs onnxruntime)."),
]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="ACCELERATOR", help="What computes it: library name or .yaml file."),
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        metavar="FILE",
        help="Inputs (.npz, .npy) that set ranges; default: the library model's own, or the first of --data.",
    ),
]
Widths = Annotated[
    str | None,
    typer.Option(
        "--bits",
        metavar="PRECISION",
        help="Whole numbers to compute in: w8a8, or w4a4,first=w8a8,conv*=w4a8. Default: the accelerator's.",
    ),
]
Fits = Annotated[
    FitChoice,
    typer.Option(
        "--fit", help="Scales of weights and activations: least squared error, or from the largest value."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", min=0, help="Chips of another seed are others. Default: 0."),
]
_ALL_ALIKE = "is of chips that differ, and whole numbers are the same on all: give --on too, or leave it out"
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


def accuracy(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="A trained model: library name or .onnx file (or --plan)."),
    ] = None,
    on: On = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Model, machine and bits of a plan of `archsim search`."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Test inputs and labels: .npz with an array for every input, and labels. "
            "Default: the library model's own.",
        ),
    ] = None,
    calibration: CalibrationFile = None,
    bits: Widths = None,
    chips: Annotated[
        int | None,
        typer.Option(
            "--chips", metavar="N", min=1, help="How many chips to draw and to classify on. Default: 20."
        ),
    ] = None,
    adc_bits: Annotated[
        str | None,
        typer.Option("--adc-bits", metavar="BITS", help="Repeat at these ADC resolutions: 4..8, or 4,6,8."),
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images", metavar="N", min=1, help="Use the first N test items.")
    ] = None,
    batch_norm: Annotated[
        bool,
        typer.Option("--batch-norm", help="Re-calibrate the batch norms of every chip, and tell the gain."),
    ] = False,
    causes: Annotated[
        bool, typer.Option("--causes/--no-causes", help="Tell what each cause of error costs alone.")
    ] = True,
    fit: Fits = FitChoice.least_squares,
    vdd: Vdd = None,
    ber: Ber = None,
    memory: Memories = None,
    activations: Activations = False,
    nominal: Nominal = None,
    faults: Faults = None,
    column_share: ColumnShare = None,
    encoding: EncodingOf = None,
    ecc: Ecc = False,
    protected_bits: ProtectedBits = 0,
    fault_map: FaultMap = None,
    within: Within = None,
    seed: Seed = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the result as JSON (archsim.accuracy/1)."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="An HTML page that works offline: over --vdd, --ber or --adc-bits.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Measure a classifier's accuracy: in floating point, in whole numbers, and on an accelerator's chips."""
    wanted = (("--json", json, _write_json), ("--report", report, _write_page))
    files = [Output(option, path, write) for option, path, write in wanted if path is not None]
    read = [str(path) for path in (model, on, plan, data, calibration, fault_map) if path is not None]
    check_outputs(files, inputs=read)
    asked = _asked(model, on, bits, plan)
    resolutions = parse_range(adc_bits, "--adc-bits") if adc_bits is not None else ()
    if resolutions and asked.on is None:
        raise InputError("--adc-bits are of an accelerator's ADCs; give --on too")
    below = undervolting(
        vdd=vdd, ber=ber, memories=memory, activations=activations, nominal=nominal, faults=faults,
        column_share=column_share, encoding=encoding, ecc=ecc, protected_bits=protected_bits,
        fault_map=fault_map, within=within,
    )  # fmt: skip
    if asked.on is None and below is None:
        of_chips = {"--chips": chips, "--seed": seed, "--batch-norm": batch_norm, "--no-causes": not causes}
        refuse_idle(of_chips, _ALL_ALIKE)
    with progress_bar(f"Accuracy of {asked.model}", shown=not quiet) as progress:
        from archsim.evaluation import accuracy as measure

        found = measure(
            asked.model, asked.on, data=data, calibration=calibration, bits=asked.bits,
            chips=20 if chips is None else chips, seed=seed or 0, images=images, adc_bits=resolutions,
            fit="max" if fit is FitChoice.max else "least_squares",
            batch_norm=batch_norm, causes=causes, undervolting=below, progress=progress,
        )  # fmt: skip
        write_outputs(files, found)
    if quiet:
        return
    from archsim.cli.show_accuracy import print_accuracy

    print_accuracy(found, results())
    for file in files:
        messages().print(f"wrote {file.path}", markup=False)


def twin(
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The twin, as .onnx.")],
    on: On = None,
    calibration: CalibrationFile = None,
    bits: Widths = None,
    chip: Annotated[
        int | None, typer.Option("--chip", metavar="N", min=0, help="Which chip of the seed. Default: 0.")
    ] = None,
    fit: Fits = FitChoice.least_squares,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Save the model as the accelerator computes it: an ONNX file with the same inputs and outputs."""
    file = Output("--output", output, _write_model, (".onnx",))
    read = [str(path) for path in (calibration, on) if path is not None]
    check_outputs([file], inputs=(model, *read))
    if on is None:
        refuse_idle({"--chip": chip, "--seed": seed}, _ALL_ALIKE)
    from archsim.evaluation import twin as build

    made = build(
        model, on, calibration=calibration, bits=parse_layer_bits(bits), chip=chip or 0, seed=seed or 0,
        fit="max" if fit is FitChoice.max else "least_squares",
    )  # fmt: skip
    write_outputs([file], made)
    if not quiet:
        messages().print(f"wrote {output}", markup=False)


@dataclass(frozen=True)
class _Asked:
    """What is measured: by options, or as a plan says."""

    model: str
    on: Accelerator | None
    bits: Bits | None


def _asked(model: str | None, on: str | None, bits: str | None, plan: Path | None) -> _Asked:
    if plan is None:
        if model is None:
            raise InputError("give a MODEL, or --plan FILE")
        return _Asked(model, on, parse_layer_bits(bits))
    if bits is not None:
        raise InputError("--bits: a plan has its own bits; edit the plan to change them")
    from archsim.dse.plan import read_plan
    from archsim.dse.replay import planned_accelerator

    read = read_plan(plan)
    return _Asked(model or read.workload, planned_accelerator(read, on), read.precision_of)


def _write_json(result: Accuracy, path: Path) -> None:
    result.to_json(path)


def _write_page(result: Accuracy, path: Path) -> None:
    from archsim.reports.accuracy_page import write_accuracy_page

    write_accuracy_page(result.to_dict(), path)


def _write_model(made: onnx.ModelProto, path: Path) -> None:
    from archsim.atomic import whole_file

    try:
        content = made.SerializeToString()
    except ValueError as error:  # protobuf's limit
        raise InputError(f"--output {path}: the twin is larger than the 2 GB of an ONNX file") from error
    with whole_file(path) as file:
        file.write_bytes(content)
