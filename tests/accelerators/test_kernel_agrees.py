"""What the kernel executes against what the table priced, and what can never make a program slower."""

from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systolic_cases import (
    DATAFLOWS,
    PIXELS,
    RUNS,
    layer_of,
    machine_of,
    random_contraction,
    random_tiles,
    row_of,
    sizes_of,
    sram,
    three_srams,
)

import archsim
from archsim import Contraction
from archsim.accelerators.choice import TOLERANCE
from archsim.accelerators.systolic.machine import SystolicMachine
from archsim.kernel import engine, simpy_engine
from archsim.simulation import choose
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload

OPERANDS = ["input", "weight", "output"]
PRECISIONS = ("w8a8", "w4a8", "w2a3o5", "w8a16o32")
LIBRARY = ("resnet18", "mobilenetv2", "deit-tiny")
SMALL = 1500  # bytes: a random case has to be cut to fit
PLENTY = 1 << 30


def memories(
    rng: Random, capacity: float, *, ports: bool = False, double_buffered: bool = True
) -> list[dict]:
    """One or two tiers, in which nothing bypasses the outermost."""
    more: dict = {"double_buffered": double_buffered}
    if ports:
        kind = rng.choice(("1rw", "1r1w", "2rw"))
        more |= {"bandwidth_bits_per_cycle": rng.choice((4.0, 16.0, 100.0)), "ports": kind}
    outer = rng.choice((three_srams(capacity, **more), [sram("shared", OPERANDS, 3 * capacity, **more)]))
    return outer if rng.random() < 0.6 else [*outer, sram("near", OPERANDS, capacity, **more)]


def random_machine(rng: Random, capacity: float = SMALL, *, ports: bool = False, **more) -> SystolicMachine:
    return machine_of(
        memories(rng, capacity, ports=ports),
        dataflow=rng.choice(DATAFLOWS),
        rows=rng.randint(1, 6),
        columns=rng.randint(1, 6),
        tile_candidates=3,
        **{
            "latency_cycles": rng.choice((0, 7)),
            "cores": rng.choice((1, 1, 3)),
            "bits_per_cycle": rng.choice((1.0, 64.0)),
            "overlap_folds": rng.random() < 0.3,
            **more,
        },
    )


def random_rows(rng: Random, machine: SystolicMachine, most: int, *, layer: Layer | None = None):
    """(bound of the table, row), the cheapest among them."""
    layer = layer or layer_of(random_contraction(rng), rng.choice(PRECISIONS))
    options = machine.options(layer)
    chosen = {int(options.cycles.argmin()), *rng.sample(range(len(options)), min(most, len(options)))}
    return [(float(options.cycles[i]), options.row(i)) for i in chosen]


def busy(execution, part: str) -> int:
    return sum(run.busy_cycles for name, run in execution.actors.items() if name.endswith(f":{part}"))


@pytest.mark.parametrize("number", range(40))
def test_the_program_moves_and_works_what_was_priced(number):
    """At one bit a cycle every transfer is whole, so nothing is rounded."""
    rng = Random(f"priced {number}")
    machine = random_machine(rng, bits_per_cycle=1.0)
    latency = machine.costs(archsim.Precision()).dram_latency_cycles
    for _, row in random_rows(rng, machine, 8):
        execution = engine.simulate(machine.program([row]))
        did = machine.performed(row)
        assert execution.resource_busy_cycles["dram"] == did.dram_bytes * 8 + latency, row
        assert busy(execution, "compute") == did.compute_cycles, row


@pytest.mark.parametrize("number", range(40))
def test_handmade_rows(number):
    """Tile sizes that the table would not try, in buffers that hold anything."""
    rng = Random(f"handmade {number}")
    machine = random_machine(rng, PLENTY, bits_per_cycle=1.0, latency_cycles=0, cores=1)
    levels = len(machine.hierarchy.tiers)
    for _ in range(6):
        layer = layer_of(random_contraction(rng), rng.choice(PRECISIONS))
        tiles = random_tiles(rng, layer.contraction, levels, rng.choice((PIXELS, RUNS)))
        row = row_of(layer, tiles, tuple(rng.choice(OPERANDS) for _ in range(levels)))
        graph = machine.program([row])
        execution = engine.simulate(graph)
        did = machine.performed(row)
        assert execution.resource_busy_cycles["dram"] == did.dram_bytes * 8, row
        assert busy(execution, "compute") == did.compute_cycles, row
        assert execution == simpy_engine.simulate(graph), row


