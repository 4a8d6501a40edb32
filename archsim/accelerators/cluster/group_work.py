"""What the units do in groups of tilings, at the least, and in single ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.tile_work import Work, l2_kinds
from archsim.accelerators.cluster.tiles import L2Tile, Tiles
from archsim.accelerators.cluster.tilings import Counts

Array = npt.NDArray[np.float64]


class UnitWork(Protocol):
    """What the units do in one repeat (see `tile_work.Work`)."""

    def cycles(self, part: str) -> Array:
        """all, first or end: of all tiles, of the first or of the last L2 tile's; least: of the fastest."""
        ...

    @property
    def cores(self) -> Array: ...

    @property
    def engine(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class LeastWork:
    """Sums of products of the least counts of pixels, output and input channels."""

    x: Counts
    k: Counts
    c: Counts

    def cycles(self, part: str) -> Array:
        return np.maximum(self._products("cycles", part), self._products("bound", part))

    @property
    def cores(self) -> Array:
        return self._products("cores", "all")

    @property
    def engine(self) -> Array:
        return self._products("engine", "all")

    def _products(self, name: str, part: str) -> Array:
        if f"{name}:{part}" not in self.x:
            return np.zeros(1)
        inputs = self.c[f"{name}:{'least' if part == 'least' else 'all'}"]
        terms = self.x[f"{name}:{part}"] * self.k[f"{name}:{part}"] * inputs
        return terms if terms.ndim == 1 else terms.sum(axis=1)


@dataclass(frozen=True, eq=False)
class ExactWork:
    """Of single tilings."""

    work: Work
    tiles: Tiles
    l2: L2Tile

    def cycles(self, part: str) -> Array:
        if part == "all":
            return self.work.cycles
        if part == "least":
            return self.work.fastest
        first, end = l2_kinds(self.tiles, self.l2)
        return ((first if part == "first" else end) * self.work.by_kind).sum(axis=0)

    @property
    def cores(self) -> Array:
        return self.work.cores

    @property
    def engine(self) -> Array:
        return self.work.engine
