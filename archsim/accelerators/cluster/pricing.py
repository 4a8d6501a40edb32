"""Pricing all tiles of a layer at once: cycles, what is moved and what is held, counted actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.actions import counted_actions
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.tiles import L2Tile, Tiles
from archsim.accelerators.cluster.traffic import (
    Moved,
    Plan,
    Sizes,
    from_l3,
    held_l1,
    held_l2,
    l2_operands,
    through_l1,
    tile_bytes,
    weight_bytes,
)
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]


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
    fits: npt.NDArray[np.bool_]


def price(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan) -> Priced:
    """Price every tile under one plan."""
    shape = tiles.shape
    trips = {dim: tiles.trips(dim) for dim in "PQKC"}
    loops = l2.loops(tiles, plan.order)
    sizes = tile_bytes(site, tiles, plan.way)
    moved = through_l1(site, tiles, plan.way, loops, trips)
    fetched = from_l3(site, tiles, l2, plan, loops[:2])
    compute, engine, core_work, least = _compute(site, tiles, plan.way)
    repeats = shape.repeats
    busy = {
        "dma_in": repeats * (_dma(site, moved["input"]) + _dma(site, moved["weight"])),
        "dma_out": repeats * _dma(site, moved["output"]),
    }
    first = site.transfer_cycles(sizes.input_first) + site.transfer_cycles(sizes.weight)
    last = site.transfer_cycles(_last_output(site, tiles))
    if plan.places.uses_l3:
        every = fetched.values()
        busy["l3"] = repeats * np.sum([site.l3_cycles(m.bytes, m.transfers) for m in every], axis=0)
        first = first + _first_fetch(site, tiles, l2, plan)
    cycles = np.maximum.reduce([repeats * compute + first + last, busy["dma_in"] + last, *busy.values()])
    cycles_high = repeats * compute + np.sum(list(busy.values()), axis=0)
    if plan.buffers == 2 and not plan.places.uses_l3:
        slowest = np.maximum(_slowest_load(site, tiles, sizes), _slowest_store(site, tiles, sizes))
        unstalled = repeats * compute + first + last + slowest  # the first tile is not the slowest to load
        cycles_high = np.where(slowest <= least, np.minimum(unstalled, cycles_high), cycles_high)
    held = {"l1": held_l1(site, tiles, sizes, moved, plan), "l2": held_l2(site, tiles, l2, plan)}
    if site.spec.l1 is None:
        del held["l1"]
    if plan.places.weight == "l2" and shape.static_weights:
        held["l2_weights"] = np.full(len(tiles), repeats * _whole_weights(site, tiles, plan))
    actions = counted_actions(site, tiles, plan.way, moved, fetched, (compute, engine, core_work))
    return Priced(
        cycles=cycles + site.spec.overheads.layer_cycles,
        cycles_high=_rounded_up(site, tiles, plan, cycles_high),
        compute=repeats * compute,
        busy=busy,
        actions={key: repeats * count for key, count in actions.items()},
        held=held,
        l2_bytes=repeats * np.sum([m.bytes for m in moved.values()], axis=0),
        l3_bytes=repeats * np.sum([m.bytes for m in fetched.values()], axis=0),
        fits=_fits(site.spec, held),
    )


def _dma(site: Site, moved: Moved) -> Array:
    return site.transfer_cycles(moved.bytes, moved.transfers, moved.lines)


def _slowest_load(site: Site, tiles: Tiles, sizes: Sizes) -> Array:
    """At most so many cycles go by while one position's tiles are loaded."""
    shape = tiles.shape
    lines = tiles.rows_most * tiles.columns_most
    weight_lines = 1.0 if shape.static_weights else tiles.K
    return site.transfer_cycles(sizes.input, 1.0, lines) + site.transfer_cycles(
        sizes.weight, 1.0, weight_lines
    )


def _slowest_store(site: Site, tiles: Tiles, sizes: Sizes) -> Array:
    return site.transfer_cycles(sizes.output, 1.0, tiles.P * tiles.Q)


def _rounded_up(site: Site, tiles: Tiles, plan: Plan, cycles: Array) -> Array:
    """Every firing takes whole cycles; a shared tile's longest unit is known on average only."""
    count = tiles.shape.repeats * tiles.trips("P") * tiles.trips("Q") * tiles.trips("K") * tiles.trips("C")
    high = cycles + site.spec.overheads.layer_cycles + 5 * count
    averaged = plan.way.startswith("shared") & (tiles.trips("C") > 1)
    return np.where(averaged, np.inf, high)


def _compute(site: Site, tiles: Tiles, way: str) -> tuple[Array, Array, Array, Array]:
    """(cycles, engine's own, core-cycles at work) of all tiles of one repeat, cycles of its fastest tile."""
    total = [np.zeros(len(tiles)) for _ in range(3)]
    least = np.full(len(tiles), np.inf)
    for count, sizes, sums in tiles.corners():
        if not count.any():
            continue
        busy = site.busy(way, tiles.shape, sizes, sums)
        for into, part in zip(total, (busy.cycles, busy.engine, busy.cores), strict=True):
            into += np.where(count > 0, count * part, 0.0)
        least = np.where(count > 0, np.minimum(least, busy.cycles), least)
    return total[0], total[1], total[2], least


def _first_fetch(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan) -> Array:
    """Of the first L2 tile's weights (its input, cut at the border, is left out of the bound)."""
    if plan.places.weight != "l3":
        return np.zeros(len(tiles))
    size = l2_operands(site, tiles, l2, plan.way)["weight"]
    return site.l3_cycles(size)


def _whole_weights(site: Site, tiles: Tiles, plan: Plan) -> float:
    """Bytes of all weights of one repeat, which stay in L2 from the network's start."""
    k, c = (np.array([float(n)]) for n in (tiles.shape.K, tiles.shape.C))
    return float(weight_bytes(site, tiles.shape, plan.way, k, c)[0])


def _last_output(site: Site, tiles: Tiles) -> Array:
    return tiles.last("P") * tiles.last("Q") * tiles.last("K") * site.precision.output_bits / 8


def _fits(spec: ClusterSpec, held: Mapping[str, Array]) -> npt.NDArray[np.bool_]:
    fits = held["l2"] <= (spec.l2.capacity_kib - spec.l2.reserved_kib) * 1024
    if "l1" in held and spec.l1 is not None:
        fits &= held["l1"] <= (spec.l1.capacity_kib - spec.l1.reserved_kib) * 1024
    return fits
