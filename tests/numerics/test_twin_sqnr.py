"""How the error of full-range ADCs falls with their resolution.

The expected figures are an independent computation of PIM-QAT's formulas (Jin et al. 2022,
arXiv:2209.08617) on random 4-bit weights and inputs, whose distribution is not stated; normal weights and
rectified normal inputs, each scaled to three deviations, come close.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archsim.numerics.array_product import Steps
from archsim.numerics.crossbar import Converter, Crossbar, bit_serial, differential, native
from tests.numerics.twin_cases import matmul, on, twin_output

ADC_BITS = (5, 6, 7, 8, 10)
EXACT = np.inf
# scheme and rows: SQNR in dB at ADC_BITS; no error where the LSB goes into 1 a whole number of times
PUBLISHED = {
    (native, 9): (6.9, 13.5, EXACT, 32.3, 37.0),
    (bit_serial, 9): (15.9, EXACT, 32.6, 33.5, 45.1),
    (native, 144): (-0.4, 1.5, 6.5, 12.4, 23.5),
    (differential, 144): (-2.9, 2.9, 9.9, 14.6, 31.4),
    (bit_serial, 144): (-1.5, 5.2, 11.9, 16.6, 29.7),
}


@pytest.mark.parametrize(("scheme", "rows"), PUBLISHED)
def test_the_error_falls_as_published(scheme, rows: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = np.clip(np.rint(rng.standard_normal((64, rows)) * 7 / 3), -7, 7).astype(np.float32)
    weights[:, 0] = 7
    x = np.clip(np.rint(np.maximum(rng.standard_normal((256, rows)), 0) * 15 / 3), 0, 15)
    x[0, 0] = 15
    network = matmul(tmp_path, weights, x, 4, 4)
    exact = x @ weights.T
    tolerance = 3.5 if rows == 144 else 10.0  # single LSBs of a range of 9 depend on the data's distribution
    for bits, expected in zip(ADC_BITS, PUBLISHED[scheme, rows], strict=True):
        converter = Converter(bits, full_scale="worst_case", least_lsb=0.0)
        error = twin_output(network, on(scheme(rows, 1, converter), network), x) - exact
        power = float((error**2).mean())
        if expected == EXACT:
            assert power < 1e-9 * exact.var()
        else:
            assert 10 * np.log10(exact.var() / power) == pytest.approx(expected, abs=tolerance), bits


def test_a_level_at_zero_matters(tmp_path: Path) -> None:
    """Steps of one cell current: exact with a level at zero, half a step off without (CrossSim: 22-fold)."""
    rng = np.random.default_rng(1)
    weights = np.clip(np.rint(rng.standard_normal((64, 128)) * 40), -127, 127).astype(np.float32)
    weights[:, 0] = 127
    x = rng.integers(0, 256, (64, 128))
    x[0, 0] = 255
    network = matmul(tmp_path, weights, x, 8, 8)
    exact = x @ weights.T
    steps = {"fc": Steps(1.0, (0, 0, 0, 0))}
    relative = {}
    for levels in ("mid_tread", "mid_rise"):
        converter = Converter(8, levels=levels)  # pyright: ignore[reportArgumentType]
        crossbar = Crossbar(128, cell_bits=2, subtract="analog", converter=converter)
        error = twin_output(network, on(crossbar, network, steps=steps), x) - exact
        relative[levels] = float(np.sqrt((error**2).mean() / (exact**2).mean()))
    assert relative["mid_tread"] < 1e-3
    assert relative["mid_rise"] > 0.1
