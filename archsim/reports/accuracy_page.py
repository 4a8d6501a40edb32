"""The pages of accuracy: below the safe voltage, or over ADC bits. Self-contained, as the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.html_page import assemble, page_file

_BY_VOLTAGE = "Low voltage", "low_voltage.html", ("quantities.js", "low_voltage.js")
_BY_CAUSE = "Accuracy", "accuracy.html", ("accuracy.js",)


def write_accuracy_page(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of an accuracy measurement (JSON `archsim.accuracy/1`). Raises InputError as
    `whole_file`.
    """
    page = render_accuracy_page(document)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_accuracy_page(document: Mapping[str, Any]) -> str:
    """The page as one HTML document."""
    subject = [str(document[key]) for key in ("model", "accelerator") if document[key]]
    kicker, main, scripts = _BY_VOLTAGE if document["low_voltage"] else _BY_CAUSE
    return assemble("accuracy", kicker, subject, page_file(main), scripts, document)
