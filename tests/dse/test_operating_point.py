"""Minimum energy under a deadline picks the supply, proven."""

import pytest

from archsim.dse.search import search
from archsim.dse.study import Study

SUPPLIES = [0.65, 0.7, 0.8]


def cheapest(deadline_ms: float):
    study = Study(
        workload="ds-cnn",
        accelerator="gap9",
        hardware={"operating_point.vdd_v": list(SUPPLIES)},
        minimize="energy",
        budgets={"latency_ms": deadline_ms},
        marginals=False,
    )
    return search(study, workers=1)


def test_the_slower_the_deadline_the_lower_the_supply():
    fast, slow = cheapest(0.5), cheapest(0.9)
    assert fast.status == slow.status == "OPTIMAL"
    assert fast.plan is not None
    assert slow.plan is not None
    assert fast.plan.hardware == {"operating_point.vdd_v": 0.8}
    assert slow.plan.hardware == {"operating_point.vdd_v": 0.65}
    ratio = slow.plan.totals["energy_mj"] / fast.plan.totals["energy_mj"]
    assert ratio == pytest.approx((0.65 / 0.8) ** 2, rel=0.05)
    assert fast.plan.totals["latency_ms"] <= 0.5


def test_a_deadline_that_no_supply_meets():
    outcome = cheapest(0.2)
    assert outcome.status == "INFEASIBLE"
    assert outcome.conflict is not None
