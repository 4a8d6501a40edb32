"""A network in whole numbers: what stands in a weight memory, and the scales that give it a meaning.

Weights are symmetric with a scale for every output channel, activations asymmetric with one for the tensor,
from calibration inputs (`archsim.numerics.quantise`). The whole numbers are data of their own, so that
faults of a memory can be put into them before the twin is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.activation_ranges import observe
from archsim.numerics.calibration import Calibration
from archsim.numerics.channels import symmetric
from archsim.numerics.network import Network, Product
from archsim.numerics.perturbable import PerturbableModel
from archsim.numerics.quantise import Fit, Floats, Quantiser, asymmetric, check_bits
from archsim.workloads.precision import Precision

Ints = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class QuantisedProduct:
    """`codes`: whole numbers in the shape of the product's weights; `scales`: one an output.

    `input_bits`: how often every bit of an input's code (from 0 on) is one, the lowest first, on the
    calibration inputs.
    """

    product: Product
    codes: Ints
    scales: NDArray[np.float32]
    activation: Quantiser
    weight_bits: int
    activation_bits: int
    input_bits: tuple[float, ...]

    def with_codes(self, codes: Ints) -> QuantisedProduct:
        """The same with other whole numbers, as a faulty memory holds them."""
        return replace(self, codes=codes)

    @property
    def mean_input(self) -> float:
        """The mean of the input codes over the highest code, on the calibration inputs."""
        worth = 2.0 ** np.arange(self.activation_bits)
        return float(worth @ np.array(self.input_bits)) / worth.sum()

    @property
    def step(self) -> float:
        """The activation's scale; 1 where all calibration values were zero."""
        return float(self.activation.scale) or 1.0

    @property
    def stays_whole(self) -> bool:
        """Whether every sum of products is a whole number that float32 holds exactly."""
        largest = np.abs(self.codes.astype(np.int64)).reshape(len(self.codes), -1).sum(axis=1).max(initial=0)
        return int(largest) * (2**self.activation_bits - 1) < 2**24


@dataclass(frozen=True, eq=False)
class QuantisedNetwork:
    network: Network
    products: tuple[QuantisedProduct, ...]


def quantise_network(
    network: Network,
    calibration: Calibration,
    precision: Precision | Callable[[str], Precision],
    *,
    weight_fit: Fit = "max",
    activation_fit: Fit = "max",
) -> QuantisedNetwork:
    """Every product at `precision`, or at what the function says of its name: whole numbers of 1 to 16 bits.

    `max` lets the largest magnitude be the highest level, `least_squares` clips for the least squared error.
    Raises InputError for widths that cannot be quantised and activations that are not finite.
    """
    choose = precision if callable(precision) else lambda _name: precision
    widths = {product.name: _checked(product.name, choose(product.name)) for product in network.products}
    slots = [product.slot for product in network.products]
    session = PerturbableModel(network.model, {}, slots, [])
    seen = observe(session, calibration, len(slots))
    found: list[QuantisedProduct] = []
    for product, observed in zip(network.products, seen, strict=True):
        bits = widths[product.name]
        weights = symmetric(product.weights, bits.weight_bits, channel_axis=0, fit=weight_fit)
        activation = asymmetric(observed.sample, bits.activation_bits, fit=activation_fit, span=observed.span)
        inputs = activation.codes(observed.sample) - activation.lowest
        found.append(
            QuantisedProduct(
                product,
                weights.codes(product.weights).astype(np.int8 if bits.weight_bits <= 8 else np.int16),
                weights.scale.reshape(-1).astype(np.float32),
                activation,
                bits.weight_bits,
                bits.activation_bits,
                _shares_of_ones(inputs, bits.activation_bits),
            )
        )
    return QuantisedNetwork(network, tuple(found))


def with_codes(quantised: QuantisedNetwork, codes: Mapping[str, Ints]) -> QuantisedNetwork:
    """The network with the stored whole numbers of some products, by name, in place of its own."""
    products = tuple(
        p.with_codes(codes[p.product.name]) if p.product.name in codes else p for p in quantised.products
    )
    return QuantisedNetwork(quantised.network, products)


def _shares_of_ones(codes: Floats, bits: int) -> tuple[float, ...]:
    """Of every bit of whole numbers, the lowest first."""
    counts = np.bincount(codes.reshape(-1).astype(np.int64), minlength=2**bits)
    ones = (np.arange(2**bits)[:, np.newaxis] >> np.arange(bits)) & 1
    return tuple((counts @ ones / max(1, counts.sum())).tolist())


def _checked(name: str, precision: Precision) -> Precision:
    if precision.number_format != "int":
        raise InputError(
            f"layer {name!r}: {precision.label} is no whole-number precision; give one such as w8a8"
        )
    check_bits(precision.weight_bits, f"layer {name!r}: weight bits")
    check_bits(precision.activation_bits, f"layer {name!r}: activation bits")
    return precision
