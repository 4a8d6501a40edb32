"""The 18 bit-width problems that HAWQ-V3 published, and its published solutions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.dse.selection.problem import Budget, Choices, Problem, Tie, minimize
from archsim.dse.selection.select import solve

DATA = Path(__file__).parents[2] / "data"
BITS = (4, 8)
PROBLEMS = [
    (network, quantity, share)
    for network in ("resnet18", "resnet50")
    for quantity in ("modelsize", "bops", "latency")
    for share in (0.75, 0.5, 0.25)
]
WORSE_THAN_ITS_OPTIMUM = ("resnet50", "modelsize", 0.25)


def study(network: str) -> dict[str, Any]:
    return json.loads((DATA / f"hawq_{network}.json").read_text())


def table(layer: dict[str, Any]) -> Choices:
    """Two rows: weights and activations in 4 bits, and in 8."""
    columns = {
        "modelsize": [layer["params"] * bits / 8 for bits in BITS],  # bytes
        "bops": [layer["macs"] * bits**2 / 1024 for bits in BITS],  # MAC/64 at 4 bits, MAC/16 at 8
        "latency": [layer[f"latency_int{bits}_ms"] for bits in BITS],
        "perturbation": [layer[f"sensitivity_{bits}bit"] for bits in BITS],
    }
    return Choices(layer["name"], columns, {"bits": BITS})


def hawq_problem(found: dict[str, Any], quantity: str, share: float) -> Problem:
    """One budget, at `share` of the way from all in 4 bits to all in 8."""
    tables = tuple(table(layer) for layer in found["layers"])
    least, most = (sum(choice.columns[quantity][row] for choice in tables) for row in (0, 1))
    names = [layer["name"] for layer in found["layers"]]
    return Problem(
        tables,
        minimize("perturbation", then=quantity),
        (Budget(quantity, quantity, float(least + share * (most - least))),),
        tuple(Tie(tuple(names[i] for i in tied), ("bits",)) for tied in found["tied_layers"]),
    )


@pytest.mark.parametrize(("network", "quantity", "share"), PROBLEMS)
def test_published_bits_are_found(network: str, quantity: str, share: float) -> None:
    found = study(network)
    problem = hawq_problem(found, quantity, share)
    selection = solve(problem)
    assert selection.status == "OPTIMAL"
    assert selection.then_gap <= 1e-9
    assert selection.rows is not None
    bits = [BITS[row] for row in selection.rows]
    published = found["configs"][f"{quantity}_{share:g}"]["weight_bits"]
    if (network, quantity, share) != WORSE_THAN_ITS_OPTIMUM:
        assert bits == published
        return
    assert selection.objective == pytest.approx(0.07495, abs=5e-6)
    rows = [BITS.index(width) for width in published]
    assert problem.value(rows) == pytest.approx(0.08311, abs=5e-6)
    assert problem.broken(rows) == []


def test_without_the_shortcuts_tied_the_published_bits_are_not_optimal() -> None:
    differ = 0
    for network, quantity, share in PROBLEMS:
        found = study(network)
        problem = hawq_problem(found | {"tied_layers": []}, quantity, share)
        published = found["configs"][f"{quantity}_{share:g}"]["weight_bits"]
        rows = solve(problem).rows
        assert rows is not None
        differ += [BITS[row] for row in rows] != published
    assert differ == 9


def test_milliseconds_each() -> None:
    """CPU seconds of the smallest of three runs, first imports left out; far above what it takes (0.02 s)."""
    problem = hawq_problem(study("resnet50"), "bops", 0.5)
    solve(problem)
    assert min(solve(problem).wall_s for _ in range(3)) < 1.0


def test_data_are_consistent() -> None:
    for network in ("resnet18", "resnet50"):
        for layer in study(network)["layers"]:
            depth = layer["K"] * layer["C"] * layer["R"] * layer["S"]
            assert layer["params"] == depth
            assert np.isclose(layer["macs"], depth * layer["P"] * layer["Q"])
