"""How busy a network's own numbers keep a crossbar, against dense random data.

Cells and converters are priced for random bits, half of them one: inputs and digits at half of their range.
Rectified inputs are mostly small, so their upper bits are mostly zero (CiMLoop, Andrulis et al., ISPASS 2024,
finds 28 % of error in energy without the data's statistics, and 3 % with them).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archsim.numerics.crossbar import Crossbar
from archsim.numerics.quantised_network import QuantisedNetwork, QuantisedProduct
from archsim.numerics.weight_slices import weight_slices

RANDOM = 0.5
"""Mean of a digit over its highest, of random data."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Of a layer's inputs and weights, 1 for random data; at most 1."""

    inputs: float
    weights: float


def activities(quantised: QuantisedNetwork, crossbar: Crossbar) -> dict[str, Activity]:
    """By product: of its inputs in slices of the crossbar's, of its weights in the crossbar's cells."""
    return {
        p.product.name: Activity(
            min(1.0, _of_inputs(p, crossbar.dac_bits) / RANDOM), min(1.0, _of_weights(p, crossbar) / RANDOM)
        )
        for p in quantised.products
    }


def _of_inputs(p: QuantisedProduct, dac_bits: int) -> float:
    """Mean of a slice over its highest, over all slices."""
    found = []
    for start in range(0, p.activation_bits, dac_bits):
        own = np.array(p.input_bits[start : start + dac_bits])
        worth = 2.0 ** np.arange(len(own))
        found.append(float(worth @ own) / worth.sum())
    return float(np.mean(found))


def _of_weights(p: QuantisedProduct, crossbar: Crossbar) -> float:
    """Mean of a digit over its highest, over all columns."""
    slices = weight_slices(p.weight_bits, crossbar)
    digits = slices.digits(p.codes.reshape(len(p.codes), -1))
    means = [own.mean() / column.highest for own, column in zip(digits, slices.columns, strict=True)]
    return float(np.mean(means))
