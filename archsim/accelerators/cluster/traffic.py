"""What a layer moves between L1, L2 and L3 and what it holds there, for all its tiles at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.engines import engine_weight_bits
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.tiles import L2Tile, Order, Tiles, tiles_of, visits
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]
SUM_BYTES = 4
OPERANDS = ("input", "weight", "output")


@dataclass(frozen=True)
class Places:
    """Where a layer's operands are when it starts (and its output when it ends)."""

    input: str
    weight: str
    output: str

    @property
    def uses_l3(self) -> bool:
        return "l3" in (self.input, self.weight, self.output)

    @cached_property
    def nearer(self) -> list[Places]:
        """Others with some of the operands that are in L3 in L2."""
        choices = (("l2",) if at == "l2" else ("l2", "l3") for at in (self.input, self.weight, self.output))
        return [places for each in product(*choices) if (places := Places(*each)) != self]


@dataclass(frozen=True)
class Plan:
    """What is fixed for a whole table of tiles: who works, in which order, with how many buffers."""

    way: str
    order: Order
    buffers: int
    places: Places


@dataclass(frozen=True)
class Moved:
    """Of one operand between two memories, all visits: transfers, contiguous pieces, bytes."""

    transfers: Array
    lines: Array
    bytes: Array

    def take(self, rows: npt.NDArray[np.int64]) -> Moved:
        return Moved(self.transfers[rows], self.lines[rows], self.bytes[rows])


@dataclass(frozen=True)
class Sizes:
    """Bytes of one tile of each operand, by candidate, as they lie in L1."""

    input: Array
    input_first: Array
    weight: Array
    output: Array


def input_dims(shape: Shape) -> str:
    return "PQK" if shape.depthwise else "PQC"


def weight_dims(shape: Shape) -> str:
    return "K" if shape.depthwise else "KC"


def tile_bytes(site: Site, tiles: Tiles, way: str) -> Sizes:
    """Full tiles of each operand."""
    shape = tiles.shape
    channels = tiles.K if shape.depthwise else tiles.C
    element = site.precision.activation_bits / 8
    return Sizes(
        input=tiles.rows_most * tiles.columns_most * channels * element,
        input_first=tiles.rows_first * tiles.columns_first * channels * element,
        weight=weight_bytes(site, shape, way, tiles.K, tiles.C),
        output=tiles.P * tiles.Q * tiles.K * site.precision.output_bits / 8,
    )


def weight_bytes(site: Site, shape: Shape, way: str, k: Array, c: Array) -> Array:
    """Of a tile's weights; padded to whole blocks for the engine, in both layouts when it shares the tile."""
    bits = site.precision.weight_bits if shape.static_weights else site.precision.activation_bits
    plain = k * c * shape.taps * bits / 8
    if way.startswith("cores"):
        return plain
    assert site.engine is not None
    blocked = engine_weight_bits(site.engine, shape, site.precision, k, c) / 8
    return blocked if way == "engine" else blocked + plain


def through_l1(
    site: Site,
    tiles: Tiles,
    way: str,
    loops: list[tuple[str, Array]],
    trips: Mapping[str, Array],
) -> dict[str, Moved]:
    """Every operand between L2 and L1, one repeat."""
    shape = tiles.shape
    into = visits(loops, input_dims(shape), trips)
    cut, channels = (trips["K"], shape.K) if shape.depthwise else (trips["C"], shape.C)
    pieces = np.where(
        cut > 1,
        tiles.rows * tiles.columns * cut,
        np.where(trips["Q"] > 1, tiles.rows * trips["Q"], trips["P"]),
    )
    activations = Moved(
        transfers=into * trips["P"] * trips["Q"] * cut,
        lines=into * pieces,
        bytes=into * tiles.rows * tiles.columns * channels * site.precision.activation_bits / 8,
    )
    again = visits(loops, weight_dims(shape), trips)
    blocks = trips["K"] * (1 if shape.depthwise else trips["C"])
    weights = Moved(
        transfers=again * blocks,
        # static weights are laid out tile by tile beforehand; an activation in their place is not
        lines=again * (blocks if shape.static_weights else shape.K * trips["C"]),
        bytes=again * _all_weight_bytes(site, tiles, way, trips),
    )
    made = trips["P"] * trips["Q"] * trips["K"]
    whole_rows = np.where(trips["Q"] > 1, shape.P * trips["Q"], trips["P"])
    results = Moved(
        transfers=made,
        lines=np.where(trips["K"] > 1, shape.P * shape.Q * trips["K"], whole_rows),
        bytes=np.full(len(tiles), shape.P * shape.Q * shape.K * site.precision.output_bits / 8),
    )
    return {"input": activations, "weight": weights, "output": results}


def _all_weight_bytes(site: Site, tiles: Tiles, way: str, trips: Mapping[str, Array]) -> Array:
    total = np.zeros(len(tiles))
    for k, k_count in ((tiles.K, trips["K"] - 1), (tiles.last("K"), 1.0)):
        for c, c_count in ((tiles.C, trips["C"] - 1), (tiles.last("C"), 1.0)):
            total = total + k_count * c_count * weight_bytes(site, tiles.shape, way, k, c)
    return total


