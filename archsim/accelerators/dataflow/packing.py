"""How many products of narrow operands one DSP block makes, and the widest accumulator a layer needs."""

from __future__ import annotations

from math import ceil, log2

import numpy as np
import numpy.typing as npt

from archsim.components.fpga import DspKind

PORTS: dict[DspKind, tuple[int, int]] = {"dsp48e1": (25, 18), "dsp48e2": (27, 18), "dsp58": (27, 24)}
"""Signed operand widths of the multiplier (UG479, UG579, AM004)."""


def products_per_dsp(kind: DspKind, weight_bits: int, activation_bits: int) -> int:
    """Products of one activation with several weights (DSP48), or a dot product (DSP58), in one block.

    As in FINN's RTL: mvu_4sx4u packs four products of at most 4 bits, mvu_8sx8u two of at most 8 (also
    AMD WP486), mvu_vvu_8sx9 three of 9 by 8 bits in a DSP58. FINN's own estimate counts four at any
    width; AMD's WP487 needs LUTs to undo the overlap, which are counted apart.
    """
    widest = max(weight_bits, activation_bits)
    if kind == "dsp58":
        return 3 if weight_bits <= 8 and activation_bits <= 9 else 1
    if widest <= 4:
        return 4
    return 2 if widest <= 8 else 1


def dsps_per_product(kind: DspKind, weight_bits: int, activation_bits: int) -> int:
    """Blocks that one wide product takes: the operands cut into what the ports hold."""
    wide, narrow = PORTS[kind]
    large, small = max(weight_bits, activation_bits), min(weight_bits, activation_bits)
    return min(
        ceil(large / wide) * ceil(small / narrow),
        ceil(large / narrow) * ceil(small / wide),
    )


def data_type_bits(products: int, weight_bits: int, activation_bits: int, *, signed: bool = True) -> int:
    """Bits of an accumulator that no data of these types overflow.

    Colbert, Pappalardo and Petri-Koenig, A2Q, ICCV 2023 (arXiv:2308.13504), equation 3 and arXiv:2301.13376.
    `signed`: whether activations are.
    """
    alpha = log2(products) + weight_bits + activation_bits - 1 - signed
    return ceil(alpha + log2(1 + 2**-alpha) + 1)


def l1_norm_bits(weights: npt.NDArray[np.integer], activation_bits: int, *, signed: bool = True) -> int:
    """Bits of an accumulator that these integer weights, (outputs, products), overflow with no input.

    The bound of A2Q (arXiv:2308.13504, equation 13): the largest L1 norm of an output's weights times the
    largest magnitude of an activation must stay below 2^(bits − 1).
    """
    norm = int(np.abs(weights.astype(np.int64)).sum(axis=1).max())
    largest = norm * 2 ** (activation_bits - signed)
    return max(2, ceil(log2(largest + 1)) + 1)
