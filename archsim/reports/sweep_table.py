"""Points of a sweep on the console: those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archsim.reports import units
from archsim.reports.columns import Column, column_table, printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

MOST_ROWS = 30


def print_points(
    frame: pd.DataFrame, parameters: Sequence[str], quantities: Sequence[str], console: Console
) -> None:
    """A row a point: its number, its parameters and some of its quantities; MOST_ROWS of them at most."""
    shown = frame.head(MOST_ROWS)
    columns = [
        Column("Point", tuple(map(str, shown["point"]))),
        *(_column(shown, name) for name in dict.fromkeys((*quantities, *parameters))),
    ]
    console.print(column_table(columns, console.width, parameters[::-1], foot=False))
    if len(frame) > len(shown):
        console.print(f"… and {len(frame) - len(shown):,} more")


def _column(frame: pd.DataFrame, name: str) -> Column:
    values = frame[name].tolist()
    is_number = all(isinstance(value, int | float) for value in values)
    return Column(printable(name), tuple(map(_text, values)), is_number=is_number)


def _text(value: object) -> str:
    if isinstance(value, float):
        return units.digits(value) if value == value else ""
    return printable(str(value))
