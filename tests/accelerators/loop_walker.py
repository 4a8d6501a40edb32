"""A tiled contraction executed tile by tile: an independent count of what a mapping moves and holds.

The nest is static. Between two levels of memory run the loops over the tiles of the inner one; a loop of one
nominal iteration is no loop. An operand's tile is brought in just inside the innermost loop that it depends
on. DMA fetches rectangles: the channels that a tile touches × the input rows × the input columns that its
windows read (those that exist); of a run of output pixels, one rectangle per image. Nothing here is a formula
over the whole layer: everything is enumerated. What the array does with a tile is another module's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Protocol

from archsim import Contraction

AXES_OF = {"input": "MK", "weight": "NK", "output": "MN"}
LOOPS = {"weight": "NKM", "input": "MKN", "output": "MNK"}  # outermost first, by the operand that stays
Place = dict[str, tuple[int, int]]  # dimension -> (start, length) of the current tile


@dataclass(frozen=True)
class Nesting:
    """`tiers`: per level, outermost first, which memory holds which operand.

    `tiles` are of B, P and Q or of runs of pixels BPQ; of K; of C·R·S (CRS) or of C, R and S.
    """

    c: Contraction
    tiers: tuple[dict[str, str], ...]
    tiles: dict[str, tuple[int, ...]]
    orders: tuple[str, ...]
    bits: dict[str, int]  # input, weight, output, sum

    @property
    def sizes(self) -> dict[str, int]:
        return {dim: prod(getattr(self.c, each) for each in dim) for dim in self.tiles}

    def dims_of(self, axis: str) -> tuple[str, ...]:
        within = {"M": "BPQ", "N": "K", "K": "CRS"}[axis]
        return tuple(dim for dim in self.tiles if dim in within)

    def dims_of_operand(self, operand: str) -> list[str]:
        return [dim for axis in AXES_OF[operand] for dim in self.dims_of(axis)]

    def extent(self, axis: str, at: Place) -> int:
        return prod(at[dim][1] for dim in self.dims_of(axis))

    def loops(self) -> list[tuple[int, str]]:
        """(level, dimension) of every loop of more than one nominal iteration, outermost first."""
        result = []
        for level, order in enumerate(self.orders):
            for dim in (d for axis in LOOPS[order] for d in self.dims_of(axis)):
                outer = min((self.sizes[dim], *self.tiles[dim][:level]))
                if outer > self.tiles[dim][level]:
                    result.append((level, dim))
        return result

    def levels_of(self, operand: str) -> list[int]:
        return [i for i, tier in enumerate(self.tiers) if operand in tier]

    def feeder(self, operand: str) -> str:
        """The innermost memory that holds the operand."""
        levels = self.levels_of(operand)
        return self.tiers[levels[-1]][operand] if levels else "dram"

    def place(self, operand: str, level: int) -> int:
        """How many loops are outside the place where the operand's tile is brought in."""
        dims = self.dims_of_operand(operand)
        return max(
            (i + 1 for i, (b, dim) in enumerate(self.loops()) if b <= level and dim in dims), default=0
        )


class Array(Protocol):
    """What works on the innermost tiles."""

    def reached(self, depth: int) -> None:
        """A new iteration of the loop number `depth` (0: the whole nest) begins."""

    def work(self, at: Place) -> None:
        """Do one innermost tile."""


@dataclass
class Walk:
    """What one group of the layer did. `moved` are bits by (memory, read | write)."""

    moved: Counter = field(default_factory=Counter)
    held: dict[str, int] = field(default_factory=dict)  # bits by memory, both halves of a double buffer
    cycles: int = 0
    overlapped_cycles: int = 0
    folds: set = field(default_factory=set)  # array-fulls of the busiest core, each however often it comes
    macs: int = 0
    register_bits: dict[str, int] = field(default_factory=dict)  # most that one PE held, by memory


