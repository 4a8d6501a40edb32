import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.components import (
    NUMBER_FORMATS,
    VECTOR_FORMATS,
    adder,
    comparator,
    mac,
    nominal_vdd_v,
    shifter,
    vector_lane,
)
from archsim.components.arithmetic import (
    float_adder,
    float_multiplier,
    int_adder,
    int_comparator,
    int_multiplier,
    int_shifter,
)
from archsim.errors import InputError

nodes = st.floats(7, 180)
bits = st.integers(2, 16)


def energy(*arguments, **options) -> float:
    return mac(*arguments, **options).energy_pj["mac"].value


def test_integer_macs_are_the_scaled_aladdin_rows(rows):
    macs = rows[rows.component == "mac_16b_add"]
    assert len(macs) == 10
    for row in macs.itertuples():
        width = int(row.word_bits)
        part = mac("int", row.node_nm, weight_bits=width, activation_bits=width, accumulator_bits=16)
        assert part.energy_pj["mac"].value == pytest.approx(row.read_pj, rel=1e-3)
        assert part.leakage_mw.value * 1e3 == pytest.approx(row.leakage_uw, rel=1e-3)
        # the tool interpolates area ratios linearly: exact at 40 nm, 12 % apart elsewhere
        assert part.area_mm2.value * 1e6 == pytest.approx(
            row.area_um2, rel=1e-5 if row.node_nm == 40 else 0.13
        )


def test_operators_are_aladdins_at_32_bits(rows):
    operators = {
        "multiplier": int_multiplier(32, 32),
        "adder": int_adder(32),
        "shifter": int_shifter(32),
        "comparator": int_comparator(32),
    }
    table = rows[rows.source.str.startswith("Aladdin") & (rows.word_bits == 32)].set_index("component")
    for name, operator in operators.items():
        row = table.loc[name]
        published = (row.read_pj, row.area_um2, row.leakage_uw)
        assert (operator.energy_pj, operator.area_um2, operator.leakage_uw) == pytest.approx(published)


def test_operators_are_horowitzs_at_his_widths(rows):
    model = {
        "int_adder": lambda width: int_adder(width, "horowitz"),
        "int_multiplier": lambda width: int_multiplier(width, width, "horowitz"),
        "fp_adder": float_adder,
        "fp_multiplier": lambda width: float_multiplier({16: 11, 32: 24}[width], width),
    }
    table = rows[rows.source.str.startswith("Horowitz")]
    assert len(table) == 8
    for row in table.itertuples():
        operator = model[row.component](int(row.word_bits))
        assert operator.energy_pj == pytest.approx(row.read_pj, rel=0.005)
        assert operator.area_um2 == pytest.approx(row.area_um2, rel=0.005)


@pytest.mark.parametrize("width", [4, 8, 16])
def test_the_interval_of_one_library_reaches_the_other(width):
    figures = {
        library: mac("int", 45, weight_bits=width, activation_bits=width, library=library).energy_pj["mac"]
        for library in ("aladdin", "horowitz")
    }
    assert 2 < figures["aladdin"].value / figures["horowitz"].value < 5
    assert figures["aladdin"].low < figures["horowitz"].value
    assert figures["horowitz"].high > figures["aladdin"].value / 1.02


def test_the_tpu_mac_lies_within_the_interval():
    # 0.084 pJ per int8 MAC at 7 nm, TPUv4i as given by AccelForge
    figure = mac("int", 7).energy_pj["mac"]
    assert figure.low < 0.084 < figure.high
    assert figure.value == pytest.approx(0.084, rel=0.35)


@given(bits, bits, bits, bits, nodes, st.sampled_from(["aladdin", "horowitz"]))
def test_fewer_bits_are_never_dearer(w1, w2, a1, a2, node, library):
    few = mac("int", node, weight_bits=min(w1, w2), activation_bits=min(a1, a2), library=library)
    many = mac("int", node, weight_bits=max(w1, w2), activation_bits=max(a1, a2), library=library)
    assert few.energy_pj["mac"].value <= many.energy_pj["mac"].value
    assert few.area_mm2.value <= many.area_mm2.value
    assert few.leakage_mw.value <= many.leakage_mw.value


@given(bits, bits, nodes)
def test_operands_may_be_swapped(weight, activation, node):
    assert energy("int", node, weight_bits=weight, activation_bits=activation) == energy(
        "int", node, weight_bits=activation, activation_bits=weight
    )


