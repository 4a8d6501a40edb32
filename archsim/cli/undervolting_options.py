"""The options of `archsim accuracy` that put memories below their safe voltage."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.undervolting import Undervolting

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
    FaultKind,
    typer.Option("--faults", rich_help_panel=_PANEL,
                 help="Faulty cells are stuck at 0 or 1, which is wrong half of the time, or flip."),
]  # fmt: skip
ColumnShare = Annotated[
    float,
    typer.Option("--column-share", metavar="SHARE", min=0, max=1, rich_help_panel=_PANEL,
                 help="Part of the faults that falls on whole columns."),
]  # fmt: skip
EncodingOf = Annotated[
    EncodingChoice, typer.Option("--encoding", rich_help_panel=_PANEL, help="How weights are stored.")
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
    float,
    typer.Option("--within", metavar="POINTS", min=0, max=100, rich_help_panel=_PANEL,
                 help="The knee is the last voltage that loses no more than this."),
]  # fmt: skip


def parse_numbers(text: str | None, option: str) -> tuple[float, ...]:
    """`0.7,0.75` as numbers. Raises InputError for what is none, and for one given twice."""
    if text is None:
        return ()
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or any(not 0 <= value < 1e3 for value in found):
        raise InputError(f"{option} {text!r} is not understood; write numbers with commas between them")
    if len(set(found)) < len(found):
        raise InputError(f"{option} {text!r} has a number twice")
    return found


def undervolting(
    *,
    vdd: str | None,
    ber: str | None,
    memories: list[str] | None,
    activations: bool,
    nominal: list[str] | None,
    faults: FaultKind,
    column_share: float,
    encoding: EncodingChoice,
    ecc: bool,
    protected_bits: int,
    fault_map: Path | None,
    within: float,
) -> Undervolting | None:
    """What the options ask for; None without --vdd and --ber, of which the others speak."""
    if vdd is None and ber is None:
        asked = (memories, activations, nominal, column_share, ecc, protected_bits, fault_map)
        if any(asked):
            raise InputError("options of low voltage say how memories fail; give --vdd or --ber too")
        return None
    from archsim.numerics.faults.cells import FaultModel
    from archsim.undervolting import Undervolting

    return Undervolting(
        vdd_v=parse_numbers(vdd, "--vdd"),
        ber=parse_numbers(ber, "--ber"),
        memories=memories or (),
        activations=activations,
        nominal=nominal or (),
        model=FaultModel(faults.value, column_share=column_share),
        encoding=encoding.name,
        ecc=ecc,
        protected_bits=protected_bits,
        fault_map=fault_map,
        within=within / 100,
    )
