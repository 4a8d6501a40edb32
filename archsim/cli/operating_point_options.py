"""The options that say at which supply and clock a machine runs: `--vdd`, `--mhz`, `--body-bias`."""

from __future__ import annotations

from typing import Annotated

import typer

Vdd = Annotated[
    float | None,
    typer.Option("--vdd", metavar="V", help="Supply; without --mhz at the fastest clock it allows."),
]
Mhz = Annotated[
    float | None,
    typer.Option("--mhz", metavar="MHZ", help="Clock; without --vdd at the lowest supply that allows it."),
]
BodyBias = Annotated[
    bool | None,
    typer.Option("--body-bias/--no-body-bias", help="Forward body bias, where the accelerator has it."),
]
