"""Uniform quantisation: a value becomes the nearest of equally spaced levels.

    q = clip(round(x / scale), lowest, highest),    Q(x) = scale · q

Weights are quantised symmetrically around zero with 2^bits - 1 levels, so that zero is one of them and the
two's complement's odd smallest code stays unused (Krishnamoorthi 2018, arXiv:1806.08342, section 2.2 and its
"restricted range"; NVIDIA TensorRT does the same). One bit is the sign: two levels, ±scale (Rastegari et al.
2016, XNOR-Net, arXiv:1603.05279). Activations are quantised with 2^bits levels between their smallest and
largest value, moved so that zero is a level (Jacob et al. 2018, arXiv:1712.05877, section 2.1); without
negative values that is the unsigned quantiser. Rounding is to the nearest, ties to even, as in ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archsim.errors import InputError

Floats = NDArray[np.floating]
Fit = Literal["max", "least_squares"]
BITS = range(1, 17)
"""Widths that are quantised: beyond 16 bits a float32 value's own rounding is of the same size."""


@dataclass(frozen=True, slots=True)
class Quantiser:
    """Equally spaced levels `scale`·q for q = `lowest` … `highest`; `binary` has the levels ±scale alone.

    `scale` is a number, or an array that broadcasts against the values (one scale an output channel).
    The zero point of Jacob et al. is `-lowest` for an unsigned code.
    """

    scale: Floats
    lowest: int
    highest: int
    binary: bool = False

    def codes(self, values: Floats) -> Floats:
        """The whole numbers q, as floats of the values' type. Where the scale is zero, q is zero."""
        scale = self.scale.astype(values.dtype, copy=False)
        if self.binary:
            return np.where(values < 0, values.dtype.type(-1), values.dtype.type(1)) * (scale > 0)
        steps = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
        return np.clip(np.rint(steps), self.lowest, self.highest)

    def __call__(self, values: Floats) -> Floats:
        """Values rounded to their level; same shape and type."""
        return self.codes(values) * self.scale.astype(values.dtype, copy=False)


def check_bits(bits: int, what: str = "bits") -> None:
    """Raise InputError unless `bits` is a width that can be quantised."""
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or bits not in BITS:
        raise InputError(f"{what}: {bits!r} is no width; allowed: whole numbers from {BITS[0]} to {BITS[-1]}")


def highest_symmetric(bits: int) -> int:
    """The largest code of a symmetric quantiser: 2^(bits-1) - 1, and 1 for the sign alone."""
    return max(1, 2 ** (bits - 1) - 1)


def asymmetric(
    values: Floats,
    bits: int,
    *,
    fit: Fit = "least_squares",
    span: tuple[float, float] | None = None,
) -> Quantiser:
    """Quantiser for activations, one scale for the tensor: see `between` for the levels.

    `fit="max"` covers `span`, the smallest and largest value (of `values`, unless these are a sample and
    `span` is given); `fit="least_squares"` clips it at the magnitude of least squared error on `values`.
    Raises InputError for a width outside 1…16, and for no values.
    """
    if not values.size:
        raise InputError("an activation without any value cannot be quantised")
    low, high = span or (float(values.min()), float(values.max()))
    whole = between(low, high, bits)
    if fit == "max":
        return whole
    largest = max(-low, high)
    limits = [largest * share for share in SHARES[1:]]
    candidates = [whole, *(between(max(low, -limit), min(high, limit), bits) for limit in limits)]
    errors = [_squared_error(quantiser, values) for quantiser in candidates]
    return candidates[int(np.argmin(errors))]


def between(low: float, high: float, bits: int) -> Quantiser:
    """2^bits levels over [low, high], which is widened to hold zero; zero is one of the levels.

    scale = (high - low) / (2^bits - 1), zero point = round(-low / scale) (Jacob et al. 2018).
    """
    check_bits(bits)
    low, high = min(low, 0.0), max(high, 0.0)
    steps = 2**bits - 1
    scale = (high - low) / steps
    zero_point = round(-low / scale) if scale > 0 else 0
    return Quantiser(np.asarray(scale), -zero_point, steps - zero_point)


SHARES: Sequence[float] = tuple(np.geomspace(1.0, 1 / 32, 81).tolist())
"""Spans that a least-squares fit tries, as shares of the largest magnitude: 4.4 % apart.

The squared error is flat around its least, so half a step beside the optimum costs under 0.2 % of it.
"""


def _squared_error(quantiser: Quantiser, values: Floats) -> float:
    error = quantiser(values) - values
    return float(np.vdot(error, error))
