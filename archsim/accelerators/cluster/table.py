"""The options table of a contraction: tiles × who works × loop orders × buffers × places, priced and
filtered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.all_tiles import best_blocks
from archsim.accelerators.cluster.blocks import Block, priced_blocks
from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.interest import All, Front, Nearest
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.space import is_complete, possible_places, tiles_tried
from archsim.accelerators.cluster.tiles import Choice
from archsim.accelerators.cluster.traffic import single_buffer_bytes
from archsim.accelerators.cluster.work import Site
from archsim.accelerators.machine import DoesNotFit, Options
from archsim.accelerators.option_blocks import JoinedBlocks
from archsim.accelerators.options_front import undominated
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]
KEYS = ("P", "Q", "K", "C", "P2", "K2", "way", "order", "buffers", "input_in", "weight_in", "output_in")


def contraction_options(
    layer: Layer,
    precisions: Sequence[Precision],
    sites: Mapping[Precision, Site],
    costs: Costs,
    choice: Choice,
    minimize: str | None = None,
    front: Sequence[str] | None = None,
) -> Options:
    """Price a choice of tilings; with `minimize` keep rows near the cheapest, with `front` undominated ones,
    and then add the best of all other tilings.

    Raises DoesNotFit when no tile fits.
    """
    columns: list[Columns] = []
    nearest = None if minimize is None else Nearest(minimize)
    listed = [
        Listed(
            layer.with_precision(p), sites[p], costs, choice, nearest or (Front(front) if front else All())
        )
        for p in precisions
    ]
    for number, each in enumerate(listed):
        columns += [_columns(block, number, kept, costs) for block, kept in each.rows()]
    if not columns:
        raise DoesNotFit(_nothing_fits(layer, sites[precisions[0]], choice, listed[0].tightest))
    options = _options(layer, precisions, columns, sum(each.priced for each in listed), costs)
    options = replace(options, complete=all(each.complete for each in listed))
    if nearest is not None:
        options = options.take(nearest.near(options.cycles, options.total_energy_pj))
        options = replace(_distinct(options), unlisted=min(each.unlisted for each in listed))
    return options if front is None else undominated(options, front)


class Listed:
    """Rows of a layer at one precision that are of interest: of a choice of tilings, and the best of all."""

    def __init__(
        self, layer: Layer, site: Site, costs: Costs, choice: Choice, interest: All | Nearest | Front
    ) -> None:
        self.layer, self.site, self.costs, self.choice, self.interest = layer, site, costs, choice, interest
        self.priced = 0
        self.tightest: Block | None = None  # a plan of which nothing fits
        self.complete = is_complete(layer, site, choice)
        self.unlisted = np.inf  # no tiling left out has less of the objective

    def rows(self) -> Iterator[tuple[Block, npt.NDArray[np.int64]]]:
        for block in self._blocks():
            self.priced += len(block)
            fitting = np.flatnonzero(block.fits)
            if not len(fitting):
                self.tightest = self.tightest or block
                continue
            kept = self.interest.keep(block, fitting, self.costs)
            if len(kept):
                yield block, kept

    def _blocks(self) -> Iterator[Block]:
        yield from priced_blocks(self.layer, self.site, self.choice, self.interest)
        wanted = self.interest.wanted()
        few_do = self.choice.like_dory or self.site.layouts is not None  # asked for again and again
        if wanted is None or self.complete or few_do:
            return
        shape = shape_of(self.layer)
        places = possible_places(self.layer, self.site)
        yield from best_blocks(shape, self.site, places, self.costs, wanted)
        self.complete = np.isinf(wanted.least_skipped) and self.site.lists_all_ways(shape)
        self.unlisted = min(wanted.listed_below, wanted.least_skipped)


def _distinct(options: Options) -> Options:
    """Every mapping once."""
    rows = np.stack([options.precision, *options.mapping.values()], axis=1)
    return options.take(np.sort(np.unique(rows, axis=0, return_index=True)[1]))


def _columns(block: Block, precision: int, kept: npt.NDArray[np.int64], costs: Costs) -> Columns:
    tiles, plan = block.tiles, block.plan
    values: dict[str, Any] = {dim: getattr(tiles, dim)[kept].astype(np.int64) for dim in "PQKC"}
    values |= {dim: getattr(block.l2, dim)[kept].astype(np.int64) for dim in ("P2", "K2")}
    values |= {"way": plan.way, "order": plan.order, "buffers": plan.buffers, "precision": precision}
    values |= {f"{name}_in": getattr(plan.places, name) for name in ("input", "weight", "output")}
    columns: Columns = {key: np.broadcast_to(np.asarray(value), len(kept)) for key, value in values.items()}
    low, high = block.cycles
    columns |= {"cycles": low[kept], "cycles_high": high[kept]}
    columns |= {f"energy:{name}": pj for name, pj in block.energy_pj(kept, costs).items()}
    columns |= {f"held:{name}": size[kept] for name, size in block.held.items()}
    return columns | {f"traffic:{name}": size for name, size in block.traffic_bytes(kept).items()}


def _options(
    layer: Layer, precisions: Sequence[Precision], blocks: Sequence[Columns], priced: int, costs: Costs
) -> Options:
    joined = JoinedBlocks.of(blocks, KEYS)
    return Options(
        layer=layer,
        precisions=tuple(precisions),
        precision=joined["precision"].astype(np.int64),
        cycles=joined["cycles"],
        energy_pj=joined.group("energy:"),
        traffic_bytes=joined.group("traffic:"),
        held_bytes=joined.group("held:"),
        mapping=joined.mapping,
        codebooks=joined.codebooks,
        priced=priced,
        cycles_high=joined["cycles_high"],
        leakage_pj_per_cycle=costs.always_on_pj_per_cycle,
    )


def _nothing_fits(layer: Layer, site: Site, choice: Choice, block: Block | None) -> str:
    """Which memory even the smallest tile does not fit; `block`: a plan whose tiles fit L1 by themselves."""
    if block is None:
        tiles = tiles_tried(shape_of(layer), site, choice)
        held = {"l1": float(single_buffer_bytes(site, tiles, "cores").min())}
    else:
        held = {name: float(size.min()) for name, size in block.held.items()}
    needs: list[str] = []
    for name, memory in (("l1", site.spec.l1), ("l2", site.spec.l2)):
        have = 0.0 if memory is None else memory.room_bytes
        if memory is not None and held.get(name, 0.0) > have:
            needs.append(f"{name} needs {held[name]:,.0f} bytes for the smallest and has {have:,.0f}")
    reason = "; ".join(needs) or "no tile fits all memories at once"
    return (
        f"{site.spec.name}: no tile of layer {layer.name!r} fits ({reason}). "
        "Give the memory more capacity, add an l3, or give the layer fewer bits."
    )
