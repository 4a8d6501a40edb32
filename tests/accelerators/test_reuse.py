"""What a mapping moves, holds and takes, against a walk through its loops tile by tile and fold by fold."""

from functools import cache
from math import ceil, prod
from random import Random

import numpy as np
import pytest
from loop_walker import Nesting
from stationary_walker import ArrayCase, walk_stationary
from systolic_cases import (
    DATAFLOWS,
    OPERANDS,
    PIXELS,
    PLENTY,
    PRECISIONS,
    RUNS,
    bits_of,
    counts_of,
    layer_of,
    machine_of,
    memories_of,
    random_contraction,
    random_tiers,
    random_tiles,
    row_of,
    sizes_of,
    sram,
    tiles_of,
)

from archsim import Contraction, InputError

MOST_TILES = 400


@cache
def machine_case(number: int, *, cores: int = 1, overlap: bool = False):
    """(tiers, machine) of a random small machine; the same number is the same machine."""
    rng = Random(f"machine {number}")
    tiers = random_tiers(rng)
    machine = machine_of(
        memories_of(tiers, word_bits=rng.choice((1, 1, 12, 24))),
        dataflow=rng.choice(DATAFLOWS),
        rows=rng.randint(1, 5),
        columns=rng.randint(1, 5),
        bits_per_cycle=8.0,
        tile_candidates=3,
        cores=cores,
        overlap_folds=overlap,
    )
    return tiers, machine


def few_enough(c: Contraction, tiles: dict[str, tuple[int, ...]]) -> bool:
    sizes = sizes_of(c, RUNS if "BPQ" in tiles else PIXELS)
    return prod(ceil(sizes[dim] / chain[-1]) for dim, chain in tiles.items()) <= MOST_TILES


def random_row(rng: Random, tiers, machine):
    """(row, walk of one group of it)"""
    while True:
        c = random_contraction(rng)
        tiles = random_tiles(rng, c, len(tiers), rng.choice((PIXELS, PIXELS, RUNS)))
        if few_enough(c, tiles):
            break
    layer = layer_of(c, rng.choice(PRECISIONS))
    orders = tuple(rng.choice(OPERANDS) for _ in tiers)
    split = rng.choice("MNK") if machine.spec.array.cores > 1 else ""
    row = row_of(layer, tiles, orders, split)
    return row, walk_of(row, tiers, machine)


def walk_of(row, tiers, machine):
    array = machine.spec.array
    split = str(row.mapping["split"])
    case = ArrayCase(array.dataflow, array.rows, array.columns, array.cores if split else 1, split)
    c = row.layer.contraction
    orders = tuple(str(order) for order in row.mapping["order"])
    nesting = Nesting(c, tiers, tiles_of(row.mapping), orders, bits_of(row.layer, machine))
    return walk_stationary(nesting, case, c.G)


def described(row, machine) -> str:
    array = machine.spec.array
    sides = f"{array.dataflow} {array.rows}x{array.columns} x{array.cores}"
    holds = [(m.name, m.holds, m.word_bits) for m in machine.spec.memories[1:]]
    return f"{row.layer.contraction} {row.layer.precision.label} {row.mapping} on {sides}, {holds}"


def check_actions(row, walked, machine) -> None:
    did = machine.performed(row)
    counts = counts_of(did)
    groups = row.layer.contraction.G
    word_bits = {m.name: getattr(m, "word_bits", 1) for m in machine.spec.memories}
    where = described(row, machine)
    for name, width in word_bits.items():
        for action in ("read", "write"):
            words = walked.moved[name, action] * groups / width
            assert counts[name, action] == words, f"{name} {action}: {where}"
    dram = walked.moved["dram", "read"] + walked.moved["dram", "write"]
    assert did.dram_bytes * 8 == dram * groups, where
    assert counts["mac", "mac"] == walked.macs * groups == row.layer.macs, where


