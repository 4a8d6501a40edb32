"""The command line, called in this process."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from archsim.cli.app import app


@pytest.fixture
def archsim():
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
