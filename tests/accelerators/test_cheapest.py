"""The cheapest mapping found without a table is the table's, whatever machines were asked about before."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from systolic_cases import DATAFLOWS, OPERANDS, layer_of, machine_of, random_contraction, sram

from archsim.accelerators.machine import DoesNotFit, Row
from archsim.accelerators.systolic.findings import _findings
from archsim.accelerators.systolic.hierarchy import Holding
from archsim.accelerators.systolic.machine import SystolicMachine
from archsim.accelerators.systolic.relaxation import branches_of
from archsim.workloads.layer import Layer


def machines(rng: Random) -> list[SystolicMachine]:
    """Of one array, with buffers and bandwidths of their own."""
    array = {"dataflow": rng.choice(DATAFLOWS), "rows": rng.randint(1, 6), "columns": rng.randint(1, 6)}
    stalls = rng.random() < 0.7
    return [
        machine_of(
            [
                sram(
                    "buffer",
                    list(OPERANDS),
                    rng.choice((300, 700, 1500, 20_000)),
                    read_pj=rng.choice((0.1, 1, 9)),
                )
            ],
            bits_per_cycle=rng.choice((0.7, 8.0, 64.0)) if stalls else None,
            **array,
        )
        for _ in range(4)
    ]


def forget() -> None:
    _findings.cache_clear()
    branches_of.cache_clear()


def described(row: Row | None) -> object:
    return None if row is None else {key: np.asarray(value).tolist() for key, value in row.mapping.items()}


@pytest.mark.parametrize("minimize", ["energy", "latency", "edp"])
@pytest.mark.parametrize("number", range(25))
def test_no_mapping_of_the_table_is_cheaper(number: int, minimize: str) -> None:
    rng = Random(f"cheapest {number}")
    layer = layer_of(random_contraction(rng))
    for machine in machines(rng):
        row = machine.cheapest_row(layer, minimize)
        if minimize != "energy" and machine.dram_bytes_per_cycle is not None:
            assert row is None  # the kernel decides among several
            continue
        try:
            options = machine.options(layer)
        except DoesNotFit:
            assert row is None
            continue
        assert row is not None
        cycles, energy = options.cycles, options.total_energy_pj
        cost = {"energy": energy, "latency": cycles, "edp": energy * cycles}[minimize]
        own = {"energy": row.energy_pj, "latency": row.cycles, "edp": row.energy_pj * row.cycles}[minimize]
        assert own == pytest.approx(cost.min(), rel=1e-9)
        other = cycles if minimize == "energy" else energy
        least = other[cost <= cost.min() * (1 + 1e-11)].min()
        assert (row.cycles if minimize == "energy" else row.energy_pj) == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("number", range(25))
def test_what_was_asked_before_changes_nothing(number: int) -> None:
    rng = Random(f"before {number}")
    layers = [layer_of(random_contraction(rng)) for _ in range(2)]
    some = machines(rng)

    def found(order: list[int]) -> list[list[object]]:
        forget()
        by_machine: dict[int, list[object]] = {}
        for place in order:
            built = SystolicMachine(some[place].spec)
            by_machine[place] = [described(built.cheapest_row(layer, "energy")) for layer in layers]
        return [by_machine[place] for place in sorted(by_machine)]

    first = found([0, 1, 2, 3])
    assert found([3, 2, 1, 0]) == first
    assert [found([place])[0] for place in range(4)] == first


def test_a_layer_that_is_alike_keeps_its_name() -> None:
    (machine, *_), c = machines(Random(1)), random_contraction(Random(2))
    one, two = (machine.cheapest_row(layer_of(c, name=name), "energy") for name in ("one", "two"))
    assert isinstance(one, Row)
    assert isinstance(two, Row)
    assert isinstance(one.layer, Layer)
    assert (one.layer.name, two.layer.name) == ("one", "two")


@pytest.mark.parametrize("most", [7, 100])
def test_all_mappings_of_branches_are_counted_every_time(most: int, monkeypatch) -> None:
    """However many tables they fill."""
    monkeypatch.setattr("archsim.accelerators.systolic.relaxation.MOST_ROWS", most)
    machine = machine_of([sram("buffer", list(OPERANDS), 20_000)], bits_per_cycle=8.0)
    c = random_contraction(Random(3))
    branches = branches_of(machine._space(c, searched=True), Holding(machine.hierarchy))
    chosen = np.arange(len(branches.bounds))
    once, again = ([table.values for table in branches.mappings(chosen)] for _ in range(2))
    assert len(once) > 1
    assert np.array_equal(np.concatenate(once, axis=1), np.concatenate(again, axis=1))
