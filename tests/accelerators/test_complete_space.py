"""Complete tables lose nothing against all tile sizes, and fronts nothing against the kernel's truth."""

from itertools import product
from random import Random

import numpy as np
import pytest
from systolic_cases import (
    DATAFLOWS,
    OPERANDS,
    PLENTY,
    layer_of,
    machine_of,
    memories_of,
    random_contraction,
    random_tiers,
    row_of,
    sram,
    three_srams,
)
from test_unrolled import machine_case, small_contraction

from archsim import Contraction, InputError, Precision
from archsim.accelerators.dominance import beaten_by, certainly_unbeaten, unbeaten
from archsim.accelerators.systolic import axes
from archsim.accelerators.systolic.counts import counts_of
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.pricing import grids, prices_of
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.kernel import engine

MOST_TILINGS = 6000
FRONT = ("cycles", "energy_pj", "traffic:dram")
PRECISIONS = ("w8a8", "w4a8", "w2a3o5", "w8a16o32")


def random_machine(rng: Random, capacity: float, **more):
    """One tier; any dataflow, one core or two, overlapping folds or not."""
    shared = rng.random() < 0.5
    kind = {
        "memories": [sram("shared", list(OPERANDS), 3 * capacity)] if shared else three_srams(capacity),
        "dataflow": rng.choice(DATAFLOWS),
        "rows": rng.randint(1, 6),
        "columns": rng.randint(1, 6),
        "cores": rng.choice((1, 1, 1, 2)),
        "overlap_folds": rng.random() < 0.3,
    }
    return machine_of(**{**kind, **more})


def small_layer(rng: Random, most: int = MOST_TILINGS):
    while True:
        c = random_contraction(rng)
        if most >= c.B * c.P * c.Q * c.K * c.C * c.R * c.S:
            return layer_of(c, rng.choice(PRECISIONS))


def every_tiling(c: Contraction) -> Nest:
    def single(*sizes: int):
        return [tuple((t,) for t in tile) for tile in product(*(range(1, s + 1) for s in sizes))]

    return Nest(
        m=axes.pixel_axis(c, single(c.B, c.P, c.Q)),
        n=axes.channel_axis(c, single(c.K)),
        k=axes.product_axis(c, single(c.C * c.R * c.S)),
    )


def brute_force(machine, layer) -> np.ndarray:
    """Cycles, energy, DRAM bits and bits held of every tiling × order × split, whether or not it fits."""
    c, array = layer.contraction, machine.spec.array
    nest, found = every_tiling(c), []
    for split, order in product("MNK" if array.cores > 1 else (None,), OPERANDS):
        counts = counts_of(StationaryArray(nest, array, split, c.G), machine.hierarchy, (order,))
        keys = [key for key, _ in grids(counts)]
        costs = {layer.precision: machine.costs(layer.precision)}
        priced = GridPrices(counts, prices_of(layer, keys, machine.spec, machine.hierarchy, costs), 0)
        columns = [priced.cycles, priced.total_energy_pj, priced.dram_bits, *priced.held_bits.values()]
        found.append(np.stack([np.broadcast_to(v, nest.shape).ravel() for v in columns], axis=1))
    return np.concatenate(found)


def costs_of(options) -> np.ndarray:
    held = [bytes_ * 8 for bytes_ in options.held_bytes.values()]
    return np.stack(
        [options.cycles, options.total_energy_pj, options.traffic_bytes["dram"] * 8, *held], axis=1
    )


@pytest.mark.parametrize("number", range(100))
def test_no_tile_size_is_missing(number):
    """No tiling is better in any cost than all of the table's, without stalls: 2,000 layers and machines."""
    rng = Random(f"complete {number}")
    for _ in range(20):
        machine, layer = random_machine(rng, PLENTY), small_layer(rng)
        options = machine.options(layer)
        assert options.complete
        assert np.array_equal(options.cycles, options.cycles_high)
        slightly_dearer = brute_force(machine, layer) * (1 + 1e-12)
        ours = costs_of(options)
        assert beaten_by(slightly_dearer[unbeaten(slightly_dearer)], ours[unbeaten(ours)]).all(), layer


