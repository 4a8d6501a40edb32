"""The options table of a contraction: tiles × who works × loop orders × buffers × places, priced and
filtered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.engines import ENGINES
from archsim.accelerators.cluster.pricing import Priced, price, work_of
from archsim.accelerators.cluster.shape import Shape, shape_of
from archsim.accelerators.cluster.tiles import (
    ORDERS,
    L2Tile,
    Tiles,
    candidate_tiles,
    l2_cuts,
    l2_tile,
    tiles_of,
)
from archsim.accelerators.cluster.traffic import Places, Plan
from archsim.accelerators.cluster.work import Site
from archsim.accelerators.machine import SLACKS, DoesNotFit, Options, cost_of, total
from archsim.accelerators.options_front import undominated
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]
KEYS = ("P", "Q", "K", "C", "cut_p", "cut_k", "way", "order", "buffers", "input_in", "weight_in", "output_in")
ACTIVATION_SHARE = 0.5
"""A tensor larger than this share of L2 lives in L3, so that a layer's input and output fit side by side."""


@dataclass(frozen=True)
class Block:
    """One plan priced for all tiles."""

    tiles: Tiles
    cuts: tuple[int, int]
    plan: Plan
    priced: Priced


def priced_blocks(layer: Layer, site: Site, most: int) -> Iterator[Block]:
    """Every plan of a layer, each for every candidate tile."""
    shape = shape_of(layer)
    tiles = _candidates(shape, site, most)
    l2_tiles: dict[tuple[int, int], L2Tile] = {}
    work = {way: work_of(site, tiles, way) for way in site.ways(shape)}
    buffers = (1,) if site.spec.l1 is None else (2, 1)
    for places in possible_places(layer, site):
        for cuts in _cuts(shape, places):
            if cuts not in l2_tiles:
                l2_tiles[cuts] = l2_tile(tiles, *cuts)
            for way, order, depth in product(work, ORDERS, buffers):
                plan = Plan(way, order, depth, places)
                yield Block(tiles, cuts, plan, price(site, tiles, l2_tiles[cuts], plan, work[way]))


def _candidates(shape: Shape, site: Site, most: int) -> Tiles:
    if site.spec.l1 is None:
        return tiles_of(shape, [(shape.P, shape.Q, shape.K, shape.C)])
    engine = None if site.engine is None else ENGINES[site.engine]
    patch, lanes, channels = (
        (engine.patch, engine.channels_out, engine.channels_in)
        if engine
        else (2, 4, site.cores.loop.products)
    )
    return candidate_tiles(shape, most, patch, lanes, channels, site.cores.count)


def possible_places(layer: Layer, site: Site) -> list[Places]:
    """Activations go where their size puts them, weights where the YAML says (auto: either)."""
    l3 = site.spec.l3
    if l3 is None:
        return [Places("l2", "l2", "l2")]
    room = (site.spec.l2.capacity_kib - site.spec.l2.reserved_kib) * 1024 * ACTIVATION_SHARE

    def home(size: int) -> str:
        return "l3" if size > room else "l2"

    inputs, outputs = home(layer.input_bytes), home(layer.output_bytes)
    if not layer.has_static_weights:
        return [Places(inputs, "l2", outputs)]
    weights = {"l2": ("l2",), "l3": ("l3",), "auto": ("l2", "l3")}[l3.weights]
    return [Places(inputs, weight, outputs) for weight in weights]


def _cuts(shape: Shape, places: Places) -> list[tuple[int, int]]:
    if not places.uses_l3:
        return [(1, 1)]
    rows = l2_cuts(shape.P) if "l3" in (places.input, places.output) else [1]
    return list(product(rows, l2_cuts(shape.K)))


