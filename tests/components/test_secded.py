"""Check bits and gates of Hsiao's codes, and what they leave of the errors, by counting."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components.low_voltage import TECHNOLOGIES
from archsim.components.part import Figure, Part
from archsim.components.secded import Secded
from archsim.components.sram_supply import SramSupply
from archsim.errors import InputError


@pytest.mark.parametrize(
    ("data", "check", "ones"),
    # Hsiao 1970: (22,16), (39,32), (72,64) with 54, 103 and 216 ones, check columns included
    [(8, 5, 24), (16, 6, 48), (32, 7, 96), (64, 8, 208), (128, 9, 472)],
)
def test_codes_of_hsiao(data, check, ones):
    code = Secded(data)
    assert code.check_bits == check
    assert code.data_ones == ones


@given(st.integers(1, 1024))
def test_there_are_columns_enough_and_no_check_bit_too_many(data):
    r = Secded(data).check_bits
    assert 2 ** (r - 1) - r >= data
    assert r == 2 or 2 ** (r - 2) - (r - 1) < data


@given(st.integers(1, 6), st.floats(0, 0.5))
def test_what_is_left_is_that_of_all_fault_patterns(data, p):
    """Every pattern of faulty cells of a small word: one fault is corrected, several are not."""
    code = Secded(data)
    left = 0.0
    for faults in product((0, 1), repeat=code.word_bits):
        if sum(faults) > 1:
            chance = p ** sum(faults) * (1 - p) ** (code.word_bits - sum(faults))
            left += chance * sum(faults[:data]) / data
    assert float(code.residual(p)) == pytest.approx(left, rel=1e-9, abs=1e-15)


def test_words_beyond_the_code_are_refused():
    with pytest.raises(InputError, match="1 to 1024"):
        Secded(2048)


def part():
    return Part("m", {"read": Figure(10.0, "", 1), "write": Figure(20.0, "", 1)}, Figure(1.0, "", 1),
                Figure(2.0, "", 1))  # fmt: skip


def test_a_supply_scales_a_part_and_a_code_widens_it():
    sram = TECHNOLOGIES["14nm"]
    bare = SramSupply(sram, (0.7,), 64).supplied(part(), 14)
    factor = (0.7 / 0.8) ** 1.96
    assert bare.energy_pj["read"].value == pytest.approx(10 * factor)
    assert bare.leakage_mw.value == pytest.approx(2 * float(sram.leakage_factor(0.7)))
    assert bare.area_mm2.value == 1.0
    coded = SramSupply(sram, (0.7,), 64, "secded").supplied(part(), 14)
    codec = Secded(64).energy_pj(14)
    assert coded.energy_pj["write"].value == pytest.approx(20 * factor * 72 / 64 + codec["write"].value)
    assert coded.area_mm2.value == pytest.approx(72 / 64 + Secded(64).area_mm2(14).value)


def test_banks_share_the_accesses():
    sram = TECHNOLOGIES["14nm"]
    banks = SramSupply(sram, (0.8, 0.7), 64)
    alone = [SramSupply(sram, (v,), 64) for v in (0.8, 0.7)]
    assert banks.energy_factor == pytest.approx(sum(b.energy_factor for b in alone) / 2)
    assert banks.bit_error_rate == pytest.approx(sum(b.bit_error_rate for b in alone) / 2)
    assert banks.max_mhz(700, 14) == alone[1].max_mhz(700, 14)


def test_a_nominal_supply_makes_no_errors_and_a_decoder_takes_its_time():
    sram = TECHNOLOGIES["14nm"]
    nominal = SramSupply(sram, (0.8,), 64, "secded", is_nominal=True)
    assert nominal.bit_error_rate == nominal.residual_bit_error_rate == 0.0
    ns = Secded(64).delay_ns(14)
    assert nominal.max_mhz(1000, 14) == pytest.approx(1e3 / (1.0 + ns))
