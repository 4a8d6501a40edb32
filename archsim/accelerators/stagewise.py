"""Pipelined machines whose FIFOs follow stage by stage: each from the stages before it and the pace."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol, TypeGuard

from archsim.accelerators.machine import IntArray, Machine, Options, PipelinedMachine, Row
from archsim.workloads.layer import Layer


class Upstream(Protocol):
    """What is in front of a stage: the stages chosen so far, at the pace of the whole pipeline."""

    @property
    def key(self) -> Hashable:
        """With equal keys all later stages find the same, at one pace."""
        ...

    def then(self, row: Row) -> tuple[Mapping[str, float], Upstream]:
        """What of `between` is in front of the next stage and in it, at least, by resource, where every stage
        keeps the pace; and what is in front of the stage after it.
        """
        ...


class StagewiseMachine(PipelinedMachine, Protocol):
    """A pipelined machine where what stands in front of a stage follows from the stages before it, the stage
    itself and the pace (cycles of the slowest stage), and only in so far as they differ in time.
    """

    is_stagewise: bool
    """False where it depends on more: then nothing below holds."""

    def kept_pace(self, rows: Sequence[Row]) -> int | None:
        """Cycles between inputs that the pipeline is known to keep up with; None where that is not known."""
        ...

    def alike_in_time(self, options: Options) -> IntArray:
        """By row of a layer's table a number: with all else equal, `between` is for rows of equal numbers."""
        ...

    def upstream(self, layers: Sequence[Layer], pace: int) -> Upstream:
        """In front of the first of all layers, with an input every `pace` cycles."""
        ...


def is_stagewise(machine: Machine) -> TypeGuard[StagewiseMachine]:
    return bool(getattr(machine, "is_stagewise", False))
