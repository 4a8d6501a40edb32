"""Choosing a layer's row: the table bounds its cost from below, the kernel tells what it really costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from archsim.accelerators.latency import cycles_alone
from archsim.accelerators.machine import SLACKS, Machine, Options, Row, cost_of
from archsim.workloads.layer import Layer

TOLERANCE = 1e-2
"""No row is cheaper than the chosen one by more than this share. To insist on the last hundredth of latency
would execute hundreds of rows a layer, and often pay for it with half as much energy again."""

MOST_EXECUTED = 50
"""Rows executed for one layer at most; then the best of them is taken without that proof."""

FEW_EXECUTED = 16
"""Of a table that leaves out rows which might be better, so that there is no proof."""


@dataclass(frozen=True)
class Choice:
    """A chosen row; `proven`: no row's bound allows it to be cheaper (by more than TOLERANCE)."""

    row: Row
    cost: float
    proven: bool


def best_row(layer: Layer, machine: Machine, minimize: str) -> Choice:
    """A row of the layer run alone that no other beats by more than TOLERANCE, thrifty in the other cost.

    For latency and EDP rows are executed from the least bound up until no bound is below the best executed
    cost (less TOLERANCE), which proves it best, or until MOST_EXECUTED are done. Energy is taken from the
    table: stalls change it by their leakage only. Raises InputError when no row fits the machine.
    """
    best, options = _best_near(layer, machine, minimize)
    if options is None or _is_near(best, options, minimize) or np.isfinite(options.unlisted):
        return best
    # rows that the pruned table has dropped may still be better
    everything = machine.options(layer, front=("cycles", "energy_pj"))
    return min(best, _executed(everything, machine, minimize), key=lambda c: (c.cost, not c.proven))


def good_row(layer: Layer, machine: Machine, minimize: str) -> Choice:
    """As `best_row`, of the rows near the least bound alone."""
    best, options = _best_near(layer, machine, minimize)
    if options is None or _is_near(best, options, minimize):
        return best
    return replace(best, proven=False)


def _best_near(layer: Layer, machine: Machine, minimize: str) -> tuple[Choice, Options | None]:
    """The best of the rows near the least bound, and these; None where what they cost needs no execution."""
    known = _cheapest_row(machine, layer, minimize)
    if known is not None:
        return Choice(known, known.energy_pj if minimize == "energy" else known.cycles, True), None
    options = machine.options(layer, minimize=minimize)
    if minimize == "energy" or options.exact or len(options) == 1:
        row = options.row(options.shortlist(minimize)[0])
        return Choice(row, row.energy_pj if minimize == "energy" else row.cycles, True), None
    best = _executed(options, machine, minimize)
    covered = best.cost * (1 - TOLERANCE) <= options.unlisted
    return best if covered else replace(best, proven=False), options


def _is_near(best: Choice, options: Options, minimize: str) -> bool:
    return best.cost <= float(_bounds(options, minimize).min()) * (1 + SLACKS[-1])


def _cheapest_row(machine: Machine, layer: Layer, minimize: str) -> Row | None:
    """A family may have a method `cheapest_row` that needs no table where one row is the answer."""
    own = getattr(machine, "cheapest_row", None)
    return None if own is None else own(layer, minimize)


def _bounds(options: Options, minimize: str) -> np.ndarray:
    whole_cycles = np.ceil(options.cycles - 1e-6)
    return cost_of(minimize, whole_cycles, options.total_energy_pj)


def _preference(options: Options, minimize: str, bounds: np.ndarray) -> list[np.ndarray]:
    """Keys of the order in which rows are executed, the last one first: least bound, then least energy; of a
    table of many rows that are nearly as cheap (`unlisted`) those first that cannot stall much.
    """
    if np.isinf(options.unlisted):
        return [options.total_energy_pj, bounds]
    longest = cost_of(minimize, options.cycles_high, options.energy_at(options.cycles_high))
    nearly = np.floor(np.log(bounds / bounds.min()) / TOLERANCE)
    return [options.total_energy_pj, bounds, longest, nearly]


def _executed(options: Options, machine: Machine, minimize: str) -> Choice:
    energy, bounds = options.total_energy_pj, _bounds(options, minimize)
    tried: dict[int, tuple[float, float]] = {}
    seen: set[tuple[float, ...]] = set()
    tilings = [column for name, column in options.mapping.items() if name != "order"]

    def alike(index: int) -> tuple[float, ...]:
        """Equal for one mapping written twice: loops of a single iteration can stand in any order."""
        return (bounds[index], energy[index], *(column[index] for column in tilings))

    def attempt(index: int) -> None:
        cycles = cycles_alone(machine, options.row(index))
        pj = float(energy[index])
        seen.add(alike(index))
        tried[index] = cycles if minimize == "latency" else cycles * pj, pj

    least = float(bounds.min())
    strict, *nearby = options.shortlist(minimize)
    for index in (*nearby[:1], strict, *nearby[1:]):  # the thrifty one first: it may be fast enough already
        attempt(index)
        if least >= min(tried.values())[0] * (1 - TOLERANCE):
            break
    best = min(tried, key=tried.__getitem__)
    most = MOST_EXECUTED if tried[best][0] * (1 - TOLERANCE) <= options.unlisted else FEW_EXECUTED
    open_rows = np.flatnonzero(bounds < tried[best][0] * (1 - TOLERANCE))
    order = np.lexsort([column[open_rows] for column in _preference(options, minimize, bounds)])
    for index in open_rows[order].tolist():
        if bounds[index] >= tried[best][0] * (1 - TOLERANCE):
            continue
        if len(tried) >= most:
            return Choice(options.row(best), tried[best][0], False)
        if alike(index) not in seen:
            attempt(index)
            best = min(tried, key=tried.__getitem__)
    return Choice(options.row(best), tried[best][0], True)
