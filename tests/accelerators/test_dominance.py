import numpy as np
import pytest

from archsim.accelerators.dominance import beaten_by, unbeaten


@pytest.mark.parametrize("values", [2, 5, 1000])
@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (40, 2), (300, 4), (300, 1), (5, 6)])
def test_unbeaten_is_what_its_definition_says(shape, values):
    rng = np.random.default_rng(values)
    for costs in (rng.integers(0, values, shape), rng.integers(0, values, shape) / 7 + 1e9):
        kept = unbeaten(costs)
        assert (np.diff(kept) > 0).all()
        for row in range(len(costs)):
            no_more = (costs <= costs[row]).all(axis=1)
            equal = (costs == costs[row]).all(axis=1)
            beaten = (no_more & ~equal).any() or equal[:row].any()
            assert (row in kept) == (not beaten)


def test_sums_that_rounding_makes_equal_hide_no_beaten_row():
    costs = np.array([[1e17 + 64, 0.0, 1e17], [1e17 + 64, 0.0, 1e17 - 16], [0.0, 1e17, 0.0]])
    assert unbeaten(costs).tolist() == [1, 2]


def test_beaten_by_any_row_of_a_long_front():
    rng = np.random.default_rng(3)
    costs, front = rng.integers(0, 50, (500, 3)), rng.integers(20, 70, (200, 3))
    expected = (front[np.newaxis] <= costs[:, np.newaxis]).all(axis=2).any(axis=1)
    assert (beaten_by(costs, front) == expected).all()
    assert not beaten_by(costs, front[:0]).any()
