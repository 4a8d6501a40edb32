"""A contraction's chosen tiles as schedules: the loops, run-length coded, with what each tile moves and
costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil

import numpy as np

from archsim.accelerators.cluster.program import LayerProgram, channel
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.tiles import L2Tile, Tiles
from archsim.accelerators.cluster.traffic import Plan, input_dims, weight_bytes, weight_dims
from archsim.accelerators.cluster.work import Site
from archsim.accelerators.systolic.extents import input_window
from archsim.kernel.schedule import Firing, Loop, Node


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive iterations of one tile loop that are alike. `inner`: the L1 tiles in this L2 tile."""

    count: int
    extent: int
    reads: int  # input rows or columns
    first: bool
    last: bool
    inner: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Loops:
    """Loops outermost first: (name, dimension); names of L2 loops end in 2. `stays`: per operand and memory
    the loops inside which a tile stays, so that it is moved when all of them are at their first iteration.
    """

    order: tuple[str, ...]
    pieces: Mapping[str, tuple[Piece, ...]]  # of the loops that are not inside an L2 tile
    stays: Mapping[str, frozenset[str]]

    def at_first(self, operand: str, at: Mapping[str, Piece]) -> bool:
        return all(at[name].first for name in self.stays[operand])

    def walk(self, leaf: Callable[[Mapping[str, Piece]], Firing | None], names: Sequence[str]) -> Node:
        return Loop(1, self._walk(leaf, names, {}))

    def _walk(
        self,
        leaf: Callable[[Mapping[str, Piece]], Firing | None],
        names: Sequence[str],
        at: dict[str, Piece],
    ) -> tuple[Node, ...]:
        if not names:
            firing = leaf(at)
            return (firing,) if firing else ()
        name, *others = names
        outer = at.get(f"{name}2")
        nodes: list[Node] = []
        for piece in outer.inner if outer is not None else self.pieces[name]:
            body = self._walk(leaf, others, at | {name: piece})
            if body:
                nodes.append(Loop(piece.count, body))
        return tuple(nodes)


def loops_of(tiles: Tiles, l2: L2Tile, plan: Plan) -> Loops:
    """The loops of the one tiling in `tiles`."""
    shape = tiles.shape
    size = {dim: int(getattr(tiles, dim)[0]) for dim in "PQKC"}
    outer = {"P2": int(l2.P2[0]), "K2": int(l2.K2[0])}
    names = {"weight": ("K2", "P2", "K", "P", "Q", "C"), "input": ("P2", "K2", "P", "Q", "K", "C")}[
        plan.order
    ]
    static = dict(zip(names, (int(trips[0]) for _, trips in l2.loops(tiles, plan.order)), strict=True))
    stays = {
        "input": _stays(names, static, input_dims(shape)),
        "weight": _stays(names, static, weight_dims(shape)),
        "input2": _stays(names[:2], static, "PK" if shape.depthwise else "P"),
        "weight2": _stays(names[:2], static, "K"),
    }
    pieces = {
        "P2": _l2_pieces(shape, "P", outer["P2"], size["P"]),
        "K2": _l2_pieces(shape, "K", outer["K2"], size["K"]),
        "Q": _pieces(shape, "Q", 0, shape.Q, size["Q"]),
        "C": _pieces(shape, "C", 0, shape.C, size["C"]),
    }
    return Loops(names, pieces, stays)


def _stays(names: Sequence[str], trips: Mapping[str, int], dims: str) -> frozenset[str]:
    inside: set[str] = set()
    for name in reversed(names):
        if name[0] in dims and trips[name] > 1:
            break
        if name[0] not in dims:
            inside.add(name)
    return frozenset(inside)


def _pieces(shape: Shape, dim: str, start: int, length: int, tile: int) -> tuple[Piece, ...]:
    described = (
        (
            min(tile, start + length - at),
            _reads(shape, dim, at, min(tile, start + length - at)),
            at == start,
            at + tile >= start + length,
        )
        for at in range(start, start + length, tile)
    )
    return tuple(Piece(sum(1 for _ in alike), *piece) for piece, alike in groupby(described))


def _l2_pieces(shape: Shape, dim: str, outer: int, tile: int) -> tuple[Piece, ...]:
    size = getattr(shape, dim)
    found = [
        Piece(
            1,
            min(outer, size - at),
            _reads(shape, dim, at, min(outer, size - at)),
            at == 0,
            at + outer >= size,
            _pieces(shape, dim, at, min(outer, size - at), tile),
        )
        for at in range(0, size, outer)
    ]
    return tuple(
        Piece(sum(1 for _ in alike), p.extent, p.reads, p.first, p.last, p.inner)
        for p, alike in groupby(found)
    )


def _reads(shape: Shape, dim: str, start: int, extent: int) -> int:
    if dim not in "PQ":
        return extent
    side = "PQ".index(dim)
    kernel, stride = (shape.R, shape.S)[side], shape.stride[side]
    pad = shape.padding[side] - start * stride
    return input_window(extent, extent, kernel, stride, shape.dilation[side], pad, shape.input_size[side])[0]


