import math

import pytest

from archsim.components import Figure, Part, sram
from archsim.components.figure import total
from archsim.errors import InputError


def part() -> Part:
    return Part(
        "buffer",
        {"read": Figure(2.0, "table", 1.5), "write": Figure(3.0, "table", 1.5)},
        Figure(0.1, "table", 1.2),
        Figure(0.01, "table", 3.0),
    )


def test_a_figure_spans_its_interval():
    figure = Figure(6.0, "paper", 1.5)
    assert (figure.low, figure.high) == (4.0, 9.0)


def test_scaling_multiplies_the_value_and_adds_independent_errors():
    scaled = Figure(2.0, "paper", 1.2).scaled(3.0, "to 22 nm", 1.2)
    assert scaled.value == 6.0
    assert scaled.source == "paper; to 22 nm"
    assert scaled.uncertainty == pytest.approx(math.exp(math.sqrt(2) * math.log(1.2)))
    assert Figure(2.0, "paper", 1.2).scaled(3.0).uncertainty == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("value", "uncertainty"), [(-1.0, 1.0), (math.nan, 1.0), (1.0, 0.9), (1.0, math.inf)]
)
def test_an_impossible_figure_is_refused(value, uncertainty):
    with pytest.raises(InputError, match="not allowed"):
        Figure(value, "my.yaml:read_pj", uncertainty)


def test_a_total_lies_within_the_sum_of_its_bounds():
    terms = [Figure(1.0, "a", 4.0), Figure(3.0, "b", 1.5)]
    both = total(terms, "sum")
    assert both.value == 4.0
    assert both.low <= sum(term.low for term in terms) + 1e-12
    assert both.high >= sum(term.high for term in terms) - 1e-12
    assert 1.5 < both.uncertainty < 4.0


def test_overrides_replace_only_what_is_given():
    changed = part().with_overrides({"read": 9.0}, area_mm2=0.5, source="given in my.yaml:l1")
    assert changed.energy_pj["read"] == Figure(9.0, "given in my.yaml:l1", 1.0)
    assert changed.area_mm2 == Figure(0.5, "given in my.yaml:l1", 1.0)
    assert changed.energy_pj["write"] == part().energy_pj["write"]
    assert changed.leakage_mw == part().leakage_mw
    assert part().energy_pj["read"].value == 2.0


def test_any_number_of_a_modelled_part_can_be_overridden():
    changed = sram(4096, 64, 45).with_overrides({"read": 1.0, "write": 2.0}, 3.0, 4.0, "given in a.yaml:l1")
    values = [figure.value for figure in (*changed.energy_pj.values(), changed.area_mm2, changed.leakage_mw)]
    assert values == [1.0, 2.0, 3.0, 4.0]


def test_bad_overrides_are_refused_with_the_allowed_actions():
    with pytest.raises(InputError, match=r"no action 'mac'.*read, write"):
        part().with_overrides({"mac": 1.0}, source="given in my.yaml:l1")
    with pytest.raises(InputError, match=r"my\.yaml:l1"):
        part().with_overrides({"read": -1.0}, source="given in my.yaml:l1")


def test_energies_cannot_be_changed_behind_the_part():
    with pytest.raises(TypeError):
        part().energy_pj["read"] = Figure(0.0, "", 1.0)  # type: ignore[index]
