"""One self-contained page out of its body, its scripts and its data: it works offline and in any browser."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from archsim.reports.export import plain

# in the order the page runs them: each may use what stands before it
_SHARED_SCRIPTS = (
    "format.js",
    "dom.js",
    "theme.js",
    "layer_axis.js",
    "charts.js",
    "link.js",
    "sortable.js",
)
_CHARTS = "vendor/echarts.common.min.js"


def assemble(
    kind: str, kicker: str, subject: Sequence[str], main: str, scripts: Sequence[str], data: Mapping[str, Any]
) -> str:
    """The page as one HTML document without any outside reference.

    `kicker` says what the page is, `subject` what it is about: a name, or a workload and what it runs on.
    `main` is the page's own part.

    It is safe whatever the names in the data contain: they travel as JSON in which `<`, `>` and `&` are
    escaped, and the page sets them as text, never as markup.
    """
    return Template(page_file("frame.html")).substitute(
        kind=kind,
        title=html.escape(" on ".join(subject)),
        kicker=kicker,
        heading=' <span class="on">on</span> '.join(map(html.escape, subject)),
        style=page_file("style.css"),
        main=main,
        charts=page_file(_CHARTS),
        data=_script_safe(json.dumps(plain(data), allow_nan=False, separators=(",", ":"))),
        script="\n".join(page_file(name) for name in (*_SHARED_SCRIPTS, *scripts)),
    )


def page_file(name: str) -> str:
    """The text of a part of a page."""
    return files("archsim.reports").joinpath("page", name).read_text(encoding="utf-8")


def _script_safe(text: str) -> str:
    """JSON that cannot end the script element it stands in; these signs occur only inside its strings."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
