"""An upper bound of the kernel's latency in closed form: a lockstep double buffer.

While the array works on tile i, the DRAM channel puts away the output tile that was finished before it and
brings in tile i + 1; both wait for each other at the end of the step. That is one schedule of the same
transfers in the same order (see `program`), and the kernel, which waits only where it must, is never slower.
Its length is the sum over all steps of max(array, DRAM). Steps are counted by classes, according to which
loop turns next and which tiles are ragged: what the array does is exact in each class, what is moved is
bounded by a full tile's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.axes import Axis, IntArray
from archsim.accelerators.systolic.nest import IRRELEVANT, LOOP_ORDERS, Grid
from archsim.accelerators.systolic.pricing import KINDS
from archsim.accelerators.systolic.stationary import StationaryArray

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Tiles of an axis that are alike: how many, elements of each, whether they are the axis's first."""

    count: Grid
    extent: Grid
    is_first: Grid


@dataclass(frozen=True)
class Step:
    """A class of steps: (mappings,) counts, cycles and MACs of the array; elements moved, by kind."""

    count: Grid
    cycles: Grid
    macs: Grid
    moved: Mapping[str, Grid]


def lockstep_cycles(
    array: StationaryArray,
    order: str,
    rounds: int,
    widths: Mapping[str, Float],
    bits_per_cycle: float | None,
    port_cycles_per_mac: Float | None,
) -> Float:
    """(mappings, precisions): steps of the tiles of a flat nest (one tier) without the first load and the last
    store. `port_cycles_per_mac` (mappings, precisions) is the slowest buffer port's pace, if any is finite.
    """
    total = _loading_once(array, order, rounds)[:, np.newaxis].astype(np.float64)
    for step in _steps(array, order, rounds):
        busy = step.cycles[:, np.newaxis]
        if port_cycles_per_mac is not None:
            busy = np.maximum(busy, np.ceil(step.macs[:, np.newaxis] * port_cycles_per_mac * (1 + 1e-12)))
        if bits_per_cycle is not None and step.moved:
            busy = np.maximum(busy, _transfer(step.moved, widths, bits_per_cycle))
        total = total + step.count[:, np.newaxis] * busy
    return total


def _transfer(moved: Mapping[str, Grid], widths: Mapping[str, Float], rate: float) -> Float:
    """Cycles of one load and one store, each a whole number of them."""
    load = sum(grid[:, np.newaxis] * widths[kind] for kind, grid in moved.items() if kind in KINDS)
    store = moved["store"][:, np.newaxis] * widths["output"] + moved["spill"][:, np.newaxis] * widths["sum"]
    return np.ceil(load * (1 / rate)) + np.ceil(store * (1 / rate))


def _steps(array: StationaryArray, order: str, rounds: int) -> Iterator[Step]:
    """Every class of steps, the one that comes last (nothing left to load) included."""
    nest, loops = array.nest, LOOP_ORDERS[order]
    alike = {name: _groups(nest.axis(name), lambda v, name=name: nest.grid(name, v)) for name in "MNK"}
    turns = {name: nest.counts(name, 0) > 1 for name in "MNK"}
    pace = _pace(array, order)
    kept = np.ones(nest.shape, dtype=bool)  # do loops inside K leave the output tile where it is?
    for name in loops[loops.index("K") + 1 :]:
        kept = kept & ~turns[name]
    spills = ~kept & turns["K"]
    output = nest.tiles("M", 0) * nest.tiles("N", 0)

    for depth in (2, 1, 0, -1):  # the loop that turns next; −1: the next group begins
        moved = _loads(array, loops, depth, turns, spills, output)
        choices = [
            alike[name] if place < depth else alike[name][:-1] if place == depth else alike[name][-1:]
            for place, name in enumerate(loops)
        ]
        for groups in product(*choices):
            tile = dict(zip(loops, groups, strict=True))
            count = tile["M"].count * tile["N"].count * tile["K"].count
            if not count.any():
                continue
            finished = ~kept | tile["K"].is_first
            cycles, macs = pace(tile), tile["M"].extent * tile["N"].extent * tile["K"].extent
            stores = {
                "store": np.where(finished & ~spills, output, 0),
                "spill": np.where(finished & spills, output, 0),
            }
            if depth >= 0:
                yield Step(count * rounds, cycles, macs, moved | stores)
            elif rounds > 1:
                yield Step(count * (rounds - 1), cycles, macs, moved | stores)
            if depth < 0:  # the very last step; the only one has nothing before it to put away
                before = nest.counts("M", 0) * nest.counts("N", 0) * nest.counts("K", 0) * rounds > 1
                yield Step(count, cycles, macs, {kind: np.where(before, v, 0) for kind, v in stores.items()})


