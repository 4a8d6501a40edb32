"""The best mappings behind two tiers of buffers against all nested tilings × loop orders of small layers."""

from itertools import product
from math import prod
from random import Random

import numpy as np
import pytest
from systolic_cases import (
    DATAFLOWS,
    OPERANDS,
    PLENTY,
    PRECISIONS,
    layer_of,
    machine_of,
    memories_of,
    random_contraction,
    random_tiers,
    sram,
)

from archsim import Contraction, InputError, Precision
from archsim.accelerators.dominance import beaten_by, unbeaten
from archsim.accelerators.machine import SLACKS, cost_of
from archsim.accelerators.systolic import axes
from archsim.accelerators.systolic.candidate_tree import CandidateTree
from archsim.accelerators.systolic.counts import counts_of
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.pricing import grids, prices_of
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.kernel import engine

MOST_TILINGS = 10_000
OBJECTIVES = ("latency", "energy", "edp")


def every_nesting(*sizes: int):
    chains = [[(a, b) for a in range(1, s + 1) for b in range(1, a + 1)] for s in sizes]
    return list(product(*chains))


def brute_force(machine, layer) -> tuple[np.ndarray, np.ndarray]:
    """Cycles and energy of every nested tiling × loop orders that fits, candidate by candidate."""
    c = layer.contraction
    nest = Nest(
        axes.pixel_axis(c, every_nesting(c.B, c.P, c.Q)),
        axes.channel_axis(c, every_nesting(c.K)),
        axes.product_axis(c, every_nesting(c.C * c.R * c.S)),
    )
    cycles, energy = [], []
    for orders in product(OPERANDS, repeat=2):
        counts = counts_of(StationaryArray(nest, machine.spec.array, None, c.G), machine.hierarchy, orders)
        costs = {layer.precision: machine.costs(layer.precision)}
        keys = [key for key, _ in grids(counts)]
        priced = GridPrices(counts, prices_of(layer, keys, machine.spec, machine.hierarchy, costs), 0)
        fits = np.broadcast_to(priced.fits, nest.shape)
        cycles.append(np.broadcast_to(priced.cycles, nest.shape)[fits])
        energy.append(np.broadcast_to(priced.total_energy_pj, nest.shape)[fits])
    return np.concatenate(cycles), np.concatenate(energy)


