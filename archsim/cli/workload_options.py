"""The options that say how a workload is read: `--dim`, `--bits`, `--strict`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.workloads.precision import Precision
    from archsim.workloads.workload import Workload

Dims = Annotated[
    list[str] | None,
    typer.Option(
        "--dim",
        metavar="NAME=VALUE",
        help="Size of a dimension the model leaves open (batch, seq_len, images:2). May be repeated.",
    ),
]
Bits = Annotated[
    str | None,
    typer.Option("--bits", metavar="PRECISION", help="Precision of every layer: w8a8, w4a8, fp16, bf16, …"),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse ONNX operators that archsim does not know instead of warning."),
]


def read_workload(model: str, dims: Sequence[str] | None, bits: str | None, strict: bool) -> Workload:
    """The workload as the options want it. Raises InputError for a bad option before the file is read."""
    from archsim.workloads.library import load_workload

    sizes = parse_dims(dims or ())
    precision = parse_bits(bits)
    workload = load_workload(model, dims=sizes, strict=strict)
    return workload if precision is None else workload.with_precision(precision)


def parse_bits(bits: str | None) -> Precision | None:
    """The precision that `--bits` names. Raises InputError for a word that is none."""
    from archsim.workloads.precision import Precision

    return None if bits is None else Precision.parse(bits)


def parse_dims(dims: Sequence[str]) -> dict[str, int]:
    """`["batch=4"]` as `{"batch": 4}`. Raises InputError for any other form or a repeated name."""
    sizes: dict[str, int] = {}
    for text in dims:
        name, _, size = text.rpartition("=")
        name = name.strip()
        if not name or not (size.strip().isascii() and size.strip().isdigit()) or int(size) < 1:
            raise InputError(
                f"--dim {text!r} is not understood; write NAME=VALUE, with a whole number of at least 1"
            )
        if name in sizes:
            raise InputError(f"--dim {name} is given twice")
        sizes[name] = int(size)
    return sizes
