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


@dataclass(frozen=True)
class Work:
    """Cycles of all tiles of one repeat, the engine's, core-cycles at work; cycles of the fastest tile."""

    cycles: Array
    engine: Array
    cores: Array
    fastest: Array


def price(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan, work: Work) -> Priced:
    """Price every tile under one plan; `work` is that of its way."""
    shape, repeats = tiles.shape, tiles.shape.repeats
    trips = {dim: tiles.trips(dim) for dim in "PQKC"}
    loops = l2.loops(tiles, plan.order)
    sizes = tile_bytes(site, tiles, plan.way)
    moved = through_l1(site, tiles, plan.way, loops, trips)
    fetched = from_l3(site, tiles, l2, plan, loops[:2])
    busy = {
        "dma_in": repeats * (_dma(site, moved["input"]) + _dma(site, moved["weight"])),
        "dma_out": repeats * _dma(site, moved["output"]),
    }
    first = site.transfer_cycles(sizes.input_first) + site.transfer_cycles(sizes.weight)
    if plan.places.uses_l3:
        busy["l3"] = repeats * np.sum([_l3(site, part) for part in fetched.values()], axis=0)
        first = first + _first_fetch(site, tiles, l2, plan)
    arriving = repeats * (_l3(site, fetched["input"]) + _l3(site, fetched["weight"]))
    low, high = _latency(site, tiles, plan, work, sizes, busy, first, arriving)
    held = {"l1": held_l1(site, tiles, sizes, moved, plan), "l2": held_l2(site, tiles, l2, plan)}
    if site.spec.l1 is None:
        del held["l1"]
    if plan.places.weight == "l2" and shape.static_weights:
        held["l2_weights"] = np.full(len(tiles), repeats * _whole_weights(site, tiles, plan))
    counts = (work.cycles, work.engine, work.cores)
    actions = counted_actions(site, tiles, plan.way, moved, fetched, counts)
    return Priced(
        cycles=low,
        cycles_high=high,
        compute=repeats * work.cycles,
        busy=busy,
        actions={key: repeats * count for key, count in actions.items()},
        held=held,
        l2_bytes=repeats * np.sum([part.bytes for part in moved.values()], axis=0),
        l3_bytes=repeats * np.sum([part.bytes for part in fetched.values()], axis=0),
        fits=_fits(site.spec, held),
    )


def _latency(
    site: Site,
    tiles: Tiles,
    plan: Plan,
    work: Work,
    sizes: Sizes,
    busy: Mapping[str, Array],
    first: Array,
    arriving: Array,
) -> tuple[Array, Array]:
    """Bounds from below and above of the layer run alone.

    Below: whatever is busiest, with what must come before and after it (`first` to be loaded; `arriving`:
    cycles of everything fetched from L3). Above: everything one after the other; or, where even the fastest
    tile takes longer than any load or store, computing without a stall.
    """
    last = site.transfer_cycles(_last_output(site, tiles))
    compute = tiles.shape.repeats * work.cycles
    low = np.maximum.reduce(
        [
            first + compute + last,
            busy["dma_in"] + work.fastest + last,
            first + work.fastest + busy["dma_out"],
            arriving + work.fastest + last,
            *busy.values(),
        ]
    )
    high = compute + np.sum(list(busy.values()), axis=0)
    if plan.buffers == 2 and not plan.places.uses_l3:
        slowest = np.maximum(_slowest_load(site, tiles, sizes), _slowest_store(site, tiles, sizes))
        unstalled = compute + first + last + slowest  # the first tile may not be the slowest to load
        high = np.where(slowest <= work.fastest, np.minimum(unstalled, high), high)
    return low + site.spec.overheads.layer_cycles, _rounded_up(site, tiles, plan, high, compute)


def _dma(site: Site, moved: Moved) -> Array:
    return site.transfer_cycles(moved.bytes, moved.transfers, moved.lines)


def _l3(site: Site, moved: Moved) -> Array:
    if site.spec.l3 is None:
        return np.zeros_like(moved.bytes)
    return site.l3_cycles(moved.bytes, moved.transfers)


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


def _rounded_up(site: Site, tiles: Tiles, plan: Plan, cycles: Array, compute: Array) -> Array:
    """Every firing takes whole cycles. Of a shared tile with partial sums only the average is known: one that
    passes them twice takes at most twice as long.
    """
    count = tiles.shape.repeats * tiles.trips("P") * tiles.trips("Q") * tiles.trips("K") * tiles.trips("C")
    high = cycles + site.spec.overheads.layer_cycles + 5 * count
    averaged = plan.way.startswith("shared") & (tiles.trips("C") > 1)
    return np.where(averaged, high + compute, high)


def work_of(site: Site, tiles: Tiles, way: str) -> Work:
    """What the units do, whatever the loop order, the buffers and the places."""
    corners = tiles.corners
    some = corners.count > 0
    busy = site.busy(way, tiles.shape, corners.sizes, corners.sums)

    def total(part: Array) -> Array:
        return np.where(some, corners.count * part, 0.0).sum(axis=0)

    fastest = np.where(some, busy.cycles, np.inf).min(axis=0)
    return Work(total(busy.cycles), total(busy.engine), total(busy.cores), fastest)


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
