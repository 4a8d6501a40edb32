"""An SRAM's supply, its banks and its code, and where a layer's data lie: what costs and faults share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from archsim.components.low_voltage import LowVoltageSram
from archsim.components.part import Part
from archsim.components.secded import Secded

Ecc = Literal["none", "secded"]


@dataclass(frozen=True)
class SramSupply:
    """A memory below its nominal supply. `vdd_v` has one voltage for all of it, or one a bank: words are
    interleaved over banks, word i in bank i mod len(vdd_v).
    """

    technology: LowVoltageSram
    vdd_v: tuple[float, ...]
    word_bits: int  # data bits; the check bits come on top
    ecc: Ecc = "none"
    is_nominal: bool = False  # the supply that the memory was tested at: no cell fails

    @property
    def code(self) -> Secded | None:
        return Secded(self.word_bits) if self.ecc == "secded" else None

    @property
    def bit_error_rates(self) -> tuple[float, ...]:
        """Share of faulty cells by bank."""
        if self.is_nominal:
            return (0.0,) * len(self.vdd_v)
        return tuple(float(rate) for rate in self.technology.bit_error_rate(self.vdd_v))

    @property
    def bit_error_rate(self) -> float:
        """Of all banks together, before any code."""
        return float(np.mean(self.bit_error_rates))

    @property
    def residual_bit_error_rate(self) -> float:
        """What the code leaves of it."""
        code = self.code
        return self.bit_error_rate if code is None else float(np.mean(code.residual(self.bit_error_rates)))

    @property
    def energy_factor(self) -> float:
        """On an access, code apart: accesses are spread over the banks."""
        return float(np.mean(self.technology.energy_factor(self.vdd_v)))

    @property
    def leakage_factor(self) -> float:
        return float(np.mean(self.technology.leakage_factor(self.vdd_v)))

    def max_mhz(self, nominal_mhz: float, node_nm: float, logic_v: float | None = None) -> float:
        """The slowest bank's clock, the code's decoder in the way of its reads."""
        slowest = float(self.technology.max_mhz(self.vdd_v, nominal_mhz).min())
        code = self.code
        return slowest if code is None else 1e3 / (1e3 / slowest + code.delay_ns(node_nm, logic_v))

    def supplied(self, part: Part, node_nm: float, logic_v: float | None = None, *, codecs: int = 1) -> Part:
        """A part priced at its nominal supply, at this one. Actions "read" and "write" are of a word.

        Check bits widen energy, area and leakage in proportion; the codecs (one for every word that is
        accessed at a time) run at the logic's supply `logic_v` (None: nominal).
        """
        code = self.code
        wider = 1.0 if code is None else code.widening
        note = f"at {'/'.join(f'{v:g}' for v in self.vdd_v)} V"
        exponent = self.technology.energy_exponent
        energy_error = max(self._spread(exponent.value * (exponent.uncertainty - 1)), 1.0)
        energy = {
            action: figure.scaled(wider * self.energy_factor, note, energy_error)
            for action, figure in part.energy_pj.items()
        }
        area = part.area_mm2.scaled(wider)
        if code is not None:
            codec = code.energy_pj(node_nm, logic_v)
            energy = {action: figure.plus(codec[action]) for action, figure in energy.items()}
            area = area.plus(code.area_mm2(node_nm).scaled(codecs))
        # leakage falls faster than the supply: an exponent of 1.5 for its spread is assumed
        leakage = part.leakage_mw.scaled(wider * self.leakage_factor, note, self._spread(1.5))
        return replace(part, energy_pj=energy, area_mm2=area, leakage_mw=leakage)

    def _spread(self, exponent: float) -> float:
        """How far a law may be off at the lowest bank: (V / nominal)^exponent, upwards."""
        ratio = min(self.vdd_v) / self.technology.nominal_v
        return float(np.exp(exponent * abs(np.log(ratio))))


@dataclass(frozen=True)
class Stored:
    """Where an operand of a layer lies on chip while the layer runs.

    `operand`: "weight", "input" or "output". The operand is cut into tiles of `tile_elements` (in the order
    of its tensor; all of it, where that is what lies there); tile t is written over tile t - `buffers`, from
    word 0 of part t mod `buffers` of the memory; or, `is_resident`, it stays there beside those of other
    layers, in the order of the layers. Registers and memories at nominal supply make no faults: `supply` is
    None.
    """

    operand: str
    memory: str
    word_bits: int  # data bits of an access
    words: int  # of the whole memory
    element_bits: int
    tile_elements: int
    buffers: int = 1
    is_resident: bool = False
    supply: SramSupply | None = None
