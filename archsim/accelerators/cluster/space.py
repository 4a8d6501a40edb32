"""What is tried for a contraction: places of operands, cuts into L2 tiles, L1 tiles, who works on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from archsim.accelerators.cluster.engines import ENGINES
from archsim.accelerators.cluster.shape import Shape, shape_of
from archsim.accelerators.cluster.tile_work import Work, work_of
from archsim.accelerators.cluster.tiles import Choice, Tiles, candidate_tiles, l2_cuts, tiles_of
from archsim.accelerators.cluster.traffic import Places, single_buffer_bytes
from archsim.accelerators.cluster.work import Site
from archsim.workloads.layer import Layer

ACTIVATION_SHARE = 0.5
"""Of a layer by itself, a tensor larger than this share of L2 is in L3: input and output fit side by side."""


def possible_places(layer: Layer, site: Site) -> list[Places]:
    """Operands are where the network has them. Of a layer by itself activations are where their size puts
    them, weights where the YAML says (auto: either).
    """
    l3, around = site.spec.l3, site.around
    if l3 is None:
        return [Places("l2", "l2", "l2")]
    if around is not None:
        return [Places(around.input, around.weight, around.output)]
    room = site.spec.l2.room_bytes * ACTIVATION_SHARE
    inputs, outputs = ("l3" if size > room else "l2" for size in (layer.input_bytes, layer.output_bytes))
    if not layer.has_static_weights:
        return [Places(inputs, "l2", outputs)]
    weights = {"l2": ("l2",), "l3": ("l3",), "auto": ("l2", "l3")}[l3.weights]
    return [Places(inputs, weight, outputs) for weight in weights]


def cuts_of(shape: Shape, places: Places) -> list[tuple[int, int]]:
    if not places.uses_l3:
        return [(1, 1)]
    rows = l2_cuts(shape.P) if "l3" in (places.input, places.output) else [1]
    return list(product(rows, l2_cuts(shape.K)))


@dataclass(frozen=True)
class Layout:
    """Weights as cores, engine or both want them: the tiles that fit L1 so, and the work of every way."""

    name: str
    tiles: Tiles
    work: Mapping[str, Work]


def layouts_of(shape: Shape, site: Site, choice: Choice) -> list[Layout]:
    """Layouts with a tile that fits L1; the one with the fastest tile first."""
    tiles = tiles_tried(shape, site, choice)
    ways = site.ways(shape, every=choice.takes_all(shape))
    if choice.like_dory:
        ways = ["cores:channels" if shape.depthwise else "cores:rows"]
    found = []
    for name in dict.fromkeys(way.partition(":")[0] for way in ways):
        within = tiles
        if site.spec.l1 is not None:
            room = site.spec.l1.room_bytes
            within = tiles.take(np.flatnonzero(single_buffer_bytes(site, tiles, name) <= room))
        if len(within):
            own = [way for way in ways if way.partition(":")[0] == name]
            found.append(Layout(name, within, {way: work_of(site, within, way) for way in own}))
    return sorted(found, key=lambda layout: min(work.cycles.min() for work in layout.work.values()))


def tiles_tried(shape: Shape, site: Site, choice: Choice) -> Tiles:
    """L1 tiles worth trying; the whole layer where cores work in L2."""
    if site.spec.l1 is None:
        return tiles_of(shape, [(shape.P, shape.Q, shape.K, shape.C)])
    engine = None if site.engine is None else ENGINES[site.engine]
    patch, lanes, channels = (
        (engine.patch, engine.channels_out, engine.channels_in)
        if engine
        else (2, 4, site.cores.loop.products)
    )
    return candidate_tiles(shape, choice, patch, lanes, channels, site.cores.count)


def is_complete(layer: Layer, site: Site, choice: Choice) -> bool:
    """Whether every mapping of the family is tried: of a layer that is not cut into L2 tiles all L1 tiles."""
    whole = site.spec.l1 is None or choice.takes_all(shape_of(layer))
    return whole and not any(places.uses_l3 for places in possible_places(layer, site))
