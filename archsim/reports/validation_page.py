"""The page of published against simulated figures. Self-contained, as the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.html_page import assemble, page_file

_SCRIPTS = ("validation.js",)


def write_validation_page(figures: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Write the page of figures (those of JSON `archsim.validation/1`). Raises InputError as `whole_file`."""
    page = render_validation_page(figures)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_validation_page(figures: Sequence[Mapping[str, Any]]) -> str:
    """The page as one HTML document."""
    main = page_file("validation.html")
    return assemble("validation", "Validation", ["Published figures"], main, _SCRIPTS, {"figures": figures})
