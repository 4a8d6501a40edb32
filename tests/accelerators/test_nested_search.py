"""The search over two tiers of buffers against all nested tilings of small layers."""

from itertools import product
from random import Random

import numpy as np
import pytest
from systolic_cases import DATAFLOWS, OPERANDS, layer_of, machine_of, sram, three_srams

from archsim import Contraction, InputError
from archsim.accelerators.systolic import axes
from archsim.accelerators.systolic.counts import counts_of
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.nested_search import best_nested_mapping, space_size
from archsim.accelerators.systolic.pricing import grids, prices_of
from archsim.accelerators.systolic.stationary import StationaryArray


def every_nesting(*sizes: int):
    chains = [[(a, b) for a in range(1, s + 1) for b in range(1, a + 1)] for s in sizes]
    return list(product(*chains))


def brute_force(machine, layer) -> tuple[float, float, int]:
    """(least energy, least cycles, mappings) of all that fit."""
    c = layer.contraction
    nest = Nest(
        axes.pixel_axis(c, every_nesting(c.B, c.P, c.Q)),
        axes.channel_axis(c, every_nesting(c.K)),
        axes.product_axis(c, every_nesting(c.C * c.R * c.S)),
    )
    energy, cycles, mappings = np.inf, np.inf, 0
    for orders in product(OPERANDS, repeat=2):
        array = StationaryArray(nest, machine.spec.array, None, c.G)
        counts = counts_of(array, machine.hierarchy, orders)
        costs = {layer.precision: machine.costs(layer.precision)}
        keys = [key for key, _ in grids(counts)]
        priced = GridPrices(counts, prices_of(layer, keys, machine.spec, machine.hierarchy, costs), 0)
        fits = np.broadcast_to(priced.fits, nest.shape)
        mappings += fits.size
        energy = min(energy, np.broadcast_to(priced.total_energy_pj, nest.shape)[fits].min())
        cycles = min(cycles, np.broadcast_to(priced.cycles, nest.shape)[fits].min())
    return float(energy), float(cycles), mappings


@pytest.mark.parametrize("number", range(40))
def test_the_bound_holds_for_all_mappings(number):
    rng = Random(f"nested {number}")
    c = Contraction(
        K=rng.randint(1, 6),
        C=rng.randint(1, 3),
        P=rng.randint(1, 4),
        Q=rng.randint(1, 3),
        R=rng.randint(1, 2),
    )
    outer, near = rng.choice(((300, 100), (120, 60), (4000, 80)))
    machine = machine_of(
        [sram("outer", list(OPERANDS), outer, word_bits=8), sram("near", list(OPERANDS), near)],
        dataflow=rng.choice(DATAFLOWS),
        rows=rng.randint(1, 4),
        columns=rng.randint(1, 4),
        bits_per_cycle=rng.choice((4.0, 32.0)),
    )
    layer = layer_of(c)
    energy, cycles, mappings = brute_force(machine, layer)
    assert mappings == space_size(layer)
    for minimize, least in (("energy", energy), ("latency", cycles)):
        found = best_nested_mapping(layer, machine, minimize)
        assert found.bound <= least * (1 + 1e-9)
        assert least <= found.cost * (1 + 1e-9)
        if found.proven:
            assert found.cost == pytest.approx(least, rel=1e-9)


def test_the_mapping_found_is_near_the_bound():
    layer = layer_of(Contraction(K=6, C=4, P=5, Q=5, R=3, S=3))
    tiers = [sram("outer", list(OPERANDS), 1 << 20), sram("near", list(OPERANDS), 150)]
    found = best_nested_mapping(layer, machine_of(tiers, bits_per_cycle=16.0), "energy")
    assert 0 <= found.gap < 0.03


def test_other_machines_are_refused():
    layer = layer_of(Contraction(K=6, C=4))
    with pytest.raises(InputError, match="behind two tiers"):
        best_nested_mapping(layer, machine_of(three_srams(5000)), "energy")
    two = machine_of([sram("outer", list(OPERANDS), 5000), *three_srams(500)])
    with pytest.raises(InputError, match="allowed: energy, latency"):
        best_nested_mapping(layer, two, "edp")
