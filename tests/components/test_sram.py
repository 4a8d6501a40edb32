import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components import area_scale, energy_scale, nominal_vdd_v, register_file, sram
from archsim.components.sram import AREA_UM2, READ_PJ
from archsim.errors import InputError

COLUMNS = {"read_pj": "read", "write_pj": "write", "area_um2": "area", "leakage_uw": "leakage"}
capacities = st.floats(256, 64 * 2**20)
words = st.integers(1, 1024)
nodes = st.floats(7, 180)


def cost(part) -> dict[str, float]:
    return {
        "read": part.energy_pj["read"].value,
        "write": part.energy_pj["write"].value,
        "area": part.area_mm2.value * 1e6,
        "leakage": part.leakage_mw.value * 1e3,
    }


def cacti(rows, ports="1rw"):
    chosen = rows[
        (rows.component == "sram") & rows.source.str.startswith("CACTI 7.0") & (rows.ports == ports)
    ]
    return chosen[chosen.capacity_bytes * 8 / chosen.word_bits / chosen.banks >= 64]


def log_errors(table, column):
    model = [
        cost(sram(r.capacity_bytes, int(r.word_bits), r.node_nm, banks=int(r.banks), ports=r.ports))
        for r in table.itertuples()
    ]
    return np.log([m[COLUMNS[column]] for m in model]) - np.log(table[column].to_numpy())


# the errors stated in the module's docstring
@pytest.mark.parametrize(
    ("column", "mean", "worst"),
    [("read_pj", 0.12, 0.50), ("write_pj", 0.06, 0.23), ("area_um2", 0.06, 0.16), ("leakage_uw", 0.05, 0.15)],
)
def test_the_closed_form_keeps_its_stated_errors(rows, column, mean, worst):
    table = cacti(rows)
    table = table[table.banks == 1]
    if column in ("area_um2", "leakage_uw"):
        table = table[table.word_bits <= 128]
    assert len(table) >= 50
    errors = log_errors(table, column)
    assert np.abs(np.expm1(errors)).mean() <= mean
    assert np.abs(np.expm1(errors)).max() <= worst
    # a least-squares fit in logarithms has no bias at any node: any constant moved by 1 % fails here
    for node in sorted(set(table.node_nm)):
        assert abs(errors[(table.node_nm == node).to_numpy()].mean()) < 0.002, node


@pytest.mark.parametrize(("column", "worst"), [("read_pj", 0.22), ("write_pj", 0.11), ("area_um2", 0.16)])
def test_words_of_64_bits_from_32_kib_are_closer(rows, column, worst):
    table = cacti(rows)
    table = table[(table.banks == 1) & (table.word_bits == 64) & (table.capacity_bytes >= 32768)]
    assert len(table) >= 16
    assert np.abs(np.expm1(log_errors(table, column))).max() <= worst


@pytest.mark.parametrize("column", list(COLUMNS))
def test_every_row_lies_within_the_stated_uncertainty(rows, column):
    for ports in ("1rw", "1r1w", "2rw"):
        for row in cacti(rows, ports).itertuples():
            part = sram(
                row.capacity_bytes, int(row.word_bits), row.node_nm, banks=int(row.banks), ports=row.ports
            )
            figure = {
                "area_um2": part.area_mm2.scaled(1e6),
                "leakage_uw": part.leakage_mw.scaled(1e3),
            }.get(column) or part.energy_pj[COLUMNS[column]]
            assert figure.low <= getattr(row, column) <= figure.high


def test_shallow_macros_are_off_and_say_so(rows):
    row = rows[(rows.capacity_bytes == 2048) & (rows.word_bits == 512)].iloc[0]
    figure = sram(2048, 512, 45).energy_pj["read"]
    assert row.read_pj > 2 * figure.value
    assert figure.low <= row.read_pj <= figure.high
    assert figure.uncertainty > 1.5 * sram(65536, 512, 45).energy_pj["read"].uncertainty


def test_rows_the_tool_scaled_below_22_nm_are_reproduced_by_rule(rows):
    base = rows[rows.source.str.startswith("CACTI") & (rows.node_nm == 22) & (rows.capacity_bytes == 32768)]
    base = base[base.word_bits == 64].iloc[0]
    for node in (16, 7):
        row = rows[(rows.component == "sram") & (rows.node_nm == node)].iloc[0]
        ours, at_22 = cost(sram(32768, 64, node)), cost(sram(32768, 64, 22))
        for column, key in COLUMNS.items():
            assert ours[key] / at_22[key] == pytest.approx(row[column] / base[column], rel=2e-3)


