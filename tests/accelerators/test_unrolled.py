"""Freely unrolled arrays with registers in their PEs, against a walk product by product."""

from dataclasses import replace
from functools import cache
from math import prod
from random import Random

import pytest
from loop_walker import Nesting
from systolic_cases import (
    OPERANDS,
    PLENTY,
    PRECISIONS,
    bits_of,
    counts_of,
    layer_of,
    machine_of,
    memories_of,
    random_chain,
    random_contraction,
    random_tiers,
    row_of,
    sram,
    tiles_of,
)
from unrolled_walker import DIMS, UnrolledCase, walk_unrolled

import archsim
from archsim import Contraction
from archsim.accelerators.systolic.machine import SystolicMachine
from archsim.kernel import engine, simpy_engine

MOST_MACS = 1500


def register(name: str, holds: list[str], capacity_bytes: float, *, word_bits: int = 1) -> dict:
    return {**sram(name, holds, capacity_bytes, word_bits=word_bits), "kind": "register"}


def random_unrolling(rng: Random) -> dict:
    """Dimensions spread over both sides of the array, now and then the same one twice."""
    sides = [
        {dim: rng.randint(1, 4) for dim in rng.sample("BGPQKCRS", rng.choice((1, 1, 2)))} for _ in range(2)
    ]
    rows, columns = (prod(side.values()) for side in sides)
    unroll = {"rows": sides[0], "columns": sides[1]}
    return {"dataflow": "unrolled", "rows": rows, "columns": columns, "unroll": unroll}


def spread_of(machine) -> dict[str, int]:
    spread: dict[str, int] = {}
    for side in (machine.spec.array.unroll.rows, machine.spec.array.unroll.columns):
        for dim, width in side.items():
            spread[dim] = spread.get(dim, 1) * width
    return spread


def registers_of(machine) -> dict[str, str]:
    return {o: m.name for m in machine.spec.memories if m.kind == "register" for o in m.holds}


def tiers_of(machine) -> list[dict[str, str]]:
    return [{o: m.name for m in tier.memories for o in m.holds} for tier in machine.hierarchy.tiers]


@cache
def machine_case(number: int):
    """A random small machine: registers for any of the operands, shared or not; some bypass all buffers."""
    rng = Random(f"unrolled machine {number}")
    while True:
        bypassing = rng.sample(OPERANDS, rng.choice((0, 0, 1, 2)))
        tiers = [{o: m for o, m in tier.items() if o not in bypassing} for tier in random_tiers(rng)]
        names = rng.choice((["r0", "r1", "r2"], ["r0", "r0", "r1"], ["r0", "r0", "r0"]))
        held = dict(zip(rng.sample(OPERANDS, rng.randint(0, 3)), names, strict=False))
        word_bits = rng.choice((1, 1, 12))
        registers = [
            register(name, [o for o in held if held[o] == name], PLENTY, word_bits=word_bits)
            for name in dict.fromkeys(held.values())
        ]
        buffers = memories_of([tier for tier in tiers if tier], word_bits=word_bits)
        if buffers:
            break
    array = random_unrolling(rng)
    return machine_of([*buffers, *registers], bits_per_cycle=1.0, tile_candidates=3, **array)


def small_contraction(rng: Random) -> Contraction:
    while True:
        c = random_contraction(rng)
        if c.macs // c.G <= MOST_MACS:
            return c if c.G == 1 else replace(c, G=rng.randint(2, 5))


def random_unrolled_tiles(rng: Random, c: Contraction, machine) -> dict[str, tuple[int, ...]]:
    """Buffer tiles, array tile, step. A kernel wider than its unrolling runs its positions in turn."""
    levels, spread = len(machine.hierarchy.tiers), spread_of(machine)
    tiles = {}
    for dim in DIMS:
        size = getattr(c, dim)
        step = min(size, spread.get(dim, 1))
        if dim in "RS":
            step = step if step == size else 1
            tiles[dim] = (*[size] * levels, rng.choice((size, step)), step)
        else:
            buffers = random_chain(rng, size, levels)
            tiles[dim] = (*buffers, min(buffers[-1], step * rng.randint(1, 3)), step)
    return tiles


def random_row(rng: Random, machine):
    layer = layer_of(small_contraction(rng), rng.choice(PRECISIONS))
    tiles = random_unrolled_tiles(rng, layer.contraction, machine)
    return row_of(layer, tiles, tuple(rng.choice(OPERANDS) for _ in tiles["B"]))


def walk_of(row, machine):
    c = row.layer.contraction
    orders = tuple(str(order) for order in row.mapping["order"])
    tiles = {dim: tiles_of(row.mapping)[dim] for dim in DIMS}
    nesting = Nesting(c, tuple(tiers_of(machine)), tiles, orders, bits_of(row.layer, machine))
    return walk_unrolled(nesting, UnrolledCase(registers_of(machine), c.G, spread_of(machine).get("G", 1)))


