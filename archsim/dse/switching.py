"""The supply of every layer, where a rail is switched between layers, chosen with mappings and bits.

A layer's rows are there twice: as they are, for a supply that the layer before has too, and with what a
switch costs. Which of them may be chosen depends on the layer before; that stands beside the rows in one
CP-SAT model, so the optimum is one over both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archsim.accelerators.switched_rail import SUPPLY, SwitchedRail
from archsim.dse.beside import solve_beside
from archsim.dse.quantities import ENERGY, LATENCY
from archsim.dse.selection.problem import Choices, IntArray, Problem
from archsim.dse.selection.select import Selection, solve
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.accelerators.machine import Options
    from archsim.dse.point import Point
    from archsim.dse.selection.instance import Instance

SWITCHED = "switched"
"""The key of a row that says whether the supply is switched before the layer."""


def with_switches(
    choices: tuple[Choices, ...], point: Point, powers_mw: Mapping[str, float]
) -> tuple[Choices, ...]:
    """The rows of every layer without a switch, then those with one; as they are where there is no rail.

    `powers_mw`: columns of energy beyond what a power makes in the same time, with that power. Raises
    InputError where rows are there for several executions.
    """
    rail = point.machine
    if not isinstance(rail, SwitchedRail):
        return choices
    if any(each.rows != len(table.options) for each, table in zip(choices, point.tables, strict=True)):
        raise InputError("allow_recompute runs layers again, which does not go with low_voltage.rail")
    excess_of = {column: mw * 1e3 / rail.clock_mhz for column, mw in powers_mw.items()}
    pairs = zip(choices, point.tables, strict=True)
    return tuple(_twice(each, table.options, rail, excess_of) for each, table in pairs)


def _twice(choices: Choices, options: Options, rail: SwitchedRail, excess_of: Mapping[str, float]) -> Choices:
    leakage = np.zeros(len(options))
    for pj_per_cycle in options.leakage_pj_per_cycle.values():
        leakage = leakage + pj_per_cycle
    spent = rail.switch_energy.value + leakage * rail.switch_cycles
    added = {LATENCY.column: np.full(len(options), float(rail.switch_cycles)), ENERGY.column: spent}
    added |= {column: spent - pj * rail.switch_cycles for column, pj in excess_of.items()}
    columns = {
        name: np.concatenate([values, values + added.get(name, 0.0)])
        for name, values in choices.columns.items()
    }
    keys = {name: np.tile(values, 2) for name, values in choices.keys.items()}
    supply = {SUPPLY: np.tile(options.mapping[SUPPLY], 2), SWITCHED: np.repeat([0, 1], len(options))}
    return Choices(choices.name, columns, keys | supply)


def solve_with_switches(
    problem: Problem,
    *,
    time_limit_s: float,
    gap: float = 0.0,
    hint: Sequence[int] | None = None,
    lexicographic: bool = True,
) -> Selection:
    """The best selection of rows of `with_switches`; see `selection.select.solve`.

    Raises InputError for a goal that is a product.
    """
    if problem.objective.product:
        raise InputError("minimize: edp is a product; with low_voltage.rail minimise a sum, as energy")
    chain = _Chain(tuple(choice.keys for choice in problem.choices))
    free = solve(problem, time_limit_s=time_limit_s, gap=gap, lexicographic=lexicographic)
    if free.rows is None or chain.is_kept(free.rows):
        return free
    left = time_limit_s - free.wall_s
    found, _ = solve_beside(
        problem, free, chain, time_limit_s=left, gap=gap, hint=hint, lexicographic=lexicographic
    )
    return found


@dataclass(frozen=True)
class _Chain:
    """A layer without a switch has the supply of the layer before; the last one is before the first."""

    keys: tuple[Mapping[str, IntArray], ...]

    def is_kept(self, rows: Sequence[int]) -> bool:
        at = [
            (int(own[SUPPLY][row]), bool(own[SWITCHED][row]))
            for own, row in zip(self.keys, rows, strict=True)
        ]
        before = [at[-1], *at[:-1]]
        return all(switched or supply == old for (supply, switched), (old, _) in zip(at, before, strict=True))

    def add(self, model: Any, row: Sequence[Any], instance: Instance) -> None:
        members: dict[tuple[int, int], list[Any]] = {}
        kept: dict[tuple[int, int], list[Any]] = {}
        for index, (layer, own) in enumerate(
            zip(instance.layer.tolist(), instance.rows.tolist(), strict=True)
        ):
            supply = int(self.keys[layer][SUPPLY][own])
            members.setdefault((layer, supply), []).append(row[index])
            if not self.keys[layer][SWITCHED][own]:
                kept.setdefault((layer, supply), []).append(row[index])
        for (layer, supply), without_switch in kept.items():
            before = (layer - 1) % instance.layers, supply
            model.add(sum(without_switch) <= sum(members.get(before, [])))

    def read(self, value: Callable[[Any], int]) -> None:
        """There is no variable beside the rows."""

    def found(self) -> None: ...
