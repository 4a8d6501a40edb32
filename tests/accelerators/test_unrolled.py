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

from archsim import Contraction
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
def machine_case(number: int, *, register_bytes: float = 1 << 20):
    """A random small machine: registers for any of the operands, shared or not; some bypass all buffers."""
    rng = Random(f"unrolled machine {number}")
    while True:
        bypassing = rng.sample(OPERANDS, rng.choice((0, 0, 1, 2)))
        tiers = [{o: m for o, m in tier.items() if o not in bypassing} for tier in random_tiers(rng)]
        names = rng.choice((["r0", "r1", "r2"], ["r0", "r0", "r1"], ["r0", "r0", "r0"]))
        held = dict(zip(rng.sample(OPERANDS, rng.randint(0, 3)), names, strict=False))
        word_bits = rng.choice((1, 1, 12))
        registers = [
            register(name, [o for o in held if held[o] == name], register_bytes, word_bits=word_bits)
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
                words = -(-walked.moved[memory.name, action] * groups // memory.word_bits)
                assert counts[memory.name, action] == words, f"{memory.name} {action}: {where}"
    dram = walked.moved["dram", "read"] + walked.moved["dram", "write"]
    assert did.dram_bytes * 8 == dram * groups, where
    assert counts["mac", "mac"] == walked.macs * groups == row.layer.macs, where
    assert did.compute_cycles == walked.cycles * rounds_of(row, machine), where


def check_registers(row, walked, machine, operands) -> None:
    """Of the registers that hold none but `operands`."""
    counts, groups = counts_of(machine.performed(row)), row.layer.contraction.G
    for memory in machine.hierarchy.registers:
        if set(memory.holds) <= set(operands):
            for action in ("read", "write"):
                words = -(-walked.moved[memory.name, action] * groups // memory.word_bits)
                assert counts[memory.name, action] == words, f"{action}: {described(row, machine)}"


@pytest.mark.parametrize("number", range(60))
def test_buffers_and_cycles(number):
    machine = machine_case(number)
    rng = Random(f"unrolled {number}")
    for _ in range(8):
        row = random_row(rng, machine)
        check_buffers(row, walk_of(row, machine), machine)


@pytest.mark.parametrize("operand", OPERANDS)
@pytest.mark.parametrize("number", range(25))
def test_registers(number, operand):
    """Reads: one a product. Writes: what is fetched, in every PE that uses it."""
    rng = Random(f"registers {number}")
    memories = [sram("buffer", list(OPERANDS), PLENTY), register("register", [operand], PLENTY)]
    machine = machine_of(memories, **random_unrolling(rng))
    for _ in range(6):
        row = random_row(rng, machine)
        check_registers(row, walk_of(row, machine), machine, OPERANDS)


@pytest.mark.parametrize("number", range(40))
def test_rows_of_the_options_table(number):
    """The vectorised table says of each row what the walk says of it alone."""
    machine = machine_case(number)
    rng = Random(f"unrolled table {number}")
    options = machine.options(layer_of(small_contraction(rng), rng.choice(PRECISIONS)))
    groups = options.layer.contraction.G
    for index in rng.sample(range(len(options)), min(6, len(options))):
        row = options.row(index)
        walked = walk_of(row, machine)
        check_buffers(row, walked, machine)
        dram = walked.moved["dram", "read"] + walked.moved["dram", "write"]
        assert options.traffic_bytes["dram"][index] * 8 == dram * groups, described(row, machine)
        cycles = max(walked.cycles * rounds_of(row, machine), dram * groups)
        assert options.cycles[index] >= cycles, described(row, machine)


@pytest.mark.parametrize("number", range(40))
def test_what_buffers_hold(number):
    machine = machine_case(number)
    rng = Random(f"unrolled held {number}")
    options = machine.options(layer_of(small_contraction(rng), rng.choice(PRECISIONS)))
    for index in rng.sample(range(len(options)), min(6, len(options))):
        row = options.row(index)
        walked = walk_of(row, machine)
        for name, held in options.held_bytes.items():
            assert held[index] * 8 == walked.held[name], (name, described(row, machine))


@pytest.mark.parametrize("number", range(30))
def test_the_program_moves_and_works_what_was_priced(number):
    """At one bit a cycle; the traffic of operands that bypass the outermost buffer is spread over tiles."""
    machine = machine_case(number)
    rng = Random(f"unrolled program {number}")
    bypassed = len(machine.hierarchy.tiers[0].memories[0].holds) < 3 and len(tiers_of(machine)[0]) < 3
    for _ in range(5):
        row = random_row(rng, machine)
        graph = machine.program([row])
        execution = engine.simulate(graph)
        did = machine.performed(row)
        runs = execution.actors
        transfers = sum(r.firings for n, r in runs.items() if not n.endswith(":compute"))
        beyond = execution.resource_busy_cycles["dram"] - did.dram_bytes * 8
        assert 0 <= beyond <= (transfers if bypassed else 0), described(row, machine)
        assert runs["layer:compute"].busy_cycles == did.compute_cycles, described(row, machine)
        assert execution == simpy_engine.simulate(graph)
