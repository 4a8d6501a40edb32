"""The page on sweeps: its keys are the sweep's, its examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.files import list_sweeps, load_sweep
from archsim.dse.sweep.sweep import Sweep

PAGE = (Path(__file__).parents[3] / "docs" / "sweep.md").read_text(encoding="utf-8")


def test_every_key_is_told_with_its_default() -> None:
    table = re.search(r"(?:^\|.*\n)+", PAGE.split("\n## A sweep\n", 1)[1], re.MULTILINE)
    assert table is not None
    cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in table.group(0).splitlines()[2:]]
    told = {row[0].strip("`"): row[2] for row in cells}
    assert set(told) == set(Sweep.model_fields)
    for name, field in Sweep.model_fields.items():
        if field.is_required():
            assert told[name] == "required", name
        elif isinstance(field.default, int | str) and name not in ("name", "description"):
            assert told[name].strip("`").strip('"') == str(field.default), name


def test_the_example_is_a_sweep(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(# my-sweep.yaml.*?)```", PAGE, re.DOTALL)
    assert example is not None
    path = tmp_path / "my-sweep.yaml"
    path.write_text(example.group(1), encoding="utf-8")
    found = Evaluator.of(load_sweep(path))
    assert found.space.size == 2 * 3 * 4 * 2 * 2
    (design,) = found.space.designs([found.space.size - 1])
    assert found.run(design).totals.latency_ms > 0


def test_sweeps_named_are_in_the_library() -> None:
    named = set(re.findall(r"archsim sweep ([a-z][\w-]+)(?: |$)", PAGE, re.MULTILINE))
    assert named <= set(list_sweeps())
    assert named
