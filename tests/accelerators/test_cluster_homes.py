"""Where a network's tensors are on a cluster: the cheapest homes of all with the cheapest rows there."""

from functools import cache
from itertools import pairwise, product
from math import inf

import numpy as np
import pytest
from cluster_cases import spec_of
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.accelerators.cluster.home_search import HomeSearch
from archsim.accelerators.cluster.homes import Homes, Network
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.work import Surroundings
from archsim.accelerators.machine import DoesNotFit, cost_of
from archsim.errors import InputError
from archsim.kernel import engine
from archsim.simulation import choose, set_up, simulate
from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder

L3 = {"bandwidth_mb_s": 200, "latency_ns": 100, "pj_per_byte": 300}


def residual_network(blocks=2, channels=16, side=32):
    """Inverted residual blocks: each tensor that a block adds at its end waits while the block works."""
    net = NetworkBuilder("residual")
    x = net.conv("stem", Tensor("input", (1, 3, side, side)), channels, 3, padding=1)
    for block in range(blocks):
        y = net.conv(f"expand{block}", x, 4 * channels, 1)
        y = net.conv(f"depthwise{block}", y, 4 * channels, 3, padding=1, groups=4 * channels)
        y = net.conv(f"project{block}", y, channels, 1)
        x = net.add(f"add{block}", x, y)
    net.linear("fc", net.global_average_pool("pool", x), 10)
    return net.build()


def shortcut_network(channels=8, side=8):
    """Three layers and an addition of what the first and the last make."""
    net = NetworkBuilder("shortcut")
    x = net.conv("first", Tensor("input", (1, 4, side, side)), channels, 3, padding=1)
    y = net.conv("wide", x, 4 * channels, 1)
    net.add("add", x, net.conv("narrow", y, channels, 1))
    return net.build()


def machine_with(l2_kib, weights="l3", *, l3=L3, l1_kib=16, dma=8, cores=8, tile_candidates=4):
    spec = spec_of(
        cores={"count": cores, "isa": "xpulpv2"},
        l2={"capacity_kib": l2_kib},
        l3=l3 | {"weights": weights},
        l1={"capacity_kib": l1_kib, "banks": 16},
        dma={"bytes_per_cycle": dma, "setup_cycles": 30, "latency_cycles": 14},
    )
    return ClusterMachine(ClusterSpec.model_validate(spec), tile_candidates=tile_candidates)


def homes_of(rows):
    """By tensor the memories that rows say it is in."""
    homes = {}
    for row in rows:
        for group, key in ((row.layer.inputs, "input_in"), (row.layer.outputs, "output_in")):
            for tensor in group:
                homes.setdefault(tensor.name, set()).add(row.mapping[key])
    return homes


def staying(workload, rows):
    """Bytes of the weights that rows have in L2."""
    return {
        row.layer.name: row.layer.weight_bytes
        for row in rows
        if row.layer.has_static_weights and row.mapping["weight_in"] == "l2"
    }


@pytest.mark.parametrize("weights", ["l3", "auto"])
@pytest.mark.parametrize("l2_kib", [48, 72, 96, 112, 140, 200])
def test_l2_never_holds_more_than_it_has(l2_kib, weights):
    workload = residual_network()
    machine = set_up(machine_with(l2_kib, weights), workload)
    assert isinstance(machine, ClusterMachine)
    rows, _ = choose(workload, machine, "latency")
    homes, stay = homes_of(rows), staying(workload, rows)
    assert all(len(places) == 1 for places in homes.values()), "a tensor is read where it was put"
    assert weights == "auto" or not stay
    for step, row in enumerate(rows):
        own = {t.name for t in (*row.layer.inputs, *row.layer.outputs)}
        waiting = sum(
            workload.tensor_bytes[name]
            for name, (born, dies) in workload.lifetimes.items()
            if born <= step <= dies and name not in own and homes[name] == {"l2"}
        )
        if machine.shared_l2_bytes is None:  # else weights of all layers are counted by who chooses rows
            waiting += sum(size for name, size in stay.items() if name != row.layer.name)
        around = machine.surroundings(row.layer)
        assert around is not None
        assert around.waiting_bytes == waiting
        assert machine.held(row)["l2"] + waiting <= machine.spec.l2.room_bytes
    engine.simulate(machine.program(rows))  # which counts again


def brute_force(machine, workload, minimize):
    """The least cost of all homes: rows of every layer in all places and with the room that is left there."""
    network = Network.of(machine.spec, workload)
    groups, sets = sorted(network.groups), range(len(network.weights_bytes))
    given = machine.spec.l3.weights
    stays = {"l2": [True], "l3": [False], "auto": [False, True]}[given]

    @cache
    def table(index, places):
        step = network.steps[index]
        around = Surroundings(places.input, places.weight, places.output, 0.0)
        try:
            options = machine.within({step.layer.name: around}).options(step.layer)
        except DoesNotFit:
            return None
        cost = cost_of(minimize, options.cycles, options.total_energy_pj)
        order = np.argsort(options.held_bytes["l2"])
        return options.held_bytes["l2"][order], np.minimum.accumulate(cost[order])

    least = inf
    for near in product([False, True], repeat=len(groups)):
        for stay in product(stays, repeat=len(sets)):
            homes = Homes(
                frozenset(g for g, is_near in zip(groups, near, strict=True) if is_near),
                frozenset(k for k, does in zip(sets, stay, strict=True) if does),
            )
            total = 0.0
            for index, step in enumerate(network.steps):
                known = table(index, step.places(homes))
                room = machine.spec.l2.room_bytes - network.waiting_bytes(step, homes)
                fitting = 0 if known is None else int(np.searchsorted(known[0], room, side="right"))
                total += float(known[1][fitting - 1]) if known is not None and fitting else inf
            least = min(least, total)
    return least


