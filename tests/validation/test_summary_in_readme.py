"""README's validation summary is what archsim simulates now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from archsim.validation import compare

ROOT = Path(__file__).parents[2]


def test_summary_is_current():
    path = ROOT / "scripts" / "write_validation_summary.py"
    found = importlib.util.spec_from_file_location("write_validation_summary", path)
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script.with_summary(text, compare()) == text, "run scripts/write_validation_summary.py"