def test_28_nm_lies_near_the_interpolated_row(rows):
    row = rows[(rows.component == "sram") & (rows.node_nm == 28)].iloc[0]
    ours = cost(sram(32768, 64, 28))
    assert ours["read"] == pytest.approx(row.read_pj, rel=0.15)
    assert ours["area"] == pytest.approx(row.area_um2, rel=0.1)


def test_the_unusable_130_nm_row_is_not_used(rows):
    row = rows[(rows.component == "sram") & (rows.node_nm == 130)].iloc[0]
    assert "not usable" in row.note
    at_130, at_90 = cost(sram(32768, 64, 130)), cost(sram(32768, 64, 90))
    assert row.read_pj < at_90["read"]
    assert at_130["read"] == pytest.approx(at_90["read"] * energy_scale(90, 130))
    assert at_130["area"] == pytest.approx(at_90["area"] * area_scale(90, 130))
    assert all(at_130[key] > at_90[key] for key in at_130)
    assert max(READ_PJ) == max(AREA_UM2) == 90


def test_tpu_buffers_are_predicted_within_the_uncertainty():
    # TPUv4i at 7 nm as given by AccelForge: pJ per bit read and write of the 4 MB and 128 MB buffers
    for megabytes, read, write in ((4, 0.249, 0.293), (128, 1.88, 2.36)):
        part = sram(megabytes * 2**20, 2048, 7)
        for action, published in (("read", read), ("write", write)):
            figure = part.energy_pj[action].scaled(1 / 2048)
            assert figure.low <= published <= figure.high


@given(capacities, capacities, words, nodes)
def test_costs_grow_with_capacity(a, b, word, node):
    small, large = (cost(sram(c, word, node)) for c in sorted((a, b)))
    assert all(small[key] <= large[key] * (1 + 1e-12) for key in small)


@given(capacities, words, words, nodes)
def test_costs_grow_with_word_width(capacity, a, b, node):
    narrow, wide = (cost(sram(capacity, w, node)) for w in sorted((a, b)))
    assert all(narrow[key] <= wide[key] for key in narrow)


@given(capacities, words, nodes, nodes)
def test_energy_and_area_grow_with_the_node(capacity, word, a, b):
    new, old = (cost(sram(capacity, word, n)) for n in sorted((a, b)))
    assert all(new[key] <= old[key] * (1 + 1e-12) for key in ("read", "write", "area"))


def test_leakage_follows_the_rows_and_no_law_across_nodes():
    leakage = {node: cost(sram(32768, 64, node))["leakage"] for node in (22, 32, 45, 65, 90)}
    assert min(leakage, key=leakage.__getitem__) == 45
    between = cost(sram(32768, 64, math.sqrt(45 * 65)))["leakage"]
    assert between == pytest.approx(math.sqrt(leakage[45] * leakage[65]))


@given(capacities, words, nodes, st.floats(0.6, 1.4), st.floats(0.6, 1.4))
def test_costs_grow_with_the_supply(capacity, word, node, a, b):
    low, high = (cost(sram(capacity, word, node, vdd_v=x * nominal_vdd_v(node))) for x in sorted((a, b)))
    assert all(low[key] <= high[key] * (1 + 1e-9) for key in ("read", "write", "leakage"))
    assert low["area"] == high["area"]


@given(capacities, words, nodes)
def test_a_second_port_costs(capacity, word, node):
    one, pair, two = (cost(sram(capacity, word, node, ports=p)) for p in ("1rw", "1r1w", "2rw"))
    assert all(one[key] < pair[key] for key in one)
    assert all(pair[key] <= two[key] for key in one)


def test_below_the_smallest_macro_the_price_stands_still():
    tiny, smallest = sram(32, 16, 45), sram(256, 16, 45)
    assert cost(tiny) == cost(smallest)
    assert tiny.energy_pj["read"].uncertainty > smallest.energy_pj["read"].uncertainty


def test_registers_are_cheaper_when_small_and_sram_when_large():
    for size, cheaper in ((64, "registers"), (4096, "sram")):
        registers = register_file(size * 8, 16, 45).energy_pj["read"].value
        macro = sram(size, 16, 45).energy_pj["read"].value
        assert (registers < macro) == (cheaper == "registers")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 64, 45), {}, "capacity_bytes"),
        ((1024, -8, 45), {}, "word_bits"),
        ((1024, 64, 45), {"banks": 0}, "banks"),
        ((1024, 64, 45), {"ports": "3rw"}, "1rw, 1r1w, 2rw"),
        ((4, 64, 45), {}, "do not hold one word"),
        ((1024, 64, 45), {"banks": 256}, "do not hold one word"),
        ((1024, 64, 250), {}, "7 to 180"),
        ((1024, 64, 45), {"vdd_v": 0.1}, "supply"),
    ],
)
def test_bad_input_is_refused(arguments, options, message):
    with pytest.raises(InputError, match=message):
        sram(*arguments, **options)