@given(nodes)
def test_formats_cost_in_order_of_their_precision(node):
    for read in (lambda p: p.energy_pj["mac"].value, lambda p: p.area_mm2.value):
        order = [read(mac(f, node)) for f in ("fp8_e5m2", "fp8_e4m3", "bf16", "fp16", "fp32")]
        assert order == sorted(set(order))
        assert read(mac("int", node, library="horowitz")) < order[0]


@given(st.sampled_from(NUMBER_FORMATS), nodes, nodes, st.integers(16, 32), st.integers(16, 32))
def test_costs_grow_with_the_node_and_the_accumulator(number_format, a, b, first, second):
    new, old = sorted((a, b))
    assert energy(number_format, new) <= energy(number_format, old) * (1 + 1e-12)
    if number_format != "fp32":
        narrow, wide = sorted((first, second))
        assert energy(number_format, a, accumulator_bits=narrow) <= energy(
            number_format, a, accumulator_bits=wide
        )


@given(st.sampled_from(NUMBER_FORMATS), nodes, st.floats(0.6, 1.5))
def test_energy_goes_with_the_square_of_the_supply(number_format, node, share):
    at_supply = energy(number_format, node, vdd_v=share * nominal_vdd_v(node))
    assert at_supply == pytest.approx(energy(number_format, node) * share**2)


def test_floating_point_leaks_per_area_as_aladdins_operators_do(rows):
    table = rows[rows.source.str.startswith("Aladdin") & (rows.word_bits == 32)].set_index("component")
    density = (table.leakage_uw / table.area_um2)[["multiplier", "adder"]].mean()
    part = mac("fp16", 40)
    assert part.leakage_mw.value * 1e3 / (part.area_mm2.value * 1e6) == pytest.approx(density, rel=0.005)


def test_derived_formats_are_less_certain_than_published_ones():
    fp16, bf16 = (float_multiplier(*shape).uncertainty for shape in ((11, 16), (8, 16)))
    assert bf16 > fp16


def test_single_operators_scale_with_their_bits():
    assert adder(16, 40).energy_pj["add"].value == pytest.approx(0.105)
    assert comparator(64, 40).energy_pj["compare"].value == pytest.approx(2 * 0.02947)
    assert shifter(16, 40).energy_pj["shift"].value == pytest.approx(0.417 * 16 * 4 / 160)
    assert shifter(1, 40).energy_pj["shift"].value < shifter(2, 40).energy_pj["shift"].value


@pytest.mark.parametrize("number_format", VECTOR_FORMATS)
def test_a_vector_lane_prices_composites_by_their_steps(number_format):
    lane = {
        action: figure.value
        for action, figure in vector_lane(22, number_format=number_format).energy_pj.items()
    }
    assert set(lane) == {"add", "mul", "max", "exp", "div", "sqrt"}
    assert lane["exp"] == pytest.approx(5 * lane["mul"] + 5 * lane["add"])
    assert lane["div"] == pytest.approx(7.1 * lane["mul"])
    assert lane["max"] < lane["add"] < lane["mul"] < lane["exp"]


def test_a_composite_is_less_certain_than_its_steps():
    lane = vector_lane(22).energy_pj
    assert lane["exp"].uncertainty > max(lane["mul"].uncertainty, lane["add"].uncertainty)


@pytest.mark.parametrize(
    ("number_format", "options", "message"),
    [
        ("int4", {}, "int, fp8_e5m2"),
        ("int", {"weight_bits": 1}, "weight_bits is 1; allowed: 2 to 16"),
        ("int", {"activation_bits": 17}, "activation_bits"),
        ("int", {"accumulator_bits": 4}, "accumulator_bits"),
        ("int", {"library": "mine"}, "aladdin, horowitz"),
        ("fp32", {"accumulator_bits": 16}, "narrower than fp32"),
        ("bf16", {"accumulator_bits": 64}, "16 to 32"),
        ("int", {"vdd_v": 0.1}, "supply"),
    ],
)
def test_bad_input_is_refused(number_format, options, message):
    with pytest.raises(InputError, match=message):
        mac(number_format, 45, **options)


def test_bad_vector_lanes_and_operators_are_refused():
    with pytest.raises(InputError, match="int8, int16"):
        vector_lane(22, number_format="posit")
    for part in (adder, shifter, comparator):
        with pytest.raises(InputError, match="1 to 128"):
            part(0, 22)
