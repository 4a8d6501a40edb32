"""An imported accelerator: its YAML, and what has to be told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import yaml

from archsim.atomic import whole_file
from archsim.errors import InputError

LOOPS = ("B", "G", "K", "C", "P", "Q", "R", "S")
ASSUMED_CLOCK_MHZ, ASSUMED_NODE_NM = 200.0, 28.0
Spread = Mapping[str, int]  # factor by loop


@dataclass(frozen=True)
class Given:
    """What the user says beside the peer's file; None where nothing is said."""

    mapping: Path | None = None
    rows: Spread | None = None
    columns: Spread | None = None
    clock_mhz: float | None = None
    node_nm: float | None = None


@dataclass(frozen=True)
class Imported:
    """The accelerator's spec, where it comes from, and remarks on what could not be carried over."""

    spec: Mapping[str, Any]
    source: str
    remarks: tuple[str, ...]

    def write(self, path: str | Path) -> None:
        """Write the YAML, headed by source and remarks, whole or not at all."""
        lines = [f"Imported from {self.source}.", *self.remarks]
        head = "".join(f"# {_printable(line)}\n" for line in lines)
        body = yaml.safe_dump(
            dict(self.spec), sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
        )
        with whole_file(path) as temporary:
            temporary.write_text(head + body, encoding="utf-8")


def parse_spread(option: str, text: str) -> dict[str, int]:
    """`C=8,R=3` as a factor by loop. Raises InputError for any other form."""
    found: dict[str, int] = {}
    for word in text.split(","):
        loop, _, factor = word.partition("=")
        loop, factor = loop.strip(), factor.strip()
        is_count = factor.isascii() and factor.isdigit() and 1 <= int(factor) <= 2**20
        if loop not in LOOPS or loop in found or not is_count:
            raise InputError(
                f"{option} {text!r} is not understood; write LOOP=FACTOR,... with loops {', '.join(LOOPS)}, "
                "each once, as in C=8,R=3"
            )
        found[loop] = int(factor)
    return found


def technology(
    node_nm: float | None, clock_mhz: float | None, given: Given
) -> tuple[dict[str, float], list[str]]:
    """The YAML's section, and a remark on what neither the file nor the user says."""
    remarks = []
    node_nm = given.node_nm or node_nm
    clock_mhz = given.clock_mhz or clock_mhz
    if clock_mhz is None:
        remarks.append(f"The clock of {ASSUMED_CLOCK_MHZ:g} MHz is assumed: the file has none (--mhz).")
    if node_nm is None:
        remarks.append(f"The node of {ASSUMED_NODE_NM:g} nm is assumed: the file has none (--node-nm).")
    section = {"node_nm": node_nm or ASSUMED_NODE_NM, "clock_mhz": clock_mhz or ASSUMED_CLOCK_MHZ}
    return {key: _plain(value) for key, value in section.items()}, remarks


def check_spread(sides: Mapping[str, tuple[Spread, int]]) -> None:
    """That each side's factors fit its PEs. Raises InputError that names the side."""
    for side, (spread, pes) in sides.items():
        if prod(spread.values()) > pes:
            raise InputError(f"--{side}: {dict(spread)} takes {prod(spread.values())} PEs of {pes}")


def capacity(bits: int) -> dict[str, float]:
    """A capacity's key and value: whole KiB, or bytes."""
    return {"capacity_kib": bits // 8192} if bits % 8192 == 0 else {"capacity_bytes": _plain(bits / 8)}


def _plain(value: float) -> float:
    """A whole number without its point."""
    return int(value) if value == int(value) else value


def _printable(line: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in line)
