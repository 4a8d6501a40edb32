"""The best of all tile sizes against a list of every one of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from cluster_cases import conv, machine_of, matmul
from every_tiling import Tilings, every_tiling
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.accelerators.choice import best_row
from archsim.accelerators.cluster import all_tiles, tiles
from archsim.accelerators.cluster.all_tiles import tilings_of
from archsim.accelerators.cluster.group_bound import bound_of, price_of
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.space import possible_places
from archsim.accelerators.cluster.tilings import Groups
from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import DoesNotFit, cost_of
from archsim.workloads.layer import Layer
from archsim.workloads.library import load_workload

L3 = {"bandwidth_mb_s": 200, "latency_ns": 100, "pj_per_byte": 100}


@pytest.fixture(autouse=True)
def no_layer_is_small(monkeypatch):
    """Of small layers every tile is tried anyway."""
    monkeypatch.setattr(tiles, "FEW", 0)


def machine_and_layer(rng: Random) -> tuple[ClusterMachine, Layer]:
    engine = rng.choice((None, {"kind": "ne16", "setup_cycles": 20}, {"kind": "rbe"}, {"kind": "neureka"}))
    l3 = rng.choice((None, L3, L3 | {"weights": "l3"}))
    machine = machine_of(
        tile_candidates=2,
        engine=engine,
        cores={"count": rng.choice((1, 3, 8)), "isa": rng.choice(("xpulpv2", "xpulpnn_mac_load", "rv32im"))},
        l1={"capacity_kib": rng.choice((1, 2, 4, 16)), "banks": 16},
        l2={"capacity_kib": rng.choice((2, 4, 8)) if l3 else 512},
        l3=l3,
        overheads={"layer_cycles": rng.choice((0, 300)), "tile_cycles": rng.choice((0, 25))},
        dma={"bytes_per_cycle": rng.choice((1, 8)), "setup_cycles": rng.choice((0, 30))},
    )
    rows, columns = rng.randint(3, 9), rng.randint(3, 9)
    precision = rng.choice(("w8a8", "w4a8"))
    kind = rng.choice(("conv", "depthwise", "pointwise", "linear"))
    stride = rng.choice((1, 1, 2))
    if kind == "depthwise":
        channels = rng.randint(4, 40)
        return machine, conv(rows, columns, channels, channels, stride=stride, groups=channels)
    if kind == "linear":
        return machine, matmul(
            rng.choice((1, 5)), rng.randint(8, 60), rng.randint(8, 60), precision=precision
        )
    kernel = 1 if kind == "pointwise" else rng.choice((3, 3, 5))
    inputs, outputs = rng.randint(1, 20), rng.randint(1, 20)
    return machine, conv(rows, columns, inputs, outputs, kernel, stride=stride, precision=precision)


def every_one(machine: ClusterMachine, layer: Layer) -> list[Tilings]:
    return [tilings for tilings in every_tiling(machine, layer) if len(tilings.cycles)]


@pytest.mark.parametrize("number", range(30))
def test_the_least_of_all_tilings_is_found(number):
    """Latency, energy and EDP; and every tiling of less than what is said to be unlisted is a row."""
    machine, layer = machine_and_layer(Random(f"all tiles {number}"))
    every = every_one(machine, layer)
    for minimize in ("latency", "energy", "edp"):
        if not every:
            with pytest.raises(DoesNotFit):
                machine.options(layer, minimize=minimize)
            continue
        options = machine.options(layer, minimize=minimize)
        costs = np.concatenate([cost_of(minimize, t.cycles, t.energy_pj) for t in every])
        found = cost_of(minimize, options.cycles, options.total_energy_pj)
        assert found.min() == pytest.approx(costs.min(), rel=1e-12)
        below = options.unlisted * (1 - 1e-9)
        without_idle_sharing = sum(
            int((cost_of(minimize, t.cycles, t.energy_pj) < below)[_divides(t)].sum()) for t in every
        )
        listed = found < below
        listed &= np.array([_takes_rows(options.row(i).mapping) for i in range(len(options))])
        assert listed.sum() == without_idle_sharing


def _divides(tilings: Tilings) -> np.ndarray:
    """Where cores take rows of a tile, if they are to; else it is all the engine's, and better called so."""
    unit, _, rows = tilings.plan.way.partition(":")
    return tilings.sizes[:, 0] > (int(rows) if unit == "shared" else 0)


def _takes_rows(mapping) -> bool:
    unit, _, rows = str(mapping["way"]).partition(":")
    return mapping["P"] > (int(rows) if unit == "shared" else 0)


