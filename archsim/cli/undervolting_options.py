"""The options of `archsim accuracy` that put memories below their safe voltage."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.idle_options import refuse_idle
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.undervolting import Undervolting

MOST_V = 5.0
"""No supply is more: as in the YAML of accelerators."""
_PANEL = "Below the safe voltage"


class FaultKind(StrEnum):
    stuck = "stuck"
    flip = "flip"


class EncodingChoice(StrEnum):
    twos_complement = "twos-complement"
    sign_magnitude = "sign-magnitude"
    offset = "offset"


Vdd = Annotated[
    str | None,
    typer.Option(
        "--vdd", metavar="V,…", rich_help_panel=_PANEL,
        help="Repeat with the SRAMs of --on that hold weights at these voltages.",
    ),
]  # fmt: skip
Ber = Annotated[
    str | None,
    typer.Option(
        "--ber", metavar="RATE,…", rich_help_panel=_PANEL,
        help="Repeat with this share of faulty cells in the weights' memory (without --on).",
    ),
]  # fmt: skip
Memories = Annotated[
    list[str] | None,
    typer.Option("--memory", metavar="NAME", rich_help_panel=_PANEL,
                 help="Set the voltage of this SRAM. Repeat for several."),
]  # fmt: skip
Activations = Annotated[
    bool,
    typer.Option(
        "--activations", rich_help_panel=_PANEL, help="Set the SRAMs that hold inputs of layers too."
    ),
]
Nominal = Annotated[
    list[str] | None,
    typer.Option("--nominal", metavar="LAYER", rich_help_panel=_PANEL,
                 help="Keep this layer (fuse*, say) at the safe voltage. Repeat for several."),
]  # fmt: skip
Faults = Annotated[
    FaultKind | None,
    typer.Option("--faults", rich_help_panel=_PANEL,
                 help="Faulty cells are stuck at 0 or 1 (default), wrong half of the time, or flip."),
]  # fmt: skip
ColumnShare = Annotated[
    float | None,
    typer.Option("--column-share", metavar="SHARE", min=0, max=1, rich_help_panel=_PANEL,
                 help="Part of the faults that falls on whole columns."),
]  # fmt: skip
EncodingOf = Annotated[
    EncodingChoice | None,
    typer.Option(
        "--encoding", rich_help_panel=_PANEL, help="How weights are stored; default: twos-complement."
    ),
]
Ecc = Annotated[
    bool, typer.Option("--ecc", rich_help_panel=_PANEL, help="With --ber: SECDED on 64-bit words.")
]
ProtectedBits = Annotated[
    int,
    typer.Option("--protected-bits", metavar="N", min=0, max=16, rich_help_panel=_PANEL,
                 help="The highest N bits of every number never fail."),
]  # fmt: skip
FaultMap = Annotated[
    Path | None,
    typer.Option("--fault-map", metavar="FILE", rich_help_panel=_PANEL,
                 help="The faulty cells of a real chip (.csv, .npz) in place of drawn ones."),
]  # fmt: skip
Within = Annotated[
    float | None,
    typer.Option("--within", metavar="POINTS", min=0, max=100, rich_help_panel=_PANEL,
                 help="The knee is the last voltage that loses no more than this. Default: 1."),
]  # fmt: skip


def parse_voltages(text: str | None) -> tuple[float, ...]:
    """`0.7,0.75` as volts. Raises InputError for what is no supply, and for one given twice."""
    from archsim.accelerators.operating_point import MOST_V

    return _parse_numbers(
        text, "--vdd", lambda volts: 0 < volts <= MOST_V, f"a supply is above 0 and at most {MOST_V:g} V"
    )


def parse_rates(text: str | None) -> tuple[float, ...]:
    """`1e-3,0.01` as bit error rates. Raises InputError for what is no share, and for one given twice."""
    return _parse_numbers(
        text, "--ber", lambda rate: 0 <= rate <= 1, "a share of faulty cells is from 0 to 1"
    )


def _parse_numbers(
    text: str | None, option: str, is_allowed: Callable[[float], bool], allowed: str
) -> tuple[float, ...]:
    if text is None:
        return ()
    found: list[float] = []
    for word in text.split(","):
        try:
            value = float(word)
        except ValueError:
            raise InputError(
                f"{option} {text!r}: {word!r} is no number; write numbers with commas between them"
            ) from None
        if not is_allowed(value):
            raise InputError(f"{option} {text!r}: {word.strip()} cannot be; {allowed}")
        if value in found:
            raise InputError(f"{option} {text!r} has a number twice")
        found.append(value)
    return tuple(found)


def undervolting(
    *,
    vdd: str | None,
    ber: str | None,
    memories: list[str] | None,
    activations: bool,
    nominal: list[str] | None,
    faults: FaultKind | None,
    column_share: float | None,
    encoding: EncodingChoice | None,
    ecc: bool,
    protected_bits: int,
    fault_map: Path | None,
    within: float | None,
) -> Undervolting | None:
    """What the options ask for; None without --vdd and --ber, of which the others speak."""
    if vdd is None and ber is None:
        others = {
            "--memory": memories, "--activations": activations, "--nominal": nominal, "--faults": faults,
            "--column-share": column_share, "--encoding": encoding, "--ecc": ecc,
            "--protected-bits": protected_bits or None, "--fault-map": fault_map, "--within": within,
        }  # fmt: skip
        refuse_idle(others, "says how memories below their safe voltage fail; give --vdd or --ber too")
        return None
    from archsim.numerics.faults.cells import FaultModel
    from archsim.undervolting import Undervolting

    return Undervolting(
        vdd_v=parse_voltages(vdd),
        ber=parse_rates(ber),
        memories=memories or (),
        activations=activations,
        nominal=nominal or (),
        model=FaultModel((faults or FaultKind.stuck).value, column_share=column_share or 0.0),
        encoding=(encoding or EncodingChoice.twos_complement).name,
        ecc=ecc,
        protected_bits=protected_bits,
        fault_map=fault_map,
        within=0.01 if within is None else within / 100,
    )
