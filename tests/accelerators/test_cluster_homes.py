"""Which activations are in L2 between layers: never more than it has room for, and the best selection."""

from itertools import combinations

import pytest
from cluster_cases import spec_of

from archsim.accelerators.cluster.homes import groups_of, steps_of, tensors_in_l3
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.errors import InputError
from archsim.simulation import choose, simulate
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


def machine_with(l2_kib, weights="l3"):
    spec = spec_of(
        l2={"capacity_kib": l2_kib}, l3=L3 | {"weights": weights}, l1={"capacity_kib": 16, "banks": 16}
    )
    return ClusterMachine(ClusterSpec.model_validate(spec), tile_candidates=4)


def spared(workload, far):
    """Bytes that need not pass L3: writing and readings of the tensors in L2."""
    reads = [t for layer in workload.layers for t in {*layer.inputs, *layer.outputs}]
    return sum(workload.tensor_bytes[t.name] for t in reads if t.name not in far)


@pytest.mark.parametrize("l2_kib", [48, 72, 96, 112, 140, 200])
def test_l2_never_holds_more_than_it_has(l2_kib):
    workload = residual_network()
    machine = machine_with(l2_kib).for_workload(workload)
    rows, _ = choose(workload, machine, "latency")
    homes = {}
    for row in rows:
        for group, key in ((row.layer.inputs, "input_in"), (row.layer.outputs, "output_in")):
            for tensor in group:
                homes.setdefault(tensor.name, set()).add(row.mapping[key])
    assert all(len(places) == 1 for places in homes.values()), "a tensor is read where it was put"
    for step, row in enumerate(rows):
        own = {t.name for t in (*row.layer.inputs, *row.layer.outputs)}
        waiting = sum(
            workload.tensor_bytes[name]
            for name, (born, dies) in workload.lifetimes.items()
            if born <= step <= dies and name not in own and homes[name] == {"l2"}
        )
        around = machine.surroundings(row.layer)
        assert around is not None
        assert around.waiting_bytes == waiting
        table = machine.options(row.layer, minimize="latency")
        keys = [table.row(i).mapping for i in range(len(table))]
        held = table.held_bytes["l2"][keys.index(row.mapping)]  # what waits is in it
        assert waiting <= held <= machine.spec.l2.room_bytes
    machine.program(rows)  # which counts again


@pytest.mark.parametrize("l2_kib", [48, 72, 96, 112, 140, 200])
def test_the_selection_is_the_best_of_all(l2_kib):
    workload = residual_network(blocks=1)
    spec = machine_with(l2_kib).spec
    room, groups = spec.l2.room_bytes, groups_of(workload)
    steps = steps_of(workload, groups, room, weights_in_l3=True)

    def fits(far):
        return all(
            sum(size for group, size in step.alive.items() if group not in far)
            + sum(size for group, size in step.staging.items() if group in far)
            <= room - step.weights_staging
            for step in steps
        )

    numbers = set(groups.values())
    every = (frozenset(far) for n in range(len(numbers) + 1) for far in combinations(numbers, n))
    names = ({name for name, group in groups.items() if group in far} for far in every if fits(far))
    assert spared(workload, tensors_in_l3(spec, workload)) == max(
        (spared(workload, far) for far in names), default=0
    )


def test_more_l2_spares_more_and_l3_moves_at_least_what_it_must():
    workload = residual_network(blocks=3)
    weights = sum(c.weight_elements for layer in workload.layers if (c := layer.contraction) is not None)
    sizes = (64, 80, 96, 112, 128, 160, 256)
    far = [tensors_in_l3(machine_with(l2_kib).spec, workload) for l2_kib in sizes]
    gains = [spared(workload, each) for each in far]
    assert gains == sorted(gains)
    assert not far[-1], "all of it fits the largest"
    runs = [simulate(workload, machine_with(l2_kib)).totals for l2_kib in sizes]
    for run, gain in zip(runs, gains, strict=True):
        assert run.dram_bytes >= gains[-1] - gain + weights
    assert runs[-1].latency_cycles == min(run.latency_cycles for run in runs)


def test_what_waits_is_counted_by_the_program():
    """Rows chosen for a larger L2 do not fit a smaller one, though each layer by itself does."""
    workload = residual_network()
    rows, _ = choose(workload, machine_with(200).for_workload(workload), "latency")
    # 64 KiB in, 64 KiB out and 16 KiB that wait for the addition
    small = machine_with(136)
    most = max(small.options(row.layer).held_bytes["l2"].min() for row in rows)
    assert most <= small.spec.l2.room_bytes
    with pytest.raises(InputError, match="do not fit l2"):
        small.program(rows)
