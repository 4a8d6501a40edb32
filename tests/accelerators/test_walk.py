"""The recurrence of a layer's transfers says of every program what the kernel finds, to the cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from systolic_cases import layer_of, machine_of, random_contraction, row_of, sram
from test_kernel_agrees import DATAFLOWS, LIBRARY, OPERANDS, PRECISIONS, library_rows, memories

import archsim
from archsim import Contraction, Tensor
from archsim.accelerators.machine import DoesNotFit, Row
from archsim.accelerators.systolic.machine import SystolicMachine
from archsim.kernel import engine
from archsim.simulation import choose
from archsim.workloads.layer import Layer


def by_kernel(machine: SystolicMachine, row: Row) -> int:
    return engine.simulate(machine.program([row])).cycles


def ends_by_kernel(machine: SystolicMachine, rows: Sequence[Row]) -> list[int]:
    actors = engine.simulate(machine.program(rows)).actors
    return [actors[f"{row.layer.name}:store"].end for row in rows]


def add(rng: Random) -> Layer:
    size = rng.randint(1, 3000)
    shape = (Tensor("a", (size,)), Tensor("b", (size,)))
    return Layer("add", "add", shape, (Tensor("sum", (size,)),), ops={"add": size, "mul": rng.choice((0, 9))})


def random_spec(rng: Random) -> SystolicMachine:
    double = rng.random() < 0.6
    made = machine_of(
        memories(rng, rng.choice((800, 1500, 20_000)), ports=rng.random() < 0.4, double_buffered=double),
        dataflow=rng.choice(DATAFLOWS),
        rows=rng.randint(1, 6),
        columns=rng.randint(1, 6),
        tile_candidates=3,
        latency_cycles=rng.choice((0, 7, 300)),
        cores=rng.choice((1, 1, 3)),
        bits_per_cycle=rng.choice((0.7, 8.0, 64.0)),
        overlap_folds=rng.random() < 0.3,
    )
    unit = {"lanes": rng.randint(1, 3), "energy_pj": 0.1}
    spec = {**made.spec.model_dump(exclude_none=True), "vector_unit": unit}
    return SystolicMachine(type(made.spec).model_validate(spec), tile_candidates=3)


@pytest.mark.parametrize("number", range(300))
def test_random_mappings(number: int) -> None:
    rng = Random(f"walk {number}")
    machine = random_spec(rng)
    layer = add(rng) if rng.random() < 0.2 else layer_of(random_contraction(rng), rng.choice(PRECISIONS))
    try:
        options = machine.options(layer)
    except DoesNotFit:
        return
    row = options.row(rng.randrange(len(options)))
    assert machine.cycles_alone(row) == by_kernel(machine, row)


@pytest.mark.parametrize("number", range(200))
def test_random_mappings_in_line(number: int) -> None:
    """With the first weights of a layer fetched while the one before still runs, where there is room."""
    rng = Random(f"line {number}")
    machine = random_spec(rng)
    rows = []
    for name in map(str, range(rng.randint(2, 4))):
        layer = layer_of(random_contraction(rng), rng.choice(PRECISIONS), name)
        layer = replace(add(rng), name=name) if rng.random() < 0.25 else layer
        try:
            options = machine.options(layer)
        except DoesNotFit:
            continue
        rows.append(options.row(rng.randrange(len(options))))
    if rows:
        assert [each.end for each in machine.tally(rows)] == ends_by_kernel(machine, rows)


@pytest.mark.parametrize("network", LIBRARY)
def test_whole_networks(network: str) -> None:
    machine, rows = library_rows(network)
    assert [each.end for each in machine.tally(rows)] == ends_by_kernel(machine, rows)
    for row in rows:
        assert machine.cycles_alone(row) == by_kernel(machine, row)


@pytest.mark.parametrize("name", ["eyeriss-like", "zigzag-tpu-like", "scalesim-32", "systolic-32-edge"])
def test_every_kind_of_machine(name: str) -> None:
    machine = archsim.load_accelerator(name)
    rows, _ = choose(archsim.load_workload("resnet8"), machine, "energy")
    assert isinstance(machine, SystolicMachine)
    assert [each.end for each in machine.tally(rows)] == ends_by_kernel(machine, rows)
    for row in rows:
        assert machine.cycles_alone(row) == by_kernel(machine, row)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("order", OPERANDS)
@pytest.mark.parametrize("bits_per_cycle", [0.9, 3.0, 7.0, 500.0])
def test_many_alike_tiles_are_skipped_rightly(depth: int, order: str, bits_per_cycle: float) -> None:
    """Thousands of tiles, ragged at the end, whichever of the two paces them."""
    machine = machine_of(
        [sram("buffer", OPERANDS, 1 << 20, double_buffered=depth == 2)],
        rows=4,
        columns=3,
        bits_per_cycle=bits_per_cycle,
    )
    c = Contraction(K=10, C=6, P=101, Q=33, R=3, S=3)
    tiles = {"B": (1,), "P": (2,), "Q": (5,), "K": (4,), "CRS": (20,)}
    row = row_of(layer_of(c), tiles, (order,))
    assert machine.cycles_alone(row) == by_kernel(machine, row)