@dataclass(frozen=True)
class TileCosts:
    """Whole cycles of one tile's transfers and work."""

    site: Site
    tiles: Tiles
    plan: Plan
    loops: Loops
    known: dict[tuple[int, ...], int] = field(default_factory=dict)

    def load(self, at: Mapping[str, Piece]) -> int:
        cycles = 0.0
        if self.loops.at_first("input", at):
            cycles += self.input(at)
        if self.loops.at_first("weight", at):
            cycles += self.weights(at)
        return ceil(cycles - 1e-9)

    def input(self, at: Mapping[str, Piece]) -> float:
        shape, trips = self.tiles.shape, self.tiles.trips
        channels = at["K" if shape.depthwise else "C"].extent
        rows, columns = at["P"].reads, at["Q"].reads
        cut = trips("K" if shape.depthwise else "C")[0] > 1
        lines = rows * columns if cut else rows if trips("Q")[0] > 1 else 1
        size = rows * columns * channels * self.site.precision.activation_bits / 8
        return float(self.site.transfer_cycles(np.float64(size), 1, lines))

    def weights(self, at: Mapping[str, Piece]) -> float:
        shape = self.tiles.shape
        k, c = (np.array([float(at[dim].extent)]) for dim in "KC")
        lines = 1 if shape.static_weights else at["K"].extent
        size = weight_bytes(self.site, shape, self.plan.way, k, c)
        return float(self.site.transfer_cycles(size, 1, lines)[0])

    def store(self, at: Mapping[str, Piece]) -> int:
        p, q, k = (at[dim].extent for dim in "PQK")
        trips = self.tiles.trips
        lines = p * q if trips("K")[0] > 1 else p if trips("Q")[0] > 1 else 1
        size = p * q * k * self.site.precision.output_bits / 8
        return ceil(float(self.site.transfer_cycles(np.float64(size), 1, lines)) - 1e-9)

    def compute(self, at: Mapping[str, Piece]) -> int:
        """Worked out once for tiles that are alike."""
        passes = (not at["C"].first) + (not at["C"].last)
        alike = (*(at[dim].extent for dim in "PQKC"), passes)
        if alike not in self.known:
            sizes = {dim: np.array([float(size)]) for dim, size in zip("PQKC", alike, strict=False)}
            sums = np.array([float(passes)])
            busy = self.site.busy(self.plan.way, self.tiles.shape, sizes, sums)
            self.known[alike] = ceil(float(busy.cycles[0]) - 1e-9)
        return self.known[alike]

    def fetch(self, at: Mapping[str, Piece]) -> int:
        shape, places, site = self.tiles.shape, self.plan.places, self.site
        cycles = 0.0
        if places.input == "l3" and self.loops.at_first("input2", at):
            channels = at["K2"].extent if shape.depthwise else shape.C
            size = at["P2"].reads * shape.input_size[1] * channels * site.precision.activation_bits / 8
            cycles += float(site.l3_cycles(np.float64(size)))
        if places.weight == "l3" and self.loops.at_first("weight2", at):
            k, c = np.array([float(at["K2"].extent)]), np.array([float(shape.C)])
            cycles += float(site.l3_cycles(weight_bytes(site, shape, self.plan.way, k, c))[0])
        return ceil(cycles - 1e-9)

    def spill(self, at: Mapping[str, Piece]) -> int:
        size = at["P2"].extent * self.tiles.shape.Q * at["K2"].extent * self.site.precision.output_bits / 8
        return ceil(float(self.site.l3_cycles(np.float64(size))) - 1e-9)


def tile_program(
    name: str, site: Site, tiles: Tiles, l2: L2Tile, plan: Plan, *, prefetch: bool, early_fetch: bool
) -> LayerProgram:
    """The layer of the one tiling in `tiles`."""
    loops = loops_of(tiles, l2, plan)
    costs = TileCosts(site, tiles, plan, loops)
    fetches = "l3" in (plan.places.input, plan.places.weight)
    loaded, finished, free = (channel(name, what) for what in ("loaded", "finished", "free"))
    staged, made = channel(name, "staged"), channel(name, "made")

    def load(at: Mapping[str, Piece]) -> Firing:
        take = {staged: 1} if fetches and _last_in_l2(at) else {}
        need = {staged: 1} if fetches else {}
        return Firing(costs.load(at), take=take, give={loaded: 1}, need=need)

    def compute(at: Mapping[str, Piece]) -> Firing:
        take = {loaded: 1} | ({free: 1} if at["C"].first else {})
        return Firing(costs.compute(at), take=take, give={finished: 1} if at["C"].last else {})

    def store(at: Mapping[str, Piece]) -> Firing | None:
        if not at["C"].last:
            return None
        give = {free: 1} | ({made: 1} if plan.places.output == "l3" and _last_in_l2(at) else {})
        return Firing(costs.store(at), take={finished: 1}, give=give)

    def schedule(leaf: Callable[[Mapping[str, Piece]], Firing | None], names: Sequence[str]) -> Node:
        return Loop(tiles.shape.repeats, [loops.walk(leaf, names)])

    l2_loops, spills = loops.order[:2], plan.places.output == "l3"
    first = dict(_first_pieces(loops))
    return LayerProgram(
        name=name,
        load=schedule(load, loops.order),
        compute=schedule(compute, loops.order),
        store=schedule(store, loops.order),
        fetch=schedule(lambda at: Firing(costs.fetch(at), give={staged: 1}), l2_loops) if fetches else None,
        spill=schedule(lambda at: Firing(costs.spill(at), take={made: 1}), l2_loops) if spills else None,
        depth=plan.buffers,
        start_cycles=site.spec.overheads.layer_cycles,
        prefetch_cycles=int(costs.weights(first)) if prefetch else 0,
        early_fetch=early_fetch,
        resource="engine" if plan.way == "engine" else "cluster",
    )


def _last_in_l2(at: Mapping[str, Piece]) -> bool:
    return all(at[name].last for name in "PQKC")


def _first_pieces(loops: Loops) -> Iterator[tuple[str, Piece]]:
    for name in loops.order:
        outer = f"{name}2"
        yield name, (loops.pieces[outer][0].inner if outer in loops.pieces else loops.pieces[name])[0]
