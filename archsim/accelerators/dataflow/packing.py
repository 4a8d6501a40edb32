"""How many products of narrow operands one DSP block makes."""

from __future__ import annotations

from math import ceil

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
