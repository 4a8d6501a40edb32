"""A tiled contraction executed tile by tile: an independent count of what a mapping moves and takes.

The nest is static. Between two levels of memory run the loops over the tiles of the inner one; a loop of one
nominal iteration is no loop. An operand's tile is brought in just inside the innermost loop that it depends
on. DMA fetches rectangles: the channels that a tile touches × the input rows × the input columns that its
windows read (those that exist). Nothing here is a formula over the whole layer: everything is enumerated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from math import prod

from archsim import Contraction

DIMS_OF = {"M": ("B", "P", "Q"), "N": ("K",), "K": ("CRS",)}
AXES_OF = {"input": "MK", "weight": "NK", "output": "MN"}
LOOPS = {"weight": "NKM", "input": "MKN", "output": "MNK"}  # outermost first, by the operand that stays
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


@dataclass(frozen=True)
class Nesting:
    """`tiers`: per level, outermost first, which memory holds which operand."""

    c: Contraction
    tiers: tuple[dict[str, str], ...]
    tiles: dict[str, tuple[int, ...]]
    orders: tuple[str, ...]
    array: ArrayCase
    bits: dict[str, int]  # input, weight, output, sum

    @property
    def sizes(self) -> dict[str, int]:
        c = self.c
        return {"B": c.B, "P": c.P, "Q": c.Q, "K": c.K, "CRS": c.C * c.R * c.S}

    def loops(self) -> list[tuple[int, str]]:
        """(level, dimension) of every loop of more than one nominal iteration, outermost first."""
        result = []
        for level, order in enumerate(self.orders):
            for dim in (d for axis in LOOPS[order] for d in DIMS_OF[axis]):
                outer = self.tiles[dim][level - 1] if level else self.sizes[dim]
                if outer > self.tiles[dim][level]:
                    result.append((level, dim))
        return result


@dataclass
class Walk:
    """What one group of the layer did. `moved` are bits by (memory, read | write)."""

    moved: Counter = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)  # bits by memory, both halves of a double buffer
    cycles: int = 0
    overlapped_cycles: int = 0
    folds: set = field(default_factory=set)  # array-fulls of the busiest core, each however often it comes
    macs: int = 0
    stationary_loaded: int = 0  # elements shifted into the array


def walk(nesting: Nesting, groups: int = 1) -> Walk:
    """Execute one group; `groups` only tells how often buffers are filled in all."""
    return _Walker(nesting).run(groups)


class _Walker:
    def __init__(self, nesting: Nesting) -> None:
        self.n = nesting
        self.loops = nesting.loops()
        self.levels = len(nesting.tiers)
        self.result = Walk()
        self.done: Counter = Counter()  # products, by (level, output tile)
        self.fills: Counter = Counter()  # by (operand, level)
        self.largest: Counter = Counter()  # elements, by (operand, level)
        self.wide: set[int] = set()  # levels that ever held a partial sum
        self.present: dict[tuple[str, int], dict] = {}  # what each buffer holds now
        self.accesses: Counter = Counter()  # elements between array and buffers, by operand
        # beats streamed past each load of the stationary operand, on the busiest core; with overlapped folds
        # the next load, of as many cycles as the array has rows, hides behind them
        self.segments: list[int] = []
        self.fresh = False
        self.events: dict[int, list[tuple[str, int]]] = {}
        for operand in AXES_OF:
            for level in self._levels_of(operand):
                self.events.setdefault(self._place(operand, level), []).append((operand, level))
        flow = FLOWS[nesting.array.dataflow]
        self.array_load = self._place(flow[0], self.levels - 1)
        over_rows, over_columns = (prod(nesting.tiles[d][-1] for d in DIMS_OF[axis]) for axis in flow[1:3])
        self.single_fold = over_rows <= nesting.array.rows * self._cores(
            flow[1]
        ) and over_columns <= nesting.array.columns * self._cores(flow[2])

    def run(self, groups: int) -> Walk:
        self._nest(0, {dim: (0, size) for dim, size in self.n.sizes.items()})
        self._array_traffic()
        for (operand, level), most in self.largest.items():
            width = self.n.bits["sum" if operand == "output" and level in self.wide else operand]
            copies = 2 if groups * self.fills[operand, level] > 1 else 1
            name = self.n.tiers[level][operand]
            self.result.held[name] = self.result.held.get(name, 0) + most * width * copies
        array = self.n.array
        overhead = (1 + FLOWS[array.dataflow][4]) * array.rows + array.columns - 2
        *hiding, last = self.segments
        self.result.overlapped_cycles = overhead + sum(max(array.rows, beats) for beats in hiding) + last
        return self.result

    def _cores(self, axis: str) -> int:
        return self.n.array.cores if axis == self.n.array.split else 1

    def _levels_of(self, operand: str) -> list[int]:
        return [i for i, tier in enumerate(self.n.tiers) if operand in tier]

    def _outer(self, operand: str, level: int) -> tuple[str, int]:
        """(memory, level) that the buffer of an operand is filled from; DRAM is level -1."""
        outer = [i for i in self._levels_of(operand) if i < level]
        return (self.n.tiers[outer[-1]][operand], outer[-1]) if outer else ("dram", -1)

    def _place(self, operand: str, level: int) -> int:
        """How many loops are outside the place where the operand's tile is brought in."""
        dims = [dim for axis in AXES_OF[operand] for dim in DIMS_OF[axis]]
        return max((i + 1 for i, (b, dim) in enumerate(self.loops) if b <= level and dim in dims), default=0)

    def _nest(self, depth: int, at: dict) -> None:
        events = self.events.get(depth, [])
        for operand, level in events:
            self._bring(operand, level, at)
        if depth == self.array_load:
            self.fresh = True
        if depth == len(self.loops):
            self._compute(at)
        else:
            level, dim = self.loops[depth]
            start, length = at[dim]
            tile = self.n.tiles[dim][level]
            for offset in range(0, length, tile):
                self._nest(depth + 1, at | {dim: (start + offset, min(tile, length - offset))})
        for operand, level in reversed(events):
            if operand == "output":
                self._put_away(level, at)

    def _bring(self, operand: str, level: int, at: dict) -> None:
        self.fills[operand, level] += 1
        self.present[operand, level] = at
        elements = self._elements(operand, at)
        self.largest[operand, level] = max(self.largest[operand, level], elements)
        outer, outer_level = self._outer(operand, level)
        if operand != "output":
            moved = elements * self.n.bits[operand]
        elif self.done[level, _output_tile(at)]:
            moved = elements * self.n.bits["sum"]
            self.wide |= {level, outer_level}
        else:
            return
        self.result.moved[outer, "read"] += moved
        self.result.moved[self.n.tiers[level][operand], "write"] += moved

    def _put_away(self, level: int, at: dict) -> None:
        elements = self._elements("output", at)
        complete = self.done[level, _output_tile(at)] == elements * self.n.sizes["CRS"]
        outer, outer_level = self._outer("output", level)
        if not complete:
            self.wide.add(outer_level)
        moved = elements * self.n.bits["output" if complete else "sum"]
        self.result.moved[self.n.tiers[level]["output"], "read"] += moved
        self.result.moved[outer, "write"] += moved

    def _elements(self, operand: str, at: dict) -> int:
        if operand != "input":
            return prod(at[dim][1] for axis in AXES_OF[operand] for dim in DIMS_OF[axis])
        c = self.n.c
        rows = _window(at["P"], c.R, c.stride[0], c.dilation[0], c.padding[0], c.input_size[0])
        columns = _window(at["Q"], c.S, c.stride[1], c.dilation[1], c.padding[1], c.input_size[1])
        start, length = at["CRS"]
        channels = {i // (c.R * c.S) for i in range(start, start + length)}
        return at["B"][1] * len(rows) * len(columns) * len(channels)

    def _compute(self, at: dict) -> None:
        """One innermost tile on the array, fold by fold."""
        self._check_present(at)
        array = self.n.array
        stationary, rows, columns, streamed, preload = FLOWS[array.dataflow]
        loaded = self.fresh or not self.single_fold
        self.fresh = False
        extent = {axis: prod(at[d][1] for d in dims) for axis, dims in DIMS_OF.items()}
        overhead = (1 + preload) * array.rows + array.columns - 2
        for core in range(array.cores):
            mine = {a: _share(n, array.cores, core) if a == array.split else n for a, n in extent.items()}
            beats, cycles = mine[streamed], 0
            for r in range(0, mine[rows], array.rows):
                for col in range(0, mine[columns], array.columns):
                    fold = {streamed: beats, rows: min(array.rows, mine[rows] - r)}
                    fold[columns] = min(array.columns, mine[columns] - col)
                    cycles += beats + overhead * loaded
                    self._fold(fold, stationary, loaded and beats > 0)
                    if core == 0:
                        self._beats(beats, loaded)
                        over = [at[d] for axis in (rows, columns) for d in DIMS_OF[axis]]
                        self.result.folds.add((*over, r, col))
            if core == 0:  # the largest share: the others wait for it
                self.result.cycles += cycles
        self.result.macs += prod(extent.values())
        for level in self._levels_of("output"):
            tile = _output_tile(self.present["output", level])
            self.done[level, tile] += prod(extent.values())

    def _fold(self, fold: dict[str, int], stationary: str, loaded: bool) -> None:
        for operand, axes in AXES_OF.items():
            if operand != stationary or loaded:
                self.accesses[operand] += prod(fold[axis] for axis in axes)
        if loaded:
            self.result.stationary_loaded += prod(fold[axis] for axis in AXES_OF[stationary])

    def _beats(self, beats: int, loaded: bool) -> None:
        if loaded:
            self.segments.append(0)
        self.segments[-1] += beats

    def _check_present(self, at: dict) -> None:
        """The reuse is legal: every buffer holds what this tile needs."""
        for (operand, _), held in self.present.items():
            for dim in (d for axis in AXES_OF[operand] for d in DIMS_OF[axis]):
                assert held[dim][0] <= at[dim][0]
                assert at[dim][0] + at[dim][1] <= held[dim][0] + held[dim][1]

    def _array_traffic(self) -> None:
        """Between the array and the innermost buffer of each operand."""
        moved, bits = self.result.moved, self.n.bits
        for operand in ("input", "weight"):
            moved[self._feeder(operand), "read"] += self.accesses[operand] * bits[operand]
        outputs = prod(self.n.sizes[d] for axis in "MN" for d in DIMS_OF[axis])
        partial = self.accesses["output"] - outputs  # all but the last write of each output
        memory, level = self._feeder("output"), self._levels_of("output")[-1]
        moved[memory, "write"] += partial * bits["sum"] + outputs * bits["output"]
        moved[memory, "read"] += partial * bits["sum"]
        if partial:
            self.wide.add(level)

    def _feeder(self, operand: str) -> str:
        return self.n.tiers[self._levels_of(operand)[-1]][operand]


def _output_tile(at: dict) -> tuple:
    return at["B"], at["P"], at["Q"], at["K"]


def _share(extent: int, cores: int, core: int) -> int:
    """The part of one core when the work is shared out as evenly as whole numbers allow."""
    return len(range(core, extent, cores))


@cache
def _window(
    piece: tuple[int, int], kernel: int, stride: int, dilation: int, pad: int, limit: int
) -> frozenset[int]:
    start, length = piece
    touched = {i * stride + r * dilation - pad for i in range(start, start + length) for r in range(kernel)}
    return frozenset(row for row in touched if 0 <= row < limit)
