"""Pricing all tiles of a layer at once: cycles, what is moved and what is held, counted actions.

What the DMA and L3 do follows from places, order, cut and the weights' layout; what the units do from who
works. So each is worked out once, and a plan's price puts two of them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.actions import counted_actions
from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.latency import bounds
from archsim.accelerators.cluster.movement import Movement, movement_of
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.tile_work import Work
from archsim.accelerators.cluster.tiles import L2Tile, Tiles
from archsim.accelerators.cluster.traffic import Plan, held_l1
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Priced:
    """One entry a tile, for the whole layer."""

    cycles: Array  # lower bound of the latency, the layer run alone
    cycles_high: Array  # upper bound
    compute: Array
    busy: Mapping[str, Array]  # cycles of each shared resource
    actions: Mapping[tuple[str, str], Array]
    held: Mapping[str, Array]  # bytes
    l2_bytes: Array
    l3_bytes: Array
    fits: Bool


def price(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan, work: Work) -> Priced:
    """Price every tile under one plan; `work` is that of its way."""
    moves = movement_of(site, tiles, l2, plan)
    low, high = bounds(site, tiles, plan, moves, work)
    held = held_bytes(site, tiles, plan, moves)
    repeats = tiles.shape.repeats
    return Priced(
        cycles=low,
        cycles_high=high,
        compute=repeats * work.cycles,
        busy=moves.busy,
        actions=actions_of(site, tiles, plan.way, moves, work),
        held=held,
        l2_bytes=repeats * np.sum([part.bytes for part in moves.moved.values()], axis=0),
        l3_bytes=repeats * np.sum([part.bytes for part in moves.fetched.values()], axis=0),
        fits=fits(site.spec, held),
    )


def actions_of(
    site: Site, tiles: Tiles, way: str, moves: Movement, work: Work, rows: Rows | None = None
) -> dict[tuple[str, str], Array]:
    """(component, action) -> count of the whole layer, for every tile or those of `rows`."""
    moved, fetched = moves.moved, moves.fetched
    if rows is not None:
        tiles, work = tiles.take(rows), work.take(rows)
        moved, fetched = ({name: p.take(rows) for name, p in parts.items()} for parts in (moved, fetched))
    counts = (work.cycles, work.engine, work.cores)
    counted = counted_actions(site, tiles, way, moved, fetched, counts)
    return {key: tiles.shape.repeats * count for key, count in counted.items()}


def held_bytes(site: Site, tiles: Tiles, plan: Plan, moves: Movement) -> dict[str, Array]:
    """Bytes by memory, what waits in l2 included; `l2_weights`: those that stay there from the start."""
    held = {
        "l2": moves.held_l2 + site.waiting_bytes,
        "l2_weights": np.full(len(tiles), moves.resident_weights),
    }
    if site.spec.l1 is not None:
        held["l1"] = held_l1(site, tiles, moves.sizes, moves.moved, plan)
    return held


def fits(spec: ClusterSpec, held: Mapping[str, Array]) -> Bool:
    """Whether every memory holds what lies in it."""
    found = held["l2"] <= spec.l2.room_bytes
    if "l1" in held and spec.l1 is not None:
        found &= held["l1"] <= spec.l1.room_bytes
    return found


def energy_of(actions: Mapping[tuple[str, str], Array], cycles: Array, costs: Costs) -> dict[str, Array]:
    """pJ by component; what is always on is charged for `cycles`."""
    energy: dict[str, Array] = {}
    for (component, action), count in actions.items():
        part = count * costs.energy_pj[component, action].value
        energy[component] = energy[component] + part if component in energy else part
    for component, pj in costs.always_on_pj_per_cycle.items():
        part = cycles * pj
        energy[component] = energy[component] + part if component in energy else part
    return energy
