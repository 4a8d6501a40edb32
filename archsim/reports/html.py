"""The energy report: one self-contained page, which works offline and in any browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.firings import first_firings
from archsim.reports.grouping import grouped, labelled_energy
from archsim.reports.html_page import assemble, page_file
from archsim.reports.summary import energy_by_action, energy_by_component, energy_by_layer
from archsim.run import Run

_SCRIPTS = (
    "run_data.js",
    "layer_charts.js",
    "roofline.js",
    "stages.js",
    "spans.js",
    "mapping_picture.js",
    "tables.js",
    "settings.js",
    "words.js",
    "main.js",
)
_GROUPINGS = ("component", "level", "operator", "block")


def write_html(run: Run, path: str | Path) -> None:
    """Write the report. Raises InputError when the folder is missing or not writable."""
    page = render_html(run)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_html(run: Run) -> str:
    """The report as one HTML document, whatever the names in the run contain."""
    subject = run.workload, run.accelerator
    return assemble(
        "run", "Energy and latency report", subject, page_file("report.html"), _SCRIPTS, page_data(run)
    )


def page_data(run: Run) -> dict[str, Any]:
    """What the page draws: the run's JSON object, its energy table replaced by the sums the page shows."""
    data = run.to_dict()
    by_layer, table = energy_by_layer(run), labelled_energy(run)
    data["energy"] = {
        "components": energy_by_component(run).reset_index().to_dict(orient="records"),
        "groups": {by: grouped(table, by).to_dict(orient="records") for by in _GROUPINGS},
        "actions": energy_by_action(run).to_dict(orient="records"),
        "layers": list(by_layer.index),
        "layer_energy_pj": by_layer.to_numpy().tolist(),  # (layers, components), the orders above
    }
    data["firings"] = None if run.timeline is None else first_firings(run.timeline)
    return data
