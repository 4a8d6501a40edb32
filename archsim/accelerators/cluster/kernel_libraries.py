"""What the cores' kernels cost beside their inner loops, in instructions, by the library they are from.

Where it says counted, C sources were read and the instructions expected of them, not a compiler's output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.isa import InnerLoop, Isa
from archsim.accelerators.cluster.shape import Shape

Array = npt.NDArray[np.float64]


class KernelLibrary(Protocol):
    """`outputs`: set-up, re-quantisation and storing of a block of so many outputs. `requantise`: of an
    element made by a layer that is no contraction; `rescale`: of an element that an addition reads.
    """

    outputs: Mapping[int, int]
    requantise: float
    rescale: float

    def gather(self, taps: int, products: Array, pixels: int) -> Array:
        """To bring the inputs of one pixel, or of two, into a column."""
        ...

    def depthwise_gather(self, shape: Shape, rows: Array, columns: Array) -> Array:
        """The same of one channel's rows × columns outputs in a depthwise convolution."""
        ...

    def depthwise_output(self, loop: InnerLoop, taps: int) -> float:
        """One output of a depthwise convolution, from its column on."""
        ...


class PulpNn:
    """PULP-NN on RISC-V (Garofalo et al., Phil. Trans. A 378, 2020).

    Blocks and columns as DORY fitted them to measured runs on 8 cores (Common/Tiler/tiler_conv1d_to_up.py,
    be3d6dd; Burrello et al., DORY, IEEE TC 2021). Depthwise: an output as MATCH has it (b499427); a column
    counted in pulp_nn_depthwise_generic.c (1bca241): of every input row a word for four taps, whose load and
    store take two cycles if not aligned (three times in four); pointers, counter and a taken branch
    of three cycles. Re-quantisation: multiply, add, shift, two-sided clip, pack.
    """

    outputs: Mapping[int, int] = {8: 159, 4: 82, 2: 52, 1: 28}
    requantise, rescale = 6.0, 0.0
    bytes_per_cycle = 8
    depthwise_row, depthwise_gathered_word = 7.0, 5.5
    depthwise_word, depthwise_one, depthwise_finish = 7, 6, 5 + 10 + 5 + 10 + 9

    def gather(self, taps: int, products: Array, pixels: int) -> Array:
        start, per_tap = {1: (38, 16), 2: (61, 32)}[pixels]
        return np.maximum(start + per_tap * taps, 29 + products * pixels / self.bytes_per_cycle)

    def depthwise_gather(self, shape: Shape, rows: Array, columns: Array) -> Array:
        read = (rows - 1) * shape.stride[0] + shape.R
        return columns * read * (self.depthwise_row + self.depthwise_gathered_word * np.ceil(shape.S / 4))

    def depthwise_output(self, loop: InnerLoop, taps: int) -> float:
        words, rest = divmod(taps, min(loop.products, 4))
        per_word = self.depthwise_word if loop.products >= 4 else self.depthwise_one
        unpack = max(0.0, loop.per_channel - 1) / loop.products * taps
        return self.depthwise_finish + words * per_word + rest * self.depthwise_one + unpack


class CmsisNn:
    """CMSIS-NN on a Cortex-M with DSP instructions (Lai et al., arXiv:1801.06601), counted in its sources.

    Re-quantisation (`arm_nn_requantize`): 20 with both roundings, 4 for offset and clamp, 6 to load its
    factors and to store an output. An addition rescales what it reads as well (`arm_elementwise_add_s8.c`).
    A column: inputs widened to 16 bits four at a time in 11 (`arm_q7_to_q15_with_offset`), called every tap
    in some 16 (assumed; in depthwise convolutions for all channels at once).
    Depthwise (`arm_depthwise_conv_s8_opt.c`, 46fee47): two taps of four channels in 26, an odd tap in 16. 3×3
    (`arm_depthwise_conv_3x3_s8.c`, 512ffcb): a row of four channels in 40, the same, but no column.
    """

    outputs: Mapping[int, int] = {8: 258, 4: 130, 2: 66, 1: 34}
    requantise, rescale = 24.0, 23.0
    per_tap, per_element = 16.0, 11 / 4
    depthwise_two_taps, depthwise_odd_tap, depthwise_finish = 26 / 4, 16 / 4, 34

    def gather(self, taps: int, products: Array, pixels: int) -> Array:
        return pixels * (self.per_tap * taps + self.per_element * products)

    def depthwise_gather(self, shape: Shape, rows: Array, columns: Array) -> Array:
        in_place = (shape.R, shape.S) == (3, 3) and max(shape.padding) <= 1 and shape.dilation == (1, 1)
        return rows * columns * (0.0 if in_place else shape.taps * self.per_element)

    def depthwise_output(self, loop: InnerLoop, taps: int) -> float:
        pairs, odd = divmod(taps, 2)
        return self.depthwise_finish + pairs * self.depthwise_two_taps + odd * self.depthwise_odd_tap


PULP_NN, CMSIS_NN = PulpNn(), CmsisNn()


def kernel_library(isa: Isa) -> KernelLibrary:
    """The one whose kernels a core of this instruction set runs."""
    return CMSIS_NN if isa == "armv7em" else PULP_NN
