"""Reading studies: the library's, flags' worth of changes, and what is told of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from archsim.dse.selection.problem import Problem
from archsim.dse.study import Study
from archsim.dse.study_files import list_studies, load_study
from archsim.errors import InputError

SMALL = {"workload": "resnet8", "accelerator": "systolic-32-edge"}


def study(**changes: object) -> Study:
    found = load_study({**SMALL, **changes})
    assert isinstance(found, Study)
    return found


def test_library_studies_are_valid() -> None:
    names = list_studies()
    assert {"edge-energy", "tiny-energy", "hawq-resnet18", "hawq-resnet50", "infeasible"} <= set(names)
    kinds = {name: type(load_study(name)) for name in names}
    assert kinds["hawq-resnet18"] is Problem
    assert kinds["edge-energy"] is Study


def test_combinations_of_open_fields() -> None:
    asked = study(
        hardware={
            "array.rows, array.columns": [8, 16],
            "buffer.capacity_kib": {"from": 64, "to": 256, "times": 2},
            "technology.clock_mhz": {"from": 100, "to": 250, "step": 100},
        }
    )
    points = list(asked.points_of_hardware())
    assert len(points) == 2 * 3 * 2
    assert points[0] == {
        "array.rows": 8,
        "array.columns": 8,
        "buffer.capacity_kib": 64,
        "technology.clock_mhz": 100,
    }
    assert all(point["array.rows"] == point["array.columns"] for point in points)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimise": "latency"}, "'minimise' is not known; did you mean 'minimize'"),
        ({"minimize": "speed"}, "minimize: 'speed' is not known"),
        ({"minimize": {"latency_ms": -1}}, "greater than 0"),
        ({"minimize": {}}, "names nothing"),
        ({"front": ["latency"]}, "at least 2"),
        ({"budgets": {"area": 4}}, "did you mean 'area_mm2'"),
        ({"budgets": {"area_mm2": "4 mm2"}}, "give a number, or a share of the baseline"),
        ({"hardware": {"array.rows": []}}, "no value to choose from"),
        ({"hardware": {"array.rows": [8, 8]}}, "lists a value twice"),
        ({"hardware": {"array.rows": [8], "array.rows, array.columns": [8]}}, "array.rows is there twice"),
        ({"hardware": {"array.rows": {"from": 1, "to": 8}}}, "either step or times"),
        (
            {"hardware": {f"p{i}": {"from": 1, "to": 1000, "step": 1} for i in range(3)}},
            "1,000,000,000 combinations",
        ),
        ({"bits": {"weights": [0]}}, "greater than or equal to 1"),
        ({"sensitivity": {"table": "a.csv", "calibration": "b.npz"}}, "either table or calibration"),
        ({"time_limit_s": 0}, "greater than 0"),
        ({"gap": 1.5}, "less than 1"),
    ],
)
def test_bad_studies(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        study(**changes)
    assert message in str(caught.value)


def test_a_file_names_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("workload: resnet8\naccelerator: systolic-32-edge\nbudgets:\n  aera_mm2: 4\n")
    with pytest.raises(InputError, match=r"mine.yaml.*'aera_mm2' is not known; did you mean 'area_mm2'"):
        load_study(path)
    path.write_text("workload: resnet8\naccelerator: systolic-32-edge\ngap: much\n")
    with pytest.raises(InputError, match=r"mine.yaml, line 3: gap"):
        load_study(path)


def test_a_study_is_named_after_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("workload: resnet8\naccelerator: systolic-32-edge\n")
    found = load_study(path)
    assert isinstance(found, Study)
    assert found.name == "mine"


def test_unknown_study() -> None:
    with pytest.raises(InputError, match=r"'edge-enrgy' is not in the library; did you mean 'edge-energy'"):
        load_study("edge-enrgy")
