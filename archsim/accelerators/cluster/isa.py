"""What the innermost loop of a matrix product costs a core, by instruction set and operand widths.

Kernels hold a block of `channels` × `pixels` accumulators in registers; an iteration loads one word (or more)
of each of the block's weight rows and pixel columns and multiplies them. Counted in the sources of PULP-NN
(pulp_nn_matmul.c), pulp-nn-mixed and XpulpNN's kernels; Garofalo et al., "PULP-NN", Phil. Trans. A 378 (2020)
and "XpulpNN" (arXiv:2011.14325). The ratio of the two 8-bit loops, (16/17)/(8/14) = 1.65, is the 1.64 that
the latter reports for mac&load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from archsim.errors import InputError
from archsim.workloads.precision import Precision

Isa = Literal[
    "rv32im", "binary", "xpulpv2", "xpulpnn", "xpulpnn_mac_load", "fp16_simd", "armv7em", "mixed_precision"
]

WORD_BITS = 32
UNPACK = 1.5
"""Instructions that widen one packed element: an extraction, and half an insertion (pulp-nn-mixed)."""
SOFTWARE_POPCOUNT = 12
"""Instructions of the branch-free 32-bit population count (Warren, Hacker's Delight, 5-1) with a multiply."""
SIMD_WIDTHS = {"xpulpv2": (8, 16), "xpulpnn": (2, 4, 8, 16), "xpulpnn_mac_load": (2, 4, 8, 16)}


@dataclass(frozen=True, slots=True)
class InnerLoop:
    """One iteration: `products` per output of a block of `channels` × `pixels` outputs.

    Instructions a channel and a pixel of the block (loads, unpacking) and an output (arithmetic), and those
    of the whole iteration. `mac_load`: multiplications reload their own operands, but only in a full block.
    """

    channels: int
    pixels: int
    products: int
    per_channel: float
    per_pixel: float
    per_output: float
    loads: float  # of a full block: accesses to L1
    fixed: float = 0.0
    mac_load: bool = False
    float_operations: int = 0  # of a full block: on a (possibly shared) floating-point unit

    @property
    def macs(self) -> int:
        return self.channels * self.pixels * self.products

    @property
    def instructions(self) -> float:
        """Of a full block."""
        if self.mac_load:
            return self.channels * self.pixels * self.per_output + 1  # one load starts the row
        return self.of_block(self.channels, self.pixels)

    def of_block(self, channels: int, pixels: int) -> float:
        """Instructions of an iteration of a smaller block, without mac&load."""
        arithmetic = channels * pixels * self.per_output
        return channels * self.per_channel + pixels * self.per_pixel + arithmetic + self.fixed

    @property
    def access_rate(self) -> float:
        """Accesses to L1 an instruction."""
        return self.loads / self.instructions


def inner_loop(isa: Isa, precision: Precision) -> InnerLoop:
    """The loop that a core of this instruction set runs. InputError: no arithmetic for the precision."""
    if precision.number_format != "int":
        return _floating(isa, precision)
    weight, activation = precision.weight_bits, precision.activation_bits
    if weight == activation == 1:
        return _binary(isa)
    if isa == "armv7em":
        return _armv7em(weight, activation)
    if isa == "mixed_precision" and max(weight, activation) <= 16:
        return _mixed_precision(weight, activation)
    base = "xpulpv2" if isa == "fp16_simd" else isa
    widths = SIMD_WIDTHS.get(base, ())
    if not widths or max(weight, activation) > widths[-1]:
        return _scalar(weight, activation)
    return _simd(base, widths, weight, activation)


def _scalar(weight: int, activation: int) -> InnerLoop:
    """4 × 2 accumulators: a load, where packed a shift and a mask, a multiplication and an addition each."""
    weight_loads, activation_loads = _loads(weight), _loads(activation)
    return InnerLoop(
        channels=4,
        pixels=2,
        products=1,
        per_channel=weight_loads + 2 * (weight < 8),
        per_pixel=activation_loads + 2 * (activation < 8),
        per_output=2,
        loads=4 * weight_loads + 2 * activation_loads,
        fixed=2,  # pointers and branch, unrolled by four
    )


def _loads(bits: int) -> float:
    """Loads an element: a byte serves several packed ones."""
    return bits / 8 if bits < 8 else 1.0


def _simd(isa: str, widths: tuple[int, ...], weight: int, activation: int) -> InnerLoop:
    """Dot products of packed words; weights narrower than the words are unpacked on the way."""
    stored, lane = (next(w for w in (2, 4, 8, 16) if w >= bits) for bits in (weight, max(weight, activation)))
    lane = next(w for w in widths if w >= lane)
    products, words = WORD_BITS // stored, lane // stored
    unpack = products * UNPACK if stored < lane else 0
    if isa == "xpulpnn_mac_load" and stored == lane:
        return InnerLoop(4, 4, products, 1, 1, 1, loads=8, mac_load=True)
    return InnerLoop(4, 2, products, 1 + unpack, words, words, loads=4 + 2 * words)


def _mixed_precision(weight: int, activation: int) -> InnerLoop:
    """Dot products of any two widths up to 16 bits, unequal ones too, without unpacking and with mac&load.

    The narrower operand fills its word; the wider takes as many words as that needs, and each of them is one
    instruction, as in Ottavi et al., MPIC (arXiv:2010.04073), whose widths end at 8 bits.
    """
    narrow, wide = sorted(next(w for w in (2, 4, 8, 16) if w >= bits) for bits in (weight, activation))
    words = wide // narrow
    per_channel, per_pixel = (1, words) if weight <= activation else (words, 1)
    loads = 4 * per_channel + 4 * per_pixel
    return InnerLoop(4, 4, WORD_BITS // narrow, per_channel, per_pixel, words, loads, mac_load=True)


def _binary(isa: Isa) -> InnerLoop:
    """xor, population count, addition on 32 products at once (Rastegari et al., XNOR-Net, 2016)."""
    count = SOFTWARE_POPCOUNT if isa in ("rv32im", "armv7em") else 1
    return InnerLoop(4, 2, WORD_BITS, 1, 1, 1 + count + 1, loads=6)


def _armv7em(weight: int, activation: int) -> InnerLoop:
    """CMSIS-NN: activations widened to 16 bits beforehand, weights in the loop (SXTB16), SMLAD on two.

    Lai et al., CMSIS-NN (arXiv:1801.06601), figure 4: 2 × 2 accumulators, four products an iteration.
    """
    if max(weight, activation) > 16:
        return _scalar(weight, activation)
    weight_loads = 2 if weight > 8 else 1
    widening = 0 if weight > 8 else 3  # SXTB16, SXTB16 rotated, one packing
    sub_byte = 4 * UNPACK if weight < 8 else 0
    per_channel = weight_loads + widening + sub_byte
    return InnerLoop(2, 2, 4, per_channel, 2, 2, loads=2 * weight_loads + 4, fixed=2)


FLOAT_FORMATS = ("fp16", "bf16", "fp32")
"""What floating-point units multiply and add."""
FLOAT_STALLS = 1 / 0.94 - 1
"""Stalled cycles an instruction: TransLib's kernels finish 0.94 instructions a cycle on one core."""


def _floating(isa: Isa, precision: Precision) -> InnerLoop:
    """Counted in TransLib's matrix product (Mirsalari et al., DATE 2023; matmul.c, 58a9f35).

    In 32 bits one accumulator: two loads and a fused multiplication and addition. In 16 bits one register of
    two outputs: for two products of each a load of the pixel's, two of weights, two shuffles, two operations.
    """
    lanes = {16: 2, 32: 1}.get(precision.weight_bits)
    if isa != "fp16_simd" or lanes is None:
        raise InputError(
            f"cores with isa {isa!r} have no arithmetic for {precision.label}; "
            "fp16, bf16 and fp32 need isa: fp16_simd, or run the layer in integers (as in w8a8)"
        )
    if lanes == 1:
        return InnerLoop(1, 1, 1, 1, 1, 1, loads=2, fixed=3 * FLOAT_STALLS, float_operations=1)
    return InnerLoop(2, 1, 2, 1, 3, 1, loads=3, fixed=7 * FLOAT_STALLS, float_operations=2)
