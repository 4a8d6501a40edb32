"""All sizes of a layer's tiles, in three independent parts: pixels, output channels, input channels.

Each part lists every choice of its sizes with counts that costs rise with, as a tree of groups of choices
that are alike: a group has the least of each count. Sizes in L2 are whole tiles of L1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.products import Product, WorkProducts
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.tiles import input_windows

Array = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
BRANCHES = 4


@dataclass(frozen=True, eq=False)
class Axis:
    """The choices of one part. Nodes 0 to n - 1 of the tree are the n choices, the last one is the root.

    `least`: (nodes, counts), where each count is: `place`. `first` of its children, which follow each other;
    `spread`: how unlike a node's choices are.
    """

    sizes: Mapping[str, Array]
    least: Array
    place: Mapping[str, slice]
    first: Int
    branches: Int
    spread: Array

    @classmethod
    def of(cls, sizes: Mapping[str, Array], counts: Mapping[str, Array], alike: Sequence[str]) -> Axis:
        """Choices that are alike follow each other, by the counts `alike`."""
        size = len(next(iter(sizes.values())))
        columns = {name: count.reshape(size, -1) for name, count in counts.items()}
        ends = np.cumsum([0, *(column.shape[1] for column in columns.values())])
        place = {name: slice(a, b) for name, a, b in zip(columns, ends[:-1], ends[1:], strict=True)}
        judged = np.log1p(np.stack([counts[name] for name in alike], axis=1))
        least, low, high = [np.concatenate(list(columns.values()), axis=1)], judged, judged
        first, branches = [np.zeros(size, dtype=int)], [np.zeros(size, dtype=int)]
        spread, start = [np.full(size, -1.0)], 0
        while (size := len(least[-1])) > 1:
            at = np.arange(0, size, BRANCHES)
            first.append(start + at)
            branches.append(np.minimum(BRANCHES, size - at))
            least.append(np.minimum.reduceat(least[-1], at))
            low, high = np.minimum.reduceat(low, at), np.maximum.reduceat(high, at)
            spread.append((high - low).sum(axis=1))
            start += size
        levels = (np.concatenate(level) for level in (least, first, branches, spread))
        table, first_child, number, unlike = levels
        return cls(dict(sizes), table, place, first_child, number, unlike)

    @classmethod
    def root_of(cls, sizes: Mapping[str, Array], counts: Mapping[str, Array], alike: Sequence[str]) -> Axis:
        """All choices as one group."""
        least = {name: count.min(axis=0, keepdims=True) for name, count in counts.items()}
        return cls.of({name: size[:1] for name, size in sizes.items()}, least, alike)

    def __len__(self) -> int:
        """How many choices there are."""
        return len(next(iter(self.sizes.values())))

    @property
    def root(self) -> int:
        return len(self.least) - 1

    def at(self, nodes: Int) -> Mapping[str, Array]:
        """The least counts of some nodes by name: (nodes,), or (nodes, terms) of a sum of products."""
        rows = self.least[nodes]
        return {
            name: rows[:, where] if where.stop - where.start != 1 else rows[:, where.start]
            for name, where in self.place.items()
        }

    def children(self, nodes: Int) -> tuple[Int, Int]:
        """(place in `nodes` of its parent, child) of all their children; a choice is its own child."""
        number = np.maximum(self.branches[nodes], 1)
        parent = np.repeat(np.arange(len(nodes)), number)
        nth = np.arange(len(parent)) - (np.cumsum(number) - number)[parent]
        return parent, np.where(self.branches[nodes] > 0, self.first[nodes], nodes)[parent] + nth


@dataclass(frozen=True)
class Cut:
    """A dimension cut into tiles of `tile`, and into L2 tiles of `outer`."""

    tile: Array
    outer: Array
    trips: Array
    last: Array  # size of the last tile
    inner: Array  # tiles in a full L2 tile
    outer_trips: Array
    outer_last: Array

    @classmethod
    def of(cls, size: int, tile: Array, outer: Array) -> Cut:
        trips, outer_trips = np.ceil(size / tile), np.ceil(size / outer)
        return cls(
            tile,
            outer,
            trips,
            size - (trips - 1) * tile,
            np.ceil(outer / tile),
            outer_trips,
            size - (outer_trips - 1) * outer,
        )

    def take(self, chosen: Int) -> Cut:
        return Cut(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def sums(self, full: Array, last: Array) -> dict[str, Array]:
        """Of a quantity (choices, terms) of full tiles and the last: over all of them, over those of the
        first and the last L2 tile; and the least.
        """

        def over(fulls: Array, lasts: Array | float) -> Array:
            return fulls[:, np.newaxis] * full + np.reshape(lasts, (-1, 1)) * last

        in_last = self.trips - (self.outer_trips - 1) * self.inner
        only = self.outer_trips == 1
        return {
            "all": over(self.trips - 1, 1.0),
            "first": over(np.where(only, in_last - 1, self.inner), np.where(only, 1.0, 0.0)),
            "end": over(in_last - 1, 1.0),
            "least": np.where((self.trips > 1)[:, np.newaxis], np.minimum(full, last), last),
        }


MakeAxis = Callable[[Mapping[str, Array], Mapping[str, Array], Sequence[str]], Axis]
"""`Axis.of`, or `Axis.root_of` where no more is needed."""


@lru_cache(maxsize=64)
def every_cut(size: int, *, in_l2: bool) -> Cut:
    """Every size of tiles, and with `in_l2` of L2 tiles, too; those of one number of tiles side by side."""
    tile = np.arange(1.0, size + 1)
    if not in_l2:
        return Cut.of(size, tile, np.full(size, float(size)))
    trips = np.ceil(size / tile).astype(int)
    several = np.repeat(tile, trips)
    number = np.concatenate([np.arange(1.0, count + 1) for count in trips])
    cut = Cut.of(size, several, np.minimum(several * number, size))
    return cut.take(np.lexsort([cut.tile, cut.trips, cut.outer_trips]))


def input_axis(shape: Shape, work: WorkProducts, tile_bytes: Array, make: MakeAxis) -> Axis:
    """Of input channels; `tile_bytes`: what each size counts for in a tile of weights."""
    cut = every_cut(shape.C, in_l2=False)
    last = cut.last.astype(int) - 1
    counts = {"trips": cut.trips, "tile": cut.tile, "weight": tile_bytes}
    counts["weights"] = (cut.trips - 1) * tile_bytes + tile_bytes[last]
    for name, products in _named(work).items():
        full = _stacked([product.inputs(cut.tile) for product in products], len(cut.tile))
        sums = cut.sums(full, full[last])
        passed = np.array([product.sums for product in products], dtype=bool)
        # all but the last tile store their sums, all but the first load them
        often, once = 2 * (cut.trips - 1) / cut.trips, np.minimum(cut.trips - 1, 1)
        counts[f"{name}:all"] = sums["all"] * np.where(passed, often[:, np.newaxis], 1.0)
        if name == work.parts:
            counts[f"{name}:least"] = sums["least"] * np.where(passed, once[:, np.newaxis], 1.0)
    return make({"C": cut.tile}, counts, ("trips", "tile"))


def output_axis(shape: Shape, work: WorkProducts, tile_bytes: Array, make: MakeAxis, *, in_l2: bool) -> Axis:
    """Of output channels; `tile_bytes`: what each size counts for in a tile of weights."""
    cut = every_cut(shape.K, in_l2=in_l2)
    at = {name: getattr(cut, name).astype(int) - 1 for name in ("tile", "last", "outer", "outer_last")}
    weight = {name: tile_bytes[index] for name, index in at.items()}
    counts = {"trips": cut.trips, "tile": cut.tile, "last": cut.last, "inner": cut.inner}
    counts |= {"l2_trips": cut.outer_trips, "l2": cut.outer, "l2_last": cut.outer_last, "less_l2": -cut.outer}
    counts |= {"weight": weight["tile"], "weights": (cut.trips - 1) * weight["tile"] + weight["last"]}
    counts["l2_weight"] = weight["outer"]
    counts["less_l2_weight"] = -weight["outer"]
    counts["l2_weights"] = (cut.outer_trips - 1) * weight["outer"] + weight["outer_last"]
    every = np.arange(1.0, shape.K + 1)
    for name, products in _named(work).items():
        known = _stacked([product.outputs(every) for product in products], shape.K)
        sums = cut.sums(known[at["tile"]], known[at["last"]])
        counts |= {f"{name}:{part}": sums[part] for part in _parts(work, name)}
    return make({"K": cut.tile, "K2": cut.outer}, counts, ("l2_trips", "trips", "tile"))


@lru_cache(maxsize=64)
def every_pixel_cut(shape: Shape, *, in_l2: bool) -> PixelCuts:
    rows, columns = every_cut(shape.P, in_l2=in_l2), every_cut(shape.Q, in_l2=False)
    pairs = np.indices((len(rows.tile), len(columns.tile))).reshape(2, -1)
    rows, columns = rows.take(pairs[0]), columns.take(pairs[1])
    order = np.lexsort([rows.tile * columns.tile, columns.trips, rows.trips, rows.outer_trips])
    rows, columns = rows.take(order), columns.take(order)
    return PixelCuts(rows, columns, _pixel_counts(shape, rows, columns))


@dataclass(frozen=True)
class PixelCuts:
    """Rows and columns cut into tiles, each pair a choice, and the counts that the work does not change."""

    rows: Cut
    columns: Cut
    counts: Mapping[str, Array]

    def with_rows_above(self, rows: int) -> PixelCuts:
        """Only tiles of more rows."""
        chosen = np.flatnonzero(self.rows.tile > rows)
        counts = {name: count[chosen] for name, count in self.counts.items()}
        return PixelCuts(self.rows.take(chosen), self.columns.take(chosen), counts)


def pixel_axis(work: WorkProducts, cuts: PixelCuts, units: Array, make: MakeAxis) -> Axis:
    """Of rows and columns of pixels; `units`: what a size of rows costs the units beside."""
    rows, columns = cuts.rows, cuts.columns
    counts = {**cuts.counts, "units": units[rows.tile.astype(int) - 1]}
    for name, products in _named(work).items():
        sums = _pixel_sums(products, rows, columns)
        counts |= {f"{name}:{part}": sums[part] for part in _parts(work, name)}
    sizes = {"P": rows.tile, "P2": rows.outer, "Q": columns.tile}
    return make(sizes, counts, ("l2_trips", "p", "q", "pixels"))


def _pixel_counts(shape: Shape, rows: Cut, columns: Cut) -> dict[str, Array]:
    read, most, first = input_windows(shape, 0, rows.tile).T
    wide, wide_most, wide_first = input_windows(shape, 1, columns.tile).T
    l2_read, l2_most, l2_first = input_windows(shape, 0, rows.outer).T
    read_all, in_parts = read * wide, columns.trips > 1
    return {
        "p": rows.trips,
        "q": columns.trips,
        "tiles": rows.trips * columns.trips,
        "read": read_all,
        "read_lines": np.minimum(np.where(in_parts, read * columns.trips, rows.trips), 2 * read_all),
        "written_lines": np.where(in_parts, shape.P * columns.trips, rows.trips),
        "window": most * wide_most,
        "window_first": first * wide_first,
        "window_rows": most,
        "pixels": rows.tile * columns.tile,
        "pixels_last": rows.last * columns.last,
        "inner": rows.inner,
        "l2_trips": rows.outer_trips,
        "l2": rows.outer,
        "less_l2": -rows.outer,
        "l2_last": rows.outer_last,
        "l2_read": l2_read,
        "l2_window": l2_most,
        "less_l2_window": -l2_most,
        "l2_window_first": l2_first,
    }


def _pixel_sums(products: Sequence[Product], rows: Cut, columns: Cut) -> dict[str, Array]:
    def over_columns(p: Array) -> tuple[Array, Array]:
        """Of tiles of p rows: over all columns, and the least of one tile."""
        full, last = (
            _stacked([product.pixels(p, q) for product in products], len(p))
            for q in (columns.tile, columns.last)
        )
        sums = columns.sums(full, last)
        return sums["all"], sums["least"]

    (full, full_least), (last, last_least) = over_columns(rows.tile), over_columns(rows.last)
    return rows.sums(full, last) | {"least": rows.sums(full_least, last_least)["least"]}


def _parts(work: WorkProducts, name: str) -> tuple[str, ...]:
    return ("all", "first", "end", "least") if name == work.parts else ("all",)


def _named(work: WorkProducts) -> dict[str, tuple[Product, ...]]:
    found = {"cycles": work.cycles, "bound": work.cycles_least, "engine": work.engine, "cores": work.cores}
    return {name: products for name, products in found.items() if products}


def _stacked(terms: Sequence[Array], size: int) -> Array:
    return np.stack([np.broadcast_to(term, size) for term in terms], axis=1)
