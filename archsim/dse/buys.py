"""What a wider budget would buy."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from archsim.dse.explore import Explorer
from archsim.dse.formulation import Formulation
from archsim.dse.plan import Buys
from archsim.dse.quantities import Quantity
from archsim.dse.solve_point import PointResult

WIDER_PERCENT = 10.0
"""By how much a budget is widened."""


def buys(
    explorer: Explorer,
    formulation: Formulation,
    best: PointResult,
    left_out: Collection[Quantity],
    time_limit_s: float,
    gap: float,
) -> list[Buys]:
    """The best goal with each budget wider by itself, but those `left_out`, which had to be verified."""
    found = []
    for limit in formulation.limits:
        if limit.quantity in left_out:
            continue
        wider = replace(limit, at_most=limit.at_most * (1 + WIDER_PERCENT / 100))
        limits = [wider if other is limit else other for other in formulation.limits]
        search = explorer.search(formulation.with_limits(*limits), time_limit_s=time_limit_s, gap=gap)
        if search.interrupted:
            break
        value = min(best.value, search.best.value) if search.best is not None else best.value
        gain = 100 * (best.value - value) / best.value if best.value else 0.0
        found.append(
            Buys(budget=limit.quantity.name, limit=wider.at_most, objective=value, gain_percent=gain)
        )
    return found
