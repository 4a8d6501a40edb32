"""The walk of an array with a free unrolling and registers in its PEs: every MAC in its PE.

Below the buffers come two more levels of tiles: the array tile, whose values the PEs' registers keep, and the
step, in which every PE makes at most one product. A PE is named by the place of its product within the step.
An operand that has a register is fetched once per array tile, any other once per step; either stays in the
array while loops turn that it does not depend on. A value fetched once goes to all PEs that need it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import product

from loop_walker import Nesting, Place, Walk, Walker, input_of, piece_range

DIMS = "BPQKCRS"
RELEVANT = {"input": "BPQCRS", "weight": "KCRS", "output": "BPQK"}


@dataclass(frozen=True)
class UnrolledCase:
    registers: dict[str, str]  # operand -> memory
    groups: int = 1
    unrolled_groups: int = 1


def walk_unrolled(nesting: Nesting, case: UnrolledCase) -> Walk:
    """Execute one group. `nesting` has its buffers as tiers, but tiles and orders of two more levels.

    `held` is for all groups that run together, `moved` for one; accesses of registers are in `moved` too.
    """
    within = {o: o in case.registers for o in RELEVANT}
    array_tile = {o: f"array {o}" for o, held in within.items() if held}
    step = {o: f"array {o}" for o, held in within.items() if not held}
    whole = replace(nesting, tiers=(*nesting.tiers, array_tile, step))
    result = Walk()
    array = _Array(whole, case, result)
    walker = Walker(whole, array, result)
    walker.run()
    array.empty("output")
    together = min(case.groups, case.unrolled_groups)
    result.held = walker.held(-(-case.groups // together), together)
    for operand, memory in case.registers.items():
        if operand == "output":  # partial sums brought back go to one PE each
            result.moved[memory, "write"] += result.moved["array output", "write"]
    return result


class _Array:
    def __init__(self, nesting: Nesting, case: UnrolledCase, result: Walk) -> None:
        self.n = nesting
        self.case = case
        self.result = result
        array_level = len(nesting.tiers) - 2
        self.refilled = {o: nesting.place(o, array_level) for o in case.registers}
        self.contents: dict[str, dict] = {o: defaultdict(set) for o in case.registers}  # by PE

    def reached(self, depth: int) -> None:
        for operand, place in self.refilled.items():
            if depth == place:
                self.empty(operand)

    def empty(self, operand: str) -> None:
        """Before a new tile comes; every PE's sums are read then, to be added up in the array."""
        if operand == "output" and operand in self.case.registers:
            sums = sum(len(values) for values in self.contents["output"].values())
            self._access("output", "read", sums)
        if operand in self.contents:
            self.contents[operand] = defaultdict(set)

    def work(self, at: Place) -> None:
        self.result.cycles += 1
        for place in product(*(piece_range(at[dim]) for dim in DIMS)):
            index = dict(zip(DIMS, place, strict=True))
            pe = tuple(index[dim] - at[dim][0] for dim in DIMS)
            for operand in self.case.registers:
                self._use(operand, index, pe)
        self._measure()

    def _use(self, operand: str, index: dict[str, int], pe: tuple[int, ...]) -> None:
        """One product: its operands are read, its sum is read and rewritten."""
        held = self.contents[operand][pe]
        value = self._value(operand, index)
        if value is not None and value not in held:
            held.add(value)
            if operand != "output":
                self._access(operand, "write", 1)
        self._access(operand, "read", 1)
        if operand == "output":
            self._access(operand, "write", 1)

    def _value(self, operand: str, index: dict[str, int]) -> tuple | None:
        """None: padding, which nobody fetches."""
        if operand != "input":
            return tuple(index[dim] for dim in RELEVANT[operand])
        c = self.n.c
        row, column = input_of(c, 0, index["P"], index["R"]), input_of(c, 1, index["Q"], index["S"])
        exists = 0 <= row < c.input_size[0] and 0 <= column < c.input_size[1]
        return (index["B"], index["C"], row, column) if exists else None

    def _access(self, operand: str, action: str, count: int) -> None:
        width = self.n.bits["sum" if operand == "output" else operand]
        self.result.moved[self.case.registers[operand], action] += count * width

    def _measure(self) -> None:
        """What the fullest PE holds, by register."""
        holds: dict[tuple, int] = defaultdict(int)
        for operand, contents in self.contents.items():
            width = self.n.bits["sum" if operand == "output" else operand]
            for pe, values in contents.items():
                holds[self.case.registers[operand], pe] += len(values) * width
        most = self.result.register_bits
        for (memory, _), bits in holds.items():
            most[memory] = max(most.get(memory, 0), bits)
