"""What groups of tilings move and hold at least: the formulas of `traffic`, in counts they rise with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.group_work import UnitWork
from archsim.accelerators.cluster.tilings import Counts, Int, Tilings
from archsim.accelerators.cluster.traffic import SUM_BYTES

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Flow:
    """Of what is moved between two memories in one repeat, by group."""

    transfers: Array
    lines: Array
    bytes: Array


@dataclass(frozen=True, eq=False)
class GroupTraffic:
    """x, k and c are the least counts of pixels, output and input channels."""

    of: Tilings
    plan: Int
    x: Counts
    k: Counts
    c: Counts
    work: UnitWork

    @cached_property
    def _times_input(self) -> Array:
        """Inputs are brought in again for other output channels, if others have replaced them."""
        if self.of.shape.depthwise:
            return np.ones(len(self.plan))
        several = (self.x["inner"] > 1) | (self.x["q"] > 1) | (self.c["trips"] > 1)
        stay = self.of.weights_stay[self.plan]
        inner = np.where(np.where(stay, several, self.c["trips"] > 1), self.k["trips"], 1.0)
        outer = several | (stay & (self.x["l2_trips"] > 1))
        return np.maximum(inner, np.where(outer, self.k["l2_trips"], 1.0))

    @cached_property
    def _times_weight(self) -> Array:
        parts = self.c["trips"] > 1
        others = (self.k["inner"] > 1) | parts
        stay = self.of.weights_stay[self.plan]
        inner = np.where(stay, parts, others)
        rows = np.where(inner, self.x["p"], 1.0)
        outer = others | (~stay & (self.k["l2_trips"] > 1))
        rows = np.maximum(rows, np.where(outer, self.x["l2_trips"], 1.0))
        return rows * np.where(inner, self.x["q"], 1.0)

    @cached_property
    def input(self) -> Flow:
        shape, times = self.of.shape, self._times_input
        cut, channels = (self.k["trips"], shape.K) if shape.depthwise else (self.c["trips"], shape.C)
        lines = np.where(cut > 1, self.x["read"] * cut, self.x["read_lines"])
        size = times * self.x["read"] * channels * self._element
        return Flow(times * self.x["tiles"] * cut, times * lines, size)

    @cached_property
    def weight(self) -> Flow:
        shape, times = self.of.shape, self._times_weight
        blocks = self.k["trips"] * self.c["trips"]
        lines = blocks if shape.static_weights else shape.K * self.c["trips"]
        return Flow(times * blocks, times * lines, times * self.k["weights"] * self.c["weights"])

    @cached_property
    def output(self) -> Flow:
        shape, trips = self.of.shape, self.k["trips"]
        lines = np.where(trips > 1, shape.P * shape.Q * trips, self.x["written_lines"])
        return Flow(self.x["tiles"] * trips, lines, np.full(len(trips), self._whole_output))

    @property
    def _element(self) -> float:
        return self.of.site.precision.activation_bits / 8

    @property
    def _whole_output(self) -> float:
        shape = self.of.shape
        return shape.P * shape.Q * shape.K * self.of.site.precision.output_bits / 8

    def _channels(self, tile: str) -> Array | float:
        """Input channels of a tile of L1 (tile) or L2 (l2)."""
        if self.of.shape.depthwise:
            return self.k[tile]
        return self.c["tile"] if tile == "tile" else float(self.of.shape.C)

    def _dma(self, *flows: Flow) -> Array:
        site, repeats = self.of.site, self.of.shape.repeats
        return repeats * sum(
            (site.transfer_cycles(f.bytes, f.transfers, f.lines) for f in flows), np.zeros(len(self.plan))
        )

    # between L3 and L2, one repeat: (transfers, bytes)

    @cached_property
    def _fetched_input(self) -> tuple[Array, Array]:
        shape, near = self.of.shape, self.of.in_l3["input"]
        again = self.of.weights_stay[self.plan] & (self.x["l2_trips"] > 1)
        times, channels = (
            (1.0, shape.K) if shape.depthwise else (np.where(again, self.k["l2_trips"], 1.0), shape.C)
        )
        count = times * self.x["l2_trips"] * (self.k["l2_trips"] if shape.depthwise else 1)
        return near * count, near * times * self.x["l2_read"] * self._l2_line * channels

    @cached_property
    def _fetched_weight(self) -> tuple[Array, Array]:
        again = ~self.of.weights_stay[self.plan] & (self.k["l2_trips"] > 1)
        times = self.of.in_l3["weight"] * np.where(again, self.x["l2_trips"], 1.0)
        return times * self.k["l2_trips"], times * self.k["l2_weights"] * self.of.input_weight

    @cached_property
    def _spilled(self) -> tuple[Array, Array]:
        far = self.of.in_l3["output"]
        return far * self.x["l2_trips"] * self.k["l2_trips"], np.full(
            len(self.plan), far * self._whole_output
        )

    @property
    def _l2_line(self) -> float:
        """Bytes of a row of one input channel."""
        return self.of.shape.input_size[1] * self._element

    def _l3(self, transfers: Array | float, size: Array | float) -> Array:
        return np.asarray(self.of.site.l3_cycles(np.asarray(size), transfers))

    def _l2_tile(self, prefix: str) -> tuple[Array, Array]:
        """Bytes of an L2 tile: of inputs, and of weights."""
        sign = -1.0 if prefix == "less_" else 1.0
        window, channels = sign * self.x[f"{prefix}l2_window"], self._channels("l2")
        if self.of.shape.depthwise and prefix:
            channels = sign * self.k["less_l2"]
        return window * self._l2_line * channels, sign * self.k[f"{prefix}l2_weight"] * self.of.input_weight

    def traffic(self, memory: str) -> Array:
        """Bytes moved between `memory` and the one before it."""
        repeats = self.of.shape.repeats
        if memory == "l2":
            return repeats * (self.input.bytes + self.weight.bytes + self.output.bytes)
        if memory == "l3":
            return repeats * (self._fetched_input[1] + self._fetched_weight[1] + self._spilled[1])
        return np.zeros(len(self.plan))

    def held(self, memory: str) -> Array:
        """Bytes; `l2_weights`: those that stay in L2."""
        if memory == "l1":
            return self._held_l1
        if memory == "l2":
            return self._held_l2
        stays = self.of.shape.static_weights * (1 - self.of.in_l3["weight"])
        resident = self.of.shape.repeats * self.of.whole_weights
        return np.full(len(self.plan), stays * resident if memory == "l2_weights" else 0.0)

    @cached_property
    def _held_l1(self) -> Array:
        shape, site, buffers = self.of.shape, self.of.site, self.of.buffers[self.plan]
        sizes = (
            (self.input, self.x["window"] * self._channels("tile") * self._element),
            (self.weight, self.k["weight"] * self.c["weight"]),
            (self.output, self.x["pixels"] * self.k["tile"] * site.precision.output_bits / 8),
        )
        total = np.zeros(len(self.plan))
        for flow, size in sizes:
            total = total + size * np.where(flow.transfers * shape.repeats > 1, buffers, 1.0)
        sums = self.x["pixels"] * self.k["tile"] * SUM_BYTES
        total = total + np.where(self.c["trips"] > 1, sums, 0.0)
        if self.of.way == "engine":
            return total
        if shape.depthwise:
            return total + np.ceil(site.cores.count * shape.S * self.x["window_rows"])
        gathered = site.cores.count * site.cores.loop.pixels * shape.taps * self.c["tile"]
        return total if shape.pointwise else total + gathered

    @cached_property
    def _held_l2(self) -> Array:
        shape, repeats = self.of.shape, self.of.shape.repeats
        far = self.of.in_l3
        channels = shape.K if shape.depthwise else shape.C
        whole_input = shape.input_size[0] * self._l2_line * channels
        inputs, weights = self._l2_tile("")
        output = self.x["l2"] * shape.Q * self.k["l2"] * self.of.site.precision.output_bits / 8
        parts = (
            ("input", inputs, whole_input, self.x["l2_trips"]),
            ("weight", weights, self.of.whole_weights, self.k["l2_trips"]),
            ("output", output, self._whole_output, self.x["l2_trips"] * self.k["l2_trips"]),
        )
        total = np.full(len(self.plan), self.of.site.waiting_bytes)
        for name, tile, whole, trips in parts:
            staged = tile * np.where(trips * repeats > 1, 2.0, 1.0)
            total = total + (staged if far[name] else repeats * whole)
        return total
