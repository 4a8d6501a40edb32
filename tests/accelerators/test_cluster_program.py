"""What the kernel executes of a cluster's rows against what its table priced."""

from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from cluster_cases import conv, machine_of, matmul, random_layer, random_machine

from archsim.accelerators.choice import best_row
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.machine import Row
from archsim.errors import InputError
from archsim.kernel import engine, simpy_engine
from archsim.kernel.schedule import total_firings
from archsim.workloads.layer import Layer


def random_rows(rng: Random, machine: ClusterMachine, layer: Layer, most: int):
    options = machine.options(layer)
    chosen = {int(options.cycles.argmin()), *rng.sample(range(len(options)), min(most, len(options)))}
    return [(float(options.cycles[i]), float(options.cycles_high[i]), options.row(i)) for i in chosen]


def fitting(rng: Random):
    """A random machine and a layer that fits it."""
    while True:
        machine, layer = random_machine(rng), random_layer(rng)
        try:
            machine.options(layer)
        except InputError:
            continue
        return machine, layer


@pytest.mark.parametrize("number", range(40))
def test_the_program_does_what_was_priced(number):
    """Busy cycles differ by each firing's rounding up at most, and no row is faster than its bound."""
    rng = Random(f"cluster {number}")
    machine, layer = fitting(rng)
    for bound, high, row in random_rows(rng, machine, layer, 6):
        graph = machine.program([row])
        execution = engine.simulate(graph)
        assert bound - 1e-6 <= execution.cycles <= high, row
        priced = machine._priced(row)[1]
        fired = {actor.name.rsplit(":", 1)[1]: total_firings(actor.schedule) for actor in graph.actors}
        for resource, parts in (("dma_in", ("load",)), ("dma_out", ("store",)), ("l3", ("fetch", "spill"))):
            done = execution.resource_busy_cycles.get(resource, 0)
            expected = float(priced.busy.get(resource, [0.0])[0])
            assert expected - 1e-6 <= done <= expected + sum(fired.get(p, 0) for p in parts) + 1e-6, (
                resource,
                row,
            )
        busy = execution.actors[f"{layer.name}:compute"].busy_cycles
        expected = float(priced.compute[0])
        if not str(row.mapping["way"]).startswith("shared"):  # there the sum of maxima is above the bound
            assert expected - 1e-6 <= busy <= expected + fired["compute"], row
        assert busy >= expected - 1e-6


@pytest.mark.parametrize("number", range(12))
def test_both_engines_agree(number):
    rng = Random(f"agree {number}")
    machine, layer = fitting(rng)
    for _, _, row in random_rows(rng, machine, layer, 3):
        again = replace(row, layer=replace(layer, name="again"))
        two_fit = machine.spec.l2.capacity_kib > 40 or row.mapping["weight_in"] == "l3"
        graph = machine.program([row, again] if two_fit else [row])
        assert engine.simulate(graph) == simpy_engine.simulate(graph)


@pytest.mark.parametrize("number", range(20))
def test_a_readable_mapping_is_the_row_again(number):
    rng = Random(f"row {number}")
    machine, layer = fitting(rng)
    for bound, _, row in random_rows(rng, machine, layer, 4):
        again = machine.row(layer, machine.performed(row).mapping)
        assert again.cycles == pytest.approx(bound)
        assert again.energy_pj == pytest.approx(row.energy_pj)
        assert engine.simulate(machine.program([again])) == engine.simulate(machine.program([row]))


def test_a_mapping_of_another_family_is_refused():
    with pytest.raises(InputError, match="not one of a cluster"):
        machine_of().row(conv(8, 8, 8, 8), {"tile": {"M": 1}, "order": ["weight"]})


@pytest.mark.parametrize("number", range(10))
def test_counted_energy_is_what_the_table_priced(number):
    rng = Random(f"energy {number}")
    machine, layer = fitting(rng)
    for bound, _, row in random_rows(rng, machine, layer, 4):
        counted = sum(a.count * a.unit_energy.value for a in machine.performed(row).actions)
        always = bound * sum(machine.prices.always_on_pj_per_cycle.values())
        assert counted + always == pytest.approx(row.energy_pj)


def test_input_channels_are_tiled_where_dory_would_lose():
    """In GAP8's L1, DORY takes whole rows split over the cores, all input channels and
    double buffers, which leaves room for few output channels a tile.
    """
    gap8 = machine_of(l1={"capacity_kib": 36700 / 1024, "banks": 16}, tile_candidates=8)
    layer = conv(16, 16, 128, 128)
    fastest = gap8.options(layer, minimize="latency")
    assert int(fastest.row(int(fastest.cycles.argmin())).mapping["C"]) < 128
    assert layer.macs / best_row(layer, gap8, "latency").cost > 15.5

    options = gap8.options(layer)

    def column(key: str):
        return options.codebooks[key][key][options.mapping[key]]

    dory = (
        (column("C") == 128)
        & (column("Q") == 16)
        & (column("way") == "cores:rows")
        & (column("buffers") == 2)
    )
    assert options.cycles[dory].min() > options.cycles.min() * 1.2


