"""What the weight-only estimate is worth against HAWQ-V3's published Hessian-weighted sensitivities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from archsim.dse.selection.problem import Budget, Choices, Problem, Tie, minimize
from archsim.dse.selection.select import solve
from archsim.numerics.gaussian_noise import weight_noise

DATA = Path(__file__).parents[1] / "data"
BITS = (4, 8)


def study(network: str) -> dict[str, Any]:
    return json.loads((DATA / f"hawq_{network}.json").read_text())


def per_parameter(layer: dict[str, Any], bits: int) -> float:
    return layer[f"dw2_{bits}bit"] / layer["params"]


def assumed(layer: dict[str, Any], bits: int) -> float:
    return 2 / (layer["C"] * layer["R"] * layer["S"]) * weight_noise(bits)


@pytest.mark.parametrize(
    ("network", "ranked", "total"), [("resnet18", 0.826, -0.184), ("resnet50", 0.708, 0.053)]
)
def test_error_per_parameter_ranks_layers_as_the_hessian_does(
    network: str, ranked: float, total: float
) -> None:
    layers = study(network)["layers"]
    hessian = [layer["sensitivity_4bit"] - layer["sensitivity_8bit"] for layer in layers]
    found = spearmanr([per_parameter(layer, 4) - per_parameter(layer, 8) for layer in layers], hessian)
    assert found.statistic == pytest.approx(ranked, abs=0.002)
    whole = spearmanr(
        [layer["dw2_4bit"] for layer in layers], [layer["sensitivity_4bit"] for layer in layers]
    )
    assert whole.statistic == pytest.approx(total, abs=0.002)  # not per parameter: no ranking at all


@pytest.mark.parametrize(("network", "ranked"), [("resnet18", 0.303), ("resnet50", 0.306)])
def test_assumed_weights_rank_layers_poorly(network: str, ranked: float) -> None:
    """Fan-in alone says little of a layer: what docs/sensitivity.md warns of."""
    layers = study(network)["layers"]
    found = spearmanr(
        [assumed(layer, 4) for layer in layers], [layer["sensitivity_4bit"] for layer in layers]
    )
    assert found.statistic == pytest.approx(ranked, abs=0.002)


@pytest.mark.parametrize(("network", "median", "most"), [("resnet18", 1.05, 1.40), ("resnet50", 1.19, 1.33)])
def test_plans_chosen_by_it_cost_little_more(network: str, median: float, most: float) -> None:
    """HAWQ's perturbation of the plan found with the estimate, over that of HAWQ's own optimum."""
    found = study(network)
    ratios = []
    for quantity in ("modelsize", "bops", "latency"):
        for share in (0.75, 0.5, 0.25):
            plans = [_plan(found, quantity, share, column) for column in ("hessian", "estimate")]
            costs = [
                sum(
                    layer[f"sensitivity_{bits}bit"] for layer, bits in zip(found["layers"], plan, strict=True)
                )
                for plan in plans
            ]
            ratios.append(costs[1] / costs[0])
    assert min(ratios) >= 1 - 1e-6
    assert np.median(ratios) <= median + 0.01
    assert max(ratios) <= most


def _plan(found: dict[str, Any], quantity: str, share: float, column: str) -> list[int]:
    tables = tuple(_choices(layer) for layer in found["layers"])
    least, most = (sum(choice.columns[quantity][row] for choice in tables) for row in (0, 1))
    names = [layer["name"] for layer in found["layers"]]
    problem = Problem(
        tables,
        minimize(column, then=quantity),
        (Budget(quantity, quantity, float(least + share * (most - least))),),
        tuple(Tie(tuple(names[i] for i in tied), ("bits",)) for tied in found["tied_layers"]),
    )
    rows = solve(problem).rows
    assert rows is not None
    return [BITS[row] for row in rows]


def _choices(layer: dict[str, Any]) -> Choices:
    columns = {
        "modelsize": [layer["params"] * bits / 8 for bits in BITS],
        "bops": [layer["macs"] * bits**2 / 1024 for bits in BITS],
        "latency": [layer[f"latency_int{bits}_ms"] for bits in BITS],
        "hessian": [layer[f"sensitivity_{bits}bit"] for bits in BITS],
        "estimate": [per_parameter(layer, bits) for bits in BITS],
    }
    return Choices(layer["name"], columns, {"bits": BITS})
