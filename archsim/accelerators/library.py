"""Accelerators by library name or path."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsim.accelerators.families import FAMILIES, has_family, machine_of, spec_model
from archsim.accelerators.machine import is_undervolted
from archsim.accelerators.operating_point import check_clock, check_supply
from archsim.accelerators.sram_supplies import Volts, switched_rail, with_sram_supplies
from archsim.accelerators.switched_rail import SwitchedRail
from archsim.accelerators.yaml_input import read_yaml, validate
from archsim.errors import InputError
from archsim.library_paths import library_folder
from archsim.workloads.peer_formats import HARDWARE, peer_formats

if TYPE_CHECKING:
    from archsim.accelerators.low_voltage import Rail
    from archsim.accelerators.machine import Machine, UndervoltedMachine


OPERATING_POINT = "operating_point"
"""The key of a spec, in families that have one."""


def list_accelerators() -> list[str]:
    return sorted(path.stem for path in library_folder("accelerators").glob("*.yaml"))


def accelerator_path(name_or_path: str | Path) -> Path:
    """The YAML file meant by a library name or a path. Raises InputError when there is none."""
    text = str(name_or_path)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return Path(name_or_path)
    path = library_folder("accelerators") / f"{text}.yaml"
    if path.is_file():
        return path
    names = list_accelerators()
    close = difflib.get_close_matches(text, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"accelerator {text!r} is not in the library{hint}\n"
        f"library: {', '.join(names)}; or give the path of a YAML file (ending in .yaml)"
    )


def read_accelerator(accelerator: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The YAML's content of a library name, a path, or as given, not yet validated. Raises InputError."""
    if isinstance(accelerator, Mapping):
        return dict(accelerator)
    return read_yaml(accelerator_path(accelerator))[0]


def load_accelerator(
    accelerator: str | Path | dict[str, Any],
    *,
    vdd_v: float | None = None,
    clock_mhz: float | None = None,
    body_bias: bool | None = None,
    sram_vdd_v: Mapping[str, Volts] | None = None,
) -> Machine:
    """The machine of a library name, a YAML file's path, or a spec already read into a dict.

    With `vdd_v`, `clock_mhz` or `body_bias` at that operating point instead of the YAML's: of supply and
    clock alone, the other is the fastest clock or the lowest supply for it. `sram_vdd_v`: supplies of SRAMs
    by memory, "" for all of them, instead of the YAML's. Raises InputError that names file, line, key and
    what is allowed, or says why the machine cannot run there.
    """
    if isinstance(accelerator, dict):
        data, node, where = accelerator, None, str(accelerator.get("name", "accelerator"))
    else:
        path = accelerator_path(accelerator)
        where = str(path)
        try:
            data, node = read_yaml(path)
        except InputError as error:
            raise InputError(_peers_file(path) or str(error)) from None
    family = data.get("family")
    if family is None and node is not None and (hint := _peers_file(Path(where))):
        raise InputError(hint)
    if not isinstance(family, str) or not has_family(family):
        raise InputError(f"{where}: family: is {family!r}; allowed: {', '.join(FAMILIES)}")
    asked = {"vdd_v": vdd_v, "clock_mhz": clock_mhz, "body_bias": body_bias}
    if any(value is not None for value in asked.values()):
        data = _at_operating_point(data, family, where, asked)
    if sram_vdd_v:
        data = with_sram_supplies(data, sram_vdd_v)
    spec = validate(spec_model(family), data, where=where, node=node)
    try:
        rail = switched_rail(data)
        return machine_of(family, spec) if rail is None else _switched(family, data, *rail)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _switched(family: str, data: Mapping[str, Any], memory: str, rail: Rail) -> Machine:
    """The machine with each voltage of the rail in turn, as one that switches between them."""
    if family != "systolic":
        raise InputError(f"memory {memory!r}: low_voltage.rail is for machines of family systolic")

    def at(volts: float) -> UndervoltedMachine:
        lowered = with_sram_supplies(data, {memory: volts})
        machine = machine_of(family, validate(spec_model(family), lowered, where=f"at {volts:g} V"))
        assert is_undervolted(machine)
        return machine

    return SwitchedRail(memory, rail, {volts: at(volts) for volts in rail.vdd_v})


def _peers_file(path: Path) -> str | None:
    """What to do with a file of another simulator; None for any other file."""
    found = peer_formats(path)
    if set(found) & set(HARDWARE):
        return (
            f"{path}: is a {found[-1]}; make an accelerator of it: archsim import {path} -o my-machine.yaml"
        )
    return f"{path}: is a {found[0]}, no accelerator; archsim run takes it as MODEL" if found else None


def _at_operating_point(
    data: Mapping[str, Any], family: str, where: str, asked: Mapping[str, float | bool | None]
) -> dict[str, Any]:
    """The spec with what is asked; supply and clock replace the spec's together: one sets the other."""
    having = [name for name in FAMILIES if OPERATING_POINT in spec_model(name).model_fields]
    if family not in having:
        raise InputError(
            f"{where}: machines of family {family!r} have no operating points to choose from "
            f"(supply, clock, body bias); families that have: {', '.join(having)}"
        )
    given = {key: value for key, value in asked.items() if value is not None}
    if "vdd_v" in given:
        check_supply("operating point: the machine", given["vdd_v"])
    if "clock_mhz" in given:
        check_clock("operating point: the machine", given["clock_mhz"])
    before = data.get(OPERATING_POINT)
    kept = dict(before) if isinstance(before, Mapping) else {}
    if "vdd_v" in given or "clock_mhz" in given:
        kept = {key: value for key, value in kept.items() if key == "body_bias"}
    return {**data, OPERATING_POINT: {**kept, **given}}
