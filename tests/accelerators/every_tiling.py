"""Every legal tiling of a layer on a cluster under every plan, listed and priced one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.pricing import energy_of, price
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.space import possible_places
from archsim.accelerators.cluster.tile_work import work_of
from archsim.accelerators.cluster.tiles import ORDERS, l2_tile, tiles_of
from archsim.accelerators.cluster.traffic import Plan
from archsim.workloads.layer import Layer

CHUNK = 400_000


@dataclass(frozen=True)
class Tilings:
    """Those that fit, under one plan; costs are the table's lower bounds."""

    plan: Plan
    sizes: np.ndarray  # (tilings, 6): P, Q, K, C, P2, K2
    cycles: np.ndarray
    energy_pj: np.ndarray
    held_l2: np.ndarray


def every_tiling(machine: ClusterMachine, layer: Layer, ways: list[str] | None = None) -> Iterator[Tilings]:
    site = replace(machine.site(layer.precision), around=machine.surroundings(layer))
    shape = shape_of(layer)
    for places in possible_places(layer, site):
        rows = _sizes(shape.P, in_l2="l3" in (places.input, places.output))
        channels = _sizes(shape.K, in_l2=places.uses_l3)
        inside = list(product(range(1, shape.Q + 1), range(1, shape.C + 1)))
        table = np.array(
            [(p, q, k, c, p2, k2) for (p, p2), (k, k2) in product(rows, channels) for q, c in inside],
            dtype=np.float64,
        )
        for start in range(0, len(table), CHUNK):
            sizes = table[start : start + CHUNK]
            tiles = tiles_of(shape, sizes[:, :4])
            l2 = l2_tile(tiles, sizes[:, 4], sizes[:, 5])
            for way in ways or site.ways(shape, every=False):
                work = work_of(site, tiles, way)
                for order, buffers in product(ORDERS, (1, 2)):
                    plan = Plan(way, order, buffers, places)
                    priced = price(site, tiles, l2, plan, work)
                    energy = sum(energy_of(priced.actions, priced.cycles, machine.prices).values())
                    fits = priced.fits
                    yield Tilings(
                        plan,
                        sizes[fits],
                        priced.cycles[fits],
                        np.asarray(energy)[fits],
                        priced.held["l2"][fits],
                    )


def _sizes(size: int, *, in_l2: bool) -> list[tuple[int, int]]:
    """(tile, L2 tile): whole tiles of L1, or all."""
    if not in_l2:
        return [(tile, size) for tile in range(1, size + 1)]
    return [
        (tile, min(size, tile * number))
        for tile in range(1, size + 1)
        for number in range(1, -(-size // tile) + 1)
    ]
