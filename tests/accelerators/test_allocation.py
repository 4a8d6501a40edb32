"""Layers that share a machine: the quick allocation against every choice."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest
from cluster_cases import matmul

from archsim.accelerators.allocation import allocated
from archsim.accelerators.machine import DoesNotFit, Options


def table(cycles: list[float], taken: list[float]) -> Options:
    layer, count = matmul(1, 1, 1), len(cycles)
    return Options(
        layer=layer,
        precisions=(layer.precision,),
        precision=np.zeros(count, dtype=np.int64),
        cycles=np.array(cycles, dtype=np.float64),
        energy_pj={"all": np.ones(count)},
        traffic_bytes={},
        held_bytes={},
        mapping={},
        codebooks={},
        priced=count,
        resources={"arrays": np.array(taken, dtype=np.float64)},
    )


def random_table(rng: Random) -> Options:
    work, unit = rng.randint(10, 1000), rng.randint(1, 4)
    copies = range(1, rng.randint(2, 7))
    return table([work / n for n in copies], [float(unit * n) for n in copies])


@pytest.mark.parametrize("number", range(60))
def test_within_the_capacity_and_near_the_best(number):
    rng = Random(f"allocation {number}")
    tables = [random_table(rng) for _ in range(rng.randint(1, 4))]
    limit = float(rng.randint(sum(int(t.resources["arrays"].min()) for t in tables), 40))
    chosen = allocated(tables, {"arrays": limit}, "latency")

    def cost(rows):
        return sum(float(t.cycles[r]) for t, r in zip(tables, rows, strict=True))

    def taken(rows):
        return sum(float(t.resources["arrays"][r]) for t, r in zip(tables, rows, strict=True))

    assert taken(chosen) <= limit
    fitting = [rows for rows in product(*(range(len(t)) for t in tables)) if taken(rows) <= limit]
    best = min(map(cost, fitting))
    largest_step = max(float(t.cycles.max() - t.cycles.min()) for t in tables)
    assert best <= cost(chosen) <= best + largest_step


def test_without_scarcity_everyone_has_the_best():
    tables = [table([9, 3, 1], [1, 2, 3]), table([5, 4], [1, 2])]
    assert allocated(tables, {"arrays": 5.0}, "latency") == [2, 1]


def test_what_does_not_fit_is_told():
    with pytest.raises(DoesNotFit, match=r"1\.5 times what there is"):
        allocated([table([1], [3.0])], {"arrays": 2.0}, "latency")


def test_rows_that_take_nothing_need_no_capacity():
    assert allocated([table([9, 1], [0.0, 1.0])], {"arrays": 0.0}, "latency") == [0]
