"""Problems read from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from archsim.dse.selection.problem import Budget, Term, Tie
from archsim.dse.selection.select import solve
from archsim.dse.selection.table_problem import read_problem
from archsim.errors import InputError

GOOD = """\
minimize: {perturbation: 2}
then: {weight_bytes: 1}
budgets:
  - {name: size, column: weight_bytes, limit: 35}
ties:
  - {layers: [conv1, conv2], keys: [bits]}
fixed: {weight_bytes: 5}
layers:
  - name: conv1
    keys: {bits: [4, 8]}
    columns: {weight_bytes: [10, 20], perturbation: [3, 1]}
  - name: conv2
    keys: {bits: [4, 8]}
    columns: {weight_bytes: [5, 10], perturbation: [4, 1]}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "problem.yaml"
    path.write_text(text)
    return path


def test_every_part_is_read(tmp_path: Path) -> None:
    problem = read_problem(written(tmp_path, GOOD))
    assert problem.objective.terms == (Term("perturbation", 2.0),)
    assert problem.budgets == (Budget("size", "weight_bytes", 35.0),)
    assert problem.ties == (Tie(("conv1", "conv2"), ("bits",)),)
    found = solve(problem)
    assert found.rows == (1, 1)
    assert found.objective == 4
    assert found.totals == {"weight_bytes": 35, "perturbation": 2}


def test_a_product_is_read(tmp_path: Path) -> None:
    text = GOOD.replace("minimize: {perturbation: 2}", "product: [weight_bytes, perturbation]")
    found = solve(read_problem(written(tmp_path, text)))
    assert found.objective == 35 * 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("minimize: {perturbation: 2}", "", "give either minimize"),
        ("then:", "than:", "'than' is not known; did you mean 'then'"),
        ("limit: 35", "limit: much", "line 4: budgets"),
        ("[10, 20]", "[10]", "layer 'conv1': columns and keys must be vectors of one length"),
        ("column: weight_bytes", "column: bytes", "budget 'size' reads 'bytes'"),
    ],
)
def test_mistakes_name_the_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_problem(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
