"""What a memory of so many words of so many bits takes: LUTs, block RAMs, UltraRAMs.

Shapes of the primitives: UG473 and UG573 (RAMB18E1/E2, true widths with parity), UG573 (URAM288), SRL32 and
RAM64 in the LUTs. The block RAM table is FINN's (`bram_estimation`), the LUT shares are the primitives'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BRAM18_SHAPES = ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512))
"""(bits, words) of one RAMB18; of 36 bits in simple dual port."""
ONE_PORT_BITS = 18
"""Widest RAMB18 that is read and written at one address (UG473), as FINN's memories of weights and
thresholds are (memstream.sv, thresholding.sv): cnv-w1a1 takes 205 RAMB18, where FINN estimates 147."""
URAM_BITS, URAM_WORDS = 72, 4096
LUTRAM_WORDS, SRL_WORDS = 64, 32


def bram18s(words: Array, bits: Array, widest: int = 36) -> Array:
    """The fewest RAMB18 of any one shape up to `widest` bits."""
    shapes = [shape for shape in BRAM18_SHAPES if shape[0] <= widest]
    counts = [np.ceil(words / depth) * np.ceil(bits / width) for width, depth in shapes]
    return np.where(words > 0, np.min(counts, axis=0), 0.0)


def urams(words: Array, bits: Array) -> Array:
    return np.ceil(words / URAM_WORDS) * np.ceil(bits / URAM_BITS)


def rom_luts(words: Array, bits: Array) -> Array:
    """LUTs of a memory that is read at any address (RAM64: a LUT holds 64 words of a bit)."""
    return bits * np.ceil(words / LUTRAM_WORDS)


def fifo_luts(words: Array, bits: Array) -> Array:
    """LUTs of a FIFO in shift registers (SRL32, two bits a LUT) with its counters (FINN's StreamingFIFO)."""
    deep = np.maximum(words, 2.0)
    return 2 * np.ceil(np.log2(deep)) + np.ceil(words / SRL_WORDS) * np.ceil(bits / 2)


def cheaper_in_luts(words: Array, bits: Array, brams: Array, luts_per_bram18: float) -> npt.NDArray[np.bool_]:
    """Whether LUTs are less of the device than so many block RAMs for the same memory."""
    return rom_luts(words, bits) <= luts_per_bram18 * brams
