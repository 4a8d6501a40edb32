"""Pareto pruning against comparing every pair of rows."""

from __future__ import annotations

import numpy as np
import pytest
from exhaustive import KEYS
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.dse.selection.pareto import BLOCK, pareto_rows, undominated
from archsim.dse.selection.problem import Choices


def by_pairs(values: np.ndarray, keys: np.ndarray) -> list[int]:
    """Rows without a better one of the same keys, and without an equal one before them."""
    found = []
    for row in range(len(values)):
        rivals = (keys == keys[row]).all(axis=1) & (values <= values[row]).all(axis=1)
        better = rivals & (values < values[row]).any(axis=1)
        if not better.any() and not (rivals & ~better)[:row].any():
            found.append(row)
    return found


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 400),
    st.integers(1, 5),
    st.integers(2, 50),
    st.sampled_from((1.0, 0.1, 1e-300, 1e300)),
)
def test_kept_is_exactly_what_no_pair_removes(
    seed: int, rows: int, columns: int, levels: int, unit: float
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, (rows, columns)) * unit
    keys = rng.integers(0, 2, (rows, 2))
    assert undominated(values, keys).tolist() == by_pairs(values, keys)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_tables_of_several_blocks(columns: int) -> None:
    rng = np.random.default_rng(columns)
    values = rng.integers(0, 60, (2 * BLOCK + 5, columns)).astype(float)
    keys = np.zeros((len(values), 1), dtype=np.int64)
    assert undominated(values, keys).tolist() == by_pairs(values, keys)


def test_a_row_falls_only_to_one_with_the_same_keys() -> None:
    choices = Choices("conv", {"energy_pj": np.array([3.0, 1.0, 2.0])}, {KEYS[0]: np.array([8, 4, 8])})
    assert pareto_rows(choices, ["energy_pj"]).tolist() == [1]
    assert pareto_rows(choices, ["energy_pj"], KEYS[:1]).tolist() == [1, 2]


def test_columns_that_nobody_reads_keep_no_row() -> None:
    choices = Choices("conv", {"a": np.array([1.0, 2.0]), "b": np.array([9.0, 0.0])})
    assert pareto_rows(choices, ["a"]).tolist() == [0]
    assert pareto_rows(choices, ["a", "b"]).tolist() == [0, 1]
    assert pareto_rows(choices, []).tolist() == [0]
