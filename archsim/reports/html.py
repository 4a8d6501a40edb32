"""The energy report: one self-contained page, which works offline and in any browser."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.export import plain
from archsim.reports.summary import energy_by_action, energy_by_component, energy_by_layer
from archsim.run import Run

# in the order the page runs them: each may use what stands before it
_SCRIPTS = (
    "format.js",
    "dom.js",
    "theme.js",
    "layer_charts.js",
    "roofline.js",
    "link.js",
    "tables.js",
    "words.js",
    "main.js",
)
_CHARTS = "vendor/echarts.common.min.js"


def write_html(run: Run, path: str | Path) -> None:
    """Write the report. Raises InputError when the folder is missing or not writable."""
    page = render_html(run)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_html(run: Run) -> str:
    """The report as one HTML document without any outside reference.

    The page is safe whatever the names in the run contain: they travel as JSON in which `<`, `>` and `&` are
    escaped, and the page sets them as text, never as markup.
    """
    return Template(_page_file("report.html")).substitute(
        title=html.escape(f"{run.workload} on {run.accelerator}"),
        style=_page_file("style.css"),
        charts=_page_file(_CHARTS),
        data=_script_safe(json.dumps(plain(page_data(run)), allow_nan=False, separators=(",", ":"))),
        script="\n".join(_page_file(name) for name in _SCRIPTS),
    )


def page_data(run: Run) -> dict[str, Any]:
    """What the page draws: the run's JSON object, its energy table replaced by the sums the page shows."""
    data = run.to_dict()
    by_layer = energy_by_layer(run)
    data["energy"] = {
        "components": energy_by_component(run).reset_index().to_dict(orient="records"),
        "actions": energy_by_action(run).to_dict(orient="records"),
        "layers": list(by_layer.index),
        "layer_energy_pj": by_layer.to_numpy().tolist(),  # (layers, components), the orders above
    }
    return data


def _page_file(name: str) -> str:
    return files("archsim.reports").joinpath("page", name).read_text(encoding="utf-8")


def _script_safe(text: str) -> str:
    """JSON that cannot end the script element it stands in; these signs occur only inside its strings."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
