"""SRAM below its nominal supply: how many cells fail, what an access costs, what leaks, how fast it is.

The lowest voltage at which a cell still works is taken as normally distributed over the cells of a chip, so
the bit-error rate is a probit of the supply, BER = Phi((mean - V / Vmin) / sigma), with Vmin the lowest
voltage at which an array is free of errors. A measured table (V, BER) replaces it, interpolated in probits.
BER counts faulty cells: a cell stuck at 0 or 1 gives a wrong bit half of the time.

Dynamic energy ~ V^n, leakage ~ V exp(k V) (DIBL), clock ~ (V - Vt)^alpha / V, all against `nominal_v`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from archsim.components.figure import Figure
from archsim.components.technology import (
    ALPHA,
    LEAKAGE_PER_VOLT,
    MAX_OVERDRIVE,
    nominal_vdd_v,
    threshold_v,
)
from archsim.errors import InputError

FloatArray = npt.NDArray[np.float64]
TOLERANCE = 1e-9

_erfc = np.frompyfunc(math.erfc, 1, 1)


@dataclass(frozen=True)
class LowVoltageSram:
    """The SRAM of a technology under voltage scaling.

    `mean` and `sigma` are of the cells' lowest voltages over `vmin_v`; `measured`: (V, BER) rising in V and
    falling in BER, which replaces them. Methods take a voltage or an array of them (V) and return arrays of
    the same shape; each raises InputError for a voltage that the technology cannot have.
    """

    name: str
    nominal_v: float  # at which energies, leakage and clock are given
    vmin_v: Figure
    mean: Figure
    sigma: Figure
    energy_exponent: Figure
    leakage_per_volt: Figure  # of the current, 1/V
    threshold_v: Figure
    alpha: float = ALPHA
    measured: tuple[tuple[float, float], ...] = ()
    measured_source: str = ""

    def __post_init__(self) -> None:
        threshold = self.threshold_v.value
        if not threshold < min(self.nominal_v, self.vmin_v.value):
            raise InputError(
                f"SRAM {self.name}: the threshold of {threshold:.3f} V must be below the nominal supply "
                f"({self.nominal_v:g} V) and vmin_v ({self.vmin_v.value:g} V)"
            )
        if self.sigma.value <= 0:
            raise InputError(f"SRAM {self.name}: ber_sigma must be more than zero")
        if self.measured:
            _check_measured(self.name, self.measured)

    def bit_error_rate(self, vdd_v: npt.ArrayLike) -> FloatArray:
        """Share of cells that fail at a supply: the measured table's, or the probit's.

        Raises InputError outside the measured table, which is not extrapolated.
        """
        volts = self._checked(vdd_v)
        if not self.measured:
            return _phi((self.mean.value - volts / self.vmin_v.value) / self.sigma.value)
        known, probits = self._table
        low, high = known[0], known[-1]
        if (volts < low - TOLERANCE).any() or (volts > high + TOLERANCE).any():
            wrong = volts[(volts < low - TOLERANCE) | (volts > high + TOLERANCE)].flat[0]
            raise InputError(
                f"SRAM {self.name}: {wrong:g} V is outside the measured bit-error rates; allowed: {low:g} to "
                f"{high:g} V, or give more points"
            )
        return _phi(np.interp(volts, known, probits))

    def energy_factor(self, vdd_v: npt.ArrayLike) -> FloatArray:
        """Dynamic energy of an access over that at the nominal supply."""
        return (self._checked(vdd_v) / self.nominal_v) ** self.energy_exponent.value

    def leakage_factor(self, vdd_v: npt.ArrayLike) -> FloatArray:
        """Leakage power over that at the nominal supply: V times a current that grows by DIBL."""
        volts = self._checked(vdd_v)
        return volts / self.nominal_v * np.exp(self.leakage_per_volt.value * (volts - self.nominal_v))

    def max_mhz(self, vdd_v: npt.ArrayLike, nominal_mhz: float) -> FloatArray:
        """The fastest clock of a memory that reaches `nominal_mhz` at the nominal supply.

        Alpha-power law (Sakurai & Newton, JSSC 25(2) 1990).
        """
        volts, threshold = self._checked(vdd_v), self.threshold_v.value
        drive = ((volts - threshold) / (self.nominal_v - threshold)) ** self.alpha
        return nominal_mhz * drive * self.nominal_v / volts

    @cached_property
    def _table(self) -> tuple[FloatArray, FloatArray]:
        rates = [NormalDist().inv_cdf(rate) for _, rate in self.measured]
        return np.array([v for v, _ in self.measured]), np.array(rates)

    def _checked(self, vdd_v: npt.ArrayLike) -> FloatArray:
        volts = np.asarray(vdd_v, dtype=np.float64)
        lowest, highest = self.threshold_v.value, MAX_OVERDRIVE * self.nominal_v
        usable = (volts > lowest) & (volts <= highest)
        if not usable.all():
            raise InputError(
                f"SRAM {self.name}: {volts[~usable].flat[0]:g} V is not usable; allowed: above the threshold "
                f"of {lowest:.3f} V up to {highest:.2f} V (nominal {self.nominal_v:g} V)"
            )
        return volts


def low_voltage_sram(name: str, node_nm: float, nominal_v: float | None = None) -> LowVoltageSram:
    """The SRAM of a named technology, or "generic": that of a node.

    `nominal_v`: the supply at which the machine's figures are given; default: the technology's, the node's.
    Raises InputError for a name that is not known.
    """
    if name == "generic":
        return _generic(node_nm, nominal_vdd_v(node_nm) if nominal_v is None else nominal_v)
    if name not in TECHNOLOGIES:
        allowed = ", ".join((*TECHNOLOGIES, "generic"))
        raise InputError(f"low-voltage SRAM technology {name!r} is not known; allowed: {allowed}")
    found = TECHNOLOGIES[name]
    return found if nominal_v is None else replace(found, nominal_v=nominal_v)


def _check_measured(name: str, table: tuple[tuple[float, float], ...]) -> None:
    if any(not 0 < rate < 1 for _, rate in table):
        raise InputError(
            f"SRAM {name}: measured bit-error rates lie between 0 and 1, both excluded; where no cell "
            "failed give one over the number of cells"
        )
    if len(table) < 2 or any(b[0] <= a[0] or b[1] >= a[1] for a, b in pairwise(table)):
        raise InputError(
            f"SRAM {name}: give at least two measured points, rising in voltage and falling in bit-error rate"
        )


def _phi(z: FloatArray) -> FloatArray:
    """The normal distribution function, exact in its lower tail."""
    return 0.5 * np.asarray(_erfc(-np.asarray(z) / math.sqrt(2)), dtype=np.float64)


_LEAKAGE = Figure(
    LEAKAGE_PER_VOLT, "DIBL 0.1 V/V, slope factor 1.5, 300 K (Roy et al., Proc. IEEE 91(2) 2003)", 1.5
)
_ENERGY = Figure(
    1.96,
    "calibrated: 0.83^1.96 = 0.694, which one entry of NeuralFuse's Table 2 implies (NeurIPS 2024; the mean "
    "of all gives the same digits); its curve is of "
    "Spectre runs of 14 nm arrays (Chandramoorthy et al., HPCA 2019), 30 % less at 0.83 Vmin",
    1.1,
)
_PROBIT = (
    "probit through 1 % of cells at 0.83 Vmin (NeuralFuse, after Chandramoorthy et al., HPCA 2019) and one "
    "cell of a 512 x 64 array at Vmin (derived)"
)
_MATIC = (
    "probit through first failures at 0.53 V in 9 KiB and 28 % of cells at 0.50 V: MATIC (Kim et al., DATE "
    "2018), from memory of the paper, not checked against it"
)
_FPGA = (
    "Salami et al., MICRO 2018 and 'Fault characterization through FPGA undervolting': no fault at 0.61 V "
    "(one bit of 37 Mbit taken), 0.06 % of bits at the lowest working voltage (0.54 V, from memory); above "
    "0.61 V derived: the probit through these two, carried on to the nominal supply"
)


def _threshold(node_nm: float) -> Figure:
    return Figure(threshold_v(node_nm), f"alpha-power law fitted to the delay tables at {node_nm:g} nm", 1.3)


TECHNOLOGIES: Mapping[str, LowVoltageSram] = {
    "14nm": LowVoltageSram(
        name="14nm",
        nominal_v=0.8,
        vmin_v=Figure(0.8, "assumed: the nominal supply; the sources give no volts, only V / Vmin", 1.25),
        mean=Figure(0.595, _PROBIT, 1.05),
        sigma=Figure(0.101, _PROBIT, 1.3),
        energy_exponent=_ENERGY,
        leakage_per_volt=_LEAKAGE,
        threshold_v=_threshold(14),
    ),
    "65nm": LowVoltageSram(
        name="65nm",
        nominal_v=0.9,
        vmin_v=Figure(0.53, "first read failures of MATIC's chip (from memory, not checked)", 1.1),
        mean=Figure(0.9344, _MATIC, 1.02),
        sigma=Figure(0.01566, _MATIC, 2.0),
        energy_exponent=Figure(2.0, "C V^2; no measurement of the SRAM alone was found", 1.2),
        leakage_per_volt=_LEAKAGE,
        threshold_v=_threshold(65),
    ),
    "fpga-28nm": LowVoltageSram(
        name="fpga-28nm",
        nominal_v=1.0,
        vmin_v=Figure(0.61, "Salami et al., MICRO 2018: 39 % below the nominal 1 V", 1.05),
        mean=Figure(0.595, _PROBIT + "; replaced by the measured points", 1.3),
        sigma=Figure(0.101, _PROBIT + "; replaced by the measured points", 2.0),
        energy_exponent=Figure(2.0, "dynamic power ~ V^2 (Salami et al., MICRO 2018)", 1.3),
        leakage_per_volt=_LEAKAGE,
        threshold_v=_threshold(28),
        measured=((0.54, 6e-4), (0.61, 2.6e-8), (1.0, 1.2e-70)),
        measured_source=_FPGA,
    ),
}


def _generic(node_nm: float, nominal: float) -> LowVoltageSram:
    """The 14 nm distribution at any node, with Vmin at the nominal supply: no guardband is presumed."""
    return LowVoltageSram(
        name=f"generic {node_nm:g} nm",
        nominal_v=nominal,
        vmin_v=Figure(nominal, "assumed: the nominal supply, no guardband", 1.4),
        mean=Figure(0.595, _PROBIT, 1.15),
        sigma=Figure(0.101, _PROBIT, 1.6),
        energy_exponent=Figure(_ENERGY.value, _ENERGY.source, 1.2),
        leakage_per_volt=_LEAKAGE,
        threshold_v=_threshold(node_nm),
    )