@pytest.mark.parametrize("number", range(20))
def test_operands_that_bypass_the_outermost_buffer(number):
    """Their traffic is spread over the tiles: only each transfer's rounding up may come on top."""
    rng = Random(f"bypass {number}")
    held = rng.sample(OPERANDS, rng.choice((1, 2)))
    tiers = [sram("outer", held, SMALL), sram("inner", OPERANDS, SMALL)]
    array = {"rows": 3, "columns": 4, "dataflow": rng.choice(DATAFLOWS)}
    machine = machine_of(tiers, bits_per_cycle=1.0, tile_candidates=3, **array)
    for bound, row in random_rows(rng, machine, 8):
        execution = engine.simulate(machine.program([row]))
        did = machine.performed(row)
        transfers = sum(r.firings for n, r in execution.actors.items() if not n.endswith(":compute"))
        moved = execution.resource_busy_cycles["dram"]
        assert did.dram_bytes * 8 <= moved <= did.dram_bytes * 8 + transfers, row
        assert busy(execution, "compute") == did.compute_cycles, row
        assert execution.cycles >= bound - 1e-6, row


@pytest.mark.parametrize("number", range(80))
def test_no_row_is_faster_than_its_bound(number):
    rng = Random(f"bound {number}")
    machine = random_machine(rng, bits_per_cycle=rng.choice((1.0, 3.5, 20.0, None)), ports=number % 2 == 0)
    for bound, row in random_rows(rng, machine, 12):
        execution = engine.simulate(machine.program([row]))
        assert execution.cycles >= bound - 1e-6, row
        compute = busy(execution, "compute")
        assert compute >= machine.performed(row).compute_cycles, row
        if number % 2:
            assert compute == machine.performed(row).compute_cycles, row


@pytest.mark.parametrize("number", range(15))
def test_the_chosen_row_is_the_fastest(number):
    """Rows are executed in the order of their bounds until no bound is below what was found, less 1 %."""
    rng = Random(f"fastest {number}")
    machine = random_machine(rng, 600, bits_per_cycle=rng.choice((4.0, 16.0, 64.0)))
    layer = layer_of(random_contraction(rng))
    options = machine.options(layer)
    fastest = float("inf")
    for i in sorted(range(len(options)), key=lambda i: options.cycles[i]):
        if options.cycles[i] >= fastest:
            break
        fastest = min(fastest, engine.simulate(machine.program([options.row(i)])).cycles)
    (chosen,), _ = choose(Workload.from_layers("one", [layer]), machine, "latency")
    assert fastest <= engine.simulate(machine.program([chosen])).cycles <= fastest / (1 - TOLERANCE)


@pytest.mark.parametrize("number", range(30))
def test_a_vector_layer_is_no_faster_than_its_bound(number):
    """Chunks are uneven where they must be: the first and the last are not always the average."""
    rng = Random(f"vector {number}")
    size = rng.randint(1, 3000)
    shape = (Tensor("a", (size,)), Tensor("b", (size,)))
    ops = {"add": size, "mul": rng.choice((0, 1, 100)) * size}
    layer = Layer("add", "add", shape, (Tensor("sum", (size,)),), ops=ops)
    spec = random_machine(rng, rng.choice((200, 5000))).spec
    unit = {"lanes": rng.randint(1, 3), "energy_pj": 0.1}
    machine = archsim.load_accelerator({**spec.model_dump(exclude_none=True), "vector_unit": unit})
    options = machine.options(layer)
    execution = engine.simulate(machine.program([options.row(0)]))
    did = machine.performed(options.row(0))
    assert execution.cycles >= options.cycles[0] - 1e-6
    assert busy(execution, "compute") == did.compute_cycles
    assert did.dram_bytes == 3 * size


@cache
def library_rows(network: str):
    machine = archsim.load_accelerator("systolic-128")
    return machine, choose(archsim.load_workload(network), machine, "latency")[0]


@pytest.mark.parametrize("network", LIBRARY)
def test_engines_agree_on_every_layer_of_a_network(network):
    machine, rows = library_rows(network)
    graphs = {str((row.layer.contraction, row.mapping, row.layer.outputs)): row for row in rows}
    for row in graphs.values():
        graph = machine.program([row])
        assert engine.simulate(graph) == simpy_engine.simulate(graph), row.layer.name


