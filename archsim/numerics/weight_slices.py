"""How whole-number weights lie in the cells of a crossbar, and which columns are converted together.

    w = Σ over columns of sign · 2^shift · digit,    0 ≤ digit < 2^cell_bits

offset: the digits of w + 2^(b-1); 2^(b-1) · Σ inputs is subtracted afterwards (ISAAC, Shafiee et al. 2016).
differential: the digits of max(w, 0) and of max(-w, 0). twos_complement: the digits of the lower b-1 bits,
and the sign bit, which counts -2^(b-1). Columns that are added in analog make one conversion with a digit
of their own: Σ factor · digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.crossbar import Crossbar

Ints = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Column:
    """Cells that hold one digit of every weight of an output: see `digit`.

    `factor` is its weight in the conversion number `conversion`; `highest` its largest digit.
    """

    part: str  # "whole", "positive", "negative", "sign"
    shift: int
    bits: int
    conversion: int
    factor: int

    @property
    def highest(self) -> int:
        return 2**self.bits - 1


@dataclass(frozen=True, slots=True)
class WeightSlices:
    """The columns of one output, from left to right, and what a conversion counts in the result.

    `offset` · Σ inputs is to be subtracted from the sum of all conversions.
    """

    bits: int
    columns: tuple[Column, ...]
    significance: tuple[int, ...]
    offset: int = 0

    @property
    def conversions(self) -> int:
        return len(self.significance)

    def members(self, conversion: int) -> list[int]:
        return [place for place, column in enumerate(self.columns) if column.conversion == conversion]

    def signed(self, conversion: int) -> bool:
        return any(self.columns[place].factor < 0 for place in self.members(conversion))

    def highest(self, conversion: int) -> int:
        """The largest magnitude of a conversion's digit, of either sign."""
        reach = [
            self.columns[place].factor * self.columns[place].highest for place in self.members(conversion)
        ]
        return max(sum(r for r in reach if r > 0), -sum(r for r in reach if r < 0))

    def digits(self, codes: Ints) -> Ints:
        """What every cell holds, shape (columns, *codes.shape)."""
        wide = codes.astype(np.int64)
        parts = {
            "whole": wide + self.offset if self.offset else wide & (2 ** (self.bits - 1) - 1),
            "positive": np.maximum(wide, 0),
            "negative": np.maximum(-wide, 0),
            "sign": (wide < 0).astype(np.int64),
        }
        return np.stack([((parts[c.part] >> c.shift) & c.highest).astype(np.uint16) for c in self.columns])


def weight_slices(bits: int, crossbar: Crossbar) -> WeightSlices:
    """The columns for weights of `bits` bits. One bit is ±1, which as a number with a sign has two bits."""
    width = max(2, bits)
    if crossbar.encoding == "offset":
        return _slices(width, crossbar, ("whole",), width, offset=2 ** (width - 1))
    if crossbar.encoding == "differential":
        return _slices(width, crossbar, ("positive", "negative"), width - 1)
    low = _slices(width, crossbar, ("whole",), width - 1)
    sign = Column("sign", 0, 1, low.conversions, 1)
    return WeightSlices(width, (*low.columns, sign), (*low.significance, -(2 ** (width - 1))))


def _slices(
    width: int, crossbar: Crossbar, parts: tuple[str, ...], stored_bits: int, offset: int = 0
) -> WeightSlices:
    columns: list[Column] = []
    significance: list[int] = []
    together = crossbar.summed_slices * crossbar.cell_bits
    pairs = len(parts) == 2 and crossbar.subtract == "analog"
    for start in range(0, stored_bits, together):
        for part in parts:
            sign = -1 if part == "negative" else 1
            if part == parts[0] or not pairs:
                significance.append(2**start if pairs else sign * 2**start)
            for shift in range(start, min(start + together, stored_bits), crossbar.cell_bits):
                bits = min(crossbar.cell_bits, stored_bits - shift)
                factor = 2 ** (shift - start) * (sign if pairs else 1)
                columns.append(Column(part, shift, bits, len(significance) - 1, factor))
    return WeightSlices(width, tuple(columns), tuple(significance), offset)