def check_cycles(row, walked, machine) -> None:
    did = machine.performed(row)
    array = machine.spec.array
    cycles = walked.overlapped_cycles if array.overlap_folds else walked.cycles
    assert did.compute_cycles == cycles * row.layer.contraction.G, described(row, machine)
    assert did.mapping["folds"] == len(walked.folds) * row.layer.contraction.G, described(row, machine)


@pytest.mark.parametrize("number", range(100))
def test_one_core(number):
    tiers, machine = machine_case(number)
    rng = Random(f"one core {number}")
    for _ in range(20):
        row, walked = random_row(rng, tiers, machine)
        check_actions(row, walked, machine)
        check_cycles(row, walked, machine)


@pytest.mark.parametrize("number", range(40))
def test_several_cores_share_an_axis(number):
    tiers, machine = machine_case(number, cores=2 + number % 3)
    rng = Random(f"cores {number}")
    for _ in range(10):
        row, walked = random_row(rng, tiers, machine)
        check_cycles(row, walked, machine)
        check_actions(row, walked, machine)


@pytest.mark.parametrize("number", range(40))
def test_overlapped_folds(number):
    """A load hides behind the beats streamed since the load before, and is never slower for it."""
    tiers, machine = machine_case(number, overlap=True, cores=1 + number % 2)
    rng = Random(f"overlap {number}")
    for _ in range(10):
        row, walked = random_row(rng, tiers, machine)
        assert walked.overlapped_cycles <= walked.cycles
        check_cycles(row, walked, machine)


def some_rows(rng: Random, options) -> list[int]:
    """A few rows of either kind of pixel tile."""
    book = options.codebooks["m"]
    is_run = book["BPQ"][options.mapping["m"], 0] > 0 if "BPQ" in book else np.zeros(len(options), bool)
    chosen: list[int] = []
    for kind in (is_run, ~is_run):
        rows = [int(i) for i in np.flatnonzero(kind)]
        chosen += rng.sample(rows, min(8, len(rows)))
    return chosen


@pytest.mark.parametrize("number", range(40))
def test_rows_of_the_options_table(number):
    """The vectorised table says of each row what the walk says of it alone."""
    tiers, machine = machine_case(number)
    rng = Random(f"table {number}")
    layer = layer_of(random_contraction(rng), rng.choice(PRECISIONS))
    options = machine.options(layer)
    groups = layer.contraction.G
    memories = {m.name for m in machine.spec.memories if m.kind == "sram"}
    assert set(options.held_bytes) == memories
    for index in some_rows(rng, options):
        row = options.row(index)
        if not few_enough(layer.contraction, tiles_of(row.mapping)):
            continue
        walked = walk_of(row, tiers, machine)
        dram = walked.moved["dram", "read"] + walked.moved["dram", "write"]
        assert options.traffic_bytes["dram"][index] * 8 == dram * groups, row
        for name in memories:
            assert options.held_bytes[name][index] * 8 == walked.held.get(name, 0), (name, row)
        assert options.cycles[index] >= max(walked.cycles, dram / 8.0) * groups, row
        check_actions(row, walked, machine)


def test_capacity_is_what_is_held():
    """A row is legal if and only if every buffer holds its tiles, twice where a tile follows another."""
    c = Contraction(K=6, C=4, P=6, Q=5, R=3, S=3, padding=(1, 1, 1, 1))
    layer = layer_of(c)
    everything = machine_of([sram("buffer", list(OPERANDS), PLENTY)], tile_candidates=4).options(layer)
    needs = everything.held_bytes["buffer"]
    for capacity in sorted(set(needs))[:: max(1, len(set(needs)) // 25)]:
        options = machine_of([sram("buffer", list(OPERANDS), capacity)], tile_candidates=4).options(layer)
        assert len(options) == (needs <= capacity).sum()
        assert options.priced == len(everything)
    with pytest.raises(InputError, match="no tile of layer"):
        machine_of([sram("buffer", list(OPERANDS), min(needs) - 1)], tile_candidates=4).options(layer)
