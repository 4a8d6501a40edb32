"""The pages of a search: a plan, and the Pareto front of several. Self-contained, as the energy report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from archsim.atomic import whole_file
from archsim.reports.html_page import assemble, page_file
from archsim.reports.plan_data import complete, plan_goal, plan_subject, proof

_PLAN_SCRIPTS = (
    "quantities.js",
    "plan_data.js",
    "bits.js",
    "plan_charts.js",
    "plan_tables.js",
    "total_cards.js",
    "plan_words.js",
    "show_plan.js",
)


def write_plan_page(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of a plan (JSON `archsim.plan/1`). Raises InputError as `whole_file`."""
    page = render_plan_page(document)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def write_front_page(document: Mapping[str, Any], path: str | Path) -> None:
    """Write the page of a front (JSON `archsim.front/1`). Raises InputError as `whole_file`."""
    page = render_front_page(document)
    with whole_file(path) as file:
        file.write_text(page, encoding="utf-8")


def render_plan_page(document: Mapping[str, Any]) -> str:
    """The page of a plan as one HTML document; only workload, accelerator and layers must be there."""
    scripts = (*_PLAN_SCRIPTS, "plan_main.js")
    main = page_file("plan_sections.html")
    kicker = "Search: the plan found"
    return assemble("plan", kicker, plan_subject(document), main, scripts, _told_plan(document))


def render_front_page(document: Mapping[str, Any]) -> str:
    """The page of a front as one HTML document: its points, and the plan of the one chosen."""
    points = document["points"]
    subject = plan_subject(points[0]["plan"]) if points else [str(document["study"])]
    scripts = (*_PLAN_SCRIPTS, "front_chart.js", "front_main.js")
    main = Template(page_file("front.html")).substitute(sections=page_file("plan_sections.html"))
    return assemble("front", "Search: Pareto front", subject, main, scripts, _front_data(document))


def _told_plan(document: Mapping[str, Any], front: Iterable[str] = ()) -> dict[str, Any]:
    plan = complete(document)
    return plan | {"goal": plan_goal(plan), "proof": proof(plan, front)}


def _front_data(document: Mapping[str, Any]) -> dict[str, Any]:
    """The front with each distinct layer once: plans along a front have most of theirs in common."""
    places: dict[str, int] = {}
    layers, points = [], []
    for point in document["points"]:
        plan = _told_plan(point["plan"], point["values"])
        chosen = []
        for layer in plan["layers"]:
            key = json.dumps(layer, sort_keys=True, default=str)
            if key not in places:
                places[key] = len(layers)
                layers.append(layer)
            chosen.append(places[key])
        points.append({"values": point["values"], "plan": plan | {"layers": chosen}})
    return {"study": document["study"], "status": document["status"], "layers": layers, "points": points}
