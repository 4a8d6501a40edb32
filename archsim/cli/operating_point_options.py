"""The options that say at which supply and clock a machine runs: `--vdd`, `--mhz`, `--body-bias`, and at
which its SRAMs do: `--sram-vdd`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from archsim.errors import InputError

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
SramVdd = Annotated[
    list[str] | None,
    typer.Option(
        "--sram-vdd",
        metavar="[MEMORY=]V",
        help="Supply of an SRAM, or of all of them; banks of their own as V/V/... Repeat for several.",
    ),
]


def parse_sram_vdd(given: list[str] | None) -> dict[str, float | list[float]]:
    """Volts by memory; "" stands for all. Raises InputError for what is no voltage, or one given twice."""
    found: dict[str, float | list[float]] = {}
    for text in given or ():
        name, equals, volts = text.rpartition("=")
        try:
            banks = [float(each) for each in volts.split("/")]
        except ValueError:
            banks = []
        if not banks or (equals and not name.strip()):
            raise InputError(
                f"--sram-vdd: {text!r} is no voltage; write 0.75, weights=0.75, or weights=0.75/0.7 for banks"
            )
        if name in found:
            raise InputError(f"--sram-vdd: {name or 'all memories'} is given twice")
        found[name] = banks[0] if len(banks) == 1 else banks
    return found
