"""What the units do with all tiles of a layer, whatever the loop order, the buffers and the places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.tiles import L2Tile, Tiles
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Work:
    """Cycles of all tiles of one repeat, the engine's, core-cycles at work; cycles of the fastest tile, and
    those of a tile by kind (see `Tiles.corners`).
    """

    cycles: Array
    engine: Array
    cores: Array
    fastest: Array
    by_kind: Array

    def take(self, rows: npt.NDArray[np.int64]) -> Work:
        return Work(
            self.cycles[rows], self.engine[rows], self.cores[rows], self.fastest[rows], self.by_kind[:, rows]
        )


def work_of(site: Site, tiles: Tiles, way: str) -> Work:
    """The work of one way to divide a tile."""
    corners = tiles.corners
    some = corners.count > 0
    busy = site.busy(way, tiles.shape, corners.sizes, corners.sums)

    def total(part: Array) -> Array:
        return np.where(some, corners.count * part, 0.0).sum(axis=0)

    by_kind = np.where(some, busy.cycles, np.inf)
    return Work(total(busy.cycles), total(busy.engine), total(busy.cores), by_kind.min(axis=0), busy.cycles)


def l2_kinds(tiles: Tiles, l2: L2Tile) -> tuple[Array, Array]:
    """Of every kind of tile how many the first L2 tile holds, and the last one: (kinds, candidates)."""
    return _kinds_in(tiles, l2, is_last=False), _kinds_in(tiles, l2, is_last=True)


def _kinds_in(tiles: Tiles, l2: L2Tile, *, is_last: bool) -> Array:
    inner = {"P": np.ceil(l2.P2 / tiles.P), "K": np.ceil(l2.K2 / tiles.K)}
    outer = {"P": l2.trips_p, "K": l2.trips_k}
    counts: dict[tuple[str, bool], Array] = {}
    for dim in "PQKC":
        trips = tiles.trips(dim)
        last = trips - (outer[dim] - 1) * inner[dim] if dim in inner else trips
        ends = np.ones(len(tiles), dtype=bool) if is_last or dim not in inner else outer[dim] == 1
        counts[dim, True] = ends.astype(np.float64)  # the layer's last tile, which may be smaller, is in it
        counts[dim, False] = np.where(ends, last - 1, inner.get(dim, trips))
    return np.stack([reduce(np.multiply, (counts[part] for part in kind)) for kind in tiles.corners.kinds])