@pytest.mark.parametrize("weights", ["l3", "auto"])
@pytest.mark.parametrize("l2_kib", [0.4, 0.5, 0.7, 1.0])
def test_homes_are_the_cheapest_of_all(l2_kib, weights):
    """Energy is known of every row of a table, so the optimum is the same to the last digit."""
    workload, machine = shortcut_network(4, 4), machine_with(l2_kib, weights, l1_kib=2)
    least = brute_force(machine, workload, "energy")
    search = HomeSearch(machine, Network.of(machine.spec, workload), "energy", tolerance=0.0, most_asked=inf)
    found = search.run()
    assert least < inf
    assert found is not None
    assert found.cost == pytest.approx(least, rel=1e-9)
    assert found.bound == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("l2_kib", [0.5, 0.7])
def test_homes_for_latency_are_within_what_rows_are_chosen_to(l2_kib):
    """Bounds of the table from below, executed rows from above."""
    workload, machine = shortcut_network(4, 4), machine_with(l2_kib, "auto", l1_kib=2)
    least = brute_force(machine, workload, "latency")
    search = HomeSearch(machine, Network.of(machine.spec, workload), "latency", tolerance=0.0, most_asked=inf)
    found = search.run()
    assert found is not None
    assert least <= found.cost
    assert found.bound <= found.cost * (1 + 1e-9)
    assert found.cost <= least * 1.1  # what rows stall


def test_where_all_fits_all_is_in_l2():
    workload = residual_network()
    machine = set_up(machine_with(400, "auto"), workload)
    rows, _ = choose(workload, machine, "latency")
    assert set().union(*homes_of(rows).values()) == {"l2"}
    assert len(staying(workload, rows)) == sum(layer.has_static_weights for layer in workload.layers)


def test_nothing_fits():
    with pytest.raises(DoesNotFit, match="no tile of layer"):
        simulate(residual_network(channels=64), machine_with(1))


def cost(workload, **machine):
    """Cycles of the network's layers one after the other, homes and rows chosen to the last."""
    placed = machine_with(**machine).placed_for(workload)
    assert placed.spec.l3 is not None
    search = HomeSearch(placed, Network.of(placed.spec, workload), "latency", tolerance=0.0, most_asked=inf)
    found = search.run()
    return inf if found is None else found.cost


SMALL = st.builds(shortcut_network, st.sampled_from((3, 4)), st.sampled_from((4, 6)))
"""Of few enough tiles that all of them are tried, whatever the machine."""


@settings(max_examples=6, deadline=None)
@given(
    workload=SMALL,
    l2_kib=st.sampled_from((1.0, 1.5, 2.0, 3.0)),
    rate=st.sampled_from((50, 200)),
    weights=st.sampled_from(("l3", "auto")),
)
def test_more_of_anything_is_never_slower_for_a_network(workload, l2_kib, rate, weights):
    """To the 1 % that rows are chosen to."""
    given_: dict = {"l2_kib": l2_kib, "weights": weights, "l1_kib": 2, "cores": 2}
    given_ |= {"l3": L3 | {"bandwidth_mb_s": rate}}
    slow = cost(workload, **given_)
    for more in (
        {"l2_kib": l2_kib * 1.5},
        {"l3": L3 | {"bandwidth_mb_s": 2 * rate}},
        {"l1_kib": 3},
        {"dma": 16},
        {"cores": 4},
    ):
        assert cost(workload, **given_ | more) <= slow * 1.01, more


def test_more_l2_is_never_slower():
    workload = residual_network(blocks=1, channels=8, side=16)
    costs = [cost(workload, l2_kib=kib, weights="auto") for kib in (6, 8, 12, 16, 20, 24, 32, 48)]
    assert all(more <= less * 1.01 for less, more in pairwise(costs))
    assert costs[-1] < 0.9 * costs[0]


def test_weights_that_stay_spare_l3():
    """Wide L2 beside a slow L3: what fits stays, and what is chosen runs."""
    workload = residual_network(blocks=1, side=16)
    far, some = (simulate(workload, machine_with(40, weights)).totals for weights in ("l3", "auto"))
    assert some.dram_bytes < far.dram_bytes
    assert some.latency_cycles < far.latency_cycles


@pytest.mark.parametrize("minimize", ["energy", "edp"])
def test_homes_are_chosen_for_the_objective(minimize):
    workload, machine = residual_network(blocks=1, side=16), machine_with(20, "auto")
    runs = {each: simulate(workload, machine, minimize=each).totals for each in ("latency", "energy", "edp")}
    quantity = "edp_mj_ms" if minimize == "edp" else "energy_mj"
    value = {name: getattr(total, quantity) for name, total in runs.items()}
    assert value[minimize] <= min(value.values()) * 1.01


def test_what_waits_is_counted_by_the_program():
    """Rows chosen for a larger L2 do not fit a smaller one, though each layer by itself does."""
    workload = residual_network()
    rows, _ = choose(workload, machine_with(200).placed_for(workload), "latency")
    # 64 KiB in, 64 KiB out and 16 KiB that wait for the addition
    small = machine_with(136)
    most = max(small.options(row.layer).held_bytes["l2"].min() for row in rows)
    assert most <= small.spec.l2.room_bytes
    with pytest.raises(InputError, match="do not fit l2"):
        small.program(rows)
