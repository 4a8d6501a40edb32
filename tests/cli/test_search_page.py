"""The page on searches: its keys are the study's, its example is valid, its quantities are budgets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from archsim.dse.quantities import budget_quantity
from archsim.dse.study import Study
from archsim.dse.study_files import load_study

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading."""
    below = PAGE.split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table is not None
    lines = table.group(0).strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_key_of_a_study_is_told_with_its_default() -> None:
    told = {cells[0].strip("`"): cells[2] for cells in rows("## A study")}
    assert set(told) == set(Study.model_fields)
    for name, field in Study.model_fields.items():
        if field.is_required():
            assert told[name] == "required", name
        elif isinstance(field.default, int | float | str) and name not in ("name", "description"):
            shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
            assert told[name].strip("`").strip('"') == shown, name


def test_every_budget_told_is_one() -> None:
    for cells in rows("### Budgets"):
        for name in re.findall(r"`([^`]+)`", cells[0]):
            budget_quantity(name.replace("<memory>", "buffer").replace("<name>", "LUT"))


def test_the_example_is_a_study(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(# my-study.yaml.*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "my-study.yaml"
    path.write_text(example.group(1), encoding="utf-8")
    study = load_study(path)
    assert isinstance(study, Study)
    assert len(list(study.points_of_hardware())) == 2 * 3
    assert yaml.safe_load(example.group(1))["minimize"] == "energy"


@pytest.mark.parametrize("name", ["tiny-energy", "hawq-resnet18"])
def test_studies_named_are_in_the_library(name: str) -> None:
    assert name in PAGE
    load_study(name)
