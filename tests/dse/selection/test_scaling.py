"""Integers for the solver: a budget's limbs say exactly what the float comparison says."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.dse.selection.scaling import Limb, limbs, scale_costs

FLOATS = st.floats(-1e15, 1e15, allow_nan=False, allow_subnormal=False) | st.sampled_from(
    [0.1, 0.2, 0.3, 1e-12, 1.0, -0.1, 2.0**-60, 1e15]
)


def met(found: list[Limb], chosen: list[int]) -> bool:
    """Whether the constraints hold for some carries: the least ones, from the last limb up."""
    carry = 0
    for limb in reversed(found):
        total = sum(limb.coefficients[i] for i in chosen) + carry
        if limb.base == 0:
            return total <= limb.limit
        carry = max(0, -((limb.limit - total) // limb.base))
    raise AssertionError("no first limb")


@settings(max_examples=300)
@given(st.lists(FLOATS, min_size=1, max_size=6), FLOATS, st.data())
def test_limbs_are_the_float_comparison(values: list[float], fixed: float, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(values) - 1), unique=True))
    total = math.fsum([fixed, *(values[i] for i in chosen)])
    steps = data.draw(st.integers(-2, 2))
    limit = total
    for _ in range(abs(steps)):
        limit = math.nextafter(limit, math.copysign(math.inf, steps))
    found = limbs(np.array(values), fixed, limit)
    assert met(found, chosen) == (total <= limit) == (steps >= 0)
    for count in range(1, len(found)):  # fewer limbs: nothing feasible is lost
        assert met(found[:count], chosen) or steps < 0


@given(st.lists(st.floats(0, 1e12, allow_subnormal=False), min_size=1, max_size=8))
def test_scaled_costs_are_less_than_a_step_below(values: list[float]) -> None:
    scaled = scale_costs([np.array(values)])
    for value, whole in zip(values, scaled.parts[0], strict=True):
        assert 0 <= value - scaled.real(whole) < 1 / scaled.scale
        assert not scaled.exact or value == scaled.real(whole)


def test_whole_costs_are_taken_as_they_are() -> None:
    scaled = scale_costs([np.array([3.0, 2.0**49]), np.array([0.0, 7.0])])
    assert scaled.parts == ([3, 2**49], [0, 7])
    assert scaled.exact
    assert scaled.scale == 1
