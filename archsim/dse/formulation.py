"""A study's question about one hardware point, as a selection problem over the point's tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from archsim.accelerators.machine import is_pipelined, is_undervolted, shared_capacity
from archsim.dse.bits import BitSpace
from archsim.dse.fault_loss import FaultLosses
from archsim.dse.layer_columns import PrecisionColumns, SensitivityTable, live_sets, node_bytes
from archsim.dse.point import LayerTable, Point
from archsim.dse.quantities import (
    AREA,
    DRAM,
    ENERGY,
    ERROR,
    FAULT_LOSS,
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
from archsim.dse.selection.problem import Budget, Choices, FloatArray, Objective, Problem, Term
from archsim.dse.shared_memory import shared_l2_bytes, with_shared_l2
from archsim.dse.switching import with_switches
from archsim.dse.twin_errors import PointError, TwinErrors
from archsim.dse.unrolled import unrolled_rows
from archsim.errors import InputError
from archsim.workloads.activation_memory import LIVENESS, Alive, MemoryPolicy, layer_by_layer, peak

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
        columns = sorted(self.columns_read | self._capacities(machine).keys())
        own = [column for column in columns if column.startswith(("held:", "resource:"))]
        traffic = [f"traffic:{machine.outer_memory}"] if DRAM.column in columns else []
        shared = () if shared_l2_bytes(machine) is None else ("held:l2", "held:l2_weights")
        return ("cycles", "energy_pj", *traffic, *dict.fromkeys((*own, *shared)))

    @staticmethod
    def _capacities(machine: Machine) -> dict[str, float]:
        """Columns of what layers share, with what there is of it."""
        return {resource_column(name): limit for name, limit in shared_capacity(machine).items()}

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
            known[ERROR] = self._error(point).widest
        if any(x.quantity != AREA and x.at_most < known.get(x.quantity, 0.0) for x in self.limits):
            return math.inf
        if self.goal.product or any(q not in known for q, _ in self.goal.terms):
            return 0.0
        return sum(weight * known[quantity] for quantity, weight in self.goal.terms)

    @cached_property
    def columns_read(self) -> frozenset[str]:
        asked = [*(q for q, _ in self.goal.terms), self.goal.then, *(x.quantity for x in self.limits)]
        return frozenset(q.column for q in (*asked, *self.other))

    def problem(self, point: Point, between: Mapping[str, float] | None = None) -> Problem:
        """The selection problem on a point's tables as they are now.

        `between`: what is to stand between a pipeline's stages, by resource.
        """
        choices = tuple(self._choices(index, point) for index in range(len(point.tables)))
        if self.memory_limit is not None:
            multiplied = [
                LATENCY.column,
                ENERGY.column,
                DRAM.column,
                *map(_power_column, self.limits),
            ]  # a run's
            choices = tuple(with_executions(each, self.most_executions, multiplied) for each in choices)
        powers = {_power_column(limit): limit.at_most for limit in self.limits if limit.quantity == POWER}
        choices = with_switches(choices, point, powers)
        choices, shared = (
            (choices, ()) if self.is_rough else with_shared_l2(choices, point, self.space.workload.layers)
        )
        return Problem(
            choices=choices,
            objective=self._objective(point),
            budgets=(
                *(budget for limit in self.limits for budget in self._budgets(limit, point)),
                *(Budget(f"the machine's {c}", c, n) for c, n in self._capacities(point.machine).items()),
                *shared,
            ),
            ties=self.space.ties,
            fixed=self._fixed(point)
            | {resource_column(name): count for name, count in (between or {}).items()},
        )

    def _fixed(self, point: Point) -> dict[str, float]:
        error = {ERROR.column: self._error(point).widest} if ERROR.column in self.columns_read else {}
        return {AREA.column: point.area_mm2, **error}

    def _error(self, point: Point) -> PointError:
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
        units = [quantity.in_column(point.machine) for quantity, _ in self.goal.terms]
        return math.prod(units) if self.goal.product else units[0]

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
            for term in _terms(quantity, 1.0, point.machine)
        )
        return total / quantity.in_column(point.machine)

    def _objective(self, point: Point) -> Objective:
        """In columns of the first term, whose weight of 1 leaves costs that are integers integers."""
        goal, whole = self.goal, self.goal_units(point)
        if goal.product:
            if is_pipelined(point.machine):
                raise InputError(
                    "minimize: edp of a pipeline is no product of sums; minimise interval or energy"
                )
            terms = tuple(Term(quantity.column) for quantity, _ in goal.terms)
        else:
            scales = ((q, w * whole / q.in_column(point.machine)) for q, w in goal.terms)
            terms = tuple(term for q, scale in scales for term in _terms(q, scale, point.machine))
        return Objective(terms, _terms(goal.then, 1.0, point.machine), product=goal.product)

    def _budgets(self, limit: Limit, point: Point) -> list[Budget]:
        quantity = limit.quantity
        at_most = limit.at_most * quantity.in_column(point.machine)
        if quantity == POWER:
            if is_pipelined(point.machine):
                raise InputError(
                    f"budgets: {quantity.name} of a pipeline cannot be limited; minimise energy instead"
                )
            return [Budget(quantity.name, _power_column(limit), 0.0)]
        if quantity == PEAK_ACTIVATIONS and self.memory_limit is not None:
            return []
        if quantity == PEAK_ACTIVATIONS:
            return [
                Budget(f"{quantity.name} at {layer}", _live_column(layer), at_most)
                for layer, _ in self._live_sets
            ]
        if quantity == ENERGY and is_pipelined(point.machine):
            raise InputError(f"budgets: {quantity.name} of a pipeline cannot be limited; minimise it")
        return [Budget(quantity.name, quantity.column, at_most, quantity.combine_on(point.machine))]

    @cached_property
    def _live_sets(self) -> list[tuple[str, Alive]]:
        """What is alive together and may be too much, where a limit says so: at the most bits it is."""
        limits = [limit for limit in self.limits if limit.quantity == PEAK_ACTIVATIONS]
        least = min((x.at_most * x.quantity.per_unit for x in limits), default=math.inf)
        sizes = self.space.widest.tensor_bytes
        return [
            (layer, live)
            for layer, live in live_sets(self.space.workload, self.policy)
            if sum(share * sizes[name] for name, share in live.items()) > least
        ]

    def _choices(self, index: int, point: Point) -> Choices:
        table = point.tables[index]
        options = table.options
        columns = {LATENCY.column: table.cycles, ENERGY.column: table.energy_pj}
        for name, by_precision in self._precision_columns(index).items():
            columns[name] = by_precision[options.precision]
        if ERROR.column in self.columns_read:
            by_precision = PrecisionColumns(self.space, self._error(point).added).loss(index)
            columns[ERROR.column] = by_precision[options.precision] + self._fault_loss(index, point)
        if DRAM.column in self.columns_read:
            columns[DRAM.column] = options.traffic_bytes[point.machine.outer_memory]
        for column in sorted(self.columns_read | self._capacities(point.machine).keys()):
            kind, _, name = column.partition(":")
            if kind == "held":
                columns[column] = _column(options.held_bytes, name, table)
            elif kind == "resource":
                columns[column] = _column(options.resources, name, table)
        if FAULT_LOSS.column in self.columns_read:
            columns[FAULT_LOSS.column] = self._fault_loss(index, point)
        for limit in self.limits:
            if limit.quantity == POWER:
                columns[_power_column(limit)] = _excess_pj(table, point, limit.at_most)
        return Choices(
            self.space.workload.layers[index].name, columns, self.space.keys(index, options.precision)
        )

    def _fault_loss(self, index: int, point: Point) -> FloatArray:
        """Of the weights that a layer's rows read. Beyond the table more than any limit and all layers."""
        layer, options = self.space.workload.layers[index], point.tables[index].options
        if layer.contraction is None or not layer.has_static_weights or self.faults is None:
            return np.zeros(len(options))
        machine = point.machine
        if not is_undervolted(machine):
            return np.zeros(len(options))
        loss = self.faults.loss(layer.name, machine.weight_bit_errors(options))
        limits = [x.at_most for x in self.limits if x.quantity == FAULT_LOSS and math.isfinite(x.at_most)]
        return np.where(np.isfinite(loss), loss, 1 + 2 * max([self.faults.most, *limits]))

    def _precision_columns(self, index: int) -> dict[str, FloatArray]:
        """Those of a layer that this formulation reads, each worked out once."""
        if index not in self._by_layer:
            columns = PrecisionColumns(self.space, self.sensitivity)
            found = {}
            if WEIGHTS.column in self.columns_read:
                found[WEIGHTS.column] = columns.weight_bytes(index)
            if SENSITIVITY.column in self.columns_read:
                found[SENSITIVITY.column] = columns.loss(index)
            if PEAK_ACTIVATIONS.column in self.columns_read and self.memory_limit is None:
                for layer, live in self._live_sets:
                    found[_live_column(layer)] = columns.live_bytes(index, live)
            self._by_layer[index] = found
        return self._by_layer[index]

    @cached_property
    def _by_layer(self) -> dict[int, dict[str, FloatArray]]:
        return {}


