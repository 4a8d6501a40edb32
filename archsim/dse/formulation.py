"""A study's question about one hardware point, as a selection problem over the point's tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from archsim.accelerators.machine import shared_capacity
from archsim.accelerators.options_front import TIMING
from archsim.accelerators.stagewise import is_stagewise
from archsim.dse.bits import BitSpace
from archsim.dse.fault_loss import FaultLosses
from archsim.dse.goal_terms import goal_units, objective_of, terms_of
from archsim.dse.layer_columns import SensitivityTable, node_bytes
from archsim.dse.point import Point
from archsim.dse.quantities import (
    AREA,
    DRAM,
    ENERGY,
    ERROR,
    LATENCY,
    PEAK_ACTIVATIONS,
    POWER,
    SENSITIVITY,
    WEIGHTS,
    Goal,
    Quantity,
    resource_column,
)
from archsim.dse.recompute import Memory, with_executions
from archsim.dse.retention import Graph, Retention
from archsim.dse.row_columns import RowColumns, power_column, shared_columns
from archsim.dse.selection.problem import Budget, Problem
from archsim.dse.shared_memory import shared_l2_bytes, with_shared_l2
from archsim.dse.switching import with_switches
from archsim.dse.twin_errors import PointError, TwinErrors
from archsim.dse.unrolled import unrolled_rows
from archsim.workloads.activation_memory import LIVENESS, MemoryPolicy, layer_by_layer, peak

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine


OF_BITS = (AREA, SENSITIVITY, ERROR, WEIGHTS, PEAK_ACTIVATIONS)
"""Quantities that no mapping changes: they follow from the sizes and the bits."""


@dataclass(frozen=True)
class Limit:
    """At most so much of a quantity, in its own unit."""

    quantity: Quantity
    at_most: float


@dataclass(frozen=True)
class Formulation:
    """What is chosen from (`space`), what for (`goal`) and under which `limits`, whatever the hardware."""

    space: BitSpace
    goal: Goal
    limits: tuple[Limit, ...] = ()
    sensitivity: SensitivityTable | None = None
    faults: FaultLosses | None = None
    errors: TwinErrors | None = None
    other: tuple[Quantity, ...] = ()
    """Quantities that later searches on the same tables read."""
    policy: MemoryPolicy = LIVENESS
    """What of the activations counts."""
    most_executions: int = 1
    """Of a layer, where that keeps the activations within their limit."""
    is_rough: bool = False
    """Whether what layers share in a memory is left out."""

    def with_limits(self, *limits: Limit) -> Formulation:
        """The same under other limits; of several on one quantity the tightest counts."""
        tightest: dict[Quantity, Limit] = {}
        for limit in limits:
            known = tightest.get(limit.quantity, limit)
            tightest[limit.quantity] = min(known, limit, key=lambda each: each.at_most)
        return replace(self, limits=tuple(tightest.values()))

    def limit_of(self, quantity: Quantity) -> float | None:
        return min((each.at_most for each in self.limits if each.quantity == quantity), default=None)

    def with_goal(self, goal: Goal) -> Formulation:
        return replace(self, goal=goal)

    def front(self, machine: Machine) -> tuple[str, ...]:
        """Quantities of an options table that this formulation trades against each other."""
        columns = sorted(self.columns_read | shared_columns(machine).keys())
        own = [column for column in columns if column.startswith(("held:", "resource:"))]
        traffic = [f"traffic:{machine.outer_memory}"] if DRAM.column in columns else []
        shared = () if shared_l2_bytes(machine) is None else ("held:l2", "held:l2_weights")
        in_time = [TIMING] if is_stagewise(machine) else []
        return ("cycles", "energy_pj", *traffic, *dict.fromkeys((*own, *shared)), *in_time)

    def rough_quantity(self, machine: Machine) -> str | None:
        """The goal's quantity, where it is one whose least is quickly found; None elsewhere.

        Tables with this one as front are small, and bound the goal under limits that mappings don't change.
        """
        (first, _), *others = self.goal.terms
        if others or first not in (ENERGY, DRAM) or shared_capacity(machine):  # layers compete for it
            return None
        return "energy_pj" if first == ENERGY else f"traffic:{machine.outer_memory}"

    def has_tables(self, point: Point) -> bool:
        """Whether a point's tables hold every row that this formulation may choose."""
        return bool(point.tables) and point.front.issuperset(self.front(point.machine))

    def roughly(self) -> Formulation:
        """Without the limits that rough tables say nothing of: what bounds it bounds this one."""
        (first, _), *_ = self.goal.terms
        kept = self.with_limits(*(x for x in self.limits if x.quantity == first or x.quantity in OF_BITS))
        return replace(kept, is_rough=True)

    @property
    def reads_latency_only(self) -> bool:
        """Whether latency is all that the goal and the limits read of mappings."""
        quantities = [*(q for q, _ in self.goal.terms), *(limit.quantity for limit in self.limits)]
        read = {q for q in quantities if q not in OF_BITS} | ({ERROR} & set(quantities))
        return self.goal.terms[0][0] == LATENCY and read == {LATENCY}

    def is_within(self, other: Formulation) -> bool:
        """Whether every plan that this one allows the other allows too, at the same cost."""
        own = {limit.quantity: limit.at_most for limit in self.limits}
        return self._costs() == other._costs() and all(
            own.get(limit.quantity, math.inf) <= limit.at_most for limit in other.limits
        )

    def _costs(self) -> tuple[object, ...]:
        """All that the plans and their costs depend on, but the limits."""
        goal = self.goal.terms, self.goal.product
        measured = self.sensitivity, self.faults, self.errors
        return (self.space, goal, measured, self.policy, self.most_executions)

    def floor(self, point: Point) -> float:
        """A bound of the goal that needs no table: no layer is faster than the machine's peak."""
        machine = point.machine
        layers = self.space.workload.layers
        least_ms = (
            sum(layer.macs for layer in layers) / machine.peak_macs_per_cycle / machine.clock_mhz * 1e-3
        )
        known = {LATENCY: least_ms, AREA: point.area_mm2}
        if ERROR.column in self.columns_read:
            known[ERROR] = self.error(point).widest
        if any(x.quantity != AREA and x.at_most < known.get(x.quantity, 0.0) for x in self.limits):
            return math.inf
        if self.goal.product or any(q not in known for q, _ in self.goal.terms):
            return 0.0
        return sum(weight * known[quantity] for quantity, weight in self.goal.terms)

    @cached_property
    def _rows(self) -> RowColumns:
        return RowColumns(self)

    @cached_property
    def columns_read(self) -> frozenset[str]:
        asked = [*(q for q, _ in self.goal.terms), self.goal.then, *(x.quantity for x in self.limits)]
        return frozenset(q.column for q in (*asked, *self.other))

    def problem(self, point: Point, between: Mapping[str, float] | None = None) -> Problem:
        """The selection problem on a point's tables as they are now.

        `between`: what is to stand between a pipeline's stages, by resource.
        """
        choices = tuple(self._rows.choices(index, point) for index in range(len(point.tables)))
        if self.memory_limit is not None:
            of_a_run = [LATENCY.column, ENERGY.column, DRAM.column, *map(power_column, self.limits)]
            choices = tuple(with_executions(each, self.most_executions, of_a_run) for each in choices)
        powers = {power_column(limit): limit.at_most for limit in self.limits if limit.quantity == POWER}
        choices = with_switches(choices, point, powers)
        choices, shared = (
            (choices, ()) if self.is_rough else with_shared_l2(choices, point, self.space.workload.layers)
        )
        return Problem(
            choices=choices,
            objective=objective_of(self.goal, point.machine),
            budgets=(
                *(budget for limit in self.limits for budget in self._rows.budgets(limit, point)),
                *(Budget(f"the machine's {c}", c, n) for c, n in shared_columns(point.machine).items()),
                *shared,
            ),
            ties=self.space.ties,
            fixed=self._fixed(point)
            | {resource_column(name): count for name, count in (between or {}).items()},
        )

    def _fixed(self, point: Point) -> dict[str, float]:
        error = {ERROR.column: self.error(point).widest} if ERROR.column in self.columns_read else {}
        return {AREA.column: point.area_mm2, **error}

    def error(self, point: Point) -> PointError:
        """What the twins of the point's machine were measured to lose."""
        assert self.errors is not None, "measured wherever it is read"
        return self.errors.of(point.machine)

    @property
    def memory_limit(self) -> Limit | None:
        """The limit of activations, where layers may be executed again to meet it."""
        limits = [limit for limit in self.limits if limit.quantity == PEAK_ACTIVATIONS]
        return limits[0] if limits and self.most_executions > 1 else None

    def memory(self, point: Point) -> Memory | None:
        """What the schedule has to keep to; None where every layer is executed once."""
        limit = self.memory_limit
        if limit is None:
            return None
        most = self.most_executions
        sizes = [(i, np.tile(by_row, most)) for i, by_row in node_bytes(self.space, point.tables)]
        at_most = limit.at_most * limit.quantity.per_unit
        return Memory(Graph.of(self.space.workload), tuple(sizes), at_most, most)

    def table_rows(self, point: Point, rows: Sequence[int]) -> tuple[int, ...]:
        """Of chosen rows those of the point's tables, however often they are executed."""
        return tuple(row % len(table.options) for table, row in zip(point.tables, rows, strict=True))

    def goal_units(self, point: Point) -> float:
        """How much of the problem's objective one unit of the goal is."""
        return goal_units(self.goal, point.machine)

    def used(
        self,
        point: Point,
        rows: Sequence[int],
        quantity: Quantity,
        steps: Sequence[Retention] = (),
        between: Mapping[str, float] | None = None,
    ) -> float:
        """How much of a quantity a selection takes, in its own unit; `steps` where layers run again,
        `between` what stands between a pipeline's stages.
        """
        asked = self
        if quantity.column not in self.columns_read:
            asked = self.with_limits(*self.limits, Limit(quantity, math.inf))
        problem = asked.problem(point, between)
        if quantity == POWER:
            energy, cycles = (problem.total(q.column, rows) for q in (ENERGY, LATENCY))
            return energy / cycles * point.machine.clock_mhz * 1e-3 if cycles else 0.0
        if quantity == PEAK_ACTIVATIONS:
            chosen = point.rows(self.space.workload.layers, self.table_rows(point, rows))
            executed, run = unrolled_rows(self.space.workload, chosen, steps)
            at = {row.layer.name: row.layer.precision for row in run}
            executed = executed.with_precision(lambda layer: at[layer.name])
            return peak(layer_by_layer(executed, self.policy)).bytes / quantity.per_unit
        total = math.fsum(
            term.weight * problem.total(term.column, rows, term.combine)
            for term in terms_of(quantity, 1.0, point.machine)
        )
        return total / quantity.in_column(point.machine)
