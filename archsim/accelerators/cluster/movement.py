"""What the transfers of tiles take, for all at once: it follows from places, order, cut and layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.tile_work import l2_kinds
from archsim.accelerators.cluster.tiles import L2Tile, Tiles
from archsim.accelerators.cluster.traffic import (
    Moved,
    Plan,
    Sizes,
    from_l3,
    held_l2,
    l2_operands,
    through_l1,
    tile_bytes,
    weight_bytes,
)
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Movement:
    """Cycles of transfers (`repeats` included) and what they move in one repeat; one entry a tile."""

    sizes: Sizes
    moved: Mapping[str, Moved]  # between L2 and L1
    fetched: Mapping[str, Moved]  # between L3 and L2
    busy: Mapping[str, Array]  # cycles of each shared resource
    load_first: Array
    load_slowest: Array  # at most so long while one position's tiles are loaded
    store_last: Array
    store_slowest: Array
    arriving: Array  # of all that is fetched from L3
    fetch_first: Array  # of the first L2 tile
    fetch_slowest: Array
    spill_last: Array  # of the last L2 tile to L3
    spill_slowest: Array
    l2_kinds: (
        tuple[Array, Array] | None
    )  # tiles by kind in the first L2 tile and in the last, where L3 is used
    held_l2: Array
    resident_weights: float  # bytes that stay in L2 from the network's start


def movement_of(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan) -> Movement:
    """Of `plan` its way counts by the layout of weights alone, its buffers not at all."""
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
    if plan.places.uses_l3:
        busy["l3"] = repeats * np.sum([_l3(site, part) for part in fetched.values()], axis=0)
    resident = plan.places.weight == "l2" and shape.static_weights
    return Movement(
        sizes=sizes,
        moved=moved,
        fetched=fetched,
        busy=busy,
        load_first=site.transfer_cycles(sizes.input_first) + site.transfer_cycles(sizes.weight),
        load_slowest=_slowest_load(site, tiles, sizes),
        store_last=site.transfer_cycles(_output_bytes(site, *(tiles.last(dim) for dim in "PQK"))),
        store_slowest=site.transfer_cycles(sizes.output, 1.0, tiles.P * tiles.Q),
        arriving=repeats * (_l3(site, fetched["input"]) + _l3(site, fetched["weight"])),
        l2_kinds=l2_kinds(tiles, l2) if plan.places.uses_l3 else None,
        held_l2=held_l2(site, tiles, l2, plan),
        resident_weights=repeats * _whole_weights(site, tiles, plan) if resident else 0.0,
        **_l2_transfers(site, tiles, l2, plan),
    )


def _l2_transfers(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan) -> dict[str, Array]:
    """Fetches and spills of single L2 tiles."""
    shape, places = tiles.shape, plan.places
    nothing = np.zeros(len(tiles))
    first = slowest = last_spill = slowest_spill = nothing
    parts = l2_operands(site, tiles, l2, plan.way) if places.uses_l3 else {}
    if places.input == "l3":
        whole = site.l3_cycles(parts["input"])
        slowest = slowest + whole
        border = np.where(l2.rows_most > 0, l2.rows_first / np.maximum(l2.rows_most, 1), 1.0)
        first = first + site.l3_cycles(parts["input"] * border)
    if places.weight == "l3":
        whole = site.l3_cycles(parts["weight"])
        first, slowest = first + whole, slowest + whole
    if places.output == "l3":
        rows = shape.P - (l2.trips_p - 1) * l2.P2
        channels = shape.K - (l2.trips_k - 1) * l2.K2
        last_spill = site.l3_cycles(_output_bytes(site, rows, nothing + shape.Q, channels))
        slowest_spill = site.l3_cycles(parts["output"])
    return {
        "fetch_first": first,
        "fetch_slowest": slowest,
        "spill_last": last_spill,
        "spill_slowest": slowest_spill,
    }


def _output_bytes(site: Site, p: Array, q: Array, k: Array) -> Array:
    return p * q * k * site.precision.output_bits / 8


def _dma(site: Site, moved: Moved) -> Array:
    return site.transfer_cycles(moved.bytes, moved.transfers, moved.lines)


def _l3(site: Site, moved: Moved) -> Array:
    if site.spec.l3 is None:
        return np.zeros_like(moved.bytes)
    return site.l3_cycles(moved.bytes, moved.transfers)


def _slowest_load(site: Site, tiles: Tiles, sizes: Sizes) -> Array:
    lines = tiles.rows_most * tiles.columns_most
    weight_lines = 1.0 if tiles.shape.static_weights else tiles.K
    return site.transfer_cycles(sizes.input, 1.0, lines) + site.transfer_cycles(
        sizes.weight, 1.0, weight_lines
    )


def _whole_weights(site: Site, tiles: Tiles, plan: Plan) -> float:
    """Bytes of all weights of one repeat."""
    k, c = (np.array([float(n)]) for n in (tiles.shape.K, tiles.shape.C))
    return float(weight_bytes(site, tiles.shape, plan.way, k, c)[0])
