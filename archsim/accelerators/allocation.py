"""Rows of layers that run one after the other but keep a part of the machine each: arrays with their weights.

A Lagrangian relaxation (Everett, Operations Research 11(3) 1963) prices what is shared; what is then left is
given to whoever gains most. The result is within one layer's step of the optimum; `archsim search` proves the
best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from archsim.accelerators.machine import DoesNotFit, FloatArray, Options, cost_of

DOUBLINGS, BISECTIONS = 200, 60


def allocated(tables: Sequence[Options], capacity: Mapping[str, float], minimize: str) -> list[int]:
    """A row a layer: a small sum of costs (`minimize`: of EDP the energy × cycles of each) within `capacity`.

    Raises DoesNotFit where even the rows that take least do not fit together. Capacities of several resources
    are taken as one, each resource by its share.
    """
    costs = [cost_of(minimize, table.cycles, table.total_energy_pj) for table in tables]
    shares = [_share(table, capacity) for table in tables]
    least = [int(np.lexsort((cost, share))[0]) for cost, share in zip(costs, shares, strict=True)]
    if _taken(shares, least) > 1:
        needs = ", ".join(f"{limit:,.0f} {name}" for name, limit in capacity.items())
        raise DoesNotFit(
            f"the layers together take {_taken(shares, least):.3g} times what there is ({needs})"
        )
    return _filled(costs, shares, _relaxed(costs, shares, least))


def _share(table: Options, capacity: Mapping[str, float]) -> FloatArray:
    """Of what there is, the largest share of any resource that a row takes."""
    nothing = np.zeros(len(table))
    shares = [nothing]
    for name, limit in capacity.items():
        column = table.resources.get(name, nothing)
        shares.append(np.divide(column, limit) if limit else np.where(column > 0, np.inf, 0.0))
    return np.maximum.reduce(shares)


def _taken(shares: Sequence[FloatArray], rows: Sequence[int]) -> float:
    return float(sum(share[row] for share, row in zip(shares, rows, strict=True)))


def _relaxed(costs: Sequence[FloatArray], shares: Sequence[FloatArray], least: list[int]) -> list[int]:
    """Rows at the lowest price of the machine at which they fit."""

    def at(price: float) -> list[int]:
        rows = []
        for cost, share in zip(costs, shares, strict=True):
            with np.errstate(invalid="ignore"):
                paid = cost + np.where(share > 0, price * share, 0.0)
            rows.append(int(np.lexsort((share, paid))[0]))
        return rows

    if _taken(shares, at(0.0)) <= 1:
        return at(0.0)
    low, high, best = 0.0, 1.0, least
    for _ in range(DOUBLINGS):
        if _taken(shares, at(high)) <= 1:
            break
        low, high = high, 2 * high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        rows = at(middle)
        fits = _taken(shares, rows) <= 1
        low, high, best = (low, middle, rows) if fits else (middle, high, best)
    return best


def _filled(costs: Sequence[FloatArray], shares: Sequence[FloatArray], rows: list[int]) -> list[int]:
    """What is left goes, step by step, to the layer whose cost falls most."""
    rows = list(rows)
    while True:
        left = 1 + 1e-12 - _taken(shares, rows)
        gains = []
        for index, (cost, share) in enumerate(zip(costs, shares, strict=True)):
            fitting = np.flatnonzero(share - share[rows[index]] <= left)
            best = int(fitting[np.argmin(cost[fitting])])
            gains.append((float(cost[rows[index]] - cost[best]), index, best))
        gain, index, best = max(gains)
        if gain <= 0:
            return rows
        rows[index] = best
