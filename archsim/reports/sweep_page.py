"""The page of a sweep: its points, their Pareto front, and what matters. Self-contained, as the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.html_page import assemble, page_file

_SCRIPTS = (
    "quantities.js",
    "bits.js",
    "sweep_data.js",
    "sweep_points.js",
    "sweep_parallel.js",
    "sweep_effects.js",
    "sweep_main.js",
)


def write_sweep_page(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of a sweep (see `archsim.dse.sweep.page`). Raises InputError as `whole_file`."""
    page = render_sweep_page(document)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_sweep_page(document: Mapping[str, Any]) -> str:
    """The page as one HTML document."""
    return assemble("sweep", "Sweep", [str(document["name"])], page_file("sweep.html"), _SCRIPTS, document)
