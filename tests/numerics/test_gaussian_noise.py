"""Expected errors of Gaussian values: Max's published optima, Monte Carlo, numerical integration."""

from __future__ import annotations

from itertools import pairwise
from math import pi

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from archsim.numerics.channels import Channels
from archsim.numerics.gaussian_noise import activation_noise, half_error, weight_noise
from archsim.numerics.quantise import asymmetric


@pytest.mark.parametrize(
    ("bits", "levels", "error"),
    # Max 1960, table II: least mean squared error of N equally spaced levels for a unit normal
    [(1, 2, 0.3634), (2, 3, 0.1902), (3, 7, 0.04686), (4, 15, 0.01289)],
)
def test_max_1960(bits: int, levels: int, error: float) -> None:
    assert levels == (2**bits - 1 if bits > 1 else 2)
    assert weight_noise(bits) == pytest.approx(error, rel=6e-4)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_monte_carlo(bits: int) -> None:
    count = 2_000_000 if bits == 8 else 300_000  # at 8 bits the best scale reaches 4.4 standard deviations
    values = np.random.default_rng(bits).standard_normal((1, count))
    assert Channels(values, 0).mean_squared_error(bits, "least_squares") == pytest.approx(
        weight_noise(bits) * (values**2).mean(), rel=0.02
    )
    sample = values[0, :300_000]
    for rectified, taken in ((True, np.maximum(sample, 0)), (False, sample)):
        noise = ((asymmetric(taken, bits)(taken) - taken) ** 2).mean() / (taken**2).mean()
        # a fitted scale follows the sample's own range: never worse, better where it hardly clips
        assert noise <= activation_noise(bits, rectified=rectified) * 1.03
        if rectified and bits <= 4:
            assert noise == pytest.approx(activation_noise(bits, rectified=True), rel=0.03)


@pytest.mark.parametrize(("scale", "highest"), [(0.3, 15), (1.2, 1), (0.01, 40), (2.0, 3), (0.7, 0)])
def test_the_integral_of_a_half(scale: float, highest: int) -> None:
    def error(x: float) -> float:
        return (x - scale * min(round(x / scale), highest)) ** 2 * norm.pdf(x)

    edges = [scale * (n + 0.5) for n in range(highest)]
    pieces = zip([0.0, *edges], [*edges, 12.0], strict=True)
    expected = sum(quad(error, low, high, epsabs=1e-14)[0] for low, high in pieces)
    assert half_error(scale, highest) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_the_scale_is_the_best_one(bits: int) -> None:
    highest = 2 ** (bits - 1) - 1
    best = minimize_scalar(
        lambda s: half_error(s, highest), bounds=(1 / highest, 8 / highest), method="bounded"
    )
    assert weight_noise(bits) == pytest.approx(2 * best.fun, rel=1e-6)


def test_a_bit_is_worth_up_to_6_db() -> None:
    noises = [weight_noise(bits) for bits in range(2, 17)]
    gains = [10 * np.log10(a / b) for a, b in pairwise(noises)]
    assert all(4.5 < gain < 6.1 for gain in gains)
    assert weight_noise(1) == 1 - 2 / pi
    # a rectified value needs no sign: a bit more of magnitude
    assert activation_noise(4, rectified=True) == pytest.approx(half_error_at_best(15), rel=1e-5)


def half_error_at_best(highest: int) -> float:
    scales = np.linspace(1, 6, 5001) / highest
    return 2 * min(half_error(scale, highest) for scale in scales)
