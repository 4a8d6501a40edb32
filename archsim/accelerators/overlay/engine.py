"""The matrix engine: what it takes of the device, and how many products it makes at once of which widths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, floor

from archsim.accelerators.dataflow.packing import dsps_per_product, products_per_dsp
from archsim.accelerators.dataflow.resources import multiplier_luts
from archsim.accelerators.overlay.spec import NarrowRows, OverlaySpec
from archsim.components.fpga import Device
from archsim.errors import InputError
from archsim.workloads.precision import Precision

VECTOR_LANE_LUTS = 150.0
"""LUTs of a 16-bit add, multiply, compare and table lane (assumed; they are for the power alone)."""


@dataclass(frozen=True)
class Engine:
    """The engine of a machine, built for operands up to those of `built`."""

    name: str
    spec: OverlaySpec
    device: Device
    built: Precision

    @property
    def products(self) -> int:
        """Made at once, at the widest operands."""
        engine = self.spec.engine
        return engine.pixels * engine.channels * engine.products

    def products_per_dsp(self, precision: Precision) -> int:
        engine, kind = self.spec.engine, self.device.dsp_kind
        if engine.multiplier != "dsp" or not engine.packs:
            return 1
        given = [n for bits, n in engine.packing.items() if bits >= precision.weight_bits]
        usual = products_per_dsp(kind, precision.weight_bits, precision.activation_bits)
        return max(usual, *given) if given else usual

    def resources(self) -> Mapping[str, float]:
        """DSPs by packing, an adder tree and buffers (two tiles each); for fit and power."""
        w, a = self.built.weight_bits, self.built.activation_bits
        in_dsp = self.spec.engine.multiplier == "dsp"
        logic = self.products * (w + a) + VECTOR_LANE_LUTS * self.spec.vector_lanes
        buffers = self.spec.buffers
        kib = 2 * (buffers.input_kib + buffers.weight_kib + buffers.output_kib)
        dsps = ceil(self.products / self.products_per_dsp(self.built)) * dsps_per_product(
            self.device.dsp_kind, w, a
        )
        return {
            "lut": logic + (0 if in_dsp else self.products * multiplier_luts(w, a)),
            "bram18": float(ceil(kib * 1024 * 8 / 18_432)),
            "dsp": float(dsps) if in_dsp else 0.0,
        }

    def check_fit(self) -> None:
        """Raises InputError where the engine or its buffers do not fit the device."""
        for name, used in self.resources().items():
            have = self.device.amounts[name]
            have += 16 * self.device.uram if name == "bram18" else 0  # a URAM holds 16 times as much
            if used > have:
                raise InputError(
                    f"engine and buffers take {used:,.0f} {name}, but {self.spec.device} has {have:,}; "
                    "give the engine fewer pixels, channels or products, or smaller buffers"
                )

    def sizes(self, precision: Precision, narrow: NarrowRows | None = None) -> tuple[int, int, int]:
        """(pixels, channels, products) at once. Channels with narrow weights share DSPs, so that more fit.

        Of `narrow` rows and the others as many run side by side as the DSPs hold of both together.
        InputError for operands wider than the engine is built for.
        """
        built, engine = self.built, self.spec.engine
        if precision.weight_bits > built.weight_bits or precision.activation_bits > built.activation_bits:
            raise InputError(f"{self.name} is built for {built.label} and cannot multiply {precision.label}")
        share = 0.0 if narrow is None else narrow.share
        lanes = (1 - share) * self._lanes(precision)
        if narrow is not None:
            lanes += share * self._lanes(with_narrow_rows(precision, narrow))
        return engine.pixels, floor(engine.channels / lanes + 1e-9), engine.products

    def _lanes(self, precision: Precision) -> float:
        """What a channel takes of the DSPs of one at the widest operands."""
        return min(1.0, self.products_per_dsp(self.built) / self.products_per_dsp(precision))


def with_narrow_rows(precision: Precision, narrow: NarrowRows) -> Precision:
    """Of the narrow rows of a layer at that precision."""
    return replace(precision, weight_bits=min(precision.weight_bits, narrow.weight_bits))


def mean_weight_bits(precision: Precision, narrow: NarrowRows | None) -> float:
    """Of all channels together."""
    if narrow is None:
        return precision.weight_bits
    narrow_bits = with_narrow_rows(precision, narrow).weight_bits
    return narrow.share * narrow_bits + (1 - narrow.share) * precision.weight_bits
