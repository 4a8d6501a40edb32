"""An upper bound of the kernel's latency in closed form: a lockstep double buffer.

While the array works on tile i, the DRAM channel puts away the output tile that was finished before it and
brings in tile i + 1; both wait for each other at the end of the step. That is one schedule of the same
transfers in the same order (see `program`), and the kernel, which waits only where it must, is never slower.
Its length is the sum over all steps of max(array, DRAM). Steps are counted by classes, according to which
loop turns next and which tiles are ragged: what the array does is exact in each class, what is moved is
bounded by a full tile's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.nest import IRRELEVANT, LOOP_ORDERS, Grid
from archsim.accelerators.systolic.stationary import StationaryArray

Float = npt.NDArray[np.float64]


def lockstep_cycles(
    array: StationaryArray,
    order: str,
    widths: Mapping[str, Float],
    bits_per_cycle: float | None,
    ports: Float | None,
) -> Float:
    """(precisions, mappings): all steps of a flat nest's mappings (one tier), without the first load and the
    last store. `ports`, of the same shape, are the busy cycles of the slowest buffer port, if one is finite.
    """
    nest, loops, rounds = array.nest, LOOP_ORDERS[order], array.groups
    turns = {name: nest.counts(name, 0) > 1 for name in "MNK"}
    kept = np.ones(nest.shape, dtype=bool)  # do loops inside K leave the output tile where it is?
    for name in loops[loops.index("K") + 1 :]:
        kept = kept & ~turns[name]
    dram = _Dram(array, loops, turns, ~kept & turns["K"], widths, bits_per_cycle)
    pace = (
        ports if ports is None else ports * ((1 + 1e-12) / (rounds * nest.m.size * nest.n.size * nest.k.size))
    )
    tiles = _Tiles.of(array, order, with_macs=pace is not None, with_first=bool(kept.any()))
    total = np.zeros((len(widths["input"]), *nest.shape)) + _loading_once(array, order)
    positions = nest.counts("M", 0) * nest.counts("N", 0) * nest.counts("K", 0) * rounds

    for depth in (2, 1, 0):  # the loop that turns next
        count, cycles, macs, is_first = tiles.before(loops, depth)
        if len(count):
            busy = _busy(cycles, macs, pace)
            steps = np.maximum(busy, dram.cycles(depth, kept, is_first))
            total += (steps * (count * rounds)[:, np.newaxis, :]).sum(axis=0)
    _, cycles, macs, is_first = tiles.before(loops, -1)  # a group is done
    busy = _busy(cycles, macs, pace)
    if rounds > 1:
        total += np.maximum(busy, dram.cycles(-1, kept, is_first))[0] * (rounds - 1)
    # the very last step loads nothing; the only one has nothing before it to put away
    return total + np.maximum(busy, dram.cycles(None, kept, is_first) * (positions > 1))[0]


def _busy(cycles: Grid, macs: Grid | None, pace: Float | None) -> Grid:
    """(groups, precisions or 1, mappings): cycles of the array, or of the slowest port where that is
    slower."""
    busy = cycles[:, np.newaxis, :]
    if pace is None or macs is None:
        return busy
    return np.maximum(busy, np.ceil(macs[:, np.newaxis, :] * pace))


@dataclass(frozen=True)
class _Tiles:
    """Alike tiles along each axis, (groups, mappings): how many, elements, part of the array's cycles."""

    counts: Mapping[str, Grid]
    extents: Mapping[str, Grid] | None  # None: not asked for
    factors: Mapping[str, Grid]
    first: Mapping[str, Grid] | None  # whether the tile is the first along K

    @classmethod
    def of(cls, array: StationaryArray, order: str, *, with_macs: bool, with_first: bool) -> _Tiles:
        """Loads of an operand that stays in the array throughout are left out."""
        flow, spec, nest = array.flow, array.array, array.nest
        groups = {name: nest.axis(name).groups for name in "MNK"}
        counts = {name: nest.grid(name, g[0]).T for name, g in groups.items()}
        extents = {name: nest.grid(name, g[1]).T for name, g in groups.items()}
        share = {name: -(-extent // array.cores(name)) for name, extent in extents.items()}
        beats = share[flow.streamed]
        loading = np.maximum(0, spec.rows - beats) if spec.overlap_folds else array.overhead
        anew = array.load_depth((order,)) > 0
        factors = {
            flow.rows: -(-share[flow.rows] // spec.rows),
            flow.columns: -(-share[flow.columns] // spec.columns),
            flow.streamed: beats + np.where(anew, loading, 0),
        }
        first = None
        if with_first:
            first = {name: np.ones_like(count, dtype=bool) for name, count in counts.items()}
            first["K"] = nest.grid("K", groups["K"][2]).T
        return cls(counts, extents if with_macs else None, factors, first)

    def before(self, loops: str, depth: int) -> tuple[Grid, Grid, Grid | None, Grid | None]:
        """(count, array cycles, MACs, first along K) of tiles after which the loop at `depth` turns."""
        some = [
            slice(None) if place < depth else slice(0, -1) if place == depth else slice(-1, None)
            for place in range(3)
        ]

        def product(table: Mapping[str, Grid]) -> Grid:
            x, y, z = (table[name][own] for name, own in zip(loops, some, strict=True))
            together = x[:, np.newaxis, np.newaxis] * y[:, np.newaxis] * z
            return together.reshape(-1, together.shape[-1])

        count = product(self.counts)
        present = count.any(axis=1)
        macs = None if self.extents is None else product(self.extents)[present]
        first = None if self.first is None else product(self.first)[present]
        return count[present], product(self.factors)[present], macs, first


class _Dram:
    """Cycles of the DRAM channel in a step: one load and one store of full tiles, each in whole cycles."""

    def __init__(
        self,
        array: StationaryArray,
        loops: str,
        turns: Mapping[str, Grid],
        spills: Grid,
        widths: Mapping[str, Float],
        rate: float | None,
    ) -> None:
        """`spills`: output tiles are put away as partial sums, and come back."""
        self.rate = rate
        if rate is None:
            return
        nest = array.nest
        output = nest.tiles("M", 0) * nest.tiles("N", 0)
        width = {kind: column[:, np.newaxis] for kind, column in widths.items()}
        self.store = np.ceil(np.where(spills, width["sum"], width["output"]) * output * (1 / rate))
        whole = {operand: nest.tile_elements(operand, 0) * width[operand] for operand in ("input", "weight")}
        sums = np.where(spills, output, 0) * width["sum"]
        self.loads: dict[int, Float] = {}
        for depth in (2, 1, 0, -1):
            bits = sums if depth >= 0 else 0 * sums
            for operand, tile in whole.items():
                if depth >= 0 and loops[depth] == IRRELEVANT[operand]:
                    stays = np.ones(nest.shape, dtype=bool)
                    for inner in loops[depth + 1 :]:
                        stays = stays & ~turns[inner]
                    bits = bits + np.where(stays, 0, tile)
                else:
                    bits = bits + tile
            self.loads[depth] = np.ceil(bits * (1 / rate))

    def cycles(self, depth: int | None, kept: Grid, is_first: Grid | None) -> Float | float:
        """(groups or 1, precisions, mappings): to load what is new after the loop at `depth` has turned
        (None: nothing), and to put away the output tile before where that is finished."""
        if self.rate is None:
            return 0.0
        load = 0.0 if depth is None else self.loads[depth]
        if is_first is None:  # nothing is kept
            return (load + self.store)[np.newaxis]
        finished = ~kept | is_first
        return load + np.where(finished[:, np.newaxis, :], self.store, 0.0)


def _loading_once(array: StationaryArray, order: str) -> Grid:
    """Cycles of loading an operand that stays throughout, and of filling and draining the array."""
    flow, nest, rounds = array.flow, array.nest, array.groups
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
