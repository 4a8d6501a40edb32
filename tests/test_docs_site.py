"""The documentation site builds without a warning, and what is generated in it is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def text_of(site: Path, page: str) -> str:
    return (site / page / "index.html").read_text(encoding="utf-8")


def test_reference_has_every_command_and_family(site):
    from archsim.accelerators.families import FAMILIES
    from archsim.cli.app import app

    commands = text_of(site, "reference/cli")
    for command in app.registered_commands:
        assert f"Usage: archsim {command.name}" in commands, command.name
    yaml = text_of(site, "reference/yaml")
    for family in FAMILIES:
        assert f"family {family}" in yaml
    assert "array.rows" in yaml
    assert "l1.capacity_kib" in yaml


def test_generated_parts_are_filled_in(site):
    for page in site.rglob("*.html"):
        assert "<!-- generated" not in page.read_text(encoding="utf-8"), page
    assert "class</span>" in text_of(site, "own-family") or "LanesMachine" in text_of(site, "own-family")
    assert text_of(site, "validation").count("<tr>") > 60


def test_pages_load_nothing_from_elsewhere(site):
    loaded = re.compile(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"')
    for page in site.rglob("*.html"):
        assert not loaded.findall(page.read_text(encoding="utf-8")), page
