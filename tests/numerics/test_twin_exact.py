"""The twin against the quantised model and against a NumPy reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archsim.numerics.array_product import Steps, array_product
from archsim.numerics.calibration import calibration_for
from archsim.numerics.crossbar import Converter, Crossbar, bit_serial, differential, native
from archsim.numerics.network import read_network
from archsim.numerics.quantised_network import quantise_network, with_codes
from archsim.numerics.sessions import Session
from archsim.numerics.twin import Chip, build_twin, worst_case_steps
from archsim.numerics.twin_taps import Tap, statistic_name
from archsim.workloads.precision import Precision
from tests.numerics.mvm_reference import mvm
from tests.numerics.small_networks import convnet, images, model_of, node, save
from tests.numerics.twin_cases import inputs_of, matmul, on, quantised, run, twin_output, whole_weights

WORST = Converter(16, full_scale="worst_case")
CROSSBARS = {
    "native": native(16, 1, WORST),
    "native, whole inputs": native(16, 4, WORST),
    "differential": differential(16, 1, WORST),
    "bit-serial": bit_serial(16, 1, WORST),
    "bit-serial, 2-bit inputs": bit_serial(16, 2, WORST),
    "offset, 2-bit cells": Crossbar(16, cell_bits=2, encoding="offset", converter=WORST),
    "sliced pairs": Crossbar(16, cell_bits=2, subtract="analog", converter=WORST),
    "two slices summed": Crossbar(16, cell_bits=1, summed_slices=2, converter=WORST),
    "half the rows at once": Crossbar(16, active_rows=7, converter=WORST),
    "channels first": Crossbar(16, row_order="channel", converter=WORST),
    "flipped, offset": Crossbar(16, cell_bits=2, encoding="offset", flip_columns=True, converter=WORST),
    "flipped bits": Crossbar(16, encoding="twos_complement", flip_columns=True, converter=WORST),
    "flipped pairs": Crossbar(16, cell_bits=3, flip_columns=True, active_rows=7, converter=WORST),
}


def with_adc(crossbar: Crossbar, **changes: object) -> Crossbar:
    return replace(crossbar, converter=replace(crossbar.converter, **changes))


@pytest.mark.parametrize("crossbar", CROSSBARS.values(), ids=CROSSBARS)
@pytest.mark.parametrize(("bits", "input_bits"), [(4, 4), (8, 8), (2, 3), (1, 1), (5, 2)])
def test_a_fine_adc_changes_nothing(crossbar: Crossbar, bits: int, input_bits: int, tmp_path: Path) -> None:
    """LSB ≤ 1: the steps are widened to 1, and every sum is a level."""
    rng = np.random.default_rng(bits)
    x = inputs_of(rng, input_bits, 9, 40)
    network = matmul(tmp_path, whole_weights(rng, max(2, bits), 5, 40), x, bits, input_bits)
    exact = run(build_twin(network), x)
    assert np.array_equal(twin_output(network, on(crossbar, network), x), exact)
    codes = network.products[0].codes.astype(int)
    assert np.array_equal(exact, (x @ codes.T * network.products[0].scales).astype(np.float32))


@pytest.mark.parametrize("crossbar", CROSSBARS.values(), ids=CROSSBARS)
def test_whole_networks_are_exact_too(crossbar: Crossbar, tmp_path: Path) -> None:
    """Padding of inputs with a sign, depthwise convolutions, batch norms, residuals, a gemm."""
    network = read_network(save(convnet(), tmp_path))
    x = images(count=4)
    whole = quantise_network(network, calibration_for(network.model, {"x": x}), Precision(6, 5, 5))
    exact = run(build_twin(whole), x, "logits")
    assert np.array_equal(twin_output(whole, on(crossbar, whole), x, output="logits"), exact)


@pytest.mark.parametrize("adc_bits", [3, 5, 7])
@pytest.mark.parametrize("crossbar", CROSSBARS.values(), ids=CROSSBARS)
def test_a_product_agrees_with_numpy_bit_by_bit(crossbar: Crossbar, adc_bits: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(adc_bits)
    x = inputs_of(rng, 4, 12, 40)
    weights = whole_weights(rng, 4, 6, 40)
    network = matmul(tmp_path, weights, x, 4, 4)
    for levels in ("mid_tread", "mid_rise"):
        coarse = with_adc(crossbar, bits=adc_bits, levels=levels)
        steps = worst_case_steps(array_product(network.products[0], coarse, Chip().layer(0)))
        expected = mvm(weights.astype(int), x, 4, 4, coarse, steps)
        assert np.array_equal(twin_output(network, on(coarse, network), x), expected)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_columns_need_a_bit_less(seed: int, tmp_path: Path) -> None:
    """ISAAC's section V: 128 rows of 2-bit cells take 9 bits, and 8 with columns flipped; here most weights
    are at the upper end."""
    rng = np.random.default_rng(seed)
    x = inputs_of(rng, 4, 20, 128)
    x[:2] = 15  # every row at its most
    weights = np.minimum(whole_weights(rng, 8, 5, 128) + 60, 127)
    network = matmul(tmp_path, weights, x, 8, 4)
    plain = Crossbar(128, cell_bits=2, encoding="offset", converter=Converter(8, full_scale="worst_case"))
    flipped = replace(plain, flip_columns=True)
    exact = run(build_twin(network), x)
    assert np.array_equal(twin_output(network, on(flipped, network), x), exact)
    assert not np.array_equal(twin_output(network, on(plain, network), x), exact)
    assert array_product(network.products[0], flipped, Chip().layer(0)).largest_sums().max() == 192


def test_products_of_three_axes(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    model = model_of(
        [node("MatMul", ["x", "w"], ["y"], name="fc")], {"x": ["batch", 3, 20]}, {"y": ["batch", 3, 4]},
        {"w": rng.standard_normal((20, 4)).astype(np.float32)},
    )  # fmt: skip
    x = rng.standard_normal((5, 3, 20)).astype(np.float32)
    network = quantised(save(model, tmp_path), x, 8, 8)
    exact = run(build_twin(network), x)
    assert np.array_equal(twin_output(network, on(CROSSBARS["bit-serial"], network), x), exact)
    assert np.abs(exact - x @ model_weights(model)).max() < 0.15


def model_weights(model) -> np.ndarray:
    return np.frombuffer(model.graph.initializer[0].raw_data, np.float32).reshape(20, 4)


def test_stored_whole_numbers_are_initializers_that_can_be_changed(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = inputs_of(rng, 4, 3, 10)
    network = matmul(tmp_path, whole_weights(rng, 4, 2, 10), x, 4, 4)
    stored = {t.name: t for t in build_twin(network).graph.initializer}
    codes = np.frombuffer(stored["archsim/fc/weight_codes"].raw_data, np.int8).reshape(2, 10)
    assert np.array_equal(codes, network.products[0].codes)
    flipped = codes ^ np.int8(4)
    changed = with_codes(network, {"fc": flipped})
    assert np.array_equal(run(build_twin(changed), x), x @ flipped.astype(np.float32).T)
    assert np.array_equal(
        twin_output(changed, on(CROSSBARS["bit-serial"], changed), x), x @ flipped.astype(np.float32).T
    )


@pytest.mark.parametrize("levels", ["mid_tread", "mid_rise"])
def test_the_share_of_clipped_conversions(levels: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    x = inputs_of(rng, 4, 50, 16)
    network = matmul(tmp_path, whole_weights(rng, 4, 8, 16), x, 4, 4)
    crossbar = native(16, 4, Converter(6, levels=levels))  # pyright: ignore[reportArgumentType]
    steps = {"fc": Steps(4.0, (0,))}
    names = [statistic_name("fc", each) for each in ("clipped", "power", "error")]
    model = build_twin(network, on(crossbar, network, steps=steps), tap=Tap(statistics=True))
    clipped, power, error = (float(v) for v in Session(model).run(names, {"x": x.astype(np.float32)}))
    sums = x @ network.products[0].codes.T.astype(int)
    tread = (sums <= -31.5 * 4) | (sums >= 31.5 * 4)  # ties round to even, beyond the last code
    beyond = tread if levels == "mid_tread" else (sums < -32 * 4) | (sums >= 32 * 4)
    assert clipped == pytest.approx(beyond.mean(), abs=1e-6)
    assert power == pytest.approx((sums.astype(float) ** 2).mean(), rel=1e-5)
    read = mvm(network.products[0].codes.astype(int), x, 4, 4, crossbar, steps["fc"])
    assert error == pytest.approx(((read - sums) ** 2).mean(), rel=1e-5)