def described(row, machine) -> str:
    held = [(m.name, m.holds) for m in machine.spec.memories[1:]]
    return f"{row.layer.contraction} {row.mapping} on {machine.spec.array.unroll}, {held}"


def rounds_of(row, machine) -> int:
    groups = row.layer.contraction.G
    return -(-groups // min(groups, spread_of(machine).get("G", 1)))


def check_buffers(row, walked, machine) -> None:
    did, groups, where = machine.performed(row), row.layer.contraction.G, described(row, machine)
    counts = counts_of(did)
    for tier in machine.hierarchy.tiers:
        for memory in tier.memories:
            for action in ("read", "write"):
                words = walked.moved[memory.name, action] * groups / memory.word_bits
                assert counts[memory.name, action] == words, f"{memory.name} {action}: {where}"
    dram = walked.moved["dram", "read"] + walked.moved["dram", "write"]
    assert did.dram_bytes * 8 == dram * groups, where
    assert counts["mac", "mac"] == walked.macs * groups == row.layer.macs, where
    assert did.compute_cycles == walked.cycles * rounds_of(row, machine), where


def check_registers(row, walked, machine) -> None:
    counts, groups = counts_of(machine.performed(row)), row.layer.contraction.G
    for memory in machine.hierarchy.registers:
        for action in ("read", "write"):
            words = walked.moved[memory.name, action] * groups / memory.word_bits
            assert counts[memory.name, action] == words, f"{memory.name} {action}: {described(row, machine)}"


def check_table(options, index: int, walked, machine) -> None:
    row, groups = options.row(index), options.layer.contraction.G
    where = described(row, machine)
    dram = (walked.moved["dram", "read"] + walked.moved["dram", "write"]) * groups
    assert options.traffic_bytes["dram"][index] * 8 == dram, where
    bandwidth = machine.dram_bytes_per_cycle * 8
    assert options.cycles[index] >= max(walked.cycles * rounds_of(row, machine), dram / bandwidth), where
    for name, held in options.held_bytes.items():
        assert held[index] * 8 == walked.held[name], f"{name}: {where}"


def some_rows(rng: Random, options, most: int = 6):
    return [(i, options.row(i)) for i in rng.sample(range(len(options)), min(most, len(options)))]


@pytest.mark.parametrize("number", range(50))
def test_buffers_and_cycles(number):
    machine = machine_case(number)
    rng = Random(f"unrolled {number}")
    for _ in range(6):
        row = random_row(rng, machine)
        check_buffers(row, walk_of(row, machine), machine)


def test_a_step_wider_than_the_tile_around_it_hides_no_loop():
    """One channel at a time on PEs for three: the two kernel rows still take turns."""
    c = Contraction(C=3, Q=2, R=2)
    array = {"rows": 3, "columns": 1, "dataflow": "unrolled"}
    machine = machine_of([sram("buffer", list(OPERANDS), PLENTY)], unroll={"rows": {"C": 3}}, **array)
    whole = {"B": (1, 1, 1), "P": (1, 1, 1), "Q": (2, 1, 1), "K": (1, 1, 1), "R": (2, 2, 1), "S": (1, 1, 1)}
    narrow, wide = (
        row_of(layer_of(c), {**whole, "C": (1, 1, step)}, ("weight", "weight", "weight")) for step in (1, 3)
    )
    assert walk_of(narrow, machine) == walk_of(wide, machine)
    check_buffers(narrow, walk_of(narrow, machine), machine)
    check_buffers(wide, walk_of(wide, machine), machine)


@pytest.mark.parametrize("operand", OPERANDS)
def test_registers(operand):
    """Reads: one a product, and every PE's own sum when sums leave. Writes: in every PE that uses a value."""
    for number in range(40):
        rng = Random(f"registers {number}")
        memories = [sram("buffer", list(OPERANDS), PLENTY), register("register", [operand], PLENTY)]
        machine = machine_of(memories, **random_unrolling(rng))
        for _ in range(3):
            row = random_row(rng, machine)
            check_registers(row, walk_of(row, machine), machine)


@pytest.mark.parametrize("number", range(30))
def test_rows_of_the_options_table(number):
    """The vectorised table says of each row what the walk says of it alone."""
    machine = machine_case(number)
    rng = Random(f"unrolled table {number}")
    options = machine.options(layer_of(small_contraction(rng), rng.choice(PRECISIONS)))
    for index, row in some_rows(rng, options):
        walked = walk_of(row, machine)
        check_buffers(row, walked, machine)
        check_table(options, index, walked, machine)


@pytest.mark.parametrize("number", range(20))
def test_groups_that_run_together(number):
    """G spread over the array: fewer rounds, and buffers that hold so many groups' tiles at once."""
    rng = Random(f"together {number}")
    groups = rng.randint(2, 6)
    c = replace(small_contraction(rng), G=groups)
    array = {"rows": rng.randint(2, 6), "columns": 2, "dataflow": "unrolled"}
    unroll = {"rows": {"G": array["rows"]}, "columns": {rng.choice("KCP"): 2}}
    machine = machine_of(
        memories_of(random_tiers(rng)), bits_per_cycle=1.0, tile_candidates=3, unroll=unroll, **array
    )
    options = machine.options(layer_of(c))
    for index, row in some_rows(rng, options):
        walked = walk_of(row, machine)
        check_buffers(row, walked, machine)
        check_table(options, index, walked, machine)
        assert machine.performed(row).compute_cycles == walked.cycles * -(-groups // array["rows"])


@pytest.mark.parametrize("operand", OPERANDS)
def test_registers_hold_what_the_fullest_pe_needs(operand):
    """A row is legal if and only if no PE keeps more than its register holds."""
    c = Contraction(K=5, C=4, P=2, R=2)
    other = "input" if operand == "weight" else "weight"

    def machine(capacity_bytes: float):
        # the other register keeps the candidates the same
        roomy = register("roomy", [other], 16, word_bits=8)
        tight = register("tight", [operand], capacity_bytes)
        array = {"rows": 2, "columns": 2, "dataflow": "unrolled"}
        unroll = {"rows": {"C": 2}, "columns": {"K": 2}}
        buffer = sram("buffer", list(OPERANDS), PLENTY)
        return machine_of([buffer, roomy, tight], tile_candidates=3, unroll=unroll, **array)

    plenty = machine(64)
    everything = plenty.options(layer_of(c))
    rows = [row for _, row in some_rows(Random(operand), everything, 60)]
    needs = {key_of(row): walk_of(row, plenty).register_bits["tight"] for row in rows}
    assert len(set(needs.values())) > 2
    for bits in set(needs.values()):
        options = machine(bits / 8).options(layer_of(c))
        legal = {key_of(options.row(i)) for i in range(len(options))}
        assert legal & set(needs) == {key for key, need in needs.items() if need <= bits}


def key_of(row) -> tuple:
    return tuple(tiles_of(row.mapping).items()), tuple(row.mapping["order"])


LIBRARY = {
    "eyeriss-like": Contraction(K=5, C=5, P=15, Q=2, R=3, S=3, padding=(1, 1, 1, 1)),
    "zigzag-tpu-like": Contraction(K=35, C=34, P=2, Q=2),
}


@cache
def library_case(name: str):
    """(machine, options, some rows with their walks)"""
    machine = SystolicMachine(archsim.load_accelerator(name).spec, tile_candidates=3)
    options = machine.options(layer_of(LIBRARY[name]))
    rows = [(i, row, walk_of(row, machine)) for i, row in some_rows(Random(name), options, 10)]
    return machine, options, rows


@pytest.mark.parametrize("name", LIBRARY)
def test_buffers_of_the_library(name):
    """In both machines weights come straight from DRAM into the PEs' registers."""
    machine, options, rows = library_case(name)
    for index, row, walked in rows:
        check_buffers(row, walked, machine)
        check_table(options, index, walked, machine)
        for memory in machine.hierarchy.registers:
            assert walked.register_bits[memory.name] <= memory.capacity_bits


@pytest.mark.parametrize("name", LIBRARY)
def test_registers_of_the_library(name):
    machine, _, rows = library_case(name)
    for _, row, walked in rows:
        check_registers(row, walked, machine)


@pytest.mark.parametrize("number", range(20))
def test_the_program_moves_and_works_what_was_priced(number):
    """At one bit a cycle; the traffic of operands that bypass the outermost buffer is spread over tiles."""
    machine = machine_case(number)
    rng = Random(f"unrolled program {number}")
    bypassed = len(tiers_of(machine)[0]) < len(OPERANDS)
    for _ in range(4):
        row = random_row(rng, machine)
        graph = machine.program([row])
        execution = engine.simulate(graph)
        did = machine.performed(row)
        transfers = sum(r.firings for n, r in execution.actors.items() if not n.endswith(":compute"))
        beyond = execution.resource_busy_cycles["dram"] - did.dram_bytes * 8
        assert 0 <= beyond <= (transfers if bypassed else 0), described(row, machine)
        assert execution.actors["layer:compute"].busy_cycles == did.compute_cycles, described(row, machine)
        assert execution == simpy_engine.simulate(graph)


@pytest.mark.parametrize("number", range(15))
def test_no_row_is_faster_than_its_bound(number):
    machine = machine_case(number)
    rng = Random(f"unrolled bound {number}")
    options = machine.options(layer_of(small_contraction(rng), rng.choice(PRECISIONS)))
    for index, row in some_rows(rng, options):
        cycles = engine.simulate(machine.program([row])).cycles
        assert cycles >= options.cycles[index] - 1e-6, described(row, machine)
