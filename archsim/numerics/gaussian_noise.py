"""Expected quantisation error of Gaussian values: what is assumed where no values are known.

The noise-to-signal ratio E[(x - Q(x))²] / E[x²] of a unit normal at the scale that makes it least. Max 1960
(Quantizing for minimum distortion, IRE Trans. Information Theory 6(1), table II) tabulates the same optimum
for up to 36 levels; here it is integrated for any of them.
"""

from __future__ import annotations

from functools import cache
from math import ceil, erfc, exp, pi, sqrt

import numpy as np

from archsim.numerics.quantise import check_bits, highest_symmetric

_FAR = 9.0  # standard deviations; the density beyond is below 1e-18
_WIDEST = 0.25  # standard deviations that one Gauss-Legendre rule spans
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_GOLDEN = (sqrt(5) - 1) / 2


@cache
def weight_noise(bits: int) -> float:
    """Noise-to-signal ratio of normal weights, symmetric quantiser, least-squares scale."""
    check_bits(bits)
    if bits == 1:  # E|x| = sqrt(2/pi) is the best magnitude for the sign
        return 1 - 2 / pi
    highest = highest_symmetric(bits)
    return 2 * _least(highest)


@cache
def activation_noise(bits: int, *, rectified: bool) -> float:
    """Noise-to-signal ratio of normal activations on 2^bits levels, least-squares scale.

    `rectified`: max(0, x), as a ReLU leaves it, on levels 0 … 2^bits - 1. Its zeros add neither noise nor
    power, so its ratio is that of the half-normal. Otherwise both signs, levels -2^(bits-1) … 2^(bits-1) - 1.
    """
    check_bits(bits)
    if rectified:
        return 2 * _least(2**bits - 1)
    return _least(2 ** (bits - 1) - 1, 2 ** (bits - 1))


def half_error(scale: float, highest: int) -> float:
    """∫ over x ≥ 0 of (x - Q(x))² φ(x), φ the unit normal density, levels scale·(0 … highest)."""
    top = scale * highest
    inner = max(0.0, top - scale / 2)  # the last level's cell reaches from here to infinity
    cells = min(highest, ceil(_FAR / scale))
    edges = np.minimum((np.arange(cells + 1) - 0.5).clip(0.0) * scale, inner)
    error = _integral(edges, scale * np.arange(cells)) if cells else 0.0
    return error + _tail(inner, top)


def _integral(edges: np.ndarray, levels: np.ndarray) -> float:
    """Sum over cells of ∫ (x - level)² φ(x), each cell cut into pieces of at most `_WIDEST`."""
    pieces = max(1, ceil(float(np.diff(edges).max()) / _WIDEST))
    cuts = np.arange(pieces + 1) / pieces
    bounds = edges[:-1, np.newaxis] + np.diff(edges)[:, np.newaxis] * cuts
    half = np.diff(bounds, axis=1)[..., np.newaxis] / 2
    x = bounds[:, :-1, np.newaxis] + half * (1 + _NODES)
    values = (x - levels[:, np.newaxis, np.newaxis]) ** 2 * np.exp(-(x**2) / 2)
    return float((values * half * _WEIGHTS).sum()) / sqrt(2 * pi)


def _tail(start: float, level: float) -> float:
    """∫ from `start` to infinity of (x - level)² φ(x), in closed form."""
    density = exp(-(start**2) / 2) / sqrt(2 * pi)
    return (1 + level**2) * erfc(start / sqrt(2)) / 2 + (start - 2 * level) * density


def _least(*highest: int) -> float:
    """The least sum of half errors, one a sign, over their common scale (golden-section search)."""

    def error(log_scale: float) -> float:
        return sum(half_error(exp(log_scale), levels) for levels in highest)

    most = max(1, *highest)
    low, high = np.log(0.5 / most), np.log(10.0 / most) if most > 1 else np.log(3.0)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = error(left), error(right)
    while high - low > 1e-5:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = error(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = error(right)
    return min(at_left, at_right)