@pytest.mark.parametrize("number", range(60))
def test_the_search_finds_the_best_of_all_that_fit(number):
    rng = Random(f"searched {number}")
    machine, layer = random_machine(rng, rng.choice((150, 400, 1000))), small_layer(rng)
    everything = brute_force(machine, layer)
    memories = [m.capacity_bits for m in machine.hierarchy.tiers[0].memories]
    fits = (everything[:, 3:] <= memories).all(axis=1)
    if not fits.any():
        with pytest.raises(InputError, match="no tile of layer"):
            machine.options(layer, front=FRONT)
        return
    best = everything[fits].min(axis=0)
    cycles, energy = everything[fits].T[:2]
    for minimize, cost, other in (
        ("latency", cycles, energy),
        ("energy", energy, cycles),
        ("edp", energy * cycles, energy),
    ):
        options = machine.options(layer, minimize=minimize)
        row = options.row(options.shortlist(minimize)[0])
        chosen = {"latency": row.cycles, "energy": row.energy_pj, "edp": row.cycles * row.energy_pj}
        least = cost.min() * (1 + 1e-12)
        assert chosen[minimize] <= least  # runs of pixels may do better
        second = row.cycles if minimize == "energy" else row.energy_pj
        assert chosen[minimize] < least * (1 - 1e-9) or second <= other[cost <= least].min() * (1 + 1e-9)
    options = machine.options(layer, front=("cycles", "energy_pj", "traffic:dram"))
    assert (costs_of(options).min(axis=0)[:3] <= best[:3] * (1 + 1e-12)).all()
    assert all((costs_of(options)[:, 3:] <= memories).all(axis=1))
    fronts = everything[fits][:, :3] * (1 + 1e-12)
    assert beaten_by(fronts[unbeaten(fronts)], costs_of(options)[:, :3]).all()


def executed(machine, options, rows) -> np.ndarray:
    return np.array([engine.simulate(machine.program([options.row(i)])).cycles for i in rows])


def stalling_machine(rng: Random):
    more = {"double_buffered": rng.random() < 0.8}
    if rng.random() < 0.4:
        more |= {"bandwidth_bits_per_cycle": rng.choice((4.0, 16.0)), "ports": rng.choice(("1rw", "1r1w"))}
    capacity = rng.choice((300, 1500))
    shared = [sram("shared", list(OPERANDS), 3 * capacity, **more)]
    return random_machine(
        rng,
        capacity,
        memories=rng.choice((shared, three_srams(capacity, **more))),
        bits_per_cycle=rng.choice((1.0, 3.5, 20.0)),
        latency_cycles=rng.choice((0, 7)),
    )


@pytest.mark.parametrize("number", range(60))
def test_the_kernel_is_within_the_bounds(number):
    """Of the whole table by load, work and store in turn; of a front by the lockstep bound."""
    rng = Random(f"bounds {number}")
    machine, layer = stalling_machine(rng), small_layer(rng)
    for options in (machine.options(layer), machine.options(layer, front=FRONT)):
        rows = rng.sample(range(len(options)), min(40, len(options)))
        cycles = executed(machine, options, rows)
        assert (options.cycles[rows] <= cycles + 1e-6).all()
        assert (cycles <= options.cycles_high[rows] + 1e-6).all()


@pytest.mark.parametrize("number", range(40))
def test_other_machines_are_within_the_bounds(number):
    rng = Random(f"other bounds {number}")
    if number % 2:
        machine, layer = machine_case(number), layer_of(small_contraction(rng))
    else:
        machine = machine_of(memories_of(random_tiers(rng)), bits_per_cycle=3.0, tile_candidates=3)
        layer = small_layer(rng)
    options = machine.options(layer, front=FRONT)
    rows = rng.sample(range(len(options)), min(15, len(options)))
    cycles = executed(machine, options, rows)
    assert (options.cycles[rows] <= cycles + 1e-6).all()
    assert (cycles <= options.cycles_high[rows] + 1e-6).all()


