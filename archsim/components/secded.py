"""Single-error-correcting, double-error-detecting codes of memory words: check bits, codec, what is left.

Hsiao's odd-weight-column codes (Hsiao, IBM J. Res. Dev. 14(4) 1970): the columns of the parity matrix are
the lightest of odd weight, which gives the fewest exclusive-ors; (72, 64) has 208 ones in its data columns.
The codec is priced by its gates, each exclusive-or as half of a full adder (two of the adder's five gates
are exclusive-ors; taken as half its energy and area; derived).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, comb, log2

import numpy as np
import numpy.typing as npt

from archsim.components.arithmetic import adder
from archsim.components.figure import Figure
from archsim.components.technology import delay_scale, table_delay_ps
from archsim.components.technology_tables import NOMINAL_VDD_V
from archsim.errors import InputError

WIDEST_BITS = 1024
XOR_FO4 = 2.0  # delay of an exclusive-or in fan-out-of-4 inverters (assumed, two stages)
UNCERTAINTY = 2.0  # of counting gates instead of a synthesised codec
REFERENCE_NM = 14


@dataclass(frozen=True)
class Secded:
    """The code of a word of `data_bits`. Raises InputError outside 1 to 1024 bits."""

    data_bits: int

    def __post_init__(self) -> None:
        if not 1 <= self.data_bits <= WIDEST_BITS:
            raise InputError(f"ecc: words of {self.data_bits} bits; allowed: 1 to {WIDEST_BITS}")

    @cached_property
    def check_bits(self) -> int:
        """The least r with 2^(r-1) >= data bits + r: 8 for 64, 7 for 32."""
        r = 2
        while 2 ** (r - 1) < self.data_bits + r:
            r += 1
        return r

    @property
    def word_bits(self) -> int:
        return self.data_bits + self.check_bits

    @property
    def widening(self) -> float:
        """Stored bits over data bits."""
        return self.word_bits / self.data_bits

    @cached_property
    def data_ones(self) -> int:
        """Ones in the data columns of the parity matrix: columns of weight 3, 5, ... as far as needed."""
        left, ones, weight = self.data_bits, 0, 3
        while left:
            taken = min(left, comb(self.check_bits, weight))
            ones, left, weight = ones + taken * weight, left - taken, weight + 2
        return ones

    @property
    def encoder_gates(self) -> int:
        """Exclusive-ors of two inputs."""
        return max(0, self.data_ones - self.check_bits)

    @property
    def decoder_gates(self) -> int:
        """Exclusive-ors of the syndrome and of the correction, and as many ands to decode the syndrome."""
        return self.data_ones + self.data_bits * self.check_bits

    @property
    def decoder_levels(self) -> int:
        """Gates in a row: the widest parity, the syndrome's decoding, the correction."""
        widest = ceil(self.data_ones / self.check_bits) + 1
        return ceil(log2(widest)) + ceil(log2(self.check_bits)) + 1

    def energy_pj(self, node_nm: float, vdd_v: float | None = None) -> dict[str, Figure]:
        """pJ of decoding a word that is read and of encoding one that is written."""
        gate = adder(1, node_nm, vdd_v=vdd_v).energy_pj["add"]
        note = f"SECDED ({self.word_bits}, {self.data_bits}) codec, gates of half a full adder"
        return {
            "read": gate.scaled(self.decoder_gates / 2, note, UNCERTAINTY),
            "write": gate.scaled(self.encoder_gates / 2, note, UNCERTAINTY),
        }

    def area_mm2(self, node_nm: float) -> Figure:
        gate = adder(1, node_nm).area_mm2
        gates = self.encoder_gates + self.decoder_gates
        return gate.scaled(gates / 2, "SECDED codec, gates of half a full adder", UNCERTAINTY)

    def delay_ns(self, node_nm: float, vdd_v: float | None = None) -> float:
        """Of a read through the decoder."""
        fo4_ps = table_delay_ps(REFERENCE_NM, NOMINAL_VDD_V[REFERENCE_NM])
        fo4_ps *= delay_scale(REFERENCE_NM, node_nm, to_vdd_v=vdd_v)
        return self.decoder_levels * XOR_FO4 * fo4_ps * 1e-3

    def residual(self, bit_error_rate: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Share of data bits still wrong after decoding: a faulty one with another fault in its word.

        Every faulty cell is taken to hold the wrong bit; what a miscorrection of three or more adds is left
        out (less than one bit in such words).
        """
        p = np.asarray(bit_error_rate, dtype=np.float64)
        return -p * np.expm1((self.word_bits - 1) * np.log1p(-np.minimum(p, 1 - 1e-16)))
