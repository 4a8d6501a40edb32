"""Bits that every memory reads and writes for every mapping of a nest, and the bits it must hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archsim.accelerators.systolic.array_work import ArrayWork
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import OPERANDS


@dataclass(frozen=True)
class Traffic:
    """Grids, for one group of the layer. Keys are memory names."""

    read_bits: Mapping[str, Grid]
    write_bits: Mapping[str, Grid]
    held_bits: Mapping[str, Grid]


def traffic_of(
    nest: Nest,
    hierarchy: Hierarchy,
    work: ArrayWork,
    orders: Sequence[str],
    bits: Mapping[str, int],
) -> Traffic:
    """Count what crosses every border of the hierarchy.

    `bits` are the widths of `input`, `weight`, `output` and `sum` (a partial sum). Inputs and weights go
    down from each holder to the next; outputs come up: every visit of an output tile but its last leaves
    partial sums, which are fetched again for the next visit.
    """
    reads: dict[str, list[Grid]] = defaultdict(list)
    writes: dict[str, list[Grid]] = defaultdict(list)
    held: dict[str, list[Grid]] = defaultdict(list)
    for operand in OPERANDS:
        levels = hierarchy.levels_of(operand)
        visits = [nest.visits(operand, level, orders) for level in levels]
        if operand == "output":
            partial = [*(inner > 1 for inner in visits[1:]), work.output_writes > nest.m.size * nest.n.size]
            _output_traffic(nest, hierarchy, work, levels, visits, bits, reads, writes)
            widths = [np.where(sums, bits["sum"], bits["output"]) for sums in partial][: len(levels)]
        else:
            _input_traffic(nest, hierarchy, work, operand, levels, visits, bits[operand], reads, writes)
            widths = [np.array(bits[operand])] * len(levels)
        for level, seen, width in zip(levels, visits, widths, strict=True):
            memory = hierarchy.memory(level, operand)
            once = nest.tile_elements(operand, level) * work.together * width
            if memory.double_buffered:
                several = (seen > 1) | (work.rounds > 1)
                for axis in "MNK".replace(IRRELEVANT[operand], ""):
                    several = several | (nest.counts(axis, level) > 1)
                held[memory.name].append(np.where(several, 2 * once, once))
            else:
                held[memory.name].append(once)
    return Traffic(_summed(reads), _summed(writes), _summed(held))


def _input_traffic(
    nest: Nest,
    hierarchy: Hierarchy,
    work: ArrayWork,
    operand: str,
    levels: Sequence[int],
    visits: Sequence[Grid],
    width: int,
    reads: dict[str, list[Grid]],
    writes: dict[str, list[Grid]],
) -> None:
    source = hierarchy.dram.name
    for level, seen in zip(levels, visits, strict=True):
        moved = nest.volume(operand, level) * width * seen
        target = hierarchy.memory(level, operand).name
        reads[source].append(moved)
        writes[target].append(moved)
        source = target
    reads[source].append(work.reads[operand] * width)


def _output_traffic(
    nest: Nest,
    hierarchy: Hierarchy,
    work: ArrayWork,
    levels: Sequence[int],
    visits: Sequence[Grid],
    bits: Mapping[str, int],
    reads: dict[str, list[Grid]],
    writes: dict[str, list[Grid]],
) -> None:
    outputs = nest.m.size * nest.n.size
    outer = hierarchy.dram.name
    for level, seen in zip(levels, visits, strict=True):
        partial = outputs * bits["sum"] * (seen - 1)
        everything = partial + outputs * bits["output"]
        inner = hierarchy.memory(level, "output").name
        reads[inner].append(everything)
        writes[outer].append(everything)
        reads[outer].append(partial)
        writes[inner].append(partial)
        outer = inner
    writes[outer].append((work.output_writes - outputs) * bits["sum"] + outputs * bits["output"])
    reads[outer].append(work.output_reads * bits["sum"])


def _summed(parts: Mapping[str, Sequence[Grid]]) -> dict[str, Grid]:
    """Sum broadcastable grids, the small ones first."""
    total: dict[str, Grid] = {}
    for name, grids in parts.items():
        ordered = sorted(grids, key=lambda g: np.asarray(g).size)
        result = ordered[0]
        for grid in ordered[1:]:
            result = result + grid
        total[name] = result
    return total
