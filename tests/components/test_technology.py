import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components import technology
from archsim.components.technology import (
    area_scale,
    delay_scale,
    energy_scale,
    frequency_scale,
    leakage_scale,
    node_uncertainty,
    nominal_vdd_v,
    supply_v,
    table_energy,
    threshold_v,
)
from archsim.components.technology_tables import DELAY_POLYNOMIAL, NOMINAL_VDD_V, THRESHOLD_V
from archsim.errors import InputError

nodes = st.floats(7, 180)


def test_energy_scaling_reproduces_the_scaled_aladdin_rows(rows):
    macs = rows[rows.component == "mac_16b_add"]
    assert sorted(set(macs.node_nm)) == [7, 22, 40, 45, 65]
    for bits, at_40 in ((8, 0.8975), (4, 0.303125)):
        for row in macs[macs.word_bits == bits].itertuples():
            assert at_40 * energy_scale(40, row.node_nm) == pytest.approx(row.read_pj, rel=1e-3)


def test_the_authors_worked_example_holds():
    # corrigendum to section 4.2.1: bulk 65 nm at 1.3 V
    assert table_energy(65, 1.3) == pytest.approx(2.604, abs=5e-4)


@pytest.mark.parametrize(("node", "energy_fj"), [(16, 0.179), (14, 0.144), (10, 0.122), (7, 0.111)])
def test_energy_ratio_agrees_with_the_simulated_inverters_at_nominal_supply(node, energy_fj):
    # Stillmaker & Baas, Table 2: 1.05 fJ at 45 nm
    assert energy_scale(node, 45) == pytest.approx(1.05 / energy_fj, rel=0.125)


@pytest.mark.parametrize("node", [90, 65])
def test_node_uncertainty_covers_the_other_reading_of_the_tables(node):
    at_nominal = table_energy(node, NOMINAL_VDD_V[node]) / table_energy(45, NOMINAL_VDD_V[45])
    other = at_nominal / energy_scale(45, node)
    assert 1 / node_uncertainty(45, node) <= other <= node_uncertainty(45, node)


@pytest.mark.parametrize(("node", "delay_ps"), [(32, 9.8), (16, 6.12), (14, 4.02), (10, 3.24), (7, 2.47)])
def test_delay_ratio_agrees_with_the_simulated_inverters(node, delay_ps):
    # Table 2: 10.9 ps at 45 nm; the polynomial there is 25 % above it, the others at most 16 %
    assert delay_scale(45, node) == pytest.approx(delay_ps / 10.9, rel=0.2)


@pytest.mark.parametrize(
    ("old", "new", "factor"),
    [(130, 90, 0.44), (90, 65, 0.53), (65, 45, 0.66), (45, 32, 0.46), (32, 20, 0.46), (20, 16, 0.89),
     (16, 14, 0.91), (14, 10, 0.59), (10, 7, 0.58), (180, 65, 0.08), (90, 32, 0.16)],
)  # fmt: skip
def test_area_factors_agree_with_the_other_entries_of_the_printed_matrix(old, new, factor):
    # the code carries one row of the matrix; the others are its ratios, printed to two digits
    assert area_scale(old, new) == pytest.approx(factor, rel=0.04)


def test_area_scaling_is_the_table_at_its_nodes():
    assert area_scale(65, 45) == pytest.approx(17 / 25)
    assert area_scale(45, 7) == pytest.approx(1 / 17)


@pytest.mark.parametrize("scale", [energy_scale, area_scale, delay_scale])
@given(nodes, nodes, nodes)
def test_scaling_is_a_path_independent_ratio(scale, a, b, c):
    assert scale(a, a) == pytest.approx(1)
    assert scale(a, b) * scale(b, c) == pytest.approx(scale(a, c))


@pytest.mark.parametrize("scale", [energy_scale, area_scale, delay_scale])
@given(nodes, nodes)
def test_a_smaller_node_costs_no_more(scale, a, b):
    assert scale(max(a, b), min(a, b)) <= 1 + 1e-12


@given(nodes, nodes)
def test_nominal_supply_falls_with_the_node_and_stays_above_threshold(a, b):
    assert nominal_vdd_v(min(a, b)) <= nominal_vdd_v(max(a, b)) + 1e-12
    assert threshold_v(a) < 0.6 * nominal_vdd_v(a)


@given(nodes, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_energy_frequency_and_leakage_grow_with_the_supply(node, first, second):
    span = 1.5 * nominal_vdd_v(node) - threshold_v(node)
    low, high = (threshold_v(node) + share * span for share in sorted((first, second)))
    for law in (technology.voltage_energy_scale, frequency_scale, leakage_scale):
        assert law(node, low) <= law(node, high) * (1 + 1e-9)


@given(nodes)
def test_nominal_supply_changes_nothing(node):
    nominal = nominal_vdd_v(node)
    assert energy_scale(node, node, to_vdd_v=nominal) == pytest.approx(1)
    assert frequency_scale(node, nominal) == pytest.approx(1)
    assert leakage_scale(node, None) == pytest.approx(1)


def test_energy_goes_with_the_square_of_the_supply():
    # silicon in 22 nm: 0.65 against 0.8 V costs (0.65 / 0.8)^2 of the energy
    assert energy_scale(22, 22, from_vdd_v=0.8, to_vdd_v=0.65) == pytest.approx((0.65 / 0.8) ** 2)


@pytest.mark.parametrize("node", sorted(THRESHOLD_V))
def test_the_alpha_power_law_follows_the_delay_polynomials(node):
    nominal = NOMINAL_VDD_V[node]
    for share in (0.7, 0.8, 0.9):
        polynomial = technology.table_delay_ps(node, share * nominal) / technology.table_delay_ps(
            node, nominal
        )
        assert 1 / frequency_scale(node, share * nominal) == pytest.approx(polynomial, rel=0.06)


def test_nodes_without_a_fitted_threshold_are_those_with_a_wavy_polynomial():
    assert set(DELAY_POLYNOMIAL) - set(THRESHOLD_V) == {45, 32}
    for node in (45, 32):
        supplies = [NOMINAL_VDD_V[node] * (0.7 + 0.02 * step) for step in range(16)]
        delays = [technology.table_delay_ps(node, v) for v in supplies]
        assert delays != sorted(delays, reverse=True)


def test_a_given_threshold_slows_the_clock_more():
    assert frequency_scale(65, 0.85, threshold=0.6) < frequency_scale(65, 0.85)
    with pytest.raises(InputError, match="threshold"):
        frequency_scale(65, 0.85, threshold=0.9)


@pytest.mark.parametrize("node", [5, 181, 0, -7, 45e-9, math.nan])
def test_a_node_outside_the_tables_is_refused_with_the_range(node):
    for call in (nominal_vdd_v, threshold_v, lambda n: energy_scale(45, n), lambda n: area_scale(n, 45)):
        with pytest.raises(InputError, match="7 to 180 nm"):
            call(node)


@pytest.mark.parametrize("vdd", [0.2, 0.0, -1.0, 2.0, math.nan])
def test_an_unusable_supply_is_refused_with_the_range(vdd):
    with pytest.raises(InputError, match="threshold"):
        supply_v(22, vdd)