def _live_column(layer: str) -> str:
    return f"{PEAK_ACTIVATIONS.column}:{layer}"


def _power_column(limit: Limit) -> str:
    return f"{POWER.column}:{limit.at_most!r}"


def _excess_pj(table: LayerTable, point: Point, power_mw: float) -> FloatArray:
    """Energy beyond what the power would make in the same time; over all layers it may not exceed 0.

    A row that was not executed may take longer, up to its `cycles_high`; the lower end of both is a bound.
    """

    def excess(cycles: FloatArray) -> FloatArray:
        return table.options.energy_at(cycles) - power_mw * 1e3 / point.machine.clock_mhz * cycles

    longest = np.where(table.executed, table.cycles, table.options.cycles_high)
    return np.minimum(excess(table.cycles), excess(longest))


def _terms(quantity: Quantity, weight: float, machine: Machine) -> tuple[Term, ...]:
    """A quantity as terms of columns. A pipeline leaks for the time of an interval."""
    if quantity == ENERGY and is_pipelined(machine):
        leakage = sum(figure.value for figure in machine.leakage().values()) * 1e3 / machine.clock_mhz
        return (Term(quantity.column, weight), Term(LATENCY.column, weight * leakage, "max"))
    return (Term(quantity.column, weight, quantity.combine_on(machine)),)


def _column(by_name: Mapping[str, FloatArray], name: str, table: LayerTable) -> FloatArray:
    if name in by_name:
        return by_name[name]
    if table.options.layer.contraction is None:
        return np.zeros(len(table.options))
    known = ", ".join(by_name) or "none"
    raise InputError(f"the study reads {name!r}, which the accelerator does not have; it has: {known}")
