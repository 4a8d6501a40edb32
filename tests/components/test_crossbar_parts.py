"""Cells, row converters and the periphery of crossbars."""

import math

import pytest

from archsim.components.analog_periphery import router, sample_hold, shift_add
from archsim.components.crossbar_cell import adder_tree_pj, adder_tree_um2, cell
from archsim.components.dac import dac
from archsim.errors import InputError


def test_charge_cells_are_calibrated_on_two_macros():
    """Jia et al.: 20.4 pJ a column of 2304 cells, 1.2 V; Wang et al.: 40 % of 2 / 16.376 pJ, eight cells."""
    assert cell("sram", 1, 65, vdd_v=1.2).read_pj.value == pytest.approx(20.4 / 2304, rel=0.01)
    assert cell("sram", 1, 22, vdd_v=1.0).read_pj.value == pytest.approx(0.4 * 2 / 16.376 / 8, rel=0.01)


def test_below_the_calibrated_nodes_charge_goes_with_their_root():
    at_22, at_7 = (cell("sram", 1, node, vdd_v=0.8).read_pj for node in (22, 7))
    assert at_7.value / at_22.value == pytest.approx(math.sqrt(7 / 22))
    assert at_7.uncertainty > at_22.uncertainty
    assert cell("sram", 1, 65, vdd_v=0.8).read_pj.value == at_22.value


def test_sram_cells_grow_in_squares_of_fin_nodes():
    """NeuroSim V1.4: 280 squares down to 16 nm, 16 x 34.43 at 7 nm."""
    squares = {node: cell("sram", 1, node).area_um2.value / (node * 1e-3) ** 2 for node in (65, 16, 12, 7)}
    assert squares[65] == pytest.approx(squares[16])
    assert squares[7] / squares[16] == pytest.approx(16 * 34.43 / 280, rel=1e-3)
    assert squares[16] < squares[12] < squares[7]


def test_a_resistive_cell_is_v_squared_over_r():
    read = cell("rram", 2, 32, on_ohm=50e3, read_v=0.4).read_pj.value
    assert read == pytest.approx(0.4**2 / 50e3 * 10e-9 / 4 * 1e12)


def test_more_levels_take_more_pulses_to_write():
    one, two = cell("rram", 1, 32), cell("rram", 2, 32)
    assert two.row_write_ns.value == 2 * one.row_write_ns.value
    assert two.write_pj.value == 2 * one.write_pj.value
    assert cell("pcm", 1, 32).write_pj.value > one.write_pj.value


def test_a_digital_cell_is_smaller_and_its_gate_cheaper():
    charge, logic = cell("sram", 1, 22), cell("sram", 1, 22, digital=True)
    assert logic.area_um2.value < charge.area_um2.value
    assert logic.read_pj.value < charge.read_pj.value


@pytest.mark.parametrize("rows", [64, 256, 1024])
def test_an_adder_tree_is_two_full_adders_a_row(rows):
    levels = int(math.log2(rows))
    adders = sum(level * rows / 2**level for level in range(1, levels + 1))
    a_bit = adder_tree_pj(1, 22).value / 2
    assert adder_tree_pj(rows, 22).value == pytest.approx(adders * a_bit, rel=0.15)
    assert adder_tree_um2(rows, 22).value == pytest.approx(rows * adder_tree_um2(1, 22).value)


def test_the_digital_macro_of_chih_is_predicted_within_a_fifth():
    """89 Top/s/W with 4-bit weights and inputs at 0.72 V: 1.4 fJ a product of bits, adders and gate."""
    row = (
        adder_tree_pj(256, 22, 0.72).value / 256 + cell("sram", 1, 22, digital=True, vdd_v=0.72).read_pj.value
    )
    assert row * 1e3 == pytest.approx(2e3 / 89 / 16, rel=0.2)


def test_a_dac_of_one_bit_is_free_but_for_its_inverter():
    assert dac(1, 32).energy_pj["convert"].value == 0
    assert dac(1, 32).area_mm2.value * 1e6 == pytest.approx(0.166)


def test_dacs_of_more_bits():
    assert dac(8, 28, vdd_v=0.9).energy_pj["convert"].value == pytest.approx(0.05 * 8 * 0.81)
    pulse = dac(8, 65, kind="pulse")
    assert pulse.energy_pj["convert"].value == pytest.approx(0.0375)
    assert pulse.area_mm2.value * 1e6 == pytest.approx(240)
    assert dac(4, 65, kind="pulse").energy_pj["convert"].value == pytest.approx(0.0375 / 2)


def test_the_periphery_has_isaacs_and_neurosims_figures_at_their_node():
    assert sample_hold(32).energy_pj["sample"].value == pytest.approx(0.00097656, rel=1e-4)
    assert shift_add(16, 32).energy_pj["add"].value == pytest.approx(0.1307922)
    assert router(32).energy_pj["hop"].value == pytest.approx(0.648125)
    assert router(32).area_mm2.value == pytest.approx(0.03775)


@pytest.mark.parametrize(
    "make",
    [
        lambda: cell("flash", 1, 32),  # type: ignore[arg-type]
        lambda: cell("sram", 1, 3),
        lambda: dac(17, 32),
        lambda: dac(4, 32, kind="sine"),  # type: ignore[arg-type]
        lambda: shift_add(0, 32),
        lambda: router(500),
    ],
)
def test_what_is_refused(make):
    with pytest.raises(InputError):
        make()