def _groups(axis: Axis, grid) -> list[Group]:
    """The tiles of an axis cut once: the first, others by their extents, and the very last."""
    dims = np.array(axis.nestings)[:, :, 0]
    extents, counts = np.ones((len(axis), 1), dtype=np.int64), np.ones((len(axis), 1), dtype=np.int64)
    for size, tile in zip(axis.sizes, dims.T, strict=True):
        final = (size - 1) % tile + 1
        extent, count = np.stack([tile, final], axis=1), np.stack([(size - 1) // tile, np.ones_like(tile)], 1)
        extents = (extents[:, :, np.newaxis] * extent[:, np.newaxis, :]).reshape(len(axis), -1)
        counts = (counts[:, :, np.newaxis] * count[:, np.newaxis, :]).reshape(len(axis), -1)
    no, only = np.zeros(len(axis), dtype=bool), axis.counts[:, 0] == 1
    found: list[tuple[IntArray, IntArray, npt.NDArray[np.bool_]]] = []
    if len(axis.dims) == 1:  # its first tile is a full one, and is told apart
        several = counts[:, 0]
        found = [
            (np.minimum(several, 1), extents[:, 0], ~no),
            (np.maximum(several - 1, 0), extents[:, 0], no),
        ]
    else:
        found = [(counts[:, i], extents[:, i], no) for i in range(counts.shape[1] - 1)]
    found.append((np.ones(len(axis), dtype=np.int64), extents[:, -1], only))
    return [Group(grid(c), grid(e), grid(first)) for c, e, first in found]


def _pace(array: StationaryArray, order: str):
    """Cycles the array works on a tile, loads of an operand that stays throughout apart."""
    flow, spec = array.flow, array.array
    anew = array.load_depth((order,)) > 0
    sides = ((flow.rows, spec.rows), (flow.columns, spec.columns))

    def cycles(tile: Mapping[str, Group]) -> Grid:
        folds = 1
        for axis, width in sides:
            share = -(-tile[axis].extent // array.cores(axis))
            folds = folds * -(-share // width)
        beats = -(-tile[flow.streamed].extent // array.cores(flow.streamed))
        loading = np.maximum(0, spec.rows - beats) if spec.overlap_folds else array.overhead
        return folds * (beats + np.where(anew, loading, 0))

    return cycles


def _loading_once(array: StationaryArray, order: str, rounds: int) -> Grid:
    """Cycles of loading an operand that stays throughout, and of filling and draining the array."""
    flow, nest = array.flow, array.nest
    depth = array.load_depth((order,))
    folds = nest.grid(flow.rows, array.rows.time) * nest.grid(flow.columns, array.columns.time)
    if not array.array.overlap_folds:
        return np.broadcast_to(np.where(depth == 0, folds * array.overhead, 0) * rounds, nest.shape)
    exposed = nest.grid(flow.streamed, array.streams.exposed[:, 0])
    last = np.where(
        depth == 0,
        nest.grid(flow.streamed, array.streams.exposed_last[:, 0]),
        nest.grid(flow.streamed, array.streams.exposed_last[:, 1]),
    )
    once = np.where(depth == 0, folds * exposed, 0) + array.overhead - last
    return np.broadcast_to(once * rounds, nest.shape)


def _loads(
    array: StationaryArray,
    loops: str,
    depth: int,
    turns: Mapping[str, Grid],
    spills: Grid,
    output: Grid,
) -> dict[str, Grid]:
    """Elements of full tiles to bring in after the loop at `depth` has turned, by kind."""
    nest = array.nest
    moved: dict[str, Grid] = {}
    for operand in ("input", "weight"):
        stays = np.zeros(nest.shape, dtype=bool)
        if depth >= 0 and loops[depth] == IRRELEVANT[operand]:
            stays = ~stays
            for inner in loops[depth + 1 :]:
                stays = stays & ~turns[inner]
        moved[operand] = np.where(stays, 0, nest.tile_elements(operand, 0))
    moved["sum"] = np.where(spills, output, 0) if depth >= 0 else np.zeros_like(output)
    return moved
