"""What every ADC of a chip gets wrong, as arrays over a layer's conversions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.crossbar import Crossbar
from archsim.numerics.weight_slices import WeightSlices

_LEAST_GAIN = 0.01  # a converter without any gain would divide by zero


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Of the ADCs of one array, each (outputs × conversions): gain around 1, offset and bow in LSB."""

    gain: NDArray[np.float64]
    offset_lsb: NDArray[np.float64]
    bow_lsb: NDArray[np.float64]


def mismatch(outputs: int, slices: WeightSlices, crossbar: Crossbar, rng: np.random.Generator) -> Mismatch:
    """Draws for one array down the rows. Columns lie output by output; `columns` of them share an ADC."""
    first = [slices.members(conversion)[0] for conversion in range(slices.conversions)]
    column = len(slices.columns) * np.arange(outputs)[:, np.newaxis] + np.array(first)
    adc = (column // crossbar.converter.columns).reshape(-1)
    normal = rng.standard_normal((2, int(adc.max()) + 1))[:, adc]
    bow = rng.uniform(-1.0, 1.0, int(adc.max()) + 1)[adc]
    converter = crossbar.converter
    return Mismatch(
        gain=np.maximum(1.0 + converter.gain_sigma * normal[0], _LEAST_GAIN),
        offset_lsb=converter.offset_sigma_lsb * normal[1],
        bow_lsb=converter.inl_lsb * bow,
    )
