"""The page of an energy report against a baseline. Self-contained, as the others."""

from __future__ import annotations

from pathlib import Path

from archsim.atomic import whole_file
from archsim.reports.energy_report import EnergyReport
from archsim.reports.html_page import assemble, page_file

_SCRIPTS = ("quantities.js", "settings.js", "total_cards.js", "change.js")


def write_change_page(report: EnergyReport, path: str | Path) -> None:
    """Write the page of a report that has a baseline. Raises InputError as `whole_file`."""
    page = render_change_page(report)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_change_page(report: EnergyReport) -> str:
    """The page as one HTML document: what the report holds, less its single lines."""
    data = {key: value for key, value in report.to_dict().items() if key != "energy"}
    subject = report.run.workload, report.run.accelerator
    return assemble(
        "change", "Energy report: what changed", subject, page_file("change.html"), _SCRIPTS, data
    )