def tilings(c: Contraction) -> int:
    return prod(size * (size + 1) // 2 for size in (c.B, c.P, c.Q, c.K, c.C * c.R * c.S))


def small_layer(rng: Random):
    while tilings(c := random_contraction(rng)) > MOST_TILINGS:
        pass
    return layer_of(c, rng.choice(PRECISIONS))


def line_layer(rng: Random):
    """Of few pixels and channels: their tiles differ in the size of the last one only if in another count."""
    kernel = rng.randint(1, 3)
    c = Contraction(
        K=rng.randint(1, 3), C=rng.randint(1, 5), P=rng.randint(1, 3), R=kernel, padding=(1, 0, 0, 0)
    )
    return layer_of(c, rng.choice(PRECISIONS))


def two_tiers(rng: Random):
    while len(tiers := random_tiers(rng)) < 2:
        pass
    return tiers


def small_machine(rng: Random, **more):
    """Two tiers, of which each holds every operand or only some, and little of them or much."""
    capacities = rng.choice(((300, 100), (120, 60), (4000, 80), (PLENTY, PLENTY)))
    if rng.random() < 0.5:
        wide = {"bandwidth_bits_per_cycle": 16.0} if more.get("bits_per_cycle") else {}
        names = ("outer", "near")
        memories = [sram(n, list(OPERANDS), size, **wide) for n, size in zip(names, capacities, strict=True)]
    else:
        memories = memories_of(two_tiers(rng), capacities[0])
    sides = {"rows": rng.randint(1, 4), "columns": rng.randint(1, 4)}
    return machine_of(memories, dataflow=more.pop("dataflow", rng.choice(DATAFLOWS)), **sides, **more)


def check(machine, layer, minimize: str, *, exactly: bool) -> None:
    """The table's best is the best of all (`exactly`), and no mapping near it is missing that is better than
    every row in latency or energy."""
    cycles, energy = brute_force(machine, layer)
    if not len(cycles):
        with pytest.raises(InputError, match="no tile of layer"):
            machine.options(layer, minimize=minimize)
        return
    options = machine.options(layer, minimize=minimize)
    assert options.complete
    cost, found = (
        cost_of(minimize, *both) for both in ((cycles, energy), (options.cycles, options.total_energy_pj))
    )
    least = cost.min()
    assert found.min() <= least * (1 + 1e-9)
    if exactly:
        assert found.min() == pytest.approx(least, rel=1e-9)
        other, best = (energy, options.total_energy_pj) if minimize != "energy" else (cycles, options.cycles)
        ties = other[cost <= least * (1 + 1e-12)]
        assert best[found <= least * (1 + 1e-9)].min() <= ties.min() * (1 + 1e-9)
    if len(options) > 1:
        near = np.stack([cycles, energy], axis=1)[cost <= least * (1 + SLACKS[-1])] * (1 + 1e-12)
        ours = np.stack([options.cycles, options.total_energy_pj], axis=1)
        assert beaten_by(near[unbeaten(near)], ours).all()


@pytest.mark.parametrize("number", range(150))
def test_the_best_of_all_nested_tilings(number):
    """Any layer; DRAM never makes the array wait. Runs of pixels may do better than any rectangles."""
    rng = Random(f"nested {number}")
    machine, layer = small_machine(rng), small_layer(rng)
    only_rectangles = machine.spec.array.dataflow == "weight_stationary"
    for minimize in OBJECTIVES:
        check(machine, layer, minimize, exactly=only_rectangles)


@pytest.mark.parametrize("number", range(150))
def test_the_best_where_dram_is_waited_for(number):
    rng = Random(f"nested and slow {number}")
    rate = rng.choice((1.0, 4.0, 32.0))
    machine, layer = (
        small_machine(rng, bits_per_cycle=rate, latency_cycles=rng.choice((0, 7))),
        line_layer(rng),
    )
    for minimize in OBJECTIVES:
        check(machine, layer, minimize, exactly=True)


@pytest.mark.parametrize("number", range(40))
def test_rows_can_be_run(number):
    """Described and read again they cost the same, and the kernel is within their bounds."""
    rng = Random(f"nested rows {number}")
    layer = small_layer(rng)
    machine = small_machine(rng, bits_per_cycle=8.0)
    try:
        tables = [machine.options(layer, minimize=minimize) for minimize in OBJECTIVES]
    except InputError:
        return
    for options in tables:
        for i in range(len(options)):
            row = options.row(i)
            again = machine.row(layer, machine.performed(row).mapping)
            assert (again.cycles, again.energy_pj) == pytest.approx((row.cycles, row.energy_pj))
            cycles = engine.simulate(machine.program([row])).cycles
            assert options.cycles[i] - 1e-6 <= cycles <= options.cycles_high[i] + 1e-6


def test_precisions_are_searched_together():
    layer = layer_of(Contraction(K=6, C=4, P=5, Q=5, R=3, S=3))
    tiers = [sram("outer", list(OPERANDS), 400), sram("near", list(OPERANDS), 150)]
    machine = machine_of(tiers, bits_per_cycle=16.0)
    precisions = [Precision.parse(p) for p in PRECISIONS]
    for minimize in OBJECTIVES:
        together = machine.options(layer, precisions, minimize=minimize)
        for i, precision in enumerate(precisions):
            alone, own = machine.options(layer, [precision], minimize=minimize), together.precision == i
            assert sorted(together.cycles[own]) == pytest.approx(sorted(alone.cycles))
            assert sorted(together.total_energy_pj[own]) == pytest.approx(sorted(alone.total_energy_pj))


@pytest.mark.parametrize("minimize", OBJECTIVES)
def test_a_layer_that_nothing_cuts(minimize):
    tiers = [sram("outer", list(OPERANDS), 4000), sram("near", list(OPERANDS), 150)]
    for rate in (None, 8.0):
        check(machine_of(tiers, bits_per_cycle=rate), layer_of(Contraction()), minimize, exactly=True)


def test_long_dimensions_are_not_complete():
    layer = layer_of(Contraction(K=1000, C=3))
    tiers = [sram("outer", list(OPERANDS), 4000), sram("near", list(OPERANDS), 150)]
    some = machine_of(tiers, tile_candidates=4).options(layer, minimize="energy")
    more = machine_of(tiers).options(layer, minimize="energy")
    assert not more.complete
    assert more.total_energy_pj.min() <= some.total_energy_pj.min() * (1 + 1e-12)


@pytest.mark.parametrize("number", range(20))
def test_a_tree_splits_every_group_among_its_children(number):
    rng = np.random.default_rng(number)
    judged = np.unique(rng.integers(1, 9, (rng.integers(1, 80), 3)), axis=0)
    tree = CandidateTree.of(judged)
    groups = np.split(tree.groups.members, tree.groups.starts[1:])
    least = tree.groups.least(judged)
    assert sorted(tree.candidate[tree.candidate >= 0]) == list(range(len(judged)))
    for node, members in enumerate(groups):
        _, children = tree.children(np.array([node]))
        assert (least[node] == judged[members].min(axis=0)).all()
        assert (len(members) == 1) == (tree.candidate[node] == members[0]) == (not len(children))
        if len(children):
            assert sorted(np.concatenate([groups[child] for child in children])) == sorted(members)