def l2_operands(site: Site, tiles: Tiles, l2: L2Tile, way: str) -> dict[str, Array]:
    """Bytes of an L2 tile of each operand."""
    shape = tiles.shape
    wide = shape.input_size[1] * site.precision.activation_bits / 8
    channels = l2.K2 if shape.depthwise else np.full(len(tiles), float(shape.C))
    return {
        "input": l2.rows_most * wide * channels,
        "weight": weight_bytes(site, shape, way, l2.K2, np.full(len(tiles), float(shape.C))),
        "output": l2.P2 * shape.Q * l2.K2 * site.precision.output_bits / 8,
    }


def from_l3(
    site: Site,
    tiles: Tiles,
    l2: L2Tile,
    plan: Plan,
    loops: list[tuple[str, Array]],
) -> dict[str, Moved]:
    """Every operand between L3 and L2, one repeat; nothing for those that are in L2."""
    shape = tiles.shape
    trips = {"P": l2.trips_p, "K": l2.trips_k}
    none = Moved(np.zeros(len(tiles)), np.zeros(len(tiles)), np.zeros(len(tiles)))
    found: dict[str, Moved] = dict.fromkeys(("input", "weight", "output"), none)
    if plan.places.input == "l3":
        times = visits(loops, "PK" if shape.depthwise else "P", trips)
        wide = shape.input_size[1] * site.precision.activation_bits / 8
        count = times * l2.trips_p * (l2.trips_k if shape.depthwise else 1)
        channels = shape.K if shape.depthwise else shape.C
        found["input"] = Moved(count, count, times * l2.rows * wide * channels)
    if plan.places.weight == "l3":
        times = visits(loops, "K", trips)
        c = np.full(len(tiles), float(shape.C))
        whole = (l2.trips_k - 1) * weight_bytes(site, shape, plan.way, l2.K2, c)
        rest = shape.K - (l2.trips_k - 1) * l2.K2
        whole = whole + weight_bytes(site, shape, plan.way, rest, c)
        found["weight"] = Moved(times * l2.trips_k, times * l2.trips_k, times * whole)
    if plan.places.output == "l3":
        count = l2.trips_p * l2.trips_k
        size = np.full(len(tiles), shape.P * shape.Q * shape.K * site.precision.output_bits / 8)
        found["output"] = Moved(count, count, size)
    return found


def held_l1(site: Site, tiles: Tiles, sizes: Sizes, moved: Mapping[str, Moved], plan: Plan) -> Array:
    """Bytes: tiles (twice where another comes in meanwhile), partial sums, the cores' im2col buffers."""

    def copies(name: str) -> Array:
        several = moved[name].transfers * tiles.shape.repeats > 1
        return np.where(several, float(plan.buffers), 1.0)

    tile = sizes.input * copies("input") + sizes.weight * copies("weight") + sizes.output * copies("output")
    return tile + beside_tiles(site, tiles, plan.way)


def single_buffer_bytes(site: Site, tiles: Tiles, layout: str) -> Array:
    """What tiles hold in L1 at least, in any loop order."""
    sizes = tile_bytes(site, tiles, layout)
    return sizes.input + sizes.weight + sizes.output + beside_tiles(site, tiles, layout)


def beside_tiles(site: Site, tiles: Tiles, way: str) -> Array:
    shape = tiles.shape
    sums = np.where(tiles.trips("C") > 1, tiles.P * tiles.Q * tiles.K * SUM_BYTES, 0.0)
    if way == "engine":
        return sums
    if shape.depthwise:
        return sums + np.ceil(site.cores.count * shape.S * tiles.rows_most)
    return (
        sums if shape.pointwise else sums + site.cores.count * site.cores.loop.pixels * shape.taps * tiles.C
    )


def whole_bytes(site: Site, shape: Shape, way: str) -> dict[str, float]:
    """Of each operand, as it lies in L2."""
    k, c = (np.array([float(n)]) for n in (shape.K, shape.C))
    channels = shape.K if shape.depthwise else shape.C
    pixels = shape.input_size[0] * shape.input_size[1]
    return {
        "input": shape.repeats * pixels * channels * site.precision.activation_bits / 8,
        "weight": shape.repeats * float(weight_bytes(site, shape, way, k, c)[0]),
        "output": shape.repeats * shape.P * shape.Q * shape.K * site.precision.output_bits / 8,
    }


def least_l3_bytes(site: Site, shape: Shape, operand: str) -> float:
    """What of an operand in L3 is moved at least, one repeat: all but input rows that no output reads."""
    size = whole_bytes(site, shape, "cores")[operand] / shape.repeats
    if operand != "input":
        return size
    apart, together = (tiles_of(shape, [(p, 1, 1, 1)]).rows[0] for p in (1, shape.P))
    return size * float(min(apart, together)) / shape.input_size[0]


def held_l2(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan) -> Array:
    """Bytes: whole operands that are in L2, (double-buffered) tiles of those that come from L3."""
    part = l2_operands(site, tiles, l2, plan.way)
    whole = whole_bytes(site, tiles.shape, plan.way)
    trips = {"input": l2.trips_p, "weight": l2.trips_k, "output": l2.trips_p * l2.trips_k}
    total = np.zeros(len(tiles))
    for name in OPERANDS:
        copies = np.where(trips[name] * tiles.shape.repeats > 1, 2.0, 1.0)
        total = total + (part[name] * copies if getattr(plan.places, name) == "l3" else whole[name])
    return total
