"""What the README shows works, and its tables name the whole library."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from archsim.accelerators.library import list_accelerators
from archsim.dse.study_files import list_studies
from archsim.workloads.library import list_workloads

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_tables_name_the_library() -> None:
    accelerators, workloads = README.split("## Library")[1].split("| workloads |")
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", accelerators, flags=re.MULTILINE)) == list_accelerators()
    named = re.findall(r"`([\w-]+)`", workloads.split("\n\n")[0])
    assert sorted(named) == list(list_workloads())
    studies = README.split("| studies |")[1].split("\n\n")[0]
    first_cells = " ".join(row.split("|")[1] for row in studies.splitlines()[2:])
    assert sorted(re.findall(r"`([\w-]+)`", first_cells)) == list_studies()


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (Path(__file__).parents[2] / target).is_file(), target


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "report.html").stat().st_size > 0


def test_the_commands_run(
    archsim, tmp_path: Path, machine_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in ("x", "y")]
    conv = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    weights = np.random.default_rng(0).normal(size=(3, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph([conv], "model", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    save(helper.make_model(graph), tmp_path / "model.onnx")
    (tmp_path / "my-accelerator.yaml").write_text(machine_text)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ archsim (.*)$", README, flags=re.MULTILINE)
    assert len(commands) == 18
    for command in commands:
        words = shlex.split(command.split(" | ")[0].replace("/dev/stdout", "out.json"))
        assert archsim(*words).exit_code == 0, command