class Walker:
    """`wide` are the levels that ever held a partial sum (DRAM is level -1)."""

    def __init__(self, nesting: Nesting, array: Array, result: Walk) -> None:
        self.n = nesting
        self.array = array
        self.result = result
        self.loops = nesting.loops()
        self.done: Counter = Counter()  # products, by (level, output tile)
        self.fills: Counter = Counter()  # by (operand, level)
        self.largest: Counter = Counter()  # elements, by (operand, level)
        self.wide: set[int] = set()
        self.present: dict[tuple[str, int], Place] = {}  # what each buffer holds now
        self.events: dict[int, list[tuple[str, int]]] = {}
        for operand in AXES_OF:
            for level in nesting.levels_of(operand):
                self.events.setdefault(nesting.place(operand, level), []).append((operand, level))

    def run(self) -> None:
        self._nest(0, {dim: (0, size) for dim, size in self.n.sizes.items()})

    def held(self, rounds: int, together: int = 1) -> dict[str, int]:
        """Bits by memory when buffers are filled `rounds` times over, for `together` groups at a time."""
        held: dict[str, int] = {}
        for (operand, level), most in self.largest.items():
            width = self.n.bits["sum" if operand == "output" and level in self.wide else operand]
            copies = 2 if rounds * self.fills[operand, level] > 1 else 1
            name = self.n.tiers[level][operand]
            held[name] = held.get(name, 0) + most * width * copies * together
        return held

    def _outer(self, operand: str, level: int) -> tuple[str, int]:
        """(memory, level) that the buffer of an operand is filled from."""
        outer = [i for i in self.n.levels_of(operand) if i < level]
        return (self.n.tiers[outer[-1]][operand], outer[-1]) if outer else ("dram", -1)

    def _nest(self, depth: int, at: Place) -> None:
        events = self.events.get(depth, [])
        for operand, level in events:
            self._bring(operand, level, at)
        self.array.reached(depth)
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

    def _bring(self, operand: str, level: int, at: Place) -> None:
        self.fills[operand, level] += 1
        self.present[operand, level] = at
        elements = self._elements(operand, at)
        self.largest[operand, level] = max(self.largest[operand, level], elements)
        outer, outer_level = self._outer(operand, level)
        if operand != "output":
            moved = elements * self.n.bits[operand]
        elif self.done[level, self._output_tile(at)]:
            moved = elements * self.n.bits["sum"]
            self.wide |= {level, outer_level}
        else:
            return
        self.result.moved[outer, "read"] += moved
        self.result.moved[self.n.tiers[level][operand], "write"] += moved

    def _put_away(self, level: int, at: Place) -> None:
        elements = self._elements("output", at)
        products = prod(self.n.sizes[dim] for dim in self.n.dims_of("K"))
        complete = self.done[level, self._output_tile(at)] == elements * products
        outer, outer_level = self._outer("output", level)
        if not complete:
            self.wide.add(outer_level)
        moved = elements * self.n.bits["output" if complete else "sum"]
        self.result.moved[self.n.tiers[level]["output"], "read"] += moved
        self.result.moved[outer, "write"] += moved

    def _elements(self, operand: str, at: Place) -> int:
        if operand != "input":
            return prod(at[dim][1] for dim in self.n.dims_of_operand(operand))
        return self._pixels(at) * self._channels(at)

    def _pixels(self, at: Place) -> int:
        """Input rows × columns × images that DMA fetches for a tile."""
        c = self.n.c
        kernel_rows, kernel_columns = (at.get(dim, (0, getattr(c, dim))) for dim in "RS")
        if "BPQ" not in at:
            return at["B"][1] * _rectangle(c, at["P"], at["Q"], kernel_rows, kernel_columns)
        return sum(_rectangle(c, rows, columns, (0, c.R), (0, c.S)) for rows, columns in _runs(c, at["BPQ"]))

    def _channels(self, at: Place) -> int:
        if "C" in at:
            return at["C"][1]
        start, length = at["CRS"]
        return len({i // (self.n.c.R * self.n.c.S) for i in range(start, start + length)})

    def _compute(self, at: Place) -> None:
        self._check_present(at)
        self.array.work(at)
        macs = prod(length for _, length in at.values())
        self.result.macs += macs
        for level in self.n.levels_of("output"):
            self.done[level, self._output_tile(self.present["output", level])] += macs

    def _check_present(self, at: Place) -> None:
        """The reuse is legal: every buffer holds what this tile needs."""
        for (operand, _), held in self.present.items():
            for dim in self.n.dims_of_operand(operand):
                assert held[dim][0] <= at[dim][0]
                assert at[dim][0] + at[dim][1] <= held[dim][0] + held[dim][1]

    def _output_tile(self, at: Place) -> tuple:
        return tuple(at[dim] for dim in self.n.dims_of_operand("output"))


def _runs(c: Contraction, run: tuple[int, int]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(output rows, output columns) of the rectangle that a run of pixels spans in each image it touches."""
    by_image: dict[int, list[tuple[int, int]]] = {}
    for pixel in range(run[0], run[0] + run[1]):
        by_image.setdefault(pixel // (c.P * c.Q), []).append((pixel // c.Q % c.P, pixel % c.Q))
    result = []
    for pixels in by_image.values():
        rows = {p for p, _ in pixels}
        columns = {q for _, q in pixels} if len(rows) == 1 else range(c.Q)
        result.append(((min(rows), len(rows)), (min(columns), len(columns))))
    return result


@cache
def _rectangle(c: Contraction, rows, columns, kernel_rows, kernel_columns) -> int:
    return len(_window(c, 0, rows, kernel_rows)) * len(_window(c, 1, columns, kernel_columns))


def _window(c: Contraction, side: int, outputs: tuple[int, int], kernel: tuple[int, int]) -> set[int]:
    """Input rows (side 0) or columns (side 1) that exist and are read for these outputs and positions."""
    return {
        i
        for output in piece_range(outputs)
        for position in piece_range(kernel)
        if 0 <= (i := input_of(c, side, output, position)) < c.input_size[side]
    }


def input_of(c: Contraction, side: int, output: int, position: int) -> int:
    return output * c.stride[side] + position * c.dilation[side] - c.padding[side]


def piece_range(piece: tuple[int, int]) -> Iterable[int]:
    return range(piece[0], piece[0] + piece[1])
