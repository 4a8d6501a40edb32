"""ADC steps from full scales.

A converter's LSB is its full scale over its highest level. The columns of a weight may have different
ranges; their steps are then powers of two apart, so that shifts and additions put codes together (CrossSim
3.2 constrains the ranges of bit slices likewise). A step is only ever rounded up: no range becomes smaller.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.array_product import Steps
from archsim.numerics.crossbar import Converter
from archsim.numerics.quantise import SHARES, Floats

_EVERY = 4  # of the shares that quantisers try: 19 % apart


def steps_for(full_scales: NDArray[np.number], converter: Converter, signed: bool) -> Steps:
    """The steps of conversions with these full scales; one without sums takes the smallest step."""
    used = full_scales > 0
    if not used.any():
        return Steps(1.0, (0,) * len(full_scales))
    exact = np.maximum(full_scales / converter.steps(signed), converter.least_lsb)
    lsb = float(exact[used].min())
    ratios = np.where(used, exact / lsb, 1.0)
    return Steps(lsb, tuple(np.ceil(np.log2(ratios) - 1e-9).astype(int).tolist()))


def full_scale_of(sums: Floats, largest: float, converter: Converter, signed: bool) -> float:
    """The range for sums seen in calibration; `largest` is their largest magnitude, `sums` some of them."""
    if converter.full_scale == "percentile":
        return (
            float(np.percentile(np.abs(sums), converter.percentile))
            if converter.percentile < 100
            else largest
        )
    candidates = [largest * share for share in SHARES[::_EVERY]]
    errors = [_squared_error(sums, full_scale, converter, signed) for full_scale in candidates]
    return candidates[int(np.argmin(errors))]


def _squared_error(sums: Floats, full_scale: float, converter: Converter, signed: bool) -> float:
    lsb = max(full_scale / converter.steps(signed), converter.least_lsb) or 1.0
    error = levels(sums / lsb, converter, signed) * lsb - sums
    return float(np.vdot(error, error))


def levels(steps: Floats, converter: Converter, signed: bool) -> Floats:
    """Sums in steps to the level that an ADC without errors reads."""
    low, high = converter.codes(signed)
    if converter.rises(signed):
        return np.clip(np.floor(steps), low, high) + 0.5
    return np.clip(np.rint(steps), low, high)
