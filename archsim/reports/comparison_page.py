"""The page of a comparison: one workload on several accelerators. Self-contained, as the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.html_page import assemble, page_file

_SCRIPTS = ("quantities.js", "bits.js", "comparison.js")


def write_comparison_page(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of a comparison (JSON `archsim.comparison/1`). Raises InputError as `whole_file`."""
    subject = [str(document["workload"])]
    page = assemble("comparison", "Comparison", subject, page_file("comparison.html"), _SCRIPTS, document)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")
