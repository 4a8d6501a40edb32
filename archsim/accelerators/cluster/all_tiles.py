"""The best of all tilings of a layer, found without pricing each: branch and bound, best first.

A branch is a plan with a group of choices of each axis (see `tilings`). Branches are split until none could
hold a tiling that is wanted; so what is found is proven (or what was skipped is bounded, if it is too much).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.actions import on_engine, unit_accesses
from archsim.accelerators.cluster.axes import (
    Axis,
    MakeAxis,
    every_pixel_cut,
    input_axis,
    output_axis,
    pixel_axis,
)
from archsim.accelerators.cluster.blocks import Block, block_of
from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.engines import engine_weight_bits
from archsim.accelerators.cluster.group_bound import Bound, bound_of, price_of, tiles_of_singles
from archsim.accelerators.cluster.products import products_of
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.tiles import ORDERS, tiles_of
from archsim.accelerators.cluster.tilings import Groups, Tilings
from archsim.accelerators.cluster.traffic import Places, Plan
from archsim.accelerators.cluster.wanted import Wanted
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]
FIRST_SPLIT, SPLIT = 100, 2000
"""Branches split at a time, before a tiling has been found and after."""
MOST_SPLIT = 30_000
"""Branches looked into for one way; what is left open then bounds what was not found."""


def tilings_of(
    site: Site,
    shape: Shape,
    way: str,
    places: Places,
    costs: Costs,
    make: MakeAxis = Axis.of,
) -> Tilings:
    """Every tile size in L1, and in L2 for what comes from L3, under every plan of a way."""
    plans = [Plan(way, order, buffers, places) for order, buffers in product(ORDERS, (2, 1))]
    work = products_of(site, shape, way)
    pixels = every_pixel_cut(shape, in_l2="l3" in (places.input, places.output))
    unit, _, taken = way.partition(":")
    if unit == "shared":  # tiles of no more rows are all the engine's, and better in its own layout
        pixels = pixels.with_rows_above(int(taken))
    by_output, by_input = weight_factors(site, shape, way)
    return Tilings(
        site,
        shape,
        tuple(plans),
        pixel_axis(work, pixels, unit_energy(site, shape, way, costs), make),
        output_axis(shape, work, by_output, make, in_l2=places.uses_l3),
        input_axis(shape, work, by_input, make),
        float(by_input[-1]),
        costs,
    )


def weight_factors(site: Site, shape: Shape, way: str) -> tuple[Array, Array]:
    """`traffic.weight_bytes` as a product: by number of output and of input channels, from 1 up."""
    outputs, inputs = (np.arange(1.0, size + 1) for size in (shape.K, shape.C))
    bits = site.precision.weight_bits if shape.static_weights else site.precision.activation_bits
    unit, byte = way.partition(":")[0], shape.taps * bits / 8
    if unit == "cores":
        return outputs * byte, inputs
    assert site.engine is not None
    plain = unit == "shared"
    one = np.ones(1)
    if shape.depthwise:
        blocked = engine_weight_bits(site.engine, shape, site.precision, outputs, one) / 8
        return blocked + plain * outputs * byte, inputs
    blocked = engine_weight_bits(site.engine, shape, site.precision, one, inputs) / 8
    return outputs, blocked + plain * inputs * byte


def unit_energy(site: Site, shape: Shape, way: str, costs: Costs) -> Array:
    """pJ of the units' accesses to L1 and of an engine's products in one repeat, by rows of a tile from 1."""
    tiles = tiles_of(shape, [(rows, 1, 1, 1) for rows in range(1, shape.P + 1)])
    price = {key: figure.value for key, figure in costs.energy_pj.items()}
    reads, writes = unit_accesses(site, tiles, way)
    energy = reads * price["l1", "read"] + writes * price["l1", "write"]
    macs, p = shape.macs // shape.repeats, site.precision
    if p.number_format != "int":
        energy = energy + macs * price["float_units", p.number_format]
    if not way.startswith("cores"):
        products = macs * p.weight_bits * p.activation_bits
        energy = energy + products * on_engine(tiles, way) * price["engine", "product"]
    return energy


@dataclass(frozen=True, eq=False)
class Anywhere:
    """Bounds of tilings if all operands were in L2 and had room there: less than with any of them in L3."""

    bound: Bound

    @property
    def fits(self) -> npt.NDArray[np.bool_]:
        return self.bound.fits_l1

    def quantity(self, name: str) -> Array:
        known = name in ("cycles", "energy_pj")
        return self.bound.quantity(name) if known else np.zeros(len(self.bound.plan))


def best_blocks(
    shape: Shape, site: Site, places: Sequence[Places], costs: Costs, wanted: Wanted
) -> Iterator[Block]:
    """The wanted tilings of a layer under all plans and ways, priced."""
    near = Places("l2", "l2", "l2")
    roots: list[tuple[float, str, Anywhere]] = []
    for way in site.ways(shape, every=False):
        tilings = tilings_of(site, shape, way, near, costs, Axis.root_of)
        bound = Anywhere(bound_of(tilings, tilings.roots))
        roots.append((float(bound.quantity("cycles").min()), way, bound))
    in_order = [(way, bound) for _, way, bound in sorted(roots, key=lambda root: root[:2])]
    for (way, bound), where in product(in_order, places):
        if wanted.are_open(wanted.costs(bound)).any():
            tilings = tilings_of(site, shape, way, where, costs)
            yield from _blocks(tilings, search(tilings, wanted))


def _blocks(tilings: Tilings, singles: Groups) -> Iterator[Block]:
    """Single tilings, those of one plan together."""
    for number, plan in enumerate(tilings.plans):
        own = singles.take(singles.plan == number)
        if len(own):
            yield block_of(tilings.site, *tiles_of_singles(tilings, own), plan)


def search(tilings: Tilings, wanted: Wanted) -> Groups:
    """Single tilings that are wanted: split branches until none is open."""
    new = tilings.roots
    waiting = new.take(np.zeros(len(new), dtype=bool))
    found = [waiting]
    costs: list[Array] = wanted.costs(bound_of(tilings, waiting))
    most, split = SPLIT if wanted.any_known else FIRST_SPLIT, 0
    while len(new):
        own = wanted.costs(bound_of(tilings, new))
        single = tilings.are_single(new)
        good = new.take(single & wanted.are_open(own))
        if len(good):
            found.append(good.take(wanted.note(wanted.costs(price_of(tilings, good)))))
            most = SPLIT
        costs = [np.concatenate([a, b[~single]]) for a, b in zip(costs, own, strict=True)]
        waiting = Groups.joined([waiting, new.take(~single)])
        is_open = wanted.are_open(costs)
        waiting, costs = waiting.take(is_open), [cost[is_open] for cost in costs]
        if split > MOST_SPLIT and len(waiting):
            wanted.skip(costs)
            break
        rest = np.ones(len(waiting), dtype=bool)
        rest[wanted.first(costs, most)] = False
        new = tilings.children(waiting.take(~rest))
        split += len(new)
        waiting, costs = waiting.take(rest), [cost[rest] for cost in costs]
    return Groups.joined(found)
