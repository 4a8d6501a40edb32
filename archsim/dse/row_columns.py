"""What a formulation reads of the rows of a point's tables: the columns of a selection problem."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from archsim.accelerators.machine import Machine, is_pipelined, is_undervolted, shared_capacity
from archsim.dse.layer_columns import PrecisionColumns, live_sets
from archsim.dse.point import LayerTable, Point
from archsim.dse.quantities import (
    DRAM,
    ENERGY,
    ERROR,
    FAULT_LOSS,
    LATENCY,
    PEAK_ACTIVATIONS,
    POWER,
    SENSITIVITY,
    WEIGHTS,
    resource_column,
)
from archsim.dse.selection.problem import Budget, Choices, FloatArray
from archsim.errors import InputError
from archsim.workloads.activation_memory import Alive

if TYPE_CHECKING:
    from archsim.dse.formulation import Formulation, Limit


@dataclass(frozen=True, eq=False)
class RowColumns:
    """Columns of the layers' rows that a formulation reads, and the budgets on them."""

    asked: Formulation

    def choices(self, index: int, point: Point) -> Choices:
        table = point.tables[index]
        options = table.options
        columns = {LATENCY.column: table.cycles, ENERGY.column: table.energy_pj}
        for name, by_precision in self._precision_columns(index).items():
            columns[name] = by_precision[options.precision]
        if ERROR.column in self.asked.columns_read:
            by_precision = PrecisionColumns(self.asked.space, self.asked.error(point).added).loss(index)
            columns[ERROR.column] = by_precision[options.precision] + self._fault_loss(index, point)
        if DRAM.column in self.asked.columns_read:
            columns[DRAM.column] = options.traffic_bytes[point.machine.outer_memory]
        for column in sorted(self.asked.columns_read | shared_columns(point.machine).keys()):
            kind, _, name = column.partition(":")
            if kind == "held":
                columns[column] = _column(options.held_bytes, name, table)
            elif kind == "resource":
                columns[column] = _column(options.resources, name, table)
        if FAULT_LOSS.column in self.asked.columns_read:
            columns[FAULT_LOSS.column] = self._fault_loss(index, point)
        for limit in self.asked.limits:
            if limit.quantity == POWER:
                columns[power_column(limit)] = _excess_pj(table, point, limit.at_most)
        return Choices(
            self.asked.space.workload.layers[index].name,
            columns,
            self.asked.space.keys(index, options.precision),
        )

    def budgets(self, limit: Limit, point: Point) -> list[Budget]:
        """A limit as budgets. Raises InputError for one that a pipeline cannot have."""
        quantity = limit.quantity
        at_most = limit.at_most * quantity.in_column(point.machine)
        if quantity == POWER:
            if is_pipelined(point.machine):
                raise InputError(
                    f"budgets: {quantity.name} of a pipeline cannot be limited; minimise energy instead"
                )
            return [Budget(quantity.name, power_column(limit), 0.0)]
        if quantity == PEAK_ACTIVATIONS and self.asked.memory_limit is not None:
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
        limits = [limit for limit in self.asked.limits if limit.quantity == PEAK_ACTIVATIONS]
        least = min((x.at_most * x.quantity.per_unit for x in limits), default=math.inf)
        sizes = self.asked.space.widest.tensor_bytes
        return [
            (layer, live)
            for layer, live in live_sets(self.asked.space.workload, self.asked.policy)
            if sum(share * sizes[name] for name, share in live.items()) > least
        ]

    def _fault_loss(self, index: int, point: Point) -> FloatArray:
        """Of the weights that a layer's rows read. Beyond the table more than any limit and all layers."""
        layer, options = self.asked.space.workload.layers[index], point.tables[index].options
        if layer.contraction is None or not layer.has_static_weights or self.asked.faults is None:
            return np.zeros(len(options))
        machine = point.machine
        if not is_undervolted(machine):
            return np.zeros(len(options))
        loss = self.asked.faults.loss(layer.name, machine.weight_bit_errors(options))
        limits = [
            x.at_most for x in self.asked.limits if x.quantity == FAULT_LOSS and math.isfinite(x.at_most)
        ]
        return np.where(np.isfinite(loss), loss, 1 + 2 * max([self.asked.faults.most, *limits]))

    def _precision_columns(self, index: int) -> dict[str, FloatArray]:
        """Those of a layer that this formulation reads, each worked out once."""
        if index not in self._by_layer:
            columns = PrecisionColumns(self.asked.space, self.asked.sensitivity)
            found = {}
            if WEIGHTS.column in self.asked.columns_read:
                found[WEIGHTS.column] = columns.weight_bytes(index)
            if SENSITIVITY.column in self.asked.columns_read:
                found[SENSITIVITY.column] = columns.loss(index)
            if PEAK_ACTIVATIONS.column in self.asked.columns_read and self.asked.memory_limit is None:
                for layer, live in self._live_sets:
                    found[_live_column(layer)] = columns.live_bytes(index, live)
            self._by_layer[index] = found
        return self._by_layer[index]

    @cached_property
    def _by_layer(self) -> dict[int, dict[str, FloatArray]]:
        return {}


def shared_columns(machine: Machine) -> dict[str, float]:
    """Columns of what layers share, with what there is of it."""
    return {resource_column(name): limit for name, limit in shared_capacity(machine).items()}


def _live_column(layer: str) -> str:
    return f"{PEAK_ACTIVATIONS.column}:{layer}"


def power_column(limit: Limit) -> str:
    return f"{POWER.column}:{limit.at_most!r}"


def _excess_pj(table: LayerTable, point: Point, power_mw: float) -> FloatArray:
    """Energy beyond what the power would make in the same time; over all layers it may not exceed 0.

    A row that was not executed may take longer, up to its `cycles_high`; the lower end of both is a bound.
    """

    def excess(cycles: FloatArray) -> FloatArray:
        return table.options.energy_at(cycles) - power_mw * 1e3 / point.machine.clock_mhz * cycles

    longest = np.where(table.executed, table.cycles, table.options.cycles_high)
    return np.minimum(excess(table.cycles), excess(longest))


def _column(by_name: Mapping[str, FloatArray], name: str, table: LayerTable) -> FloatArray:
    if name in by_name:
        return by_name[name]
    if table.options.layer.contraction is None:
        return np.zeros(len(table.options))
    known = ", ".join(by_name) or "none"
    raise InputError(f"the study reads {name!r}, which the accelerator does not have; it has: {known}")
