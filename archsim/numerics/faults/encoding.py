"""Whole numbers as the bits that a memory stores.

`offset` stores q + 2^(b-1). Flipping every bit with a small probability p adds an error of the same power in
two's complement and offset, p · Σ 4^k; in sign-magnitude the sign bit moves a value by 2·|q| only, which is
less for small values.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Encoding = Literal["twos_complement", "sign_magnitude", "offset"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

Ints = NDArray[np.integer]
Words = NDArray[np.uint32]


def to_bits(codes: Ints, bits: int, encoding: Encoding) -> Words:
    """The `bits` lowest bits of every entry are what the memory stores; codes of -(2^(b-1)-1) … 2^(b-1)-1.

    One bit stores the sign alone (codes ±1): 0 is -1, 1 is +1, whatever the encoding.
    """
    wide = codes.astype(np.int64)
    if bits == 1:
        return (wide > 0).astype(np.uint32)
    if encoding == "offset":
        wide = wide + 2 ** (bits - 1)
    elif encoding == "sign_magnitude":
        wide = np.abs(wide) + np.where(wide < 0, 2 ** (bits - 1), 0)
    return (wide & (2**bits - 1)).astype(np.uint32)


def from_bits(stored: Words, bits: int, encoding: Encoding) -> NDArray[np.int64]:
    """The inverse of `to_bits`, for any pattern; two's complement and offset reach down to -2^(b-1)."""
    wide, sign = stored.astype(np.int64), 2 ** (bits - 1)
    if bits == 1:
        return 2 * wide - 1
    if encoding == "offset":
        return wide - sign
    negative = (wide & sign) > 0
    if encoding == "sign_magnitude":
        return np.where(negative, -(wide & (sign - 1)), wide)
    return wide - np.where(negative, 2 * sign, 0)
