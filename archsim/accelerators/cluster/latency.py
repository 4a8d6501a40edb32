"""Bounds of latency, for all tiles at once: what must come after what, and what is busiest.

The order of transfers is that of `program`: loads and stores one after the other in each direction; L3 serves
fetch, fetch, spill, fetch, spill and so on. With single buffers a tile is loaded when the one before is done.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.movement import Movement
from archsim.accelerators.cluster.tile_work import Work
from archsim.accelerators.cluster.tiles import Tiles
from archsim.accelerators.cluster.traffic import Plan
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]


def bounds(site: Site, tiles: Tiles, plan: Plan, moves: Movement, work: Work) -> tuple[Array, Array]:
    """Bounds from below and above of the layer run alone."""
    low = np.maximum.reduce([*_within_l2(tiles, plan, moves, work), *moves.busy.values()])
    if plan.places.uses_l3:
        low = np.maximum.reduce([low, *_through_l3(plan, moves, work)])
    low = low + site.spec.overheads.layer_cycles
    return low, np.maximum(low, _longest(site, tiles, plan, moves, work))


def _within_l2(tiles: Tiles, plan: Plan, moves: Movement, work: Work) -> list[Array]:
    """Loading, computing and storing, after the first L2 tile's fetch and before the last one's spill."""
    compute = tiles.shape.repeats * work.cycles
    until_store = work.fastest * tiles.trips("C")
    start, end = moves.fetch_first, moves.store_last + moves.spill_last
    loads, stores = moves.busy["dma_in"], moves.busy["dma_out"]
    if plan.buffers == 1:  # no tile is loaded, and none begun that stores, while another is at work
        return [
            start + loads + compute + end,
            start + moves.load_first + compute + stores + moves.spill_last,
        ]
    return [
        start + moves.load_first + compute + end,
        start + loads + work.fastest + end,
        start + moves.load_first + until_store + stores + moves.spill_last,
    ]


def _through_l3(plan: Plan, moves: Movement, work: Work) -> list[Array]:
    """L3 busy throughout, but for what its first spill and the end of the layer wait for."""
    assert moves.l2_kinds is not None
    first, last = ((counts * work.by_kind).sum(axis=0) for counts in moves.l2_kinds)
    spills = moves.busy["l3"] - moves.arriving
    end = moves.store_last + moves.spill_last
    found: list[Array] = []
    if "l3" in (plan.places.input, plan.places.weight):
        # before the last fetch all spills are through but the last two
        early_spills = np.maximum(0.0, spills - moves.spill_last - moves.spill_slowest)
        found.append(moves.arriving + early_spills + last + end)
    if plan.places.output == "l3":
        # before the first spill no more than two tiles are fetched
        late_fetches = np.maximum(0.0, moves.arriving - moves.fetch_first - moves.fetch_slowest)
        found.append(moves.fetch_first + moves.load_first + first + spills + late_fetches)
    return found


def _longest(site: Site, tiles: Tiles, plan: Plan, moves: Movement, work: Work) -> Array:
    """Everything one after the other; or, where even the fastest tile takes longer than any load or store,
    computing without a stall. Every firing takes whole cycles.
    """
    compute = tiles.shape.repeats * work.cycles
    high = compute + np.sum(list(moves.busy.values()), axis=0)
    if plan.buffers == 2 and not plan.places.uses_l3:
        slowest = np.maximum(moves.load_slowest, moves.store_slowest)
        # the first tile may not be the slowest to load
        unstalled = compute + moves.load_first + moves.store_last + slowest
        high = np.where(slowest <= work.fastest, np.minimum(unstalled, high), high)
    count = tiles.shape.repeats * np.prod([tiles.trips(dim) for dim in "PQKC"], axis=0)
    high = high + site.spec.overheads.layer_cycles + 5 * count
    # of a shared tile with partial sums only the average is known: one may take twice as long
    averaged = plan.way.startswith("shared") & (tiles.trips("C") > 1)
    return np.where(averaged, high + compute, high)
