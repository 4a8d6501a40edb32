"""Accesses of the registers inside the PEs of an unrolled array.

Every MAC reads its operands and reads and rewrites its sum. A value is written into every PE that uses it (a
multicast reaches them all, but each keeps its own), and a sum is read out of every PE that has a part of it
when it leaves the array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

import numpy as np

from archsim.accelerators.systolic.axes import Axis, IntArray, Nesting, outer_tiles
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import Register
from archsim.accelerators.systolic.streams import tiles_at
from archsim.workloads.layer import Contraction


def register_accesses(
    nest: Nest,
    c: Contraction,
    level: int,
    orders: Sequence[str],
    held: Mapping[str, Register],
    bits: Mapping[str, int],
    output_visits: Grid,
) -> dict[tuple[str, str], Grid]:
    """(register memory, read | write) -> bits, for one group. `level` is that of the array tile."""
    macs, outputs = nest.m.size * nest.n.size * nest.k.size, nest.m.size * nest.n.size
    accesses: dict[tuple[str, str], Grid] = {}

    def add(memory: Register, action: str, count: Grid | int, width: int) -> None:
        key = memory.name, action
        accesses[key] = accesses.get(key, np.zeros((1, 1, 1), dtype=np.int64)) + np.asarray(count) * width

    for operand, memory in held.items():
        copies = _copies(nest, operand, level, orders)
        if operand == "output":
            add(memory, "read", macs + outputs * copies, bits["sum"])
            add(memory, "write", macs + outputs * (output_visits - 1), bits["sum"])
        else:
            values = nest.n.size * nest.k.size if operand == "weight" else _pixels_kept(nest, c, level)
            add(memory, "read", macs, bits[operand])
            add(memory, "write", values * copies, bits[operand])
    return accesses


def _copies(nest: Nest, operand: str, level: int, orders: Sequence[str]) -> Grid:
    """PEs along the axis the operand ignores that keep a value of it, added up over its visits."""
    name = IRRELEVANT[operand]
    axis, depth = nest.axis(name), nest.depth(operand, level, orders)
    copies: Grid = np.zeros((1, 1, 1), dtype=np.int64)
    for d in range(level + 2):
        at_work = np.array([_pes_at_work(axis, i, d) for i in range(len(axis))], dtype=np.int64)
        copies = np.where(depth == d, nest.grid(name, at_work), copies)
    return copies


def _pes_at_work(axis: Axis, candidate: int, depth: int) -> int:
    nesting = axis.nestings[candidate]
    return sum(
        count * prod(min(e, *n[depth:]) for e, n in zip(extents, nesting, strict=True))
        for extents, count in tiles_at(axis.sizes, nesting, depth)
    )


def _pixels_kept(nest: Nest, c: Contraction, level: int) -> Grid:
    """Input values that the PEs keep, those along N apart, over all array tiles, each PE's own counted."""
    rows = _lines_kept(nest, c, level, side=0)
    columns = _lines_kept(nest, c, level, side=1)
    return (c.B * c.C * rows * columns)[:, np.newaxis, :]


def _lines_kept(nest: Nest, c: Contraction, level: int, side: int) -> IntArray:
    """(M candidates, K candidates): rows (side 0) or columns of the input, summed over tiles and PEs."""
    return np.array(
        [
            [_lines(c, side, pixels[1 + side], kernel[1 + side], level) for kernel in nest.k.nestings]
            for pixels in nest.m.nestings
        ],
        dtype=np.int64,
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
