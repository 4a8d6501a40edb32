"""The memory list of a spec as tiers: which memory holds which operand at which level of tiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from archsim.accelerators.systolic.spec import OPERANDS, Dram, Register, Sram, SystolicSpec


@dataclass(frozen=True)
class Tier:
    """Memories side by side: no two hold the same operand, so one set of tiles fits them all."""

    memories: tuple[Sram, ...]

    def holder(self, operand: str) -> Sram | None:
        return self._holders.get(operand)

    @cached_property
    def _holders(self) -> dict[str, Sram]:
        return {operand: memory for memory in self.memories for operand in memory.holds}


@dataclass(frozen=True)
class Hierarchy:
    """DRAM, the on-chip tiers from the outermost in, and what each PE holds."""

    dram: Dram
    tiers: tuple[Tier, ...]
    registers: tuple[Register, ...]

    @classmethod
    def of(cls, spec: SystolicSpec) -> Hierarchy:
        shared = [m for m in spec.memories if isinstance(m, Sram)]
        return cls(
            dram=next(m for m in spec.memories if isinstance(m, Dram)),
            tiers=_tiers(shared),
            registers=tuple(m for m in spec.memories if isinstance(m, Register)),
        )

    def levels_of(self, operand: str) -> tuple[int, ...]:
        """Tiers that hold the operand, outermost first; it bypasses the others."""
        return tuple(i for i, tier in enumerate(self.tiers) if tier.holder(operand))

    def memory(self, level: int, operand: str) -> Sram:
        holder = self.tiers[level].holder(operand)
        assert holder is not None
        return holder

    def innermost(self, operand: str) -> Sram | Dram:
        """The memory that feeds the operand to the array."""
        levels = self.levels_of(operand)
        return self.memory(levels[-1], operand) if levels else self.dram


def _tiers(memories: Sequence[Sram]) -> tuple[Tier, ...]:
    """Neighbours in the list that hold different operands are one tier."""
    groups: list[list[Sram]] = []
    for memory in memories:
        taken = {operand for m in groups[-1] for operand in m.holds} if groups else set(OPERANDS)
        if taken & set(memory.holds):
            groups.append([memory])
        else:
            groups[-1].append(memory)
    return tuple(Tier(tuple(group)) for group in groups)


class Holding:
    """A hierarchy as far as counts depend on it: who holds what, and how many copies. Two that are alike in
    that are equal, whatever their capacities and costs.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self.key = (
            hierarchy.dram.name,
            tuple(
                tuple((m.name, tuple(m.holds), m.double_buffered) for m in tier.memories)
                for tier in hierarchy.tiers
            ),
            tuple((m.name, tuple(m.holds)) for m in hierarchy.registers),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Holding) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)
