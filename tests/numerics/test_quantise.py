"""Quantisers: what must hold of any values, and against Max's tables for Gaussian ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import helper
from onnx.reference import ReferenceEvaluator

from archsim.errors import InputError
from archsim.numerics.channels import Channels, symmetric
from archsim.numerics.quantise import asymmetric, between, highest_symmetric

VALUES = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 30)),
    elements=st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda x: 0.0 if abs(x) < 1e-6 else x),
)
BITS = st.integers(2, 16)
FITS = st.sampled_from(["max", "least_squares"])


@given(VALUES, BITS, st.sampled_from([None, 0, 1]))
def test_within_half_a_step_of_every_value(values: np.ndarray, bits: int, axis: int | None) -> None:
    quantiser = symmetric(values, bits, channel_axis=axis, fit="max")
    assert (np.abs(quantiser(values) - values) <= quantiser.scale / 2 * (1 + 1e-9) + 1e-12).all()
    spread = asymmetric(values, bits, fit="max")
    assert (np.abs(spread(values) - values) <= spread.scale / 2 * (1 + 1e-9) + 1e-12).all()


@given(VALUES, st.integers(1, 16), FITS, st.sampled_from([None, 0, 1]))
def test_quantising_twice_is_quantising_once(values: np.ndarray, bits: int, fit, axis: int | None) -> None:
    for quantiser in (
        symmetric(values, bits, channel_axis=axis, fit=fit),
        asymmetric(values, bits, fit=fit),
    ):
        once = quantiser(values)
        assert np.array_equal(quantiser(once), once)


@given(VALUES, st.integers(1, 16), FITS)
def test_levels_are_few_enough_and_signs_are_kept(values: np.ndarray, bits: int, fit) -> None:
    signed, spread = symmetric(values, bits, fit=fit), asymmetric(values, bits, fit=fit)
    assert signed.highest - signed.lowest + 1 - signed.binary <= 2**bits
    assert spread.highest - spread.lowest + 1 == 2**bits
    assert np.array_equal(symmetric(-values, bits, fit=fit).scale, signed.scale)
    assert (spread(values) * values >= 0).all()
    if bits > 1:
        assert (signed(values) * values >= 0).all()
        assert np.array_equal(signed(-values), -signed(values))


@given(VALUES, st.integers(1, 16), st.sampled_from([None, 0, 1]))
def test_least_squares_is_no_worse_than_the_largest_value(
    values: np.ndarray, bits: int, axis: int | None
) -> None:
    channels = Channels(values, axis)
    fitted = channels.mean_squared_error(bits, "least_squares")
    assert fitted <= channels.mean_squared_error(bits, "max") * (1 + 1e-9) + 1e-12
    errors = [
        ((asymmetric(values, bits, fit=fit)(values) - values) ** 2).sum() for fit in ("least_squares", "max")
    ]
    assert errors[0] <= errors[1] * (1 + 1e-9)


@given(VALUES, st.integers(1, 16), FITS, st.sampled_from([None, 0, 1]))
def test_the_error_of_all_channels_is_that_of_the_values(values, bits, fit, axis) -> None:
    expected = ((symmetric(values, bits, channel_axis=axis, fit=fit)(values) - values) ** 2).mean()
    found = Channels(values, axis).mean_squared_error(bits, fit)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9 * (values**2).mean() * 4.0**-bits + 1e-15)


@given(VALUES, st.integers(2, 15))
def test_the_bound_halves_with_every_bit(values: np.ndarray, bits: int) -> None:
    """The step shrinks as the levels grow: at least by half for every bit."""
    steps = [float(symmetric(values, b, fit="max").scale) for b in (bits, bits + 1)]
    assert steps[1] <= steps[0] / 2
    assert steps[0] * highest_symmetric(bits) == pytest.approx(np.abs(values).max())


@pytest.mark.parametrize("fit", ["max", "least_squares"])
@pytest.mark.parametrize("axis", [None, 0])
def test_more_bits_less_error(fit, axis: int | None) -> None:
    values = np.random.default_rng(0).standard_t(4, (20, 3000)).astype(np.float32)
    channels = Channels(values, axis)
    errors = [channels.mean_squared_error(bits, fit) for bits in range(2, 17)]
    assert all(after < before for before, after in pairwise(errors))


def test_binned_scales_are_as_good_as_exact_ones() -> None:
    """Large tensors are fitted on histograms: at most half a percent more error than on all values."""
    rng = np.random.default_rng(1)
    for values in (
        rng.standard_normal((16, 2000)),
        rng.laplace(size=(16, 2000)),
        rng.uniform(-1, 1, (16, 2000)),
    ):
        channels = Channels(values, 0)
        for bits in (2, 3, 4, 6, 8):
            exact = channels._exact_costs(bits).min(axis=1).sum() / values.size
            assert channels.mean_squared_error(bits, "least_squares") <= exact * 1.005


def test_the_sign_alone_is_scaled_by_the_mean_magnitude() -> None:
    values = np.array([[3.0, -1.0, 0.5, -0.5]])
    quantiser = symmetric(values, 1)
    assert quantiser(values).tolist() == [[1.25, -1.25, 1.25, -1.25]]
    shifts = np.linspace(0.5, 2, 301)
    errors = [((np.abs(values) - shift) ** 2).sum() for shift in shifts]
    assert shifts[int(np.argmin(errors))] == pytest.approx(1.25)


def test_zero_is_a_level_and_the_range_is_jacobs() -> None:
    """Range [-1, 2] on 2 bits: step 1, zero point 1."""
    quantiser = between(-1.0, 2.0, 2)
    assert (float(quantiser.scale), quantiser.lowest, quantiser.highest) == (1.0, -1, 2)
    assert between(0.5, 3.0, 8).lowest == 0  # widened to hold zero: the unsigned quantiser
    assert between(-3.0, -0.5, 8).highest == 0
    assert np.array_equal(between(0.0, 0.0, 4)(np.zeros(3)), np.zeros(3))


def test_codes_are_those_of_onnx_quantize_linear() -> None:
    values = np.random.default_rng(2).standard_normal(1000).astype(np.float32)
    quantiser = asymmetric(values, 8, fit="max")
    zero_point = np.array(-quantiser.lowest, np.uint8)
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"])
    names = [onnx.ValueInfoProto(name=name) for name in "xszq"]
    graph = helper.make_graph([node], "q", names[:3], names[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    feeds = {"x": values, "s": quantiser.scale.astype(np.float32), "z": zero_point}
    (codes,) = ReferenceEvaluator(model).run(None, feeds)
    assert np.array_equal(codes.astype(int), quantiser.codes(values).astype(int) + int(zero_point))


@pytest.mark.parametrize("bits", [0, 17, -1, 2.0, True])
def test_a_width_that_is_none(bits) -> None:
    with pytest.raises(InputError, match="whole numbers from 1 to 16"):
        symmetric(np.ones(3), bits)


def test_a_channel_of_zeros_stays_zero() -> None:
    values = np.array([[0.0, 0.0], [1.0, -2.0]])
    for bits in (1, 2, 8):
        for fit in ("max", "least_squares"):
            assert symmetric(values, bits, channel_axis=0, fit=fit)(values)[0].tolist() == [0.0, 0.0]
