"""The page of accuracy and energy below the safe voltage. Self-contained, as the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.html_page import assemble, page_file

_SCRIPTS = ("quantities.js", "low_voltage.js")


def write_accuracy_page(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of an accuracy measurement (JSON `archsim.accuracy/1`) that has `low_voltage`.

    Raises InputError as `whole_file`.
    """
    page = render_accuracy_page(document)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_accuracy_page(document: Mapping[str, Any]) -> str:
    """The page as one HTML document."""
    subject = [str(document[key]) for key in ("model", "accelerator") if document[key]]
    return assemble("accuracy", "Low voltage", subject, page_file("low_voltage.html"), _SCRIPTS, document)
