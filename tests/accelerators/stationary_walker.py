"""The walk of an output-, weight- or input-stationary array: every tile fold by fold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

from loop_walker import AXES_OF, Nesting, Place, Walk, Walker

# dataflow -> (stationary operand, axis over the rows, over the columns, streamed, whether preloaded)
FLOWS = {
    "output_stationary": ("output", "M", "N", "K", 0),
    "weight_stationary": ("weight", "K", "N", "M", 1),
    "input_stationary": ("input", "K", "M", "N", 1),
}


@dataclass(frozen=True)
class ArrayCase:
    dataflow: str
    rows: int
    columns: int
    cores: int = 1
    split: str = ""  # the axis shared out over the cores


def walk_stationary(nesting: Nesting, case: ArrayCase, groups: int = 1) -> Walk:
    """Execute one group; `groups` only tells how often buffers are filled in all."""
    result = Walk()
    array = _Array(nesting, case, result)
    walker = Walker(nesting, array, result)
    walker.run()
    if _array_traffic(nesting, array.accesses, result):
        walker.wide.add(nesting.levels_of("output")[-1])
    result.held = walker.held(groups)
    *hiding, last = array.segments
    result.overlapped_cycles = array.overhead + sum(max(case.rows, beats) for beats in hiding) + last
    return result


def _array_traffic(nesting: Nesting, accesses: Counter, result: Walk) -> bool:
    """Between the array and the innermost buffer of each operand; whether partial sums are among it."""
    moved, bits = result.moved, nesting.bits
    for operand in ("input", "weight"):
        moved[nesting.feeder(operand), "read"] += accesses[operand] * bits[operand]
    outputs = prod(nesting.sizes[dim] for dim in nesting.dims_of_operand("output"))
    partial = accesses["output"] - outputs  # all but the last write of each output
    memory = nesting.feeder("output")
    moved[memory, "write"] += partial * bits["sum"] + outputs * bits["output"]
    moved[memory, "read"] += partial * bits["sum"]
    return partial > 0


class _Array:
    def __init__(self, nesting: Nesting, case: ArrayCase, result: Walk) -> None:
        self.n = nesting
        self.case = case
        self.result = result
        self.flow = FLOWS[case.dataflow]
        self.accesses: Counter = Counter()  # elements between array and buffers, by operand
        # beats streamed past each load of the stationary operand, on the busiest core; with overlapped folds
        # the next load, of as many cycles as the array has rows, hides behind them
        self.segments: list[int] = []
        self.fresh = False
        self.load = nesting.place(self.flow[0], len(nesting.tiers) - 1)
        _, rows, columns, _, preload = self.flow
        over_rows, over_columns = (
            prod(nesting.tiles[d][-1] for d in nesting.dims_of(a)) for a in (rows, columns)
        )
        self.single_fold = over_rows <= case.rows * self._cores(
            rows
        ) and over_columns <= case.columns * self._cores(columns)
        self.overhead = (1 + preload) * case.rows + case.columns - 2

    def _cores(self, axis: str) -> int:
        return self.case.cores if axis == self.case.split else 1

    def reached(self, depth: int) -> None:
        if depth == self.load:
            self.fresh = True

    def work(self, at: Place) -> None:
        """One innermost tile on the array, fold by fold."""
        case = self.case
        _, rows, columns, streamed, _ = self.flow
        loaded = self.fresh or not self.single_fold
        self.fresh = False
        extent = {axis: self.n.extent(axis, at) for axis in "MNK"}
        for core in range(case.cores):
            mine = {a: _share(e, case.cores, core) if a == case.split else e for a, e in extent.items()}
            beats, cycles = mine[streamed], 0
            for r in range(0, mine[rows], case.rows):
                for col in range(0, mine[columns], case.columns):
                    fold = {streamed: beats, rows: min(case.rows, mine[rows] - r)}
                    fold[columns] = min(case.columns, mine[columns] - col)
                    cycles += beats + self.overhead * loaded
                    self._fold(fold, loaded and beats > 0)
                    if core == 0:
                        self._beats(beats, loaded)
                        over = [at[d] for axis in (rows, columns) for d in self.n.dims_of(axis)]
                        self.result.folds.add((*over, r, col))
            if core == 0:  # the largest share: the others wait for it
                self.result.cycles += cycles

    def _fold(self, fold: dict[str, int], loaded: bool) -> None:
        for operand, axes in AXES_OF.items():
            if operand != self.flow[0] or loaded:
                self.accesses[operand] += prod(fold[axis] for axis in axes)

    def _beats(self, beats: int, loaded: bool) -> None:
        if loaded:
            self.segments.append(0)
        self.segments[-1] += beats


def _share(extent: int, cores: int, core: int) -> int:
    """The part of one core when the work is shared out as evenly as whole numbers allow."""
    return len(range(core, extent, cores))
