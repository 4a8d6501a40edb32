"""What the hardware twin of a model has to know of an analog crossbar.

An array multiplies a slice of `dac_bits` of every input with the cells of a column and adds the products up.
An ADC turns the sum into a code; shifts and additions of codes make the result. How a weight lies in cells is
one of three encodings, and what is converted together follows from `summed_slices` and `subtract`. PIM-QAT's
three schemes (Jin et al. 2022, arXiv:2209.08617) are `native`, `differential` and `bit_serial` below.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from archsim.errors import InputError

FullScale = Literal["worst_case", "percentile", "calibrated"]
Levels = Literal["mid_tread", "mid_rise"]
Encoding = Literal["offset", "differential", "twos_complement"]
Subtraction = Literal["digital", "analog"]
RowOrder = Literal["kernel", "channel"]
_WIDEST = 16  # bits of a converter, of a cell or of a slice of the inputs


@dataclass(frozen=True, slots=True)
class Converter:
    """An ADC: a sum becomes code = clip(round(sum · gain / LSB + offset + INL + noise)).

    `columns` neighbouring columns share one, so they share its gain, offset and bow. `full_scale` is the
    largest sum that can occur, a percentile of the magnitudes that occur in calibration, or the range of
    least squared error there. `least_lsb`: sums are whole numbers, so that finer steps than 1 tell nothing
    more; with 0 the range alone sets the step. `levels` is of sums that have a sign: `mid_tread` has 2^bits
    - 1 levels with zero among them, `mid_rise` 2^bits levels, and zero is read as half a step.

    Errors, zero unless given: `gain_sigma` relative, `offset_sigma_lsb`, `inl_lsb` (largest bow), one draw an
    ADC; `thermal_sigma_lsb` anew in every conversion.
    """

    bits: int = 8
    columns: int = 1
    full_scale: FullScale = "calibrated"
    percentile: float = 99.9
    levels: Levels = "mid_tread"
    least_lsb: float = 1.0
    gain_sigma: float = 0.0
    offset_sigma_lsb: float = 0.0
    inl_lsb: float = 0.0
    thermal_sigma_lsb: float = 0.0

    def __post_init__(self) -> None:
        _check_width("adc bits", self.bits)
        _check_positive("columns of an adc", self.columns)
        _check_errors(self)
        if self.bits < 2 and self.levels == "mid_tread":
            raise InputError(
                "an adc of 1 bit has no level at zero for sums with a sign; use 2 bits or mid_rise"
            )
        if not 50 < self.percentile <= 100:
            raise InputError(f"percentile is {self.percentile!r}; allowed: above 50, up to 100")

    @property
    def has_errors(self) -> bool:
        return any((self.gain_sigma, self.offset_sigma_lsb, self.inl_lsb, self.thermal_sigma_lsb))

    def rises(self, signed: bool) -> bool:
        """Whether zero lies between two levels: code c then stands for the level c + 1/2."""
        return signed and self.levels == "mid_rise"

    def codes(self, signed: bool) -> tuple[int, int]:
        """The lowest and the highest code."""
        if not signed:
            return 0, 2**self.bits - 1
        half = 2 ** (self.bits - 1)
        return (-half if self.rises(signed) else 1 - half), half - 1

    def steps(self, signed: bool) -> float:
        """Full scale over LSB: the highest level, in steps."""
        return self.codes(signed)[1] + (0.5 if self.rises(signed) else 0.0)


@dataclass(frozen=True, slots=True)
class Cells:
    """How far cells are from what they should hold. Everything is off (zero, None) unless given.

    `programming_sigma`: normal, one draw a cell, a share of the whole conductance range or of the cell's own
    conductance (`programming_of`). `read_sigma`: a share of the cell's conductance, anew in every read.
    Drift: conductance falls as (drift_time_s / drift_start_s)^-nu, nu normal with `drift_exponent` and
    `drift_exponent_sigma`. `on_off_ratio`: highest over lowest conductance; a reference column takes the
    lowest one's nominal current away before conversion. `wire_to_on`: resistance of the wire between two
    neighbouring cells over that of a cell at its highest level (first-order IR drop).
    """

    programming_sigma: float = 0.0
    programming_of: Literal["range", "level"] = "range"
    read_sigma: float = 0.0
    drift_exponent: float = 0.0
    drift_exponent_sigma: float = 0.0
    drift_start_s: float = 20.0
    drift_time_s: float = 20.0
    on_off_ratio: float | None = None
    wire_to_on: float = 0.0

    def __post_init__(self) -> None:
        _check_errors(self)
        if self.on_off_ratio is not None and not self.on_off_ratio > 1:
            raise InputError(f"on_off_ratio is {self.on_off_ratio!r}; it must be above 1")
        if not 0 < self.drift_start_s <= self.drift_time_s:
            raise InputError("drift_start_s must be above 0 and not after drift_time_s")

    @property
    def drifts(self) -> bool:
        return self.drift_time_s > self.drift_start_s and bool(
            self.drift_exponent or self.drift_exponent_sigma
        )

    @property
    def has_errors(self) -> bool:
        return bool(self.programming_sigma or self.read_sigma or self.wire_to_on) or self.drifts


@dataclass(frozen=True, slots=True)
class Crossbar:
    """An array and its converters.

    `summed_slices` columns of one weight, each by its weight, are added in analog for one conversion.
    `active_rows` are added up at once (default: all). `row_order`: which products of an output lie next to
    each other on the rows, all taps of a channel (`kernel`) or all channels of a tap (`channel`).
    `flip_columns`: a column whose digits add up to more than half of the most holds their complements, which
    halves the largest sum (ISAAC, Shafiee et al. 2016, section V).
    """

    rows: int = 128
    columns: int = 128
    cell_bits: int = 1
    encoding: Encoding = "differential"
    summed_slices: int = 1
    subtract: Subtraction = "digital"
    row_order: RowOrder = "kernel"
    active_rows: int | None = None
    flip_columns: bool = False
    dac_bits: int = 1
    converter: Converter = field(default_factory=Converter)
    cells: Cells = field(default_factory=Cells)

    def __post_init__(self) -> None:
        _check_width("cell bits", self.cell_bits)
        _check_width("dac bits", self.dac_bits)
        _check_positive("rows", self.rows)
        _check_positive("columns", self.columns)
        _check_positive("summed slices", self.summed_slices)
        if self.active_rows is not None:
            _check_positive("active rows", self.active_rows)
        if self.flip_columns and (self.summed_slices > 1 or self.subtract == "analog"):
            raise InputError("flip_columns is for columns that are converted one by one")

    @property
    def rows_at_once(self) -> int:
        return min(self.rows, self.active_rows or self.rows)


def native(rows: int, dac_bits: int, converter: Converter, cells: Cells | None = None) -> Crossbar:
    """PIM-QAT's native scheme: signed weights, all bits of a product in one conversion."""
    return Crossbar(
        rows, encoding="differential", summed_slices=_WIDEST, subtract="analog", dac_bits=dac_bits,
        converter=converter, cells=cells or Cells(),
    )  # fmt: skip


