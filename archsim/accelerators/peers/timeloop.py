"""Timeloop's architecture YAML (version 0.4) as a `systolic` spec.

    architecture:
      version: 0.4
      nodes:                       # from the outermost in; a container holds all that follows it
      - !Component {name: DRAM, class: DRAM, attributes: {type: LPDDR4, width: 64, datawidth: 8}}
      - !Component {name: glb, class: smartbuffer_SRAM, attributes: {depth: 16384, width: 64, ...}}
      - !Container {name: PE, spatial: {meshX: 14, meshY: 12}}
      - !Parallel {nodes: [...]}   # memories side by side
      - !Component {name: mac, class: intmac, attributes: {multiplier_width: 8, adder_width: 16}}

Covered: a DRAM, memories shared by all PEs, memories in every PE, the MAC. Timeloop takes energies from
Accelergy, not from this file: here archsim's component library has them. Bandwidths are values a cycle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from archsim.accelerators.peers.imported import Given, Imported, capacity, technology
from archsim.accelerators.peers.timeloop_nodes import LOOPS, Node, Walk
from archsim.accelerators.spec import Operand
from archsim.components.dram import DRAM_KINDS
from archsim.workloads.peer_yaml import Part

_OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")
_USED = frozenset(
    {"type", "depth", "width", "datawidth", "n_banks", "nports", "num_ports", "n_rdwr_ports", "technology"}
    | {"read_bandwidth", "write_bandwidth", "multiplier_width", "adder_width"}
    | {"global_cycle_seconds", "cycle_seconds"}
)
_ENERGIES = "Energies and areas are archsim's: Timeloop takes them from Accelergy, not from this file."


def import_timeloop(top: Part, given: Given) -> Imported:
    """The accelerator in a Timeloop architecture. Raises InputError at the first key that is not covered."""
    top.only("architecture", "variables", "problem", "mapper", "components")
    architecture = top.part("architecture")
    architecture.only("version", "nodes")
    version = architecture.scalar("version", "0.4")
    if version != "0.4":
        architecture.refuse("version", f"is {version[:40]}; covered: 0.4")
    walk = Walk()
    walk.down(architecture)
    if len(walk.nodes) < 3 or "dram" not in walk.nodes[0].kind or "mac" not in walk.nodes[-1].kind:
        architecture.refuse(
            "nodes", "the first component must be a DRAM, the last a MAC, with memories between"
        )
    dram, *memories, mac = walk.nodes
    section, assumed = technology(*_technology(top, walk.nodes), given)
    columns, rows = walk.mesh
    kept, remarks = _memories(memories, walk.mesh)
    spec = {
        "name": top.file.stem,
        "family": "systolic",
        "description": f"{rows}×{columns} PEs, imported from Timeloop's {top.file.name}",
        "technology": section,
        "array": {
            "rows": rows,
            "columns": columns,
            "dataflow": "unrolled",
            "unroll": _unroll(walk, given),
            **_mac(mac),
        },
        "memories": [_dram(dram, section["clock_mhz"]), *kept],
    }
    passed = sorted({str(key) for node in walk.nodes for key in node.attributes.data} - _USED)
    if passed:
        remarks.append(f"Attributes passed over: {', '.join(passed)}.")
    return Imported(spec, f"the Timeloop architecture {top.file.name}", (_ENERGIES, *remarks, *assumed))


def _unroll(walk: Walk, given: Given) -> dict[str, dict[str, int]]:
    """The user's spread, else the file's. Raises InputError where the file leaves it to the mapper."""
    chosen = {"rows": given.rows, "columns": given.columns}
    for side, node in walk.undecided.items():
        if chosen[side] is None:
            loops = ", ".join(f"{theirs} is {ours}" for theirs, ours in LOOPS.items() if theirs != ours)
            node.refuse(
                "constraints",
                f"leaves the loops over the {side} to Timeloop's mapper; an array here has a fixed spread: "
                f"give it as --{side} LOOP=FACTOR,... ({loops})",
            )
    return {side: dict(walk.spread[side] if said is None else said) for side, said in chosen.items()}


def _technology(top: Part, nodes: Sequence[Node]) -> tuple[float | None, float | None]:
    """(node in nm, clock in MHz) as far as variables or attributes say them."""
    node_nm = clock_mhz = None
    for part in (top.part("variables", optional=True), *(node.attributes for node in nodes)):
        if node_nm is None and "technology" in part:
            node = part.scalar("technology")
            match = re.fullmatch(r"([0-9]{1,3})\s*nm", node)
            if match is None:
                part.refuse("technology", f"is {node[:40]}; allowed: a node as in 45nm")
            node_nm = float(match[1])
        for key in ("global_cycle_seconds", "cycle_seconds"):
            if clock_mhz is None and key in part:
                clock_mhz = 1e-6 / part.number(key, least=1e-12)
    return node_nm, clock_mhz


def _mac(node: Node) -> dict[str, Any]:
    attributes, made = node.attributes, {}
    if "multiplier_width" in attributes:
        bits = attributes.whole("multiplier_width")
        made["mac_bits"] = f"fp{bits}" if "fp" in node.kind else f"w{bits}a{bits}"
    if "adder_width" in attributes:
        made["mac"] = {"accumulator_bits": attributes.whole("adder_width")}
    return made


def _dram(node: Node, clock_mhz: float) -> dict[str, Any]:
    device = node.attributes.text("type", "LPDDR4").lower()
    if device not in DRAM_KINDS:
        node.attributes.refuse("type", f"is {device!r}; allowed: {', '.join(DRAM_KINDS)}")
    made: dict[str, Any] = {"kind": "dram", "name": node.name, "device": device, "latency_ns": 0}
    bits = [_bits_per_cycle(node, key) for key in ("read_bandwidth", "write_bandwidth")]
    return made | {"bandwidth_gb_s": sum(bits) * clock_mhz / 8e3 if all(bits) else "unlimited"}


def _bits_per_cycle(node: Node, key: str) -> float:
    """0 where nothing is said, which is no limit to Timeloop."""
    if key not in node.attributes:
        return 0
    return node.attributes.number(key) * node.attributes.whole("datawidth")


def _memories(nodes: Sequence[Node], mesh: tuple[int, int]) -> tuple[list[dict[str, Any]], list[str]]:
    """Shared memories, then those in the PEs; and remarks on what is passed over."""
    shared, own, remarks = [], [], []
    taken: dict[str, str] = {}  # by operand
    for node in nodes:
        if not _is_in_pe(node, mesh):
            shared.append(_memory(node) | _sram_keys(node))
            continue
        held = _holds(node.part)
        twice = [operand for operand in held if operand in taken]
        if len(twice) < len(held):
            if twice:
                node.part.refuse("constraints", f"{taken[twice[0]]} in the PEs holds {twice[0]}s, too")
            taken.update((operand, node.name) for operand in held)
            cells = "sram" if "sram" in node.kind else "flip_flops"
            own.append({**_memory(node), "kind": "register", "built_as": cells})
        elif _bits(node) <= node.attributes.whole("datawidth"):
            remarks.append(f"{node.name} is passed over: a MAC reads {taken[twice[0]]} every cycle.")
        else:
            node.part.refuse("", f"{taken[twice[0]]} in the PEs holds {twice[0]}s, too; remove one of them")
    return [*shared, *own], remarks


def _is_in_pe(node: Node, mesh: tuple[int, int]) -> bool:
    if node.mesh not in ((1, 1), mesh):
        node.part.refuse(
            "",
            f"there are {node.mesh[0] * node.mesh[1]} for {mesh[0] * mesh[1]} MACs; a memory of some of the "
            "PEs is not covered: it must be one for all, or one in every PE",
        )
    return node.mesh == mesh and (mesh != (1, 1) or "reg" in node.kind or "rf" in node.kind)


def _memory(node: Node) -> dict[str, Any]:
    return {
        "kind": "sram",
        "name": node.name,
        "holds": _holds(node.part),
        **capacity(_bits(node)),
        "word_bits": node.attributes.whole("width"),
    }


def _bits(node: Node) -> int:
    return node.attributes.whole("depth") * node.attributes.whole("width")


def _sram_keys(node: Node) -> dict[str, Any]:
    attributes = node.attributes
    made: dict[str, Any] = {"banks": attributes.whole("n_banks")} if "n_banks" in attributes else {}
    for key in ("nports", "num_ports", "n_rdwr_ports"):
        if key in attributes:
            ports = attributes.whole(key)
            if ports > 2:
                attributes.refuse(key, f"is {ports}; allowed: 1 or 2")
            made["ports"] = f"{'2' if ports == 2 else '1'}rw"
    bits = [found for key in ("read_bandwidth", "write_bandwidth") if (found := _bits_per_cycle(node, key))]
    return made | ({"bandwidth_bits_per_cycle": min(bits)} if bits else {})


def _holds(part: Part) -> list[Operand]:
    """What a memory keeps; where it keeps nothing by name, all that it does not bypass."""
    spaces = part.part("constraints", optional=True).part("dataspace", optional=True)
    kept = spaces.words("keep_only", ()) or spaces.words("keep", ())
    keeps = [_operand(spaces, "keep", name) for name in kept]
    bypassed = [_operand(spaces, "bypass", name) for name in spaces.words("bypass", ())]
    held = keeps or [operand for operand in _OPERANDS if operand not in bypassed]
    if not held:
        spaces.refuse("bypass", "the memory keeps nothing; remove it")
    return [operand for operand in _OPERANDS if operand in held]


def _operand(spaces: Part, key: str, name: str) -> Operand:
    for operand in _OPERANDS:
        if name.lower().rstrip("s") == operand:
            return operand
    spaces.refuse(key, f"holds {name!r}; covered: Inputs, Weights, Outputs")
