"""Supplies asked for on top of a YAML: which SRAMs it has, and the YAML with their voltages."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from archsim.accelerators.bram_rail import RAIL
from archsim.accelerators.crossbar.spec import REGISTER_KIB
from archsim.accelerators.low_voltage import Rail
from archsim.accelerators.operating_point import check_supply
from archsim.errors import InputError

ALL = ""
"""In place of a memory's name: every SRAM of the machine."""

Volts = float | Sequence[float]
Place = tuple[str | int, ...]


def sram_places(spec: Mapping[str, Any]) -> dict[str, Place]:
    """By memory, as results name it, the keys to where its `low_voltage` goes; of an unchecked spec."""
    family = spec.get("family")
    if family == "systolic":
        listed = spec.get("memories")
        memories = list(enumerate(listed)) if isinstance(listed, list) else []
        return {
            str(m.get("name")): ("memories", i)
            for i, m in memories
            if isinstance(m, Mapping) and (m.get("kind") == "sram" or m.get("built_as") == "sram")
        }
    if family == "cluster":
        return {name: (name,) for name in ("l1", "l2") if isinstance(spec.get(name), Mapping)}
    if family == "crossbar":
        tile = spec.get("tile")
        stores = tile if isinstance(tile, Mapping) else {}
        names = ("buffer", "input_register", "output_register")
        return {name: ("tile", name) for name in names if _is_sram(stores.get(name))}
    if family == "overlay":
        return {RAIL: ("buffers",)} if isinstance(spec.get("buffers"), Mapping) else {}
    return {RAIL: ()} if family == "dataflow" else {}


def switched_rail(spec: Mapping[str, Any]) -> tuple[str, Rail] | None:
    """The memory whose supply is switched between layers, of a checked spec. InputError for several."""
    found: dict[str, Rail] = {}
    for name, place in sram_places(spec).items():
        given = _holder(spec, place).get("low_voltage")
        if isinstance(given, Mapping) and given.get("rail") is not None:
            found[name] = Rail.model_validate(given["rail"])
    if len(found) > 1:
        raise InputError(f"low_voltage.rail: one memory's supply may be switched, not {', '.join(found)}")
    return next(iter(found.items()), None)


def without_rail(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A spec whose memories keep one supply for all layers, the highest of a rail."""
    found = switched_rail(spec)
    return spec if found is None else with_sram_supplies(spec, {found[0]: max(found[1].vdd_v)})


def with_sram_supplies(spec: Mapping[str, Any], volts: Mapping[str, Volts]) -> dict[str, Any]:
    """The spec with these voltages, by memory or for ALL (a memory's own comes before that).

    Where the spec says nothing of an SRAM's cells, they are those of `technology: generic`. Raises
    InputError for a memory that the machine does not have, and a voltage that is no supply.
    """
    places = sram_places(spec)
    for name, asked in volts.items():
        if name != ALL and name not in places:
            raise InputError(
                f"SRAM supplies: there is no SRAM {name!r}; this machine has: {', '.join(places) or 'none'}"
            )
        for each in [asked] if isinstance(asked, int | float) else asked:
            check_supply(f"SRAM supplies: {name or 'all memories'}", each)
    if not places:
        raise InputError("SRAM supplies: this machine has no SRAM that can have a supply of its own")
    changed = copy.deepcopy(dict(spec))
    for name, place in places.items():
        asked = volts.get(name, volts.get(ALL))
        if asked is None:
            continue
        holder = _holder(changed, place)
        given = holder.get("low_voltage")
        own = {key: v for key, v in given.items() if key != "rail"} if isinstance(given, Mapping) else {}
        holder["low_voltage"] = {**own, "vdd_v": asked if isinstance(asked, int | float) else list(asked)}
    return changed


def _holder(spec: Any, place: Place) -> Any:
    """The mapping that has a memory's `low_voltage`."""
    for key in place:
        spec = spec[key]
    return spec


def _is_sram(store: Any) -> bool:
    if not isinstance(store, Mapping) or store.get("built_as", "sram") != "sram":
        return False
    size = store.get("capacity_kib")
    return isinstance(size, int | float) and size > REGISTER_KIB
