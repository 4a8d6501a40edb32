"""Bounds from below of what a layer costs in given places, whatever room L2 has: quickly found."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from archsim.accelerators.cluster.blocks import priced_blocks
from archsim.accelerators.cluster.elementwise import whole_stream
from archsim.accelerators.cluster.elementwise_table import elementwise_options
from archsim.accelerators.cluster.interest import Nearest
from archsim.accelerators.cluster.kept_layouts import layouts_kept
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.space import cuts_of, possible_places
from archsim.accelerators.cluster.tiles import ORDERS, even_l2_tile
from archsim.accelerators.cluster.traffic import (
    OPERANDS,
    Places,
    Plan,
    held_l2,
    least_l3_bytes,
    whole_bytes,
)
from archsim.accelerators.cluster.work import Site, Surroundings
from archsim.accelerators.machine import cost_of

if TYPE_CHECKING:
    from archsim.accelerators.cluster.machine import ClusterMachine
    from archsim.workloads.layer import Layer

IN_L2 = Surroundings("l2", "l2", "l2", -np.inf)
"""With all the room there may be."""


def least_cost_near(machine: ClusterMachine, layer: Layer, minimize: str) -> float:
    """With all operands in an L2 of any size. A row that moves operands through L3 costs no less than the one
    of the same tiles that does not.

    Raises DoesNotFit where no tile fits L1.
    """
    site = machine.site_in(layer, IN_L2)
    if layer.contraction is None:
        options = elementwise_options(layer, {layer.precision: site}, machine.prices)
        return float(cost_of(minimize, options.cycles, options.total_energy_pj).min())
    nearest = Nearest(minimize)
    for block in priced_blocks(layer, site, machine.choice, nearest):
        fitting = np.flatnonzero(block.fits)
        if len(fitting):
            nearest.keep(block, fitting, machine.prices)
    return nearest.least


def least_cost_of_l3(machine: ClusterMachine, layer: Layer, places: Places, minimize: str) -> float:
    """Of moving once what is in L3: cycles of L3, or energy of its bytes (which adds to any other)."""
    if not places.uses_l3:
        return 0.0
    site = machine.site(layer.precision)
    if layer.contraction is None:
        moved, times = whole_stream(layer, places.input, places.output).far_bytes, 1
    else:
        shape = shape_of(layer)
        far = [least_l3_bytes(site, shape, name) for name in OPERANDS if getattr(places, name) == "l3"]
        moved, times = shape.repeats * sum(far), shape.repeats * len(far)
    if minimize == "energy":
        return moved * machine.prices.energy_pj["l3", "byte"].value
    return float(site.l3_cycles(np.float64(moved), times))


def least_need_bytes(site: Site, layer: Layer, places: Places) -> float:
    """Of L2, for operands that are there as a whole."""
    if layer.contraction is None:
        return whole_stream(layer, places.input, places.output).resident_bytes
    whole = whole_bytes(site, shape_of(layer), "cores")
    return sum(whole[name] for name in OPERANDS if getattr(places, name) == "l2")


def smallest_need_bytes(machine: ClusterMachine, layer: Layer, around: Surroundings) -> float:
    """Of L2, for operands that are there and the smallest tiles of the others."""
    site = machine.site_in(layer, around)
    if layer.contraction is None:
        return least_need_bytes(site, layer, Places(around.input, around.weight, around.output))
    shape = shape_of(layer)
    (places,) = possible_places(layer, site)
    least = np.inf
    for layout, cuts in product(layouts_kept(shape, site, machine.choice), cuts_of(shape, places)):
        plan = Plan(layout.name, ORDERS[0], 1, places)
        least = min(least, float(held_l2(site, layout.tiles, even_l2_tile(layout.tiles, *cuts), plan).min()))
    return least
