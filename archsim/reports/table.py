"""A run on the console: the layers, the totals, the energy by component."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from archsim.reports import units
from archsim.reports.summary import energy_by_component
from archsim.run import LayerRun, Run

_NAME_MIN = 16  # characters a layer's name keeps, however narrow the console
_GAP = 2  # spaces between columns; the box draws one of them
_PANEL_WITH_NOTES = 66  # a console narrower than this shows notes below their figure
# What a narrow console does without, in this order; numbers are never cut.
_DISPENSABLE = ("Operator", "Util.", "Bound by", "DRAM", "MACs", "#", "Energy")


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: tuple[str, ...]
    foot: str = ""
    is_number: bool = True

    @property
    def width(self) -> int:
        return max(cell_len(text) for text in (self.title, self.foot, *self.cells))


def print_run(run: Run, console: Console, max_rows: int | None = None) -> None:
    """Print the layer table, the totals and the energy by component.

    All layers are shown unless `max_rows` is given: then the slowest ones, in execution order, and the
    others as one row of sums. A console too narrow for the table loses columns and the middle of names,
    never digits.
    """
    title = (printable(run.workload), "bold"), " on ", (printable(run.accelerator), "bold")
    console.print(Text.assemble(*title))
    console.print(_layer_table(run, console.width, max_rows))
    console.print(Columns([_totals_panel(run, console.width), _component_panel(run)]))
    for warning in run.warnings:
        console.print(Text(f"Warning: {printable(warning)}", style="yellow"))


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


def _layer_table(run: Run, width: int, max_rows: int | None) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, show_footer=True, padding=(0, _GAP - 1, 0, 0), pad_edge=False
    )
    columns = _fitted(_columns(run, max_rows), width)
    for column in columns:
        table.add_column(
            Text(column.title),
            Text(column.foot),
            justify="right" if column.is_number else "left",
            no_wrap=True,
            min_width=column.width,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _columns(run: Run, max_rows: int | None) -> list[_Column]:
    shown, rest = _chosen(run.layers, max_rows)
    layers = [layer for _, layer in shown]
    left = [layer for _, layer in rest]

    def words(title: str, cells: Sequence[str], last: str = "", foot: str = "") -> _Column:
        return _Column(title, (*map(printable, cells), *([last] if rest else [])), foot, is_number=False)

    def numbers(title: str, cells: Sequence[str], last: str = "", foot: str = "") -> _Column:
        return _Column(title, (*cells, *([last] if rest else [])), foot)

    totals = run.totals
    return [
        numbers("#", [str(place) for place, _ in shown]),
        words("Layer", [layer.name for layer in layers], f"{len(rest)} other layers", "total"),
        words("Operator", [layer.operator for layer in layers]),
        numbers(
            "MACs",
            [units.count(layer.macs) for layer in layers],
            units.count(sum(layer.macs for layer in left)),
            units.count(totals.macs),
        ),
        numbers(
            "Cycles",
            [f"{layer.latency_cycles:,}" for layer in layers],
            f"{sum(layer.latency_cycles for layer in left):,}",
            f"{totals.latency_cycles:,}",
        ),
        numbers("Util.", [units.percent(layer.utilization) for layer in layers]),
        words("Bound by", [layer.bound_by for layer in layers]),
        numbers(
            "Energy",
            [units.energy(layer.energy_pj) for layer in layers],
            units.energy(sum(layer.energy_pj for layer in left)),
            units.energy(totals.energy_mj * 1e9),
        ),
        numbers(
            "DRAM",
            [units.traffic(layer.dram_bytes) for layer in layers],
            units.traffic(sum(layer.dram_bytes for layer in left)),
            units.traffic(totals.dram_bytes),
        ),
    ]


def _chosen(
    layers: Sequence[LayerRun], max_rows: int | None
) -> tuple[list[tuple[int, LayerRun]], list[tuple[int, LayerRun]]]:
    """The layers to show with their place from 1, and the others; both in execution order."""
    placed = list(enumerate(layers, start=1))
    if max_rows is None or len(placed) <= max_rows:
        return placed, []
    slowest = sorted(placed, key=lambda item: -item[1].latency_cycles)[:max_rows]
    kept = {place for place, _ in slowest}
    return sorted(slowest), [item for item in placed if item[0] not in kept]


def _fitted(columns: list[_Column], width: int) -> list[_Column]:
    """The columns that fit the width, dispensable ones left out first, then names shortened."""

    def others(kept: list[_Column]) -> int:
        return sum(column.width + _GAP for column in kept if column.title != "Layer")

    for title in _DISPENSABLE:
        if others(columns) + _GAP + _NAME_MIN <= width:
            break
        columns = [column for column in columns if column.title != title]
    room = max(_NAME_MIN, width - others(columns) - _GAP)
    return [
        replace(column, cells=tuple(shorten(cell, room) for cell in column.cells))
        if column.title == "Layer"
        else column
        for column in columns
    ]


def _totals_panel(run: Run, width: int) -> Panel:
    totals = run.totals
    bounds = f"{units.energy(totals.energy_mj_low * 1e9)} – {units.energy(totals.energy_mj_high * 1e9)}"
    peak_layer = shorten(printable(run.peak_memory_layer), 30)
    clock = f"{totals.latency_cycles:,} cycles at {run.roofline.clock_mhz:g} MHz"
    rows = (
        ("Latency", units.duration(totals.latency_ms), clock),
        ("Energy", units.energy(totals.energy_mj * 1e9), bounds),
        ("Throughput", f"{units.digits(totals.tops)} TOPS", ""),
        ("Efficiency", f"{units.digits(totals.tops_per_w)} TOPS/W", ""),
        ("Area", f"{units.digits(totals.area_mm2)} mm²" if totals.area_mm2 > 0 else units.MISSING, ""),
        ("EDP", f"{units.digits(totals.edp_mj_ms)} mJ·ms", ""),
        (
            "Peak memory",
            units.memory(totals.peak_memory_bytes),
            peak_layer,
        ),
        ("DRAM traffic", units.traffic(totals.dram_bytes), ""),
    )
    if width < _PANEL_WITH_NOTES:
        below = [line for label, value, note in rows for line in ((label, value, ""), ("", note, ""))]
        return _panel("Totals", [line for line in below if any(line)])
    return _panel("Totals", rows)


def _component_panel(run: Run) -> Panel:
    rows = tuple(
        (printable(str(component)), units.energy(energy), units.percent(share))
        for component, energy, share in energy_by_component(run)[["energy_pj", "share"]].itertuples()
    )
    return _panel("Energy by component", rows, notes="right")


def _panel(title: str, rows: Sequence[tuple[str, str, str]], notes: str = "left") -> Panel:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim", min_width=max(cell_len(label) for label, _, _ in rows))
    grid.add_column(justify="right", overflow="fold")
    grid.add_column(justify="right" if notes == "right" else "left", style="dim", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return Panel.fit(grid, title=title, title_align="left", box=box.ROUNDED)
