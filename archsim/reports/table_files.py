"""Tables as Markdown and as Excel workbooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archsim.atomic import whole_file
from archsim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def write_markdown(
    path: str | Path, heading: str, tables: Mapping[str, pd.DataFrame], notes: Sequence[str] = ()
) -> None:
    """Write tables below their titles, numbers with six digits. Raises InputError as `whole_file`."""
    parts = [f"# {_cell(heading)}"]
    for title, table in tables.items():
        parts += [f"## {title}", _markdown_table(table)]
    with whole_file(path) as file:
        file.write_text("\n\n".join([*parts, *map(_cell, notes)]) + "\n", encoding="utf-8")


def write_workbook(path: str | Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Write a sheet a table. Raises InputError as `whole_file`, or when openpyxl is not there."""
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise InputError(f"{path}: .xlsx needs openpyxl: pip install 'archsim[excel]'") from None
    import pandas as pd

    with (
        whole_file(path) as file,
        file.open("wb") as opened,
        pd.ExcelWriter(opened, engine="openpyxl") as book,
    ):
        for name, table in sheets.items():
            table.to_excel(book, sheet_name=name, index=False, freeze_panes=(1, 0))


def _markdown_table(table: pd.DataFrame) -> str:
    numbers = set(table.select_dtypes("number").columns)
    head = "| " + " | ".join(map(_cell, table.columns)) + " |"
    rule = "|" + "|".join("---:" if name in numbers else "---" for name in table.columns) + "|"
    rows = ["| " + " | ".join(map(_cell, row)) + " |" for row in table.itertuples(index=False, name=None)]
    return "\n".join((head, rule, *rows))


def _cell(value: object) -> str:
    """Six digits of a number; text on one line, its signs that Markdown reads escaped."""
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    text = "" if value is None else " ".join(str(value).split())
    for sign in "\\|<>&*_`[]":
        text = text.replace(sign, f"\\{sign}")
    return text
