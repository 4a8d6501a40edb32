"""The best mapping of one layer on a machine of three memory levels (DRAM and two tiers of buffers), with a
bound.

The space is every tile size of the outer tier × every one of the inner × loop orders of both: some 1e16
mappings for a ResNet layer, too many to list. But what crosses the border to DRAM depends on the outer tiling
alone, and what crosses the inner border, given an inner tiling, is least when the outer tier cuts nothing: a
cut only adds tiles, visits, halos and folds. So

    cost(outer, inner) >= E0(outer) + E1(inner),   E0 = bits to and from DRAM × what both ends charge,
                                                   E1 = all the rest, with the outer tier uncut,

and the least E0 plus the least E1, each found over its complete space (see `best_rows`), bounds all mappings
from below. The cheapest nested pairs are then priced exactly. Where the best of them meets the bound it is
the optimum; else `gap` says how much could be left at the most. It stays open where tiles of the two tiers
do not nest in each other, and by the leakage while the array waits for DRAM, which the bound leaves out.

Latency is bounded by the fewest cycles of the array on any inner tiling and by the least time on the DRAM
channel on any outer one; what remains between is the time to fill and drain the outer tier's first and last
tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from archsim.accelerators.machine import Options, Row, cost_of
from archsim.accelerators.systolic.contraction_options import contraction_options
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy, Tier
from archsim.accelerators.systolic.machine import SystolicMachine
from archsim.accelerators.systolic.space import space_of
from archsim.accelerators.systolic.spec import OPERANDS
from archsim.errors import InputError
from archsim.workloads.layer import Layer

MOST_PAIRS = 24
"""Nested pairs priced exactly."""


@dataclass(frozen=True)
class BestMapping:
    """`cost` is the row's, by the table (pJ, cycles at the least); no mapping costs less than `bound`.

    `mappings` is how many the space has: integer tiles of both tiers in every dimension × loop orders.
    """

    row: Row
    cost: float
    bound: float
    mappings: int

    @property
    def gap(self) -> float:
        return self.cost / self.bound - 1

    @property
    def proven(self) -> bool:
        return self.gap < 1e-9


def best_nested_mapping(layer: Layer, machine: SystolicMachine, minimize: str) -> BestMapping:
    """`minimize` is energy or latency. Raises InputError unless the machine is a classical array behind two
    tiers of buffers that each hold every operand, or when nothing fits.
    """
    tiers = machine.hierarchy.tiers
    whole = all(tier.holder(operand) for tier in tiers for operand in OPERANDS)
    if len(tiers) != 2 or not whole or machine.spec.array.dataflow == "unrolled" or layer.contraction is None:
        raise InputError(
            f"{machine.name}: the search needs a contraction on a classical array behind two tiers of "
            "buffers that hold inputs, weights and outputs each"
        )
    if minimize not in ("energy", "latency"):
        raise InputError(f"objective {minimize!r} is not known here; allowed: energy, latency")
    costs = machine.costs(layer.precision)
    outer = _single_tier(layer, machine, tiers[0], _outer_costs(costs, machine.hierarchy), minimize)
    inner = _single_tier(layer, machine, tiers[1], _inner_costs(costs, machine.hierarchy), minimize)
    if minimize == "energy":
        bound = float(outer.total_energy_pj.min() + inner.total_energy_pj.min())
    else:
        bits = float(outer.traffic_bytes[machine.hierarchy.dram.name].min()) * 8
        rate = costs.dram_bits_per_cycle
        bound = (
            max(float(inner.cycles.min()), 0.0 if rate is None else bits / rate) + costs.dram_latency_cycles
        )
    best: Row | None = None
    for mapping in _pairs(outer, inner, minimize):
        try:
            row = machine.row(layer, mapping)
        except InputError:  # a tile that the other tier makes several of needs a second copy
            continue
        if best is None or _cost(row, minimize) < _cost(best, minimize):
            best = row
        if _cost(best, minimize) <= bound * (1 + 1e-9):
            break
    if best is None:
        raise InputError(f"{machine.name}: no nested tile of layer {layer.name!r} fits both tiers")
    return BestMapping(best, _cost(best, minimize), bound, space_size(layer))


def _cost(row: Row, minimize: str) -> float:
    return row.energy_pj if minimize == "energy" else row.cycles


def space_size(layer: Layer) -> int:
    """Pairs of nested integer tile sizes in every dimension × three orders a tier."""
    c = layer.contraction
    assert c is not None
    sizes = (c.B, c.P, c.Q, c.K, c.C * c.R * c.S)
    return 9 * int(np.prod([size * (size + 1) // 2 for size in sizes], dtype=object))


def _outer_costs(costs: Costs, hierarchy: Hierarchy) -> Costs:
    """DRAM's bits charged at both ends; nothing else costs anything."""
    energy = {key: replace(figure, value=0.0) for key, figure in costs.energy_pj.items()}
    dram, (buffer, *_) = hierarchy.dram.name, hierarchy.tiers[0].memories
    for action, other in (("read", "write"), ("write", "read")):
        end = costs.energy_pj[buffer.name, other].value / buffer.word_bits
        energy[dram, action] = replace(energy[dram, action], value=costs.energy_pj[dram, action].value + end)
    none = {name: replace(figure, value=0.0) for name, figure in costs.leakage_mw.items()}
    return replace(costs, energy_pj=energy, leakage_mw=none)


