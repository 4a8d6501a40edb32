"""Plans of a contraction, each priced for all its tiles: what is kept of them is the asker's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Protocol

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.kept_layouts import layouts_kept
from archsim.accelerators.cluster.latency import bounds
from archsim.accelerators.cluster.movement import Movement, movement_of
from archsim.accelerators.cluster.pricing import actions_of, energy_of, fits, held_bytes
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.space import Layout, cuts_of, possible_places
from archsim.accelerators.cluster.tile_work import Work, work_of
from archsim.accelerators.cluster.tiles import ORDERS, Choice, L2Tile, Tiles, even_l2_tile
from archsim.accelerators.cluster.traffic import Plan
from archsim.accelerators.cluster.wanted import Wanted
from archsim.accelerators.cluster.work import Site
from archsim.workloads.layer import Layer

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """One plan for all tiles of its layout; what costs time is worked out when it is asked for."""

    site: Site
    tiles: Tiles
    l2: L2Tile
    plan: Plan
    moves: Movement
    work: Work
    held: Mapping[str, Array]
    fits: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.tiles)

    @cached_property
    def cycles(self) -> tuple[Array, Array]:
        """Bounds of the latency from below and above."""
        return bounds(self.site, self.tiles, self.plan, self.moves, self.work)

    def energy_pj(self, rows: Rows, costs: Costs) -> dict[str, Array]:
        """Of some rows by component, leakage at the lower bound of their latency."""
        actions = actions_of(self.site, self.tiles, self.plan.way, self.moves, self.work, rows)
        return energy_of(actions, self.cycles[0][rows], costs)

    def traffic_bytes(self, rows: Rows) -> dict[str, Array]:
        """Of some rows, by the memory on the far side."""
        repeats = self.tiles.shape.repeats
        flows = {"l2": self.moves.moved, "l3": self.moves.fetched}
        return {
            name: repeats * np.sum([part.bytes[rows] for part in parts.values()], axis=0)
            for name, parts in flows.items()
        }


class Interest(Protocol):
    """What an asker still wants to see."""

    def wants(self, least_cycles: float) -> bool:
        """Whether a row of at least so many cycles may be of use."""
        ...

    def keep(self, block: Block, fitting: Rows, costs: Costs) -> Rows:
        """Rows worth listing, of those that fit."""
        ...

    def wanted(self) -> Wanted | None:
        """What is looked for among all tilings, beside rows that were kept; None: nothing."""
        ...


def block_of(site: Site, tiles: Tiles, l2: L2Tile, plan: Plan) -> Block:
    """Tiles under one plan."""
    moves = movement_of(site, tiles, l2, plan)
    held = held_bytes(site, tiles, plan, moves)
    work = work_of(site, tiles, plan.way)
    return Block(site, tiles, l2, plan, moves, work, held, fits(site.spec, held))


def priced_blocks(layer: Layer, site: Site, choice: Choice, interest: Interest) -> Iterator[Block]:
    """Every plan of a layer that is of interest, with every tile that it may fit."""
    shape = shape_of(layer)
    layouts = layouts_kept(shape, site, choice)
    for places in possible_places(layer, site):
        for cuts, order, layout in product(cuts_of(shape, places), ORDERS, layouts):
            ways = [way for way, work in layout.work.items() if interest.wants(_floor(site, layout, work))]
            if ways:
                plan = Plan(layout.name, order, 1, places)
                l2 = even_l2_tile(layout.tiles, *cuts)
                yield from _of_layout(site, layout, l2, plan, ways)


def _floor(site: Site, layout: Layout, work: Work) -> float:
    """No tile of a way is through sooner than its units."""
    return layout.tiles.shape.repeats * float(work.cycles.min()) + site.spec.overheads.layer_cycles


def _of_layout(site: Site, layout: Layout, l2: L2Tile, plan: Plan, ways: list[str]) -> Iterator[Block]:
    """Of `plan` with either number of buffers and each of the ways."""
    tiles = layout.tiles
    moves = movement_of(site, tiles, l2, plan)
    for depth in (1,) if site.spec.l1 is None else (2, 1):
        buffered = replace(plan, buffers=depth)
        held = held_bytes(site, tiles, buffered, moves)
        fitting = fits(site.spec, held)
        for way in ways:
            own = replace(buffered, way=way)
            yield Block(site, tiles, l2, own, moves, layout.work[way], held, fitting)
