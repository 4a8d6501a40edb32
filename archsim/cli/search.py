"""`archsim search`: the best tiling and bit-width of every layer, and the best sizes, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.console import messages
from archsim.cli.outputs import Output, check_outputs, write_outputs
from archsim.cli.search_input import parse_bit_choices, parse_limits, parse_open_fields, read_study
from archsim.cli.search_outputs import print_document, write_document, write_page
from archsim.cli.search_run import search_study, search_tables
from archsim.cli.workload_options import Dims, parse_dims
from archsim.errors import InputError

NOTHING_FOUND, INTERRUPTED = 1, 130  # exit codes: the study is sound, but there is no plan; Ctrl-C

Limit = Annotated[str | None, typer.Option(metavar="LIMIT")]


def search(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|MODEL", help="A study (library name or .yaml), or with --on a model as for run."
        ),
    ],
    on: Annotated[
        str | None, typer.Option("--on", metavar="ACCELERATOR", help="Library name, or a .yaml file.")
    ] = None,
    minimize: Annotated[
        str | None,
        typer.Option(
            "--minimize",
            metavar="GOAL",
            help="latency, energy, edp, area, dram, weights, sensitivity or accuracy.",
        ),
    ] = None,
    then: Annotated[
        str | None, typer.Option("--then", metavar="GOAL", help="What is minimised among equally good plans.")
    ] = None,
    pareto: Annotated[
        str | None,
        typer.Option("--pareto", metavar="GOAL,GOAL[,GOAL]", help="A front over these instead of one plan."),
    ] = None,
    points: Annotated[int | None, typer.Option("--points", help="Points of the front, about.")] = None,
    bits: Annotated[
        str | None, typer.Option("--bits", metavar="2,4,8", help="Bit-widths of weights to choose from.")
    ] = None,
    activation_bits: Annotated[
        str | None, typer.Option("--activation-bits", metavar="4,8", help="The same of activations.")
    ] = None,
    pin: Annotated[
        list[str] | None,
        typer.Option("--pin", metavar="LAYER=w8a8", help="Fixed bits of a layer, a pattern, first or last."),
    ] = None,
    open_: Annotated[
        list[str] | None,
        typer.Option(
            "--open", metavar="PATH=V,V,…", help="Open a field, as in buffer.capacity_kib=64,128,256."
        ),
    ] = None,
    max_area_mm2: Limit = None,
    max_sensitivity: Limit = None,
    min_accuracy: Annotated[
        str | None,
        typer.Option(
            "--min-accuracy", metavar="LIMIT", help="Of the twin on chips, as 0.9 (trained models)."
        ),
    ] = None,
    max_accuracy_loss: Annotated[
        str | None,
        typer.Option("--max-accuracy-loss", metavar="LIMIT", help="Against the float model, as 0.01."),
    ] = None,
    max_latency_ms: Limit = None,
    max_energy_mj: Limit = None,
    max_power_mw: Limit = None,
    max_weight_kib: Limit = None,
    max_peak_activation_kib: Annotated[
        str | None,
        typer.Option("--max-peak-activation-kib", "--max-peak-memory-kib", metavar="LIMIT"),
    ] = None,
    allow_recompute: Annotated[
        bool, typer.Option("--allow-recompute", help="Execute layers again where that meets that limit.")
    ] = False,
    allow_patches: Annotated[
        bool,
        typer.Option("--allow-patches", help="Run the first layers in patches where that meets that limit."),
    ] = False,
    own_patch_bits: Annotated[
        bool, typer.Option("--own-patch-bits", help="Activations may have other widths in every patch.")
    ] = False,
    activation_memory: Annotated[
        str | None,
        typer.Option(
            "--activation-memory",
            metavar="POLICY",
            help="What that limit counts: alive (default), in_place or published.",
        ),
    ] = None,
    max_dram_mb: Limit = None,
    max_: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="NAME=LIMIT", help="Any other budget, as in held_kib.buffer=100."),
    ] = None,
    sensitivity: Annotated[
        str | None,
        typer.Option("--sensitivity", metavar="FILE", help="Table of `archsim sensitivity`; else computed."),
    ] = None,
    ber_sensitivity: Annotated[
        str | None,
        typer.Option("--ber-sensitivity", metavar="FILE", help="Loss by bit errors, read by fault_loss."),
    ] = None,
    dim: Dims = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", help="Seconds for a search. Default: 300.")
    ] = None,
    gap: Annotated[
        float | None, typer.Option("--gap", help="Stop within this share of the optimum. Default: 0.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes. Default: one a processor.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The plan as JSON, for `archsim run --plan`."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="An HTML page that works offline.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Search the best tiling and bits of every layer, and the best sizes, under budgets, with proof.

    A LIMIT is a number in the unit of the option's name, or a share of the baseline's, as in 90%. The
    baseline is the accelerator as it is with every layer at w8a8. Ctrl-C ends the search with the best plan
    known and its gap. Exit code 1: no plan meets the budgets (it is explained which conflict), or none was
    verified to (it is the nearest).
    """
    if pareto is not None and (minimize is not None or then is not None):
        raise InputError("--pareto names the goals of a front; leave --minimize and --then out")
    given = {
        "minimize": minimize,
        "then": then,
        "front": None if pareto is None else pareto.split(","),
        "points": points,
        "bits": parse_bit_choices(bits, activation_bits, pin or ()),
        "hardware": parse_open_fields(open_ or ()),
        "budgets": parse_limits(
            {
                "area_mm2": max_area_mm2,
                "sensitivity": max_sensitivity,
                "accuracy": min_accuracy,
                "accuracy_loss": max_accuracy_loss,
                "latency_ms": max_latency_ms,
                "energy_mj": max_energy_mj,
                "power_mw": max_power_mw,
                "weight_kib": max_weight_kib,
                "peak_activation_kib": max_peak_activation_kib,
                "dram_mb": max_dram_mb,
            },
            max_ or (),
        ),
        "allow_recompute": allow_recompute or None,
        "allow_patches": allow_patches or None,
        "own_patch_bits": own_patch_bits or None,
        "activation_memory": activation_memory,
        "sensitivity": sensitivity,
        "ber_sensitivity": ber_sensitivity,
        "dims": parse_dims(dim or ()),
        "time_limit_s": time_limit,
        "gap": gap,
    }
    given = {key: value for key, value in given.items() if value not in (None, {})}
    wanted = (("--out", out, write_document, ".json"), ("--report", report, write_page, ".html"))
    files = [
        Output(option, path, write, usual=usual) for option, path, write, usual in wanted if path is not None
    ]
    check_outputs(files, inputs=(study, on or ""))
    asked = read_study(study, on, given)
    from archsim.dse.study import Study

    if report is not None and not isinstance(asked, Study):
        raise InputError("--report: a study made of tables has no page; --out writes what was chosen")
    if isinstance(asked, Study):
        answer = search_study(asked, workers=workers, shown=not quiet)
    else:
        answer = search_tables(study, asked, given, workers=workers, shown=not quiet)
    if answer.document is None:
        messages().print(answer.explanation, markup=False)
        raise typer.Exit(INTERRUPTED if answer.interrupted else NOTHING_FOUND)
    write_outputs(files, answer.document)
    if not quiet:
        print_document(answer.document)
        if answer.interrupted:
            messages().print("Interrupted: this is the best plan known.")
        for file in files:
            messages().print(f"wrote {file.path}", markup=False)
    if answer.document["status"] == "UNKNOWN":
        raise typer.Exit(NOTHING_FOUND)
