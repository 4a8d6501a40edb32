"""Which simulator's YAML a file is: told by its keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from archsim.errors import InputError
from archsim.workloads.peer_yaml import Part, read_peer_yaml
from archsim.workloads.timeloop_problem import read_timeloop
from archsim.workloads.workload import Workload
from archsim.workloads.zigzag_layers import read_zigzag

Format = Literal["timeloop problem", "timeloop architecture", "zigzag workload", "zigzag hardware"]
WORKLOADS: tuple[Format, ...] = ("timeloop problem", "zigzag workload")
HARDWARE: tuple[Format, ...] = ("timeloop architecture", "zigzag hardware")
_TOLD_BY: dict[str, Format] = {
    "problem": "timeloop problem",
    "operator_type": "zigzag workload",
    "equation": "zigzag workload",
    "architecture": "timeloop architecture",
    "operational_array": "zigzag hardware",
}


def formats_of(parts: Sequence[Part]) -> list[Format]:
    """What a file's mappings are; a Timeloop file may hold a problem and an architecture."""
    return list(dict.fromkeys(name for key, name in _TOLD_BY.items() if key in parts[0]))


def peer_formats(path: Path) -> list[Format]:
    """As `formats_of`; nothing where the file cannot be read as YAML."""
    try:
        return formats_of(read_peer_yaml(path))
    except InputError:
        return []


def is_peer_workload(path: Path) -> bool:
    return any(name in WORKLOADS for name in peer_formats(path))


def read_peer_workload(path: Path) -> Workload:
    """A ZigZag workload, a Timeloop problem, or a folder of those. Raises InputError for any other file."""
    if path.is_dir():
        return read_timeloop(path)
    parts = read_peer_yaml(path)
    found = formats_of(parts)
    if "zigzag workload" in found:
        return read_zigzag(path)
    if "timeloop problem" in found:
        return read_timeloop(path)
    if "family" in parts[0]:
        raise InputError(f"{path}: is an accelerator, no workload; give it with --on")
    hint = f"; it is a {found[0]}: archsim import {path} makes an accelerator of it" if found else ""
    raise InputError(
        f"{path}: is no workload: a Timeloop problem has the key problem, a ZigZag workload is a list of "
        f"layers with operator_type{hint}"
    )