@pytest.mark.parametrize("number", range(4))
def test_every_tile_that_fits_is_there(number):
    """Each legal tile under each plan, priced by itself; and a choice of sizes is nearly as good as all."""
    rng = Random(f"complete {number}")
    engine = rng.choice((None, {"kind": "ne16"}))
    spec = {"l1": {"capacity_kib": rng.choice((3, 6)), "banks": 16}, "engine": engine}
    layer = conv(rng.randint(3, 5), rng.randint(3, 5), rng.randint(3, 7), rng.randint(3, 7))
    every = machine_of(tile_candidates=None, **spec)
    options = every.options(layer)
    assert options.complete

    def column(key: str) -> list:
        return options.codebooks[key][key][options.mapping[key]].tolist()

    there = set(zip(*(column(key) for key in ("P", "Q", "K", "C", "way", "order", "buffers")), strict=True))
    c = layer.contraction
    assert c is not None
    ways = ["cores:rows", "cores:pixels", "cores:channels"]
    ways += [] if engine is None else ["engine", *(f"shared:{rows}" for rows in range(1, c.P))]
    fixed = {"P2": c.P, "K2": c.K, "input_in": "l2", "weight_in": "l2", "output_in": "l2"}
    sizes = product(*(range(1, getattr(c, dim) + 1) for dim in "PQKC"))
    fitting = set()
    for tile in sizes:
        for way, order, buffers in product(ways, ("weight", "input"), (1, 2)):
            mapping = dict(zip("PQKC", tile, strict=True)) | {"way": way, "order": order, "buffers": buffers}
            if rng.random() < 0.04:
                priced = every._priced(Row(layer, mapping | fixed, 0.0, 0.0))[1]
                if priced.fits[0]:
                    fitting.add((*tile, way, order, buffers))
                else:
                    assert (*tile, way, order, buffers) not in there
    assert len(fitting) > 20
    assert fitting <= there
    some = machine_of(tile_candidates=6, **spec).options(layer)
    assert options.cycles.min() <= some.cycles.min() <= 1.05 * options.cycles.min()


def test_layers_too_large_are_not_said_to_be_complete():
    layer = conv(24, 24, 32, 32)
    assert not machine_of().options(layer).complete
    assert not machine_of(l3={"bandwidth_mb_s": 200, "pj_per_byte": 1}).options(conv(3, 3, 3, 3)).complete


def test_the_next_layers_weights_are_fetched_early():
    machine = machine_of(
        l2={"capacity_kib": 256}, l3={"bandwidth_mb_s": 100, "pj_per_byte": 100, "weights": "l3"}
    )
    first = best_row(conv(16, 16, 64, 64, name="first"), machine, "latency").row
    second = best_row(matmul(1, 128, 128, name="second"), machine, "latency").row
    together = engine.simulate(machine.program([first, second]))
    alone = sum(engine.simulate(machine.program([row])).cycles for row in (first, second))
    assert together.cycles < alone
    assert together.actors["second:fetch"].start < together.actors["first:store"].end


def test_weights_that_do_not_fit_l2_together_are_refused():
    machine = machine_of(l2={"capacity_kib": 96})
    layers = [matmul(1, 256, 256, name=f"fc{i}") for i in range(2)]
    rows = [best_row(layer, machine, "latency").row for layer in layers]
    with pytest.raises(InputError, match="do not fit l2 together"):
        machine.program(rows)


def test_a_layer_too_large_is_told_what_it_needs():
    with pytest.raises(InputError, match="l2 needs"):
        machine_of(l2={"capacity_kib": 16}).options(conv(64, 64, 64, 64))


@pytest.mark.parametrize("number", range(12))
def test_a_front_loses_no_row_that_could_be_best(number):
    """Whatever the kernel finds of the rows left out, a row kept is no worse in every quantity named."""
    rng = Random(f"front {number}")
    machine, layer = fitting(rng)
    names = ("cycles", "energy_pj", *rng.choice(((), ("held:l2",), ("traffic:l2", "held:l2"))))
    kept, every = machine.options(layer, front=names), machine.options(layer)
    assert len(kept) <= len(every)

    def costs(options, index: int) -> list[float]:
        cycles = engine.simulate(machine.program([options.row(index)])).cycles
        exact = {f"held:{name}": column for name, column in options.held_bytes.items()}
        exact |= {f"traffic:{name}": column for name, column in options.traffic_bytes.items()}
        energy = float(options.energy_at(np.full(len(options), float(cycles)))[index])
        return [cycles, energy, *(float(exact[name][index]) for name in names[2:])]

    front = np.array([costs(kept, i) for i in range(min(len(kept), 80))])
    if len(kept) > 80:
        return
    for index in rng.sample(range(len(every)), min(25, len(every))):
        assert (front <= np.array(costs(every, index)) * (1 + 1e-9)).all(axis=1).any()


def test_a_front_of_what_is_not_known_is_refused():
    with pytest.raises(InputError, match=r"'held:l7' is not known; allowed: cycles, energy_pj"):
        machine_of().options(conv(8, 8, 8, 8), front=("cycles", "held:l7"))
