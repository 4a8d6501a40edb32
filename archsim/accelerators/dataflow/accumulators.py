"""The accumulator of a stage: wide enough for any data of its types, or for its own weights (A2Q)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2

from archsim.workloads.layer import Layer

WeightNorm = Callable[[Layer, int], int | None]
"""The largest L1 norm of a layer's outputs, weights being whole numbers of so many bits; None: not known."""


def no_norms(layer: Layer, weight_bits: int) -> int | None:
    """Of weights that are not known."""
    return None


def data_type_bits(products: int, weight_bits: int, activation_bits: int, *, signed: bool = True) -> int:
    """Bits of an accumulator that no data of these types overflow.

    Colbert, Pappalardo and Petri-Koenig, A2Q, ICCV 2023 (arXiv:2308.13504), section 3, and arXiv:2301.13376.
    `signed`: whether activations are.
    """
    alpha = log2(products) + weight_bits + activation_bits - 1 - signed
    return ceil(alpha + log2(1 + 2**-alpha) + 1)


def l1_norm_bits(norm: int, activation_bits: int, *, signed: bool = True) -> int:
    """Bits of an accumulator that no activations overflow, whatever the order of its sums.

    A2Q (as above): an output's L1 norm times the largest magnitude of an activation stays below 2^(bits − 1).
    `norm`: the largest sum of |integer weight| of an output. Some weights of that norm need every bit.
    """
    largest = norm * (2 ** (activation_bits - 1) if signed else 2**activation_bits - 1)
    return largest.bit_length() + 1
