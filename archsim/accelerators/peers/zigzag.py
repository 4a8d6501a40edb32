"""ZigZag's hardware YAML (github.com/KULeuven-MICAS/zigzag, 3.9) as a `systolic` spec.

    memories: {name: {size, r_cost, w_cost, operands: [I1, I2, O], ports, served_dimensions}}  # lowest first
    operational_array: {unit_energy, dimensions: [D1, D2], sizes: [32, 32]}
    dataflows: {D1: ["K, 32"]}                                 # often in a mapping file instead

ZigZag has no clock, wires or leakage, and its areas no unit: they become 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from archsim.accelerators.peers.imported import Given, Imported, Spread, technology
from archsim.accelerators.peers.zigzag_memories import Memory, accumulator_bits, memory_specs
from archsim.accelerators.spec import Operand
from archsim.workloads.peer_yaml import Part, brief, read_peer_yaml

_LOOPS = {"B": "B", "G": "G", "K": "K", "C": "C", "OY": "P", "OX": "Q", "FY": "R", "FX": "S"}
_ROLES: Mapping[str, Operand] = {"I": "input", "W": "weight", "O": "output"}
_LINKS = {"I": "I1", "W": "I2", "O": "O"}  # ZigZag's default
_ARRAY_KEYS = ("unit_energy", "unit_area", "dimensions", "sizes", "input_precision", "is_imc")
_FIGURES = (
    "Energies are the file's own figures (r_cost, w_cost, unit_energy), taken as pJ; ZigZag has no wires and "
    "no leakage, and its areas no unit: they are 0 here."
)


@dataclass(frozen=True)
class Side:
    """PEs along rows or columns of the array, and the loops spread over them."""

    pes: int
    spread: Spread


def import_zigzag(top: Part, given: Given) -> Imported:
    """The accelerator in a ZigZag hardware file. Raises InputError at the first key that is not covered."""
    top.only("name", "memories", "operational_array", "dataflows")
    array = top.part("operational_array")
    if array.flag("is_imc", False):
        array.refuse("is_imc", "in-memory computing is not covered; describe it in a YAML of family crossbar")
    array.only(*_ARRAY_KEYS)
    mapping = None if given.mapping is None else _mapping_entry(given.mapping)
    columns, rows = _sides(top, mapping, given)
    links, listed = _operands(mapping), top.part("memories")
    memories = [Memory(listed.part(name), links, array.words("dimensions")) for name in listed.data]
    if len(memories) < 2:
        top.refuse("memories", "a DRAM and a memory below it are needed")
    section, assumed = technology(None, None, given)
    described, remarks = memory_specs(memories, section["clock_mhz"])
    spec = {
        "name": top.text("name"),
        "family": "systolic",
        "description": f"{rows.pes}×{columns.pes} MACs, imported from ZigZag's {top.file.name}",
        "technology": section,
        "array": _array(array, rows, columns, accumulator_bits(memories)),
        "memories": described,
    }
    if mapping is not None:
        remarks.append(
            f"The spread over the array is that of all layers in {mapping.file.name}; what it says of single "
            "layers and of the order of loops is passed over."
        )
    return Imported(spec, f"the ZigZag hardware file {top.file.name}", (_FIGURES, *remarks, *assumed))


def _array(array: Part, rows: Side, columns: Side, sum_bits: int) -> dict[str, Any]:
    figures = {"energy_pj": array.number("unit_energy"), "area_mm2": 0, "leakage_mw": 0}
    return {
        "rows": rows.pes,
        "columns": columns.pes,
        "dataflow": "unrolled",
        "unroll": {"rows": dict(rows.spread), "columns": dict(columns.spread)},
        "wires_pj_per_bit": 0,
        "mac": {"accumulator_bits": sum_bits, **figures},
    }


def _mapping_entry(path: Path) -> Part:
    """The entry of a mapping file that holds for all layers."""
    entries = read_peer_yaml(path)
    default = next((entry for entry in entries if entry.data.get("name") == "default"), None)
    if default is None and len(entries) > 1:
        entries[0].refuse("", "there are several entries; name the one for all layers default")
    return default or entries[0]


def _operands(mapping: Part | None) -> dict[str, Operand]:
    """What the memories' operand names stand for: ZigZag's `memory_operand_links`."""
    links = mapping.part("memory_operand_links", optional=True) if mapping else None
    named = {ours: links.text(ours, theirs) if links else theirs for ours, theirs in _LINKS.items()}
    return {memory_operand: _ROLES[operand] for operand, memory_operand in named.items()}


def _sides(top: Part, mapping: Part | None, given: Given) -> tuple[Side, Side]:
    """(columns, rows): D1, D3, ... are columns and D2, D4, ... rows, as the order makes no difference."""
    array = top.part("operational_array")
    sizes, dimensions = array.items("sizes"), array.words("dimensions")
    if len(sizes) != len(dimensions) or not all(_is_size(size) for size in sizes):
        array.refuse("sizes", f"is {brief(sizes)}; it must hold a whole number for each of the dimensions")
    said = given.columns, given.rows
    spreads = _file_spreads(top, mapping, dimensions)
    if spreads is None and said == (None, None):
        array.refuse(
            "dimensions",
            "nothing says which loops are spread over them; give the mapping file (--mapping), or the loops "
            "(--rows C=8 --columns K=8)",
        )
    columns, rows = (
        file if own is None else own for own, file in zip(said, spreads or ({}, {}), strict=True)
    )
    return Side(prod(sizes[0::2]), columns), Side(prod(sizes[1::2]), rows)


def _file_spreads(
    top: Part, mapping: Part | None, dimensions: tuple[str, ...]
) -> tuple[Spread, Spread] | None:
    """Over columns and rows, from the mapping file or else the hardware file; None where neither says."""
    if mapping is not None and "spatial_mapping" in mapping:
        flows = mapping.part("spatial_mapping")
    elif "dataflows" in top:
        flows = top.part("dataflows")
    else:
        return None
    flows.only(*dimensions)
    spreads: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for i, dimension in enumerate(dimensions):
        for loop, factor in _unrolling(flows, dimension):
            spreads[i % 2][loop] = spreads[i % 2].get(loop, 1) * factor
    return spreads


def _unrolling(flows: Part, dimension: str) -> list[tuple[str, int]]:
    """(loop, factor) of the entries `K, 32`; factors of 1 spread nothing."""
    found = []
    for entry in flows.words(dimension, ()):
        match = re.fullmatch(r"\s*([A-Z]+)\s*,\s*([0-9]{1,7})\s*", entry)
        if match is None or match[1] not in _LOOPS or int(match[2]) < 1:
            flows.refuse(dimension, f"holds {entry!r}; allowed: LOOP, FACTOR with loops {', '.join(_LOOPS)}")
        found.append((_LOOPS[match[1]], int(match[2])))
    return [(loop, factor) for loop, factor in found if factor > 1]


def _is_size(size: object) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= 2**20
