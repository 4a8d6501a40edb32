"""The memories of a ZigZag hardware file as those of a `systolic` spec.

One in every PE (served_dimensions: []) is a register, one that serves all dimensions an SRAM, and the last,
which holds all operands, the DRAM. Sizes are bits, costs pJ an access of the port's bandwidth_max.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archsim.accelerators.peers.imported import capacity
from archsim.accelerators.spec import Operand
from archsim.workloads.peer_yaml import Part

_KEYS = (
    *("size", "r_cost", "w_cost", "area", "latency", "mem_type", "auto_cost_extraction", "operands"),
    *("ports", "served_dimensions", "force_double_buffering"),
)
_SRAM_PORTS = {("read_write",): "1rw", ("read", "write"): "1r1w", ("read_write", "read_write"): "2rw"}
_OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")


@dataclass(frozen=True)
class Ports:
    """A memory's ports: bits of one access, and bits that all of them move a cycle."""

    read_bits: int
    write_bits: int
    bits_per_cycle: int
    kinds: tuple[str, ...]  # read, write or read_write, sorted


@dataclass(frozen=True)
class Memory:
    """A memory of the file; what it says is checked when it is asked for (InputError)."""

    part: Part
    operands: Mapping[str, Operand]  # by the file's name of a memory operand
    dimensions: tuple[str, ...]  # of the array

    @property
    def name(self) -> str:
        return self.part.place.removeprefix("memories.")

    @cached_property
    def holds(self) -> list[Operand]:
        names = self.part.words("operands")
        if not names or not set(names) <= set(self.operands):
            self.part.refuse("operands", f"is {list(names)}; allowed: {', '.join(self.operands)}")
        held = {self.operands[name] for name in names}
        return [operand for operand in _OPERANDS if operand in held]

    @cached_property
    def is_shared(self) -> bool:
        """Whether one memory serves all PEs (else: every PE has its own)."""
        served = set(self.part.words("served_dimensions"))
        if served not in (set(), set(self.dimensions)):
            self.part.refuse(
                "served_dimensions",
                f"is {sorted(served)}: a memory of some of the PEs is not covered; allowed: [] (one in every "
                f"PE) or all of {', '.join(self.dimensions)}",
            )
        return bool(served)

    @cached_property
    def ports(self) -> Ports:
        """Ports of one direction must be alike: word and costs are of one access."""
        kinds, widths, total = [], {"read": set(), "write": set()}, 0
        for port in self.part.parts("ports"):
            kind, bits = port.text("type"), port.whole("bandwidth_max")
            if kind not in ("read", "write", "read_write"):
                port.refuse("type", f"is {kind!r}; allowed: read, write, read_write")
            kinds.append(kind)
            total += bits
            for direction in kind.split("_"):
                widths[direction].add(bits)
        if not all(widths.values()):
            self.part.refuse("ports", "there is no port to read by, or none to write by")
        if any(len(found) > 1 for found in widths.values()):
            self.part.refuse("ports", "ports of one direction with different bandwidth_max are not covered")
        (read_bits,), (write_bits,) = widths.values()
        return Ports(read_bits, write_bits, total, tuple(sorted(kinds)))


def memory_specs(memories: Sequence[Memory], clock_mhz: float) -> tuple[list[dict[str, Any]], list[str]]:
    """The YAML's list, from the DRAM in, of memories from the innermost out; and remarks."""
    *lower, outermost = memories
    for memory in memories:
        memory.part.only(*_KEYS)
    _check_registers(lower)
    remarks: list[str] = []
    shared = [_on_chip(memory, remarks) for memory in reversed(lower) if memory.is_shared]
    own = [_on_chip(memory, remarks) for memory in reversed(lower) if not memory.is_shared]
    ports = [port for memory in lower for port in memory.part.parts("ports")]
    if any(port.whole("bandwidth_min") < port.whole("bandwidth_max") for port in ports):
        remarks.append(
            "Every access is of bandwidth_max bits; ZigZag charges one of fewer by steps of bandwidth_min."
        )
    return [_dram(outermost, clock_mhz), *shared, *own], remarks


def accumulator_bits(memories: Sequence[Memory]) -> int:
    """The width in which the innermost on-chip memory of outputs takes them."""
    on_chip = next((memory for memory in memories[:-1] if "output" in memory.holds), None)
    return 32 if on_chip is None else min(64, max(8, on_chip.ports.write_bits))


def _check_registers(memories: Sequence[Memory]) -> None:
    """A PE has one register an operand."""
    taken: dict[Operand, str] = {}
    for memory in memories:
        for operand in [] if memory.is_shared else memory.holds:
            if operand in taken:
                memory.part.refuse(
                    "operands", f"{taken[operand]} in the PEs holds {operand}s, too; remove one"
                )
            taken[operand] = memory.name


def _dram(memory: Memory, clock_mhz: float) -> dict[str, Any]:
    part, ports = memory.part, memory.ports
    if len(memory.holds) < len(_OPERANDS) or not memory.is_shared:
        part.refuse("operands", "the last memory becomes the DRAM: it must hold all operands, for all PEs")
    return {
        "kind": "dram",
        "name": "dram",
        "bandwidth_gb_s": ports.bits_per_cycle * clock_mhz / 8e3,
        "latency_ns": 0,
        "read_pj_per_bit": part.number("r_cost") / ports.read_bits,
        "write_pj_per_bit": part.number("w_cost") / ports.write_bits,
    }


def _on_chip(memory: Memory, remarks: list[str]) -> dict[str, Any]:
    """An sram or a register; costs that ZigZag would ask CACTI for are left to archsim's library."""
    part, ports = memory.part, memory.ports
    made: dict[str, Any] = {
        "kind": "sram" if memory.is_shared else "register",
        "name": memory.name,
        "holds": memory.holds,
        **capacity(part.whole("size")),
        "word_bits": ports.read_bits,
    }
    if memory.is_shared:
        made |= _sram_ports(memory, remarks)
    if part.flag("auto_cost_extraction", False):
        remarks.append(f"{memory.name}: ZigZag asks CACTI for its costs, archsim its component library.")
        return made
    return made | {
        "read_pj": part.number("r_cost"),
        "write_pj": part.number("w_cost") * ports.read_bits / ports.write_bits,  # of a word as wide as a read
        "area_mm2": 0,
        "leakage_mw": 0,
    }


def _sram_ports(memory: Memory, remarks: list[str]) -> dict[str, Any]:
    """`ports` and the bandwidth of one; n to read and n to write become one of each, n times as wide."""
    kinds, each = memory.ports.kinds, min(memory.ports.read_bits, memory.ports.write_bits)
    pairs = kinds.count("read")
    if pairs > 1 and kinds == ("read",) * pairs + ("write",) * pairs:
        remarks.append(f"{memory.name}: its {pairs} ports each way are one each way, {pairs} times as wide.")
        kinds, each = ("read", "write"), each * pairs
    if kinds not in _SRAM_PORTS:
        allowed = "; ".join(" + ".join(pair) for pair in _SRAM_PORTS)
        memory.part.refuse("ports", f"are {', '.join(kinds)}; allowed: {allowed}, or as many read as write")
    return {"ports": _SRAM_PORTS[kinds], "bandwidth_bits_per_cycle": each}