@pytest.mark.parametrize("number", range(20))
def test_no_tiling_beats_a_front_of_all(number):
    """By lower bounds, in every quantity named."""
    machine, layer = machine_and_layer(Random(f"front of all {number}"))
    every = every_one(machine, layer)
    if not every:
        return
    options = machine.options(layer, front=("cycles", "energy_pj", "held:l2"))
    front = np.stack([options.cycles, options.total_energy_pj, options.held_bytes["l2"]])
    for t in every:
        costs = np.stack([t.cycles, t.energy_pj, t.held_l2])
        some = np.unique(np.concatenate([costs.argmin(axis=1), np.arange(0, costs.shape[1], 7)]))
        own = costs[:, some] * (1 + 1e-9)
        assert (front[:, :, None] <= own[:, None, :]).all(axis=0).any(axis=0).all(), t.plan


@pytest.mark.parametrize("number", range(20))
def test_no_tiling_costs_less_than_its_group(number):
    rng = Random(f"groups {number}")
    machine, layer = machine_and_layer(rng)
    site, shape = machine.site(layer.precision), shape_of(layer)
    for way, places in product(site.ways(shape, every=False), possible_places(layer, site)):
        tilings = tilings_of(site, shape, way, places, machine.prices)
        axes = (tilings.pixels, tilings.outputs, tilings.inputs)
        groups = Groups(
            np.array([rng.randrange(len(tilings.plans)) for _ in range(100)]),
            *(np.array([rng.randrange(axis.root + 1) for _ in range(100)]) for axis in axes),
        )
        single = groups
        while not tilings.are_single(single).all():
            nodes = {}
            for name, axis in zip(("pixels", "outputs", "inputs"), axes, strict=True):
                parent, child = axis.children(getattr(single, name))
                chosen = [rng.choice(child[parent == i].tolist()) for i in range(100)]
                nodes[name] = np.array(chosen)
            single = replace(single, **nodes)
        least, exact = bound_of(tilings, groups), price_of(tilings, single)
        for name in (
            "cycles",
            "energy_pj",
            "traffic:l2",
            "traffic:l3",
            "held:l1",
            "held:l2",
            "held:l2_weights",
        ):
            assert (least.quantity(name) <= exact.quantity(name) * (1 + 1e-9)).all(), (way, name)
        assert not (exact.fits & ~least.fits).any()


def test_a_search_that_gives_up_says_what_it_left(monkeypatch):
    monkeypatch.setattr(all_tiles, "MOST_SPLIT", 0)
    machine = machine_of(tile_candidates=2, l1={"capacity_kib": 4, "banks": 16})
    layer = conv(9, 9, 20, 20)
    options = machine.options(layer, minimize="latency")
    least = min(t.cycles.min() for t in every_one(machine, layer))
    assert options.unlisted <= least <= options.cycles.min()
    assert not options.complete
    choice = best_row(layer, machine, "latency")
    assert choice.proven == (choice.cost * 0.99 <= options.unlisted)


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(4, 20),
    inputs=st.integers(1, 64),
    outputs=st.integers(1, 64),
    kernel=st.sampled_from((1, 3)),
    kib=st.sampled_from((4, 8, 16)),
    engine=st.sampled_from((None, "ne16", "rbe")),
)
def test_more_l1_is_never_slower(rows, inputs, outputs, kernel, kib, engine):
    layer = conv(rows, rows, inputs, outputs, kernel)

    def best(capacity: float) -> float:
        machine = machine_of(
            tile_candidates=3,
            l1={"capacity_kib": capacity, "banks": 16},
            engine=None if engine is None else {"kind": engine},
        )
        return float(machine.options(layer, minimize="latency").cycles.min())

    assert best(2 * kib) <= best(1.25 * kib) <= best(kib)


@pytest.mark.parametrize(
    ("accelerator", "workload", "layer", "cycles", "energy_pj"),
    [
        ("gap9", "mobilenetv2", "stage4.1.depthwise", 143376.4, 23805740.62120132),
        ("gap9", "mobilenetv2", "stage6.1.depthwise", 129150.4, 22791298.5750156),
        ("gap9", "resnet8", "stack3.conv2", 26123.0, 5610323.008371841),
        ("marsellus", "resnet8", "stack2.conv2", 19803.0, 6425071.996036186),
    ],
)
def test_layers_of_real_networks(accelerator, workload, layer, cycles, energy_pj):
    """Recorded from `every_tiling`: four to ten million each, which take 3.6 to 20 s."""
    network = load_workload(workload)
    machine = load_accelerator(accelerator)
    assert isinstance(machine, ClusterMachine)
    machine = machine.placed_for(network)
    own = next(each for each in network.layers if each.name == layer)
    fastest, thriftiest = (machine.options(own, minimize=each) for each in ("latency", "energy"))
    assert fastest.cycles.min() == pytest.approx(cycles, rel=1e-12)
    assert thriftiest.total_energy_pj.min() == pytest.approx(energy_pj, rel=1e-12)
