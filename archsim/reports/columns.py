"""Tables and panels on a console of any width.

What gives way is columns and the middle of names, never digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.cells import cell_len
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_NAME_MIN = 16  # characters a name keeps, however narrow the console
_GAP = 2  # spaces between columns; the box draws one of them


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    cells: tuple[str, ...]
    foot: str = ""
    is_number: bool = True

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.title, self.foot, *self.cells))


def printable(text: str) -> str:
    """`text` on one line and without control characters, which could drive the terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def shorten(name: str, width: int) -> str:
    """`name` in at most `width` cells: long names lose their middle, because their ends tell layers apart."""
    if cell_len(name) <= width:
        return name
    tail = _take(reversed(name), (width - 1) // 2)
    return f"{_take(name, width - 1 - cell_len(tail))}…{tail[::-1]}"


def _take(signs: Iterable[str], width: int) -> str:
    taken = ""
    for sign in signs:
        if cell_len(taken + sign) > width:
            break
        taken += sign
    return taken


def column_table(
    columns: Sequence[Column],
    width: int,
    dispensable: Sequence[str],
    *,
    name: str | None = None,
    foot: bool = True,
) -> Table:
    """The columns that fit `width`.

    `dispensable` are the titles that a narrow console does without, in this order; `name` is that of the
    column whose texts are shortened, if there is one.
    """
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, show_footer=foot, padding=(0, _GAP - 1, 0, 0), pad_edge=False
    )
    fitted = _fitted(columns, width, dispensable, name)
    for column in fitted:
        table.add_column(
            Text(column.title),
            Text(column.foot),
            justify="right" if column.is_number else "left",
            no_wrap=True,
            min_width=column.width,
        )
    for row in zip(*(column.cells for column in fitted), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _fitted(
    columns: Sequence[Column], width: int, dispensable: Sequence[str], name: str | None
) -> Sequence[Column]:
    """The columns that fit the width, dispensable ones left out first, then names shortened."""

    def others(kept: Sequence[Column]) -> int:
        return sum(column.width + _GAP for column in kept if column.title != name)

    least = 0 if name is None else _GAP + _NAME_MIN
    for title in dispensable:
        if others(columns) + least <= width:
            break
        columns = [column for column in columns if column.title != title]
    room = max(_NAME_MIN, width - others(columns) - _GAP)
    return [
        replace(column, cells=tuple(shorten(cell, room) for cell in column.cells))
        if column.title == name
        else column
        for column in columns
    ]


def panel(title: str, rows: Sequence[tuple[str, str, str]], notes: str = "left") -> Panel:
    """Rows of a label, a figure and a note, which all may be empty."""
    has_notes = any(note for _, _, note in rows)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim", min_width=max(cell_len(label) for label, _, _ in rows))
    grid.add_column(justify="right", overflow="fold")
    if has_notes:
        grid.add_column(justify="right" if notes == "right" else "left", style="dim", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in (row if has_notes else row[:2])))
    return Panel.fit(grid, title=title, title_align="left", box=box.ROUNDED)
