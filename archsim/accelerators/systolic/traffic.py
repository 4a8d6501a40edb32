"""Elements that every memory reads and writes for every mapping of a nest, and those it must hold.

Elements are counted by kind: input, weight, output (final) and sum (partial), so that nothing here depends on
bit-widths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from archsim.accelerators.systolic.array_work import ArrayWork, Held, Moved
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import OPERANDS


@dataclass(frozen=True)
class Traffic:
    """Grids, for one group of the layer."""

    moved: Moved = field(default_factory=dict)
    held: Held = field(default_factory=dict)

    def add(self, memory: str, action: str, kind: str, elements: Grid) -> None:
        key = memory, action, kind
        self.moved[key] = self.moved[key] + elements if key in self.moved else elements


def traffic_of(nest: Nest, hierarchy: Hierarchy, work: ArrayWork, orders: Sequence[str]) -> Traffic:
    """Count what crosses every border of the hierarchy.

    Inputs and weights go down from each holder to the next; outputs come up: every visit of an output tile
    but its last leaves partial sums, which are fetched again for the next visit.
    """
    traffic = Traffic()
    for operand in OPERANDS:
        levels = hierarchy.levels_of(operand)
        visits = [nest.visits(operand, level, orders) for level in levels]
        if operand == "output":
            _output_traffic(traffic, nest, hierarchy, work, levels, visits)
            partial = [*(inner > 1 for inner in visits[1:]), work.output_writes > nest.m.size * nest.n.size]
        else:
            _input_traffic(traffic, nest, hierarchy, work, operand, levels, visits)
            partial = []
        for i, (level, seen) in enumerate(zip(levels, visits, strict=True)):
            name = hierarchy.memory(level, operand).name
            room = _room(nest, hierarchy, work, operand, level, seen)
            if operand == "output":
                traffic.held[name, "sum"] = np.where(partial[i], room, 0)
                traffic.held[name, "output"] = np.where(partial[i], 0, room)
            else:
                traffic.held[name, operand] = room
    return traffic


def _room(nest: Nest, hierarchy: Hierarchy, work: ArrayWork, operand: str, level: int, visits: Grid) -> Grid:
    """Elements of a tile, twice where a double buffer holds one tile after another."""
    once = nest.tile_elements(operand, level) * work.together
    if not hierarchy.memory(level, operand).double_buffered:
        return once
    several = visits > 1
    for axis in "MNK".replace(IRRELEVANT[operand], ""):
        several = several | (nest.counts(axis, level) > 1)
    return once * 2 if work.rounds > 1 else np.where(several, 2 * once, once)


def _input_traffic(
    traffic: Traffic,
    nest: Nest,
    hierarchy: Hierarchy,
    work: ArrayWork,
    operand: str,
    levels: Sequence[int],
    visits: Sequence[Grid],
) -> None:
    source = hierarchy.dram.name
    for level, seen in zip(levels, visits, strict=True):
        moved = nest.volume(operand, level) * seen
        target = hierarchy.memory(level, operand).name
        traffic.add(source, "read", operand, moved)
        traffic.add(target, "write", operand, moved)
        source = target
    traffic.add(source, "read", operand, work.reads[operand])


def _output_traffic(
    traffic: Traffic,
    nest: Nest,
    hierarchy: Hierarchy,
    work: ArrayWork,
    levels: Sequence[int],
    visits: Sequence[Grid],
) -> None:
    outputs = np.array(nest.m.size * nest.n.size)
    outer = hierarchy.dram.name
    for level, seen in zip(levels, visits, strict=True):
        partial = outputs * (seen - 1)
        inner = hierarchy.memory(level, "output").name
        for memory, action in ((inner, "read"), (outer, "write"), (outer, "read"), (inner, "write")):
            traffic.add(memory, action, "sum", partial)
        traffic.add(inner, "read", "output", outputs)
        traffic.add(outer, "write", "output", outputs)
        outer = inner
    traffic.add(outer, "write", "sum", work.output_writes - outputs)
    traffic.add(outer, "write", "output", outputs)
    traffic.add(outer, "read", "sum", work.output_reads)
