"""Fronts against brute force, conditions, exports, effects with a known answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_cases import tiny_sweep

from archsim.dse.sweep.effects import effects
from archsim.dse.sweep.page import page_document
from archsim.dse.sweep.results import Results, pareto, read_results
from archsim.dse.sweep.run import sweep
from archsim.errors import InputError


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Results:
    folder = tmp_path_factory.mktemp("results")
    sweep(tiny_sweep(folder, budgets={"area_mm2": 0.08}), folder / "tiny.sweep", workers=1)
    return read_results(folder / "tiny.sweep")


def frame_of(values: list[tuple[float, float, str, bool]]) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=["latency_ms", "tops", "workload", "feasible"])
    frame = frame.astype({"latency_ms": float, "tops": float, "feasible": bool})
    return frame.assign(point=range(len(frame)), status="ok")


POINTS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from("ab"), st.booleans())


@settings(deadline=None)
@given(st.lists(POINTS, max_size=40))
def test_the_front_is_that_of_brute_force(values: list) -> None:
    """Less latency, more TOPS; workloads apart; of equal points one."""
    rows = [(w, x, -y) for x, y, w, is_feasible in values if is_feasible]
    meant = {
        (w, x, y)
        for w, x, y in rows
        if not any(v == w and a <= x and b <= y and (a, b) != (x, y) for v, a, b in rows)
    }
    front = pareto(frame_of(values), ["latency_ms", "tops"])
    got = list(zip(front["workload"], front["latency_ms"], -front["tops"], strict=True))
    assert set(got) == meant
    assert len(got) == len(meant)


def test_conditions(found: Results) -> None:
    some = found.where("sram_kib >= 16 and array.columns == 8").frame
    assert set(some["array.columns"]) == {8}
    assert set(found.where("`array.dataflow` == 'output_stationary'").frame["array.dataflow"]) == {
        "output_stationary"
    }
    for wrong in ("rows <", "colour == 3", "rows + 1", "__import__('os')", "@pd"):
        with pytest.raises(InputError, match="condition"):
            found.where(wrong)


def test_exports_are_read_back(tmp_path: Path, found: Results) -> None:
    found.to_parquet(tmp_path / "r.parquet")
    again = read_results(tmp_path / "r.parquet")
    pd.testing.assert_frame_equal(again.frame, found.frame)
    assert again.sweep == found.sweep
    found.to_csv(tmp_path / "r.csv")
    from_csv = read_results(tmp_path / "r.csv")
    assert from_csv.parameters == found.parameters
    pd.testing.assert_frame_equal(
        pareto(from_csv.frame, ["latency_ms", "energy_mj"])[["point", "latency_ms"]],
        pareto(found.frame, ["latency_ms", "energy_mj"])[["point", "latency_ms"]],
    )


@pytest.mark.parametrize("name", ["none.sweep", "none.parquet", "none.csv"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_results(tmp_path / name)


def test_files_that_hold_something_else(tmp_path: Path) -> None:
    for name in ("a.sweep", "a.parquet"):
        (tmp_path / name).write_text("x,y\n1,2\n")
        with pytest.raises(InputError, match=name):
            read_results(tmp_path / name)
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="no column 'point'"):
        read_results(tmp_path / "a.csv")


def test_a_goal_that_is_no_number(found: Results) -> None:
    with pytest.raises(InputError, match=r"'array\.dataflow' is no column of numbers"):
        pareto(found.frame, ["array.dataflow", "energy_mj"])


def test_effects_of_a_product_are_its_factors_variances() -> None:
    """log(a·b) = log a + log b on a whole grid: the indices are the shares of the two variances."""
    a, b = np.array([1.0, 2.0, 8.0]), np.array([1.0, 3.0])
    grid = pd.DataFrame([(x, y, x * y) for x in a for y in b], columns=["a", "b", "goal"])
    shares = {effect["name"]: effect["share"] for effect in effects(grid, ["a", "b"], "goal")}
    total = np.log(a).var() + np.log(b).var()
    assert shares["a"] == pytest.approx(np.log(a).var() / total)
    assert shares["b"] == pytest.approx(np.log(b).var() / total)
    (first, _) = effects(grid, ["a", "b"], "goal")
    relative = [level["relative"] for level in first["levels"]]
    assert relative == pytest.approx((a / np.exp(np.log(a).mean())).tolist())


def test_what_only_acts_together_has_no_effect_by_itself() -> None:
    corners = [(x, y, 2.0 ** (x * y)) for x in (-1, 1) for y in (-1, 1)]
    grid = pd.DataFrame(corners, columns=["a", "b", "goal"])
    assert all(effect["share"] < 1e-12 for effect in effects(grid, ["a", "b"], "goal"))


def test_the_page_holds_the_front_and_counts(found: Results, monkeypatch) -> None:
    monkeypatch.setattr("archsim.dse.sweep.page.MOST_POINTS", 3)
    document = page_document(found, ["latency_ms", "energy_mj"])
    assert document["points"] == 24
    assert document["ran"] == 16
    shown = document["rows"][document["columns"].index("point")]
    assert set(document["front"]) <= set(shown)
    assert len(shown) == max(3, len(document["front"]))
    assert sum(entry["points"] for entry in document["errors"]) == 8


def test_the_export_is_queried_by_duckdb_and_pandas(found: Results, tmp_path: Path) -> None:
    """As docs/sweep.md shows."""
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "tiny.parquet"
    found.to_parquet(path)
    query = (
        'SELECT "array.dataflow" AS dataflow, MIN(energy_mj) AS least FROM read_parquet(?)'
        " WHERE feasible AND sram_kib > 1 GROUP BY ALL ORDER BY dataflow"
    )
    got = duckdb.execute(query, [str(path)]).fetchall()
    table = pd.read_parquet(path).query("feasible and sram_kib > 1")
    meant = table.groupby("array.dataflow")["energy_mj"].min().sort_index()
    assert got == list(meant.items())
