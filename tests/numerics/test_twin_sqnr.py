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

EXACT = np.inf
SERIAL, WHOLE = (5, 6, 7, 8, 10), (8, 10)  # ADC bits
# scheme, rows, bits of an input at once: SQNR in dB; no error where LSBs add up to 1
COMPUTED = {
    (native, 9, 1): dict(zip(SERIAL, (6.9, 13.5, EXACT, 32.3, 37.0), strict=True)),
    (bit_serial, 9, 1): dict(zip(SERIAL, (15.9, EXACT, 32.6, 33.5, 45.1), strict=True)),
    (native, 144, 1): dict(zip(SERIAL, (-0.4, 1.5, 6.5, 12.4, 23.5), strict=True)),
    (differential, 144, 1): dict(zip(SERIAL, (-2.9, 2.9, 9.9, 14.6, 31.4), strict=True)),
    (bit_serial, 144, 1): dict(zip(SERIAL, (-1.5, 5.2, 11.9, 16.6, 29.7), strict=True)),
    (native, 144, 4): dict(zip(WHOLE, (8.3, 19.8), strict=True)),
    (differential, 144, 4): dict(zip(WHOLE, (10.7, 24.3), strict=True)),
    (bit_serial, 144, 4): dict(zip(WHOLE, (11.9, 24.5), strict=True)),
}


@pytest.mark.parametrize(("scheme", "rows", "input_bits"), COMPUTED)
def test_the_error_falls_as_computed_apart(scheme, rows: int, input_bits: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = np.clip(np.rint(rng.standard_normal((64, rows)) * 7 / 3), -7, 7).astype(np.float32)
    weights[:, 0] = 7
    x = np.clip(np.rint(np.maximum(rng.standard_normal((256, rows)), 0) * 15 / 3), 0, 15)
    x[0, 0] = 15
    network = matmul(tmp_path, weights, x, 4, 4)
    exact = x @ weights.T
    tolerance = 3.5 if rows == 144 else 10.0  # single LSBs of a range of 9 depend on the data's distribution
    for bits, expected in COMPUTED[scheme, rows, input_bits].items():
        converter = Converter(bits, full_scale="worst_case", least_lsb=0.0)
        error = twin_output(network, on(scheme(rows, input_bits, converter), network), x) - exact
        power = float((error**2).mean())
        if expected == EXACT:
            assert power < 1e-9 * exact.var()
        else:
            assert 10 * np.log10(exact.var() / power) == pytest.approx(expected, abs=tolerance), bits


# CrossSim 3.2, measured: relative error of a 1024×1024 product against that in floating point; signed 8-bit
# weights (normal, one scale) in 4 slices, signed 8-bit inputs bit by bit, 128 rows; 8-bit ADCs whose range is
# 128 cells (`granular`) or the largest possible sum (`max`), levels with zero (sign-magnitude) or without.
# Inputs are not stated: uniform from 0 come within a tenth of all five figures, normal ones do not.
CROSSSIM = {"ideal": 0.0120, "granular": (0.0144, 0.322), "max": (0.185, 0.912)}


def test_a_level_at_zero_matters_22_fold(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((128, 1024)), rng.random((32, 1024))
    step, input_step = np.abs(rng.standard_normal((1024, 1024))).max() / 127, 1 / 127
    w[:, 0], x[:, 0] = 127 * step, 0.0  # an output's largest code is 127: one scale for all
    weights, inputs = np.clip(np.rint(w / step), -127, 127), np.rint(x / input_step)
    inputs[0, 1], x[0, 1] = 127, 1.0
    network = matmul(tmp_path, weights.astype(np.float32), inputs, 8, 7)
    exact = x @ w.T

    def relative(made: np.ndarray) -> float:
        return float(np.sqrt(((step * input_step * made - exact) ** 2).mean() / (exact**2).mean()))

    assert relative(inputs @ weights.T) == pytest.approx(CROSSSIM["ideal"], rel=0.1)
    found = {}
    for name, full_scale in (("granular", 128), ("max", 128 * 3)):
        for levels, highest, expected in zip(
            ("mid_tread", "mid_rise"), (127, 127.5), CROSSSIM[name], strict=True
        ):
            converter = Converter(8, levels=levels)  # pyright: ignore[reportArgumentType]
            crossbar = Crossbar(128, cell_bits=2, subtract="analog", converter=converter)
            steps = {"fc": Steps(full_scale / highest, (0, 0, 0, 0))}
            found[name, levels] = relative(twin_output(network, on(crossbar, network, steps=steps), inputs))
            assert found[name, levels] == pytest.approx(expected, rel=0.1), (name, levels)
    assert found["granular", "mid_rise"] / found["granular", "mid_tread"] == pytest.approx(22, abs=3)
