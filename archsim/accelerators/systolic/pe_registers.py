"""Accesses of the registers inside the PEs of an unrolled array.

Every MAC reads its operands and reads and rewrites its sum. A value is written into every PE that uses it (a
multicast reaches them all, but each keeps its own), and a sum is read out of every PE that has a part of it
when it leaves the array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np

from archsim.accelerators.systolic.array_work import Moved
from archsim.accelerators.systolic.axes import Axis, IntArray
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import Register
from archsim.accelerators.systolic.streams import tiles_at
from archsim.accelerators.systolic.windows import Nesting, outer_tiles
from archsim.workloads.layer import Contraction


@dataclass(frozen=True)
class PeRegisters:
    """Registers of an array at work on a nest of the lowered `c`; `level` is that of the array tile."""

    nest: Nest
    c: Contraction
    level: int
    held: Mapping[str, Register]  # by operand

    def accesses(self, orders: Sequence[str], output_visits: Grid) -> Moved:
        """Elements read from and written to the register memories, for one group."""
        nest = self.nest
        macs, outputs = nest.m.size * nest.n.size * nest.k.size, nest.m.size * nest.n.size
        result: Moved = {}
        for operand, memory in self.held.items():
            copies = self._copies(operand, orders)
            if operand == "output":
                result[memory.name, "read", "sum"] = macs + outputs * copies
                result[memory.name, "write", "sum"] = macs + outputs * (output_visits - 1)
            else:
                values = nest.n.size * nest.k.size if operand == "weight" else self._pixels_kept
                result[memory.name, "read", operand] = np.array(macs)
                result[memory.name, "write", operand] = values * copies
        return result

    def _copies(self, operand: str, orders: Sequence[str]) -> Grid:
        """PEs along the axis the operand ignores that keep a value of it, added up over its visits."""
        name = IRRELEVANT[operand]
        depth = self.nest.depth(operand, self.level, orders)
        copies: Grid = np.zeros((), dtype=np.int64)
        for d in range(self.level + 2):
            copies = np.where(depth == d, self._at_work[name, d], copies)
        return copies

    @cached_property
    def _at_work(self) -> dict[tuple[str, int], Grid]:
        """(axis, depth) -> PEs along the axis at work in each tile of the depth, added up over the tiles."""
        table: dict[tuple[str, int], Grid] = {}
        for name in {IRRELEVANT[operand] for operand in self.held}:
            axis = self.nest.axis(name)
            for d in range(self.level + 2):
                pes = [_pes_at_work(axis, i, d) for i in range(len(axis))]
                table[name, d] = self.nest.grid(name, np.array(pes, dtype=np.int64))
        return table

    @cached_property
    def _pixels_kept(self) -> Grid:
        """Input values the PEs keep over all array tiles, each PE's own counted, those along N apart."""
        c, rows, columns = self.c, self._lines_kept(0), self._lines_kept(1)
        return (c.B * c.C * rows * columns)[:, np.newaxis, :]

    def _lines_kept(self, side: int) -> IntArray:
        """(M candidates, K candidates): rows (side 0) or columns of the input, summed over tiles and PEs."""
        pixels = [nesting[1 + side] for nesting in self.nest.m.nestings]
        kernels = [nesting[1 + side] for nesting in self.nest.k.nestings]
        pairs = {(p, k): _lines(self.c, side, p, k, self.level) for p in set(pixels) for k in set(kernels)}
        return np.array([[pairs[p, k] for k in kernels] for p in pixels], dtype=np.int64)


def _pes_at_work(axis: Axis, candidate: int, depth: int) -> int:
    nesting = axis.nestings[candidate]
    return sum(
        count * prod(min(e, *n[depth:]) for e, n in zip(extents, nesting, strict=True))
        for extents, count in tiles_at(axis.sizes, nesting, depth)
    )


@lru_cache(maxsize=100_000)
def _lines(c: Contraction, side: int, pixels: Nesting, kernel: Nesting, level: int) -> int:
    size, width, limit = (c.P, c.Q)[side], (c.R, c.S)[side], c.input_size[side]
    stride, dilation, pad = c.stride[side], c.dilation[side], c.padding[side]
    total = 0
    for start, length in outer_tiles(size, pixels[: level + 1]):
        for first, span in outer_tiles(width, kernel[: level + 1]):
            for p in range(start, start + min(pixels[-1], length)):
                for r in range(first, first + min(kernel[-1], span)):
                    lines = {
                        i * stride + j * dilation - pad
                        for i in range(p, start + length, pixels[-1])
                        for j in range(r, first + span, kernel[-1])
                    }
                    total += sum(0 <= line < limit for line in lines)
    return total
