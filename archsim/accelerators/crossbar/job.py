"""A layer as the arrays meet it: its product, how much it moves, what of it is zero."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from archsim.accelerators.crossbar.activations import Activations, activations_of
from archsim.accelerators.crossbar.layout import Product
from archsim.accelerators.crossbar.site import Site
from archsim.workloads.layer import Contraction, Layer


def lines_held(c: Contraction) -> int:
    """Of an image: as many as a window is high, and those that come in for the next row of windows."""
    return min(c.input_size[0], (c.R - 1) * c.dilation[0] + 1 + c.stride[0])


@dataclass(frozen=True)
class Job:
    """A layer with its product at the machine's site."""

    site: Site
    layer: Layer
    product: Product

    @cached_property
    def activations(self) -> Activations:
        p, precision = self.product, self.site.precision
        inputs = p.groups * p.windows * p.rows * p.fresh * precision.activation_bits / 8
        outputs = p.groups * p.windows * p.outputs * precision.output_bits / 8
        return activations_of(self.layer, self.site, inputs, outputs)

    @cached_property
    def line_bytes(self) -> float:
        """Of the inputs that windows in work still need: as many lines as a window is high."""
        c = self.layer.contraction
        assert c is not None
        return self.activations.input_bytes * lines_held(c) / c.input_size[0] / c.B

    @cached_property
    def vector_bytes(self) -> float:
        """Of one window with its results: the least that buffers must hold."""
        p, precision = self.product, self.site.precision
        return (p.rows * precision.activation_bits + p.outputs * precision.output_bits) / 8

    @cached_property
    def weight_bytes(self) -> float:
        p = self.product
        return p.groups * p.rows * p.outputs * self.site.precision.weight_bits / 8

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