def _inner_costs(costs: Costs, hierarchy: Hierarchy) -> Costs:
    """The outer tier in DRAM's place, which never makes the array wait."""
    dram, (buffer, *_) = hierarchy.dram.name, hierarchy.tiers[0].memories
    energy = dict(costs.energy_pj)
    for action in ("read", "write"):
        energy[dram, action] = costs.energy_pj[buffer.name, action].scaled(1 / buffer.word_bits)
    return replace(costs, energy_pj=energy, dram_bits_per_cycle=None, dram_latency_cycles=0)


def _single_tier(layer: Layer, machine: SystolicMachine, tier: Tier, costs: Costs, minimize: str) -> Options:
    hierarchy = Hierarchy(machine.hierarchy.dram, (tier,), ())
    assert layer.contraction is not None
    space = space_of(layer.contraction, machine.spec, 1, None)
    front = ("energy_pj", "cycles") if minimize == "energy" else ("cycles", f"traffic:{hierarchy.dram.name}")
    return contraction_options(layer, machine.spec, hierarchy, {layer.precision: costs}, space, front=front)


def _pairs(outer: Options, inner: Options, minimize: str) -> Iterator[dict[str, object]]:
    """Readable mappings of nested pairs, the best of both lists first."""
    first, second = ([_described(o, i) for i in _cheapest(o, minimize)] for o in (outer, inner))
    count = 0
    for (_, a), (_, b) in sorted(
        product(enumerate(first), enumerate(second)), key=lambda p: p[0][0] + p[1][0]
    ):
        if set(a["tile"]) != set(b["tile"]) or a["split"] != b["split"]:
            continue
        order = [a["order"], b["order"]]
        for tile in _nested(a["tile"], b["tile"]):
            yield {"tile": tile, "order": order, "split": a["split"]}
        count += 1
        if count == MOST_PAIRS:
            return


def _nested(outer: dict[str, int], inner: dict[str, int]) -> Iterator[dict[str, list[int]]]:
    """The inner tile in the outer, and in the outer cut down to whole inner tiles."""
    small = {dim: min(t, inner[dim]) for dim, t in outer.items()}
    yield {dim: [t, small[dim]] for dim, t in outer.items()}
    aligned = {dim: [t - t % small[dim], small[dim]] for dim, t in outer.items()}
    if any(t != outer[dim] for dim, (t, _) in aligned.items()):
        yield aligned


def _cheapest(options: Options, minimize: str) -> list[int]:
    cost = cost_of(minimize, options.cycles, options.total_energy_pj)
    return np.lexsort((options.cycles, cost))[:MOST_PAIRS].tolist()


def _described(options: Options, index: int) -> dict:
    row = options.row(index)
    dims = ("BPQ",) if "BPQ" in row.mapping and max(row.mapping["BPQ"]) else ("B", "P", "Q")
    tile = {dim: int(row.mapping[dim][0]) for dim in (*dims, "K", "CRS")}
    return {"tile": tile, "order": str(row.mapping["order"][0]), "split": str(row.mapping["split"])}
