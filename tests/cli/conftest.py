"""The command line called in this process (fast) or as a process of its own (real)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from archsim.cli.app import app

Archsim = Callable[..., Result]


def invoke(*words: str | Path) -> Result:
    """Run a command in this process; an exception that is no exit is a bug and shows here."""
    runner = CliRunner(env={"COLUMNS": None})  # the width must not be that of whoever runs the tests
    result = runner.invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def archsim() -> Archsim:
    return invoke


@pytest.fixture
def refused() -> Callable[..., str]:
    """Run a command that must be refused; its message, after checking what holds of every refusal."""

    def run(*words: str | Path) -> str:
        result = invoke(*words)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert result.stderr.startswith("error: ")
        return result.stderr

    return run


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m archsim` as a process, in tmp_path."""
    inherited = {key: value for key, value in os.environ.items() if key != "COLUMNS"}

    def run(
        *words: str | Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "archsim", *map(str, words)],
            cwd=tmp_path,
            env={**inherited, **(environment or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )

    return run


@pytest.fixture
def tiny_trace(tmp_path: Path) -> Path:
    """A convolution, a ReLU and a product: the least that uses every part of a machine."""
    path = tmp_path / "tiny.csv"
    path.write_text(
        "name,operator,K,C,P,Q,R,S\nconv,conv,16,3,12,12,3,3\nadd,relu\nfc,gemm,10,2304,1,1,1,1\n"
    )
    return path


@pytest.fixture
def machine_text() -> str:
    """The YAML of a library accelerator, to be spoilt."""
    from archsim.accelerators.library import accelerator_path

    return accelerator_path("systolic-32-edge").read_text()
