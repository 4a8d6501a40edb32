import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components import energy_scale, register_file
from archsim.components.register_file import MUX_AREA, MUX_ENERGY
from archsim.errors import InputError


def test_one_word_is_the_scaled_aladdin_register(rows):
    for row in rows[(rows.component == "register") & (rows.word_bits == 8)].itertuples():
        part = register_file(8, 8, row.node_nm)
        assert part.energy_pj["read"].value == pytest.approx(row.read_pj, rel=1e-3)
        assert part.energy_pj["write"].value == pytest.approx(row.write_pj, rel=1e-3)
        # the tool interpolates area ratios linearly, which is 12 % off at 40 nm and the same for all nodes
        assert part.area_mm2.value * 1e6 == pytest.approx(row.area_um2, rel=0.13)


def test_the_read_multiplexer_comes_from_the_table(rows):
    energy, area = [], []
    for node in (32, 22):
        at = rows[rows.node_nm == node].set_index("component")
        energy.append(at.loc["mux_8_inputs", "read_pj"] / 56 / (0.009 * energy_scale(40, node)))
        area.append(at.loc["mux_8_inputs", "area_um2"] / 56 / (at.loc["flip_flop", "area_um2"] / 8))
    assert (energy[0] * energy[1]) ** 0.5 == pytest.approx(MUX_ENERGY, rel=0.01)
    assert area == pytest.approx([MUX_AREA] * 2, rel=0.01)


def test_eyeriss_register_files_are_predicted(rows):
    for row in rows[rows.component.str.startswith("spad_")].itertuples():
        part = register_file(int(row.capacity_bytes) * 8, int(row.word_bits), row.node_nm)
        assert part.energy_pj["read"].value == pytest.approx(row.read_pj, rel=0.3)
        assert part.energy_pj["write"].value == pytest.approx(row.write_pj, rel=0.2)


@given(st.integers(1, 64), st.integers(1, 256), st.integers(1, 256), st.floats(7, 180))
def test_costs_grow_with_depth(word, a, b, node):
    small, large = (register_file(word * d, word, node) for d in sorted((a, b)))
    assert small.energy_pj["read"].value <= large.energy_pj["read"].value
    assert small.energy_pj["write"].value == large.energy_pj["write"].value
    assert small.area_mm2.value <= large.area_mm2.value
    assert small.leakage_mw.value <= large.leakage_mw.value


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 64), st.floats(7, 180), st.floats(7, 180))
def test_costs_grow_with_width_and_node(depth, a, b, node, other):
    narrow, wide = (register_file(w * depth, w, node) for w in sorted((a, b)))
    new, old = (register_file(a * depth, a, n) for n in sorted((node, other)))
    for cheap, dear in ((narrow, wide), (new, old)):
        assert cheap.energy_pj["read"].value <= dear.energy_pj["read"].value * (1 + 1e-12)
        assert cheap.area_mm2.value <= dear.area_mm2.value * (1 + 1e-12)


@pytest.mark.parametrize(("capacity", "word"), [(0, 8), (8, 0), (8, 16), (-8, 8)])
def test_bad_sizes_are_refused(capacity, word):
    with pytest.raises(InputError):
        register_file(capacity, word, 45)