def contraction_options(
    layer: Layer,
    precisions: Sequence[Precision],
    sites: Mapping[Precision, Site],
    costs: Costs,
    most: int,
    minimize: str | None = None,
    front: Sequence[str] | None = None,
) -> Options:
    """Price every candidate; with `minimize` keep rows near the cheapest, with `front` undominated ones.

    Raises DoesNotFit when no tile fits.
    """
    blocks: list[Columns] = []
    least, rows, tightest = float("inf"), 0, None
    for p, precision in enumerate(precisions):
        for block in priced_blocks(layer.with_precision(precision), sites[precision], most):
            keep, rows = block.priced.fits.copy(), rows + len(block.tiles)
            if not keep.any():
                tightest = tightest or block
                continue
            energy = energy_pj(block.priced, costs)
            if minimize is not None:
                cost = np.where(keep, cost_of(minimize, block.priced.cycles, total(energy)), np.inf)
                least = min(least, float(cost.min()))
                keep &= cost <= least * (1 + SLACKS[-1])
                if not keep.any():
                    continue
            blocks.append(_columns(block, p, energy, np.flatnonzero(keep)))
    if not blocks:
        raise DoesNotFit(_nothing_fits(layer, sites[precisions[0]], tightest))
    options = _options(layer, precisions, blocks, rows, costs)
    return options if front is None else undominated(options, front)


def energy_pj(priced: Priced, costs: Costs) -> dict[str, npt.NDArray[np.float64]]:
    """By component; what is always on is charged for `cycles`."""
    energy: dict[str, npt.NDArray[np.float64]] = {}
    for (component, action), count in priced.actions.items():
        part = count * costs.energy_pj[component, action].value
        energy[component] = energy[component] + part if component in energy else part
    for component, pj in costs.always_on_pj_per_cycle.items():
        part = priced.cycles * pj
        energy[component] = energy[component] + part if component in energy else part
    return energy


def _columns(
    block: Block, precision: int, energy: Mapping[str, npt.NDArray[np.float64]], kept: npt.NDArray[np.int64]
) -> Columns:
    tiles, priced, plan = block.tiles, block.priced, block.plan
    values: dict[str, Any] = {dim: getattr(tiles, dim)[kept].astype(np.int64) for dim in "PQKC"}
    values |= {"cut_p": block.cuts[0], "cut_k": block.cuts[1], "way": plan.way, "order": plan.order}
    values |= {"buffers": plan.buffers, "precision": precision}
    values |= {f"{name}_in": getattr(plan.places, name) for name in ("input", "weight", "output")}
    columns: Columns = {key: np.broadcast_to(np.asarray(value), len(kept)) for key, value in values.items()}
    columns |= {"cycles": priced.cycles[kept], "cycles_high": priced.cycles_high[kept]}
    columns |= {f"energy:{name}": pj[kept] for name, pj in energy.items()}
    columns |= {f"held:{name}": size[kept] for name, size in priced.held.items()}
    columns |= {"traffic:l2": priced.l2_bytes[kept], "traffic:l3": priced.l3_bytes[kept]}
    return columns


def _options(
    layer: Layer, precisions: Sequence[Precision], blocks: Sequence[Columns], priced: int, costs: Costs
) -> Options:
    names = list(dict.fromkeys(name for block in blocks for name in block))

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([b[name] if name in b else np.zeros(len(b["cycles"])) for b in blocks])

    columns = {name: column(name) for name in names}

    def group(prefix: str) -> Columns:
        return {name.removeprefix(prefix): v for name, v in columns.items() if name.startswith(prefix)}

    mapping, codebooks = {}, {}
    for key in KEYS:
        book, index = np.unique(columns[key], return_inverse=True)
        mapping[key], codebooks[key] = index.astype(np.int64), {key: book}
    return Options(
        layer=layer,
        precisions=tuple(precisions),
        precision=columns["precision"].astype(np.int64),
        cycles=columns["cycles"],
        energy_pj=group("energy:"),
        traffic_bytes=group("traffic:"),
        held_bytes=group("held:"),
        mapping=mapping,
        codebooks=codebooks,
        priced=priced,
        cycles_high=columns["cycles_high"],
        leakage_pj_per_cycle=costs.always_on_pj_per_cycle,
    )


def _nothing_fits(layer: Layer, site: Site, block: Block | None) -> str:
    needs: list[str] = []
    for name, memory in (("l1", site.spec.l1), ("l2", site.spec.l2)):
        if memory is None or block is None or name not in block.priced.held:
            continue
        least = float(block.priced.held[name].min())
        have = (memory.capacity_kib - memory.reserved_kib) * 1024
        if least > have:
            needs.append(f"{name} needs {least:,.0f} bytes for the smallest and has {have:,.0f}")
    reason = "; ".join(needs) or "no tile fits all memories at once"
    return (
        f"{site.spec.name}: no tile of layer {layer.name!r} fits ({reason}). "
        "Give the memory more capacity, add an l3, or give the layer fewer bits."
    )
