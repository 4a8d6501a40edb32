import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components import DRAM_KINDS, dram, nominal_vdd_v, wire
from archsim.errors import InputError


def test_energies_are_those_of_the_table(rows):
    table = rows[rows.component.str.startswith("dram_")]
    assert len(table) == 6
    for row in table.itertuples():
        part = dram(row.component.removeprefix("dram_"))
        assert part.energy_pj["read"].value * row.word_bits == pytest.approx(row.read_pj)
        assert part.energy_pj["write"].value * row.word_bits == pytest.approx(row.write_pj)


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        ("lpddr4", (4.0, 13.0, 14.0)),  # Dally et al., CACM 2020; DramDSE
        ("ddr4", (12.45, 17.97)),  # DRAMsim3 in the artifact of Prosperity, HPCA 2025
        ("hbm2", (3.9, 7.0, 7.03)),  # MICRO 2017; HyGCN, HPCA 2020; TPUv4i
    ],
)
def test_the_interval_holds_what_others_publish(kind, published):
    energy = dram(kind).energy_pj["read"]
    assert all(energy.low <= value <= energy.high for value in published)


def test_bandwidth_is_that_of_the_standard():
    # data rate (Gb/s per pin) x pins / 8
    peak = {"ddr3": 1.6 * 64, "ddr4": 3.2 * 64, "lpddr4": 3.2 * 32, "hbm2": 2 * 1024, "hbm3": 6.4 * 1024}
    for kind, gbit_s in peak.items():
        assert DRAM_KINDS[kind].bandwidth_gb_s == pytest.approx(gbit_s / 8)
        assert str(kind[:3]).upper() in DRAM_KINDS[kind].source


def test_dram_takes_no_area_on_chip_and_its_energy_can_be_given():
    part = dram("hbm2", energy_pj_per_bit=5.0)
    assert part.area_mm2.value == part.leakage_mw.value == 0
    assert part.energy_pj["read"].value == part.energy_pj["write"].value == 5.0
    assert part.energy_pj["read"].uncertainty == 1.0
    with pytest.raises(InputError, match="lpddr4"):
        dram("sdram")
    with pytest.raises(InputError, match="energy_pj_per_bit"):
        dram("hbm2", energy_pj_per_bit=-1.0)


def test_wire_energy_is_kecklers_at_40_nm_and_predicts_his_10_nm(rows):
    table = rows[rows.component == "wire_256b_10mm"]
    assert len(table) == 3
    for row in table.itertuples():
        supply = float(row.note.split()[1])
        bundle = 256 * wire(10, row.node_nm, vdd_v=supply).energy_pj["transfer"].value
        assert bundle == pytest.approx(row.read_pj, rel=1e-9 if row.node_nm == 40 else 0.09)


def test_the_wire_interval_holds_dallys_figures():
    figure = wire(1, 16).energy_pj["transfer"]
    assert figure.low <= 0.04
    assert figure.low <= 0.1 <= figure.high


@given(st.floats(0, 50), st.floats(0, 50), st.floats(7, 180), st.floats(7, 180))
def test_wire_energy_is_linear_in_length_and_grows_with_the_node(a, b, node, other):
    def energy(length, node):
        return wire(length, node).energy_pj["transfer"].value

    assert energy(a, node) + energy(b, node) == pytest.approx(energy(a + b, node))
    assert energy(a, min(node, other)) <= energy(a, max(node, other)) * (1 + 1e-12)
    assert energy(1, node) == pytest.approx(310 / 2560 * (nominal_vdd_v(node) / 0.9) ** 2)


def test_bad_lengths_are_refused():
    with pytest.raises(InputError, match="length_mm"):
        wire(-1, 22)