@pytest.mark.parametrize("network", LIBRARY)
def test_a_network_keeps_its_bounds_and_loses_nothing_by_prefetching(network, monkeypatch):
    machine, rows = library_rows(network)
    with_prefetch = engine.simulate(machine.program(rows))
    alone = sum(engine.simulate(machine.program([row])).cycles for row in rows)
    assert sum(row.cycles for row in rows) - len(rows) <= alone
    assert with_prefetch.resource_busy_cycles["array"] <= with_prefetch.cycles <= alone
    monkeypatch.setattr(SystolicMachine, "_has_room", lambda *_: False)
    without = engine.simulate(machine.program(rows))
    assert without.cycles == alone
    assert any(name.endswith(":prefetch") for name in with_prefetch.actors)
    assert not any(name.endswith(":prefetch") for name in without.actors)
    moved = (run.resource_busy_cycles["dram"] for run in (with_prefetch, without))
    assert len(set(moved)) == 1


@pytest.mark.parametrize("spare", [0, -1])
def test_weights_are_prefetched_where_they_fit_beside_the_layer_before(spare):
    weights = 6 * 4 * 9
    machine = machine_of(
        [sram("rest", ["input", "output"], PLENTY), sram("weight", ["weight"], 2 * weights + spare)],
        bits_per_cycle=8.0,
    )
    c = Contraction(K=6, C=4, P=5, Q=5, R=3, S=3)
    whole = {dim: (n,) for dim, n in sizes_of(c).items()}
    rows = [row_of(layer_of(c, name=name), whole, ("weight",)) for name in ("first", "second")]
    runs = engine.simulate(machine.program(rows)).actors
    assert ("second:prefetch" in runs) == (spare == 0)
    assert "first:prefetch" not in runs
    if spare == 0:
        assert runs["second:prefetch"].busy_cycles == weights
        assert runs["second:prefetch"].end <= runs["first:compute"].end
        assert runs["second:load"].busy_cycles == 7 * 7 * 4


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rate=st.floats(0.5, 50), faster=st.floats(1, 20))
def test_more_dram_bandwidth_is_never_slower(seed, rate, faster):
    def cycles(bits_per_cycle: float) -> int:
        rng = Random(seed)
        machine = random_machine(rng, bits_per_cycle=bits_per_cycle)
        layers = [layer_of(random_contraction(rng), "w8a8", f"layer{i}") for i in range(3)]
        rows = [row_of(layer, *_some_mapping(rng, machine, layer)) for layer in layers]
        return engine.simulate(machine.program(rows)).cycles

    assert cycles(rate * faster) <= cycles(rate)


def _some_mapping(rng: Random, machine: SystolicMachine, layer: Layer):
    levels = len(machine.hierarchy.tiers)
    split = rng.choice("MNK") if machine.spec.array.cores > 1 else ""
    orders = tuple(rng.choice(OPERANDS) for _ in range(levels))
    return random_tiles(rng, layer.contraction, levels, rng.choice((PIXELS, RUNS))), orders, split


@pytest.mark.parametrize("number", range(40))
def test_prefetch_and_double_buffers_never_cost_time(number, monkeypatch):
    def machine_and_rows(double_buffered: bool):
        rng = Random(f"double {number}")
        machine = machine_of(
            memories(rng, PLENTY if number % 4 else SMALL, double_buffered=double_buffered),
            dataflow=rng.choice(DATAFLOWS),
            rows=4,
            columns=3,
            bits_per_cycle=rng.choice((2.0, 30.0)),
            latency_cycles=rng.choice((0, 11)),
        )
        rows = []
        for i in range(3):
            layer = layer_of(random_contraction(rng), "w8a8", f"layer{i}")
            rows.append(row_of(layer, *_some_mapping(rng, machine, layer)))
        return machine, rows

    double, rows = machine_and_rows(True)
    single, same_rows = machine_and_rows(False)
    assert [replace(row, layer=row.layer) for row in rows] == same_rows
    overlapped = engine.simulate(double.program(rows)).cycles
    assert overlapped <= engine.simulate(single.program(rows)).cycles
    monkeypatch.setattr(SystolicMachine, "_has_room", lambda *_: False)
    assert overlapped <= engine.simulate(double.program(rows)).cycles
