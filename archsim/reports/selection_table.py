"""What was chosen from a study of tables, on the console: keys by layer, totals, budgets, the proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from archsim.reports import units
from archsim.reports.columns import Column, column_table, panel, printable
from archsim.reports.plan_data import proof


def print_selection(document: Mapping[str, Any], console: Console) -> None:
    """Print a selection (JSON `archsim.selection/1`). A narrow console loses columns, never digits."""
    layers = document["layers"]
    shown = [key for key in layers[0] if key != "name" and all(key in layer for layer in layers)]
    names = Column("Layer", tuple(printable(layer["name"]) for layer in layers), is_number=False)
    columns = [
        Column(printable(key), tuple(_told(layer[key]) for layer in layers), _foot(document, key))
        for key in shown
        if key != "row"
    ]
    console.print(Text(printable(document["study"]), style="bold"))
    dispensable = tuple(column.title for column in reversed(columns))
    console.print(column_table([names, *columns], console.width, dispensable, name="Layer"))
    budgets = [
        (printable(use["name"]), _told(use["used"]), f"of {_told(use['limit'])}")
        for use in document["budgets"]
    ]
    if budgets:
        console.print(Columns([panel("Budgets", budgets)]))
    console.print(Text(printable(" ".join(proof(document)))))


def _told(value: float) -> str:
    return str(value) if isinstance(value, int) else units.digits(value)


def _foot(document: Mapping[str, Any], key: str) -> str:
    total = document["totals"].get(key)
    return "" if total is None else _told(total)