def differential(rows: int, dac_bits: int, converter: Converter, cells: Cells | None = None) -> Crossbar:
    """PIM-QAT's differential scheme: a conversion for the positive weights, one for the negative ones."""
    return Crossbar(
        rows, encoding="differential", summed_slices=_WIDEST, dac_bits=dac_bits,
        converter=converter, cells=cells or Cells(),
    )  # fmt: skip


def bit_serial(rows: int, dac_bits: int, converter: Converter, cells: Cells | None = None) -> Crossbar:
    """PIM-QAT's bit-serial scheme: a conversion for every bit of the two's complement."""
    return Crossbar(
        rows, encoding="twos_complement", dac_bits=dac_bits, converter=converter, cells=cells or Cells()
    )


def _check_errors(parameters: Converter | Cells) -> None:
    for entry in fields(parameters):
        value = getattr(parameters, entry.name)
        if isinstance(value, int | float) and not 0 <= value < float("inf"):
            raise InputError(f"{entry.name} is {value!r}; allowed: finite, not negative")


def _check_width(what: str, bits: int) -> None:
    if not 1 <= bits <= _WIDEST:
        raise InputError(f"{what}: {bits!r}; allowed: whole numbers from 1 to {_WIDEST}")


def _check_positive(what: str, count: int) -> None:
    if count < 1:
        raise InputError(f"{what}: {count!r}; at least 1 is needed")
