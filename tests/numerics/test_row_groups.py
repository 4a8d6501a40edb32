"""How weights lie in cells and rows in groups, for any crossbar; and steps for any ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.numerics.crossbar import Cells, Converter, Crossbar
from archsim.numerics.full_scale import full_scale_of, levels, steps_for
from archsim.numerics.row_groups import row_groups
from archsim.numerics.weight_slices import weight_slices

CROSSBARS = st.builds(
    Crossbar,
    rows=st.integers(1, 40),
    cell_bits=st.integers(1, 5),
    encoding=st.sampled_from(["offset", "differential", "twos_complement"]),
    summed_slices=st.integers(1, 16),
    subtract=st.sampled_from(["digital", "analog"]),
    row_order=st.sampled_from(["kernel", "channel"]),
    active_rows=st.none() | st.integers(1, 50),
)


@given(CROSSBARS, st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_cells_hold_the_weights(crossbar: Crossbar, bits: int, seed: int) -> None:
    highest = max(1, 2 ** (bits - 1) - 1)
    codes = np.random.default_rng(seed).integers(-highest, highest + 1, (3, 7)).astype(np.int16)
    slices = weight_slices(bits, crossbar)
    digits = slices.digits(codes)
    assert digits.min() >= 0
    assert all(digit.max() <= column.highest for digit, column in zip(digits, slices.columns, strict=True))
    assert max(column.bits for column in slices.columns) <= crossbar.cell_bits
    sums = np.zeros((slices.conversions, 3, 7), np.int64)
    for digit, column in zip(digits, slices.columns, strict=True):
        sums[column.conversion] += column.factor * digit.astype(np.int64)
    assert all(np.abs(sums[j]).max() <= slices.highest(j) for j in range(slices.conversions))
    assert all(slices.signed(j) or sums[j].min() >= 0 for j in range(slices.conversions))
    assert np.array_equal(np.tensordot(slices.significance, sums, 1) - slices.offset, codes)


@given(CROSSBARS, st.integers(1, 9), st.integers(1, 9))
def test_rows_are_covered_once(crossbar: Crossbar, channels: int, taps: int) -> None:
    groups = row_groups((channels, taps), crossbar)
    rows = np.concatenate([group.rows for group in groups])
    assert sorted(rows.tolist()) == list(range(channels * taps))
    assert max(len(group.rows) for group in groups) <= crossbar.rows_at_once
    for group in groups:
        low, high = group.channels
        assert {row // taps for row in group.rows.tolist()} <= set(range(low, high))
    held = np.bincount([group.array for group in groups], [len(group.rows) for group in groups])
    assert held.max() <= crossbar.rows
    assert len(held) == -(-channels * taps // crossbar.rows)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8), st.integers(2, 12), st.booleans())
def test_no_range_becomes_smaller(ranges: list[float], bits: int, signed: bool) -> None:
    converter = Converter(bits)
    steps = steps_for(np.array(ranges), converter, signed)
    reach = steps.of_conversion() * converter.steps(signed)
    assert (reach >= np.array(ranges) * (1 - 1e-9)).all()
    assert steps.lsb >= 1
    wide = np.array(ranges) / converter.steps(signed) > 1
    assert (reach[wide] <= 2 * np.array(ranges)[wide] * (1 + 1e-9)).all()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(3, 8), st.sampled_from(["mid_tread", "mid_rise"]))
def test_a_calibrated_range_is_the_best_of_those_tried(seed: int, bits: int, convention: str) -> None:
    sums = np.random.default_rng(seed).laplace(0, 40, 500)
    largest = float(np.abs(sums).max())
    converter = Converter(bits, least_lsb=0.0, levels=convention)  # pyright: ignore[reportArgumentType]
    chosen = full_scale_of(sums, largest, converter, signed=True)

    def error(full_scale: float) -> float:
        lsb = full_scale / converter.steps(True)
        return float(((levels(sums / lsb, converter, True) * lsb - sums) ** 2).sum())

    assert chosen <= largest
    assert error(chosen) <= min(error(largest), error(largest / 32))


def test_percentiles() -> None:
    sums = np.arange(-100.0, 101)
    assert full_scale_of(sums, 100, Converter(full_scale="percentile", percentile=100), True) == 100
    assert full_scale_of(sums, 100, Converter(full_scale="percentile", percentile=90), True) == 90


@pytest.mark.parametrize(
    "make",
    [
        lambda: Converter(0), lambda: Converter(17), lambda: Converter(1), lambda: Converter(percentile=50),
        lambda: Converter(thermal_sigma_lsb=-1), lambda: Converter(columns=0), lambda: Cells(on_off_ratio=1),
        lambda: Cells(drift_time_s=1.0), lambda: Cells(read_sigma=float("nan")), lambda: Crossbar(rows=0),
        lambda: Crossbar(dac_bits=0), lambda: Crossbar(active_rows=0), lambda: Crossbar(summed_slices=0),
    ],
)  # fmt: skip
def test_what_no_crossbar_has(make) -> None:
    with pytest.raises(InputError):
        make()
