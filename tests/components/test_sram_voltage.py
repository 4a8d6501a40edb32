"""SRAM below its nominal supply, against published anchors, the normal tables and what must always hold."""

from dataclasses import replace
from math import log, sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components.low_voltage import TECHNOLOGIES, low_voltage_sram
from archsim.components.technology import leakage_scale, nominal_vdd_v, threshold_v
from archsim.errors import InputError

AT_14 = TECHNOLOGIES["14nm"]
names = st.sampled_from(["14nm", "65nm", "generic"])
shares = st.floats(0.7, 1.4)


def of(name):
    return low_voltage_sram(name, 22)


@pytest.mark.parametrize(
    ("ratio", "ber"),
    [
        (0.83, 1e-2),  # NeuralFuse, after Chandramoorthy et al.
        (1.0, 1 / (512 * 64)),  # the first cell of one of their arrays
    ],
)
def test_the_14_nm_curve_goes_through_what_is_published(ratio, ber):
    assert AT_14.bit_error_rate(ratio * AT_14.vmin_v.value) == pytest.approx(ber, rel=0.01)


@pytest.mark.parametrize("name", ["14nm", "65nm"])
@pytest.mark.parametrize(
    ("sigmas", "share"), [(0.0, 0.5), (-1.0, 0.841345), (1.0, 0.158655), (2.0, 0.022750)]
)
def test_cells_fail_as_the_table_of_the_normal_distribution_says(name, sigmas, share):
    """So many cells have a lowest voltage above `sigmas` deviations over the mean."""
    sram = of(name)
    volts = (sram.mean.value + sigmas * sram.sigma.value) * sram.vmin_v.value
    assert sram.bit_error_rate(volts) == pytest.approx(share, abs=1e-6)


def test_errors_multiply_below_vmin():
    """Rates "grow exponentially" as the supply falls (NeuralFuse): each of 4 equal steps multiplies them."""
    rates = AT_14.bit_error_rate(np.linspace(1.0, 0.83, 5) * AT_14.vmin_v.value)
    assert (rates[1:] / rates[:-1] > 3).all()


def test_the_tail_keeps_its_digits():
    """Phi(-6) = 9.8659e-10 in the tables; 1 - Phi(6) in doubles has lost them."""
    curve = AT_14
    volts = (curve.mean.value + 6 * curve.sigma.value) * curve.vmin_v.value
    assert curve.bit_error_rate(volts) == pytest.approx(9.865876450e-10, rel=1e-6)


def test_dynamic_energy_is_30_percent_less_at_one_percent_of_faulty_cells():
    saved = 1 - AT_14.energy_factor(0.83 * AT_14.nominal_v)
    assert saved == pytest.approx(0.306, abs=5e-4)  # the paper says "~30 %"


def test_clock_and_leakage_follow_their_laws():
    generic = low_voltage_sram("generic", 16)
    nominal, threshold = nominal_vdd_v(16), threshold_v(16)
    volts = 0.6
    slower = ((volts - threshold) / (nominal - threshold)) ** 1.3 * nominal / volts
    assert generic.max_mhz(volts, 500) == pytest.approx(500 * slower)
    assert generic.leakage_factor(volts) == pytest.approx(leakage_scale(16, volts))


@given(names, shares, shares)
def test_less_supply_costs_less_and_fails_more(name, one, other):
    sram = of(name)
    low, high = (sram.nominal_v * share for share in sorted((one, other)))
    assert sram.bit_error_rate(low) >= sram.bit_error_rate(high)
    assert sram.energy_factor(low) <= sram.energy_factor(high)
    assert sram.leakage_factor(low) <= sram.leakage_factor(high)
    assert sram.max_mhz(low, 100) <= sram.max_mhz(high, 100) * (1 + 1e-12)  # rounding


@given(names, st.lists(shares, min_size=1, max_size=5))
def test_an_array_of_voltages_gives_what_each_gives(name, given_shares):
    sram = of(name)
    volts = np.array(given_shares) * sram.nominal_v
    for method in (sram.bit_error_rate, sram.energy_factor, sram.leakage_factor):
        together = method(volts)
        assert together.shape == volts.shape
        # numpy's power may differ in the last digit between an array and a scalar
        assert together.tolist() == pytest.approx([float(method(v)) for v in volts], rel=1e-14)


def test_a_measured_table_is_straight_in_probits():
    points = ((0.6, 1e-2), (0.7, 1e-4))
    sram = replace(AT_14, measured=points)
    assert sram.bit_error_rate([0.6, 0.7]) == pytest.approx([1e-2, 1e-4])
    normal = NormalDist()
    middle = normal.cdf((normal.inv_cdf(1e-2) + normal.inv_cdf(1e-4)) / 2)
    assert sram.bit_error_rate(0.65) == pytest.approx(middle, rel=1e-9)


@pytest.mark.parametrize("volts", [0.59, 0.71])
def test_a_measured_table_is_not_extrapolated(volts):
    sram = replace(AT_14, measured=((0.6, 1e-2), (0.7, 1e-4)))
    with pytest.raises(InputError, match=r"outside the measured.*0\.6 to 0\.7 V"):
        sram.bit_error_rate(volts)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (((0.6, 1e-2),), "at least two"),
        (((0.6, 1e-2), (0.7, 2e-2)), "falling"),
        (((0.7, 1e-2), (0.6, 1e-4)), "rising"),
        (((0.6, 1e-2), (0.7, 0.0)), "between 0 and 1"),
    ],
)
def test_bad_tables_are_refused(points, message):
    with pytest.raises(InputError, match=message):
        replace(AT_14, measured=points)


@pytest.mark.parametrize("volts", [0.0, 0.24, 1.3])
def test_unusable_supplies_are_refused(volts):
    with pytest.raises(InputError, match="not usable"):
        AT_14.bit_error_rate(volts)


def test_unknown_technologies_are_refused():
    with pytest.raises(InputError, match="14nm, 65nm, fpga-28nm, generic"):
        low_voltage_sram("3nm", 3)


def test_undervolted_block_rams_fail_as_measured():
    """Salami et al.: none at 0.61 V, 0.06 % at the lowest, and exponentially in between."""
    bram = TECHNOLOGIES["fpga-28nm"]
    probits = [NormalDist().inv_cdf(rate) for _, rate in bram.measured]
    assert (probits[2] - probits[1]) / 0.39 == pytest.approx((probits[1] - probits[0]) / 0.07, rel=1e-3)
    rates = bram.bit_error_rate([0.54, 0.575, 0.61])
    assert rates[0] == pytest.approx(6e-4)
    assert rates[2] < 1e-7
    assert abs(log(rates[1]) - log(sqrt(rates[0] * rates[2]))) < 1.5