@pytest.mark.parametrize("number", range(40))
def test_a_front_loses_nothing_that_the_kernel_could_find(number):
    """Every row of the table, executed, is matched by an executed row of the front."""
    rng = Random(f"front {number}")
    while True:
        machine, layer = stalling_machine(rng), small_layer(rng, 2000)
        options = machine.options(layer)
        if len(options) <= 700:
            break
    front = machine.options(layer, front=FRONT)
    truth = []
    for table in (options, front):
        cycles = executed(machine, table, range(len(table)))
        truth.append(np.stack([cycles, table.energy_at(cycles), table.traffic_bytes["dram"]], axis=1))
    assert beaten_by(truth[0] * (1 + 1e-12), truth[1]).all()


def test_what_never_waits_is_bounded_exactly():
    """Transfers that hide behind the array: the lockstep bound is the kernel's latency."""
    c = Contraction(K=40, C=16, P=14, Q=14, R=3, S=3)
    machine = machine_of(three_srams(3000), rows=8, columns=8, bits_per_cycle=256.0)
    options = machine.options(layer_of(c), front=FRONT)
    cycles = executed(machine, options, range(len(options)))
    assert (cycles <= options.cycles_high).all()
    fastest = int(np.argmin(options.cycles_high))
    assert cycles[fastest] == options.cycles_high[fastest]


def test_precisions_are_kept_apart():
    layer = small_layer(Random(1))
    machine = random_machine(Random(2), 1000, bits_per_cycle=8.0)
    labels = [Precision.parse(p) for p in ("w8a8", "w4a8", "w2a4o8")]
    together = machine.options(layer, labels, front=FRONT)
    for p, label in enumerate(labels):
        alone = machine.options(layer, [label], front=FRONT)
        chosen = together.precision == p
        assert sorted(together.cycles[chosen]) == pytest.approx(sorted(alone.cycles))
        assert sorted(together.total_energy_pj[chosen]) == pytest.approx(sorted(alone.total_energy_pj))


def test_a_front_keeps_room_for_what_holds_less():
    layer = layer_of(Contraction(K=12, C=6, P=7, Q=7, R=3, S=3))
    machine = machine_of([sram("buffer", list(OPERANDS), 4000)], bits_per_cycle=8.0)
    some = machine.options(layer, front=FRONT)
    more = machine.options(layer, front=(*FRONT, "held:buffer"))
    assert len(more) > len(some)
    assert more.held_bytes["buffer"].min() < some.held_bytes["buffer"].min()


@pytest.mark.parametrize("names", [("speed",), ("traffic:buffer",), ("held:dram",), ()])
def test_unknown_quantities_are_refused(names):
    machine = machine_of([sram("buffer", list(OPERANDS), 4000)])
    with pytest.raises(InputError, match="allowed: cycles, energy_pj, traffic:dram, held:buffer"):
        machine.options(layer_of(Contraction(K=3)), front=names)


@pytest.mark.parametrize("number", range(30))
def test_certainly_unbeaten(number):
    """Against the definition, row by row."""
    rng = np.random.default_rng(number)
    low = rng.integers(0, 6, (3, 200)).astype(float)
    high = low + rng.integers(0, 3, (3, 200)) * (number % 3)
    kept = set(certainly_unbeaten(low, high).tolist())
    for a in range(200):
        beats = (high <= low[:, a : a + 1]).all(axis=0)
        also = (high[:, a : a + 1] <= low).all(axis=0)  # then they are equal, and the first is kept
        assert (a in kept) == (not (beats & ~(also & (np.arange(200) >= a))).any())


def test_a_chosen_row_of_ones_own_is_priced_like_the_table():
    c = Contraction(K=6, C=4, P=6, Q=5, R=3, S=3)
    machine = machine_of(three_srams(3000), bits_per_cycle=8.0)
    options = machine.options(layer_of(c), front=FRONT)
    for i in range(len(options)):
        row = options.row(i)
        tiles = {d: tuple(int(t) for t in row.mapping[d]) for d in ("B", "P", "Q", "K", "CRS")}
        did = machine.performed(row_of(layer_of(c), tiles, tuple(row.mapping["order"])))
        assert did.dram_bytes == options.traffic_bytes["dram"][i]
