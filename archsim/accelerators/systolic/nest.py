"""Reuse analysis of a tiled loop nest: how often each operand's tile is brought into a buffer.

Between two levels of the memory hierarchy run three loops, over the tiles of M, N and K. Which operand
stays while the innermost of them turns is the level's order. A fill sits in the static loop nest just inside
the innermost loop (of more than one iteration) that its operand depends on; loops further in reuse it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.axes import Axis, PixelAxis, ProductAxis

Grid = npt.NDArray[Any]
"""An array that broadcasts over (M candidates, N candidates, K candidates)."""

LOOP_ORDERS: Mapping[str, str] = {"weight": "NKM", "input": "MKN", "output": "MNK"}
"""Loops, outermost first, of the order that keeps the named operand in place."""

IRRELEVANT: Mapping[str, str] = {"weight": "M", "input": "N", "output": "K"}
"""The one axis that an operand does not depend on."""


@dataclass(frozen=True)
class Nest:
    """Mappings made of the three axes' candidates: all combinations as grids of a common shape, or with
    `rows` (a candidate's index for each axis) so many single ones as flat arrays.
    """

    m: PixelAxis
    n: Axis
    k: ProductAxis
    rows: Mapping[str, npt.NDArray[np.int64]] | None = None

    def at(self, m: npt.NDArray[np.int64], n: npt.NDArray[np.int64], k: npt.NDArray[np.int64]) -> Nest:
        """The mappings with these candidates of the axes."""
        return Nest(self.m, self.n, self.k, {"M": m, "N": n, "K": k})

    @property
    def levels(self) -> int:
        return self.m.tiles.shape[1]

    @property
    def shape(self) -> tuple[int, ...]:
        if self.rows is not None:
            return self.rows["M"].shape
        return len(self.m), len(self.n), len(self.k)

    def axis(self, name: str) -> Axis:
        return {"M": self.m, "N": self.n, "K": self.k}[name]

    def grid(self, name: str, values: npt.NDArray[Any]) -> Grid:
        """One value per candidate of axis `name`, shaped to broadcast against the other axes."""
        if self.rows is not None:
            return values[self.rows[name]]
        return values.reshape(tuple(-1 if axis == name else 1 for axis in "MNK"))

    def tiles(self, name: str, level: int) -> Grid:
        return self._levels[name][level][0]

    def counts(self, name: str, level: int) -> Grid:
        return self._levels[name][level][1]

    def turns(self, name: str, level: int) -> Grid:
        return self._levels[name][level][2]

    @cached_property
    def _levels(self) -> dict[str, list[tuple[Grid, Grid, Grid]]]:
        """By axis and level: tile sizes, counts, whether the loop turns. Small, and asked for very often."""
        return {
            name: [
                (
                    self.grid(name, axis.tiles[:, level]),
                    self.grid(name, axis.counts[:, level]),
                    self.grid(name, axis.turns[:, level]),
                )
                for level in range(self.levels)
            ]
            for name, axis in (("M", self.m), ("N", self.n), ("K", self.k))
        }

    @cached_property
    def _depths(self) -> dict[tuple[str, int, tuple[str, ...]], Grid]:
        return {}

    def tile_elements(self, operand: str, level: int) -> Grid:
        """Elements of the operand's largest tile at `level`."""
        if operand == "input":
            return self._pixels(self.m.window_max, level) * self.grid("K", self.k.channels_max[:, level])
        first, second = (a for a in "MNK" if a != IRRELEVANT[operand])
        return self.tiles(first, level) * self.tiles(second, level)

    def volume(self, operand: str, level: int) -> Grid:
        """Elements of all the operand's tiles at `level`, each tile once (halos counted in every tile)."""
        if operand == "input":
            return self._pixels(self.m.window_sum, level) * self.grid("K", self.k.channels_sum[:, level])
        first, second = (a for a in "MNK" if a != IRRELEVANT[operand])
        return np.array(self.axis(first).size * self.axis(second).size).reshape(())

    def _pixels(self, windows: npt.NDArray[Any], level: int) -> Grid:
        at_level = windows[:, level, :]
        if self.rows is not None:
            return at_level[self.rows["M"], self.k.kernel_case[self.rows["K"], level]]
        if at_level.shape[1] == 1:
            return self.grid("M", at_level[:, 0])
        return at_level[:, self.k.kernel_case[:, level]][:, np.newaxis, :]

    def depth(self, operand: str, level: int, orders: Sequence[str]) -> Grid:
        """Down to which level the operand is brought in anew for every tile of the axis it ignores.

        0: never, each of its tiles at `level` comes in once; d: once per tile that level d − 1 cuts the
        axis into. `orders[b]` is the order of the loops outside level b.
        """
        key = operand, level, tuple(orders[: level + 1])
        if key not in self._depths:
            self._depths[key] = self._depth(*key)
        return self._depths[key]

    def _depth(self, operand: str, level: int, orders: Sequence[str]) -> Grid:
        axis = IRRELEVANT[operand]
        moves: Grid = np.zeros((), dtype=bool)  # does a loop further in replace the operand?
        depth: Grid = np.zeros((), dtype=np.int64)
        for b in reversed(range(level + 1)):
            loops = LOOP_ORDERS[orders[b]]
            inside = moves
            for loop in loops[loops.index(axis) + 1 :]:
                inside = inside | self.turns(loop, b)
            depth = np.where((depth == 0) & inside, b + 1, depth)
            for loop in loops.replace(axis, ""):
                moves = moves | self.turns(loop, b)
        return depth

    def visits(self, operand: str, level: int, orders: Sequence[str]) -> Grid:
        """How many times each of the operand's tiles is brought into `level`."""
        depth = self.depth(operand, level, orders)
        visits: Grid = np.ones((), dtype=np.int64)
        for b in range(level + 1):
            visits = np.where(depth == b + 1, self.counts(IRRELEVANT[operand], b), visits)
        return visits
