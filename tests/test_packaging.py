"""The wheel, as somebody gets it who installs archsim: alone in a fresh environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LIBRARY = ("accelerators", "workloads")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, PROJECT)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def archsim(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `archsim` command of an environment that holds the wheel and its dependencies only."""
    environment = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", environment)
    _run(environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)
    return environment / "bin" / "archsim"


def test_the_wheel_holds_one_package_and_the_whole_library(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"archsim"}
    for folder in LIBRARY:
        shipped = {name for name in names if name.startswith(f"archsim/library/{folder}/")}
        kept = {
            f"archsim/library/{path.relative_to(PROJECT).as_posix()}"
            for path in (PROJECT / folder).rglob("*")
            if path.is_file()
        }
        assert shipped == kept
        assert kept


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {
        path.relative_to(PROJECT).as_posix() for path in (PROJECT / "archsim").rglob("*") if path.is_file()
    }
    assert {name for name in files if "__pycache__" not in name} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_command_simulates_from_any_folder(archsim: Path, tmp_path: Path) -> None:
    _run(archsim, "run", "resnet18", "--on", "systolic-32-edge", "--json", "run.json", cwd=tmp_path)
    result = json.loads((tmp_path / "run.json").read_text())
    assert result["schema"] == "archsim.run/1"
    assert result["totals"]["macs"] == 1_814_073_344  # 1.81 G: the published size of ResNet-18
    assert list(tmp_path.iterdir()) == [tmp_path / "run.json"]


def test_the_installed_library_is_that_of_the_checkout(archsim: Path, tmp_path: Path) -> None:
    for folder in LIBRARY:
        listed = {
            line.split()[0] for line in _run(archsim, "list", folder, cwd=tmp_path).splitlines() if line
        }
        assert {path.stem for path in (PROJECT / folder).iterdir() if path.is_file()} <= listed


def test_the_installed_command_writes_every_kind_of_file(archsim: Path, tmp_path: Path) -> None:
    """Fails when a dependency that only a test environment has is needed."""
    files = {"--report": "r.html", "--csv": "e.csv", "--layers-csv": "l.csv", "--parquet": "e.parquet"}
    options = [word for pair in files.items() for word in pair]
    _run(archsim, "run", "ds-cnn", "--on", "systolic-32-edge", *options, cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(files.values())


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    # PYTHONPATH and the like would lend the environment what it lacks
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
