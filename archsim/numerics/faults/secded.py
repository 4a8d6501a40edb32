"""Words with check bits: single errors corrected, double errors detected (SECDED).

The extended Hamming code (Hamming 1950, Bell System Technical Journal 29(2)), which has as many check bits as
Hsiao's, whose gates `archsim.components.secded` prices: the data bits have distinct columns of two or more
ones, the check bits but one the unit columns, and the last makes the parity of the whole word even.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archsim.components.secded import Secded


def check_bits(data_bits: int) -> int:
    """8 for 64 data bits. Raises InputError for words wider than 1024 bits."""
    return Secded(data_bits).check_bits


@lru_cache
def check_matrix(data_bits: int) -> NDArray[np.uint8]:
    """Which data bits each check bit adds up, modulo 2: (data bits, check bits)."""
    hamming = check_bits(data_bits) - 1
    numbers = np.arange(1, 2**hamming)
    columns = numbers[(numbers & (numbers - 1)) > 0][:data_bits]  # not the check bits' own unit columns
    spread = (columns[:, None] >> np.arange(hamming)) & 1
    parity = 1 - spread.sum(axis=1) % 2  # what data bit and its check bits leave of the word's parity
    return np.column_stack((spread, parity)).astype(np.uint8)


def checked(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Check bits (words, check bits) for the data bits (words, data bits) of some words."""
    return (data @ check_matrix(data.shape[1])) % 2
