"""A layer as the arrays meet it: its product, how much it moves, what of it is zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archsim.accelerators.crossbar.layout import Product
from archsim.accelerators.crossbar.site import Site
from archsim.workloads.layer import Layer


@dataclass(frozen=True)
class Job:
    """A layer with its product at the machine's site."""

    site: Site
    layer: Layer
    product: Product

    @cached_property
    def input_bytes(self) -> float:
        p, bits = self.product, self.site.precision.activation_bits
        return p.groups * p.windows * p.rows * p.fresh * bits / 8

    @cached_property
    def output_bytes(self) -> float:
        p = self.product
        return p.groups * p.windows * p.outputs * self.site.precision.output_bits / 8

    @cached_property
    def weight_bytes(self) -> float:
        p = self.product
        return p.groups * p.rows * p.outputs * self.site.precision.weight_bits / 8

    @cached_property
    def on_chip(self) -> tuple[bool, bool]:
        """Whether the inputs, and the outputs, are kept in the tiles' buffers: both if both fit together,
        otherwise each that takes no more than half.
        """
        room = self.site.buffer_bytes
        if self.input_bytes + self.output_bytes <= room:
            return True, True
        return self.input_bytes <= room / 2, self.output_bytes <= room / 2

    @cached_property
    def operations(self) -> float:
        """Elementary operations of what is fused into the layer."""
        return float(sum(self.layer.ops.values()))

    @cached_property
    def activity(self) -> tuple[float, float]:
        """Share of (inputs, products) that are not zero, as the workload says.

        With an offset a weight of zero is half of the range: it takes what other weights take.
        """
        inputs, weights = self.layer.activation_density, self.layer.weight_density
        if self.site.spec.array.weight_encoding == "offset":
            weights = 1.0
        return inputs, inputs * weights
