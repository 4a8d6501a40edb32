"""The machine as layers of one precision meet it: how long a slice takes, how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

from archsim.accelerators.crossbar.costs import Costs, conversions_per_step
from archsim.accelerators.crossbar.layout import slice_steps, slice_widths, weight_columns, weight_conversions
from archsim.accelerators.crossbar.spec import CrossbarSpec
from archsim.errors import InputError
from archsim.workloads.precision import Precision

ROUNDING = 1e-9
STAGES_BEHIND = 2
"""Cycles from a conversion to the output register: shift and add, and the register (ISAAC's pipeline)."""
MOST_WEIGHT_BITS = MOST_ACTIVATION_BITS = 16


@dataclass(frozen=True)
class Site:
    """`resident` arrays keep the weights of their layers, `reload` arrays are written for every layer.
    `external` tensors come from off chip, or go there: the network's inputs and outputs.
    """

    spec: CrossbarSpec
    costs: Costs
    precision: Precision
    resident: int
    reload: int
    external: frozenset[str] = frozenset()

    @property
    def pipelined(self) -> bool:
        return self.spec.composition == "pipelined"

    @cached_property
    def columns(self) -> int:
        return weight_columns(self.spec.array, self.precision.weight_bits)

    @cached_property
    def conversions(self) -> int:
        return weight_conversions(self.spec.array, self.precision.weight_bits)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Of the input slices to choose from."""
        most = self.precision.activation_bits
        return tuple(dict.fromkeys(min(width, most) for width in slice_widths(self.spec.dac)))

    def steps(self, width: int) -> tuple[int, int]:
        """(slices, steps of each) of an input."""
        return slice_steps(self.spec.dac, self.precision.activation_bits, width)

    @cached_property
    def pipelined_converters(self) -> bool:
        return self.spec.sample_hold is not None

    def slice_cycles(self, steps: int) -> int:
        """Of one slice on the active rows: reading it, and converting the columns.

        Columns that are sampled and held are converted while the next slice is read (ISAAC, section V). The
        clock is only waited for at the end: pulses, and what converts after them, keep their own time.
        """
        read_ns = self.spec.array.read_ns * steps
        if self.pipelined_converters or self.spec.adc is None:
            return max(self.cycles_of_ns(read_ns), self.convert_cycles)
        return self.cycles_of_ns(read_ns + self.convert_ns)

    def vector_cycles(self, width: int, rows: int) -> int:
        """Of one input vector on `rows` of an array, slice by slice and as many rows at a time as may be."""
        slices, steps = self.steps(width)
        return slices * self.phases(rows) * self.slice_cycles(steps) + self.window_wait_cycles

    def phases(self, rows: int) -> int:
        """Parts of an array's rows that are added up one after the other."""
        return ceil(rows / (self.spec.array.active_rows or self.spec.array.rows))

    def cell_pulses(self, width: int) -> int:
        """Times that a cell takes the energy of a 1-bit slice: a resistive cell draws current all the while,
        the charge of an SRAM cell's column swings once.
        """
        return 1 if self.spec.array.cell.kind == "sram" else self.steps(width)[1]

    @cached_property
    def convert_ns(self) -> float:
        """Of what one ADC converts of a slice; none of digital arrays."""
        adc = self.spec.adc
        return 0.0 if adc is None else conversions_per_step(self.spec, adc) * 1e3 / self.costs.adc_rate_msps

    @cached_property
    def convert_cycles(self) -> int:
        return self.cycles_of_ns(self.convert_ns) if self.convert_ns else 0

    @cached_property
    def row_write_cycles(self) -> int:
        return self.cycles_of_ns(self.costs.row_write_ns)

    def cycles_of_ns(self, ns: float) -> int:
        """Analog times at the reference supply, in cycles of its clock: they stretch as the clock does."""
        return max(1, ceil(ns * self.spec.technology.clock_mhz * 1e-3 - ROUNDING))

    @cached_property
    def fill_cycles(self) -> int:
        """From the last slice's reading to its sum in the output register; none where every vector waits so
        long (`window_ns`).
        """
        behind = (self.convert_cycles if self.pipelined_converters else 0) + STAGES_BEHIND
        return max(0, behind - self.window_wait_cycles)

    @cached_property
    def window_wait_cycles(self) -> int:
        more = self.spec.array.window_ns
        return self.cycles_of_ns(more) if more else 0

    @cached_property
    def tile_arrays(self) -> int:
        return self.spec.tile.macros * self.spec.tile.arrays

    @cached_property
    def offchip_bytes_per_cycle(self) -> float:
        return self.spec.offchip.bandwidth_gb_s * 1e3 / self.costs.point.clock_mhz

    @cached_property
    def network_bytes_per_cycle(self) -> float:
        return float("inf") if self.spec.network is None else self.spec.network.bytes_per_cycle

    @cached_property
    def buffer_bytes(self) -> float:
        return self.spec.tile.buffer.capacity_kib * 1024 * self.spec.tile.count

    @property
    def sum_bytes(self) -> float:
        return self.spec.shift_add.bits / 8


def check_precision(name: str, precision: Precision) -> None:
    """Raise InputError for what arrays of cells cannot compute."""
    if precision.number_format != "int":
        raise InputError(f"{name}: crossbars compute integers, not {precision.label}; use --bits w8a8 or so")
    if precision.weight_bits > MOST_WEIGHT_BITS or precision.activation_bits > MOST_ACTIVATION_BITS:
        raise InputError(f"{name}: {precision.label} is too wide for a crossbar; allowed: up to w16a16")
