"""A sensitivity table on the console, the most sensitive layer first."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from archsim.numerics.faults.ber_sensitivity import BerSensitivity
from archsim.numerics.sensitivity import OPERANDS, Operand, Sensitivity
from archsim.reports import units
from archsim.reports.table import printable

_LETTERS = {"weight": "w", "activation": "a"}


def print_sensitivity(table: Sensitivity, console: Console, warnings: Sequence[str] = ()) -> None:
    """One row a layer, one column an operand and width; ordered by the worst loss of the layer."""
    columns: list[tuple[Operand, int]] = []
    for operand in OPERANDS:
        columns.extend((operand, bits) for bits in _widths(table, operand))
    console.print(Text(f"Loss by layer: {printable(table.unit)}", style="bold"))
    console.print(_rows(table, columns))
    for line in table.source.splitlines():
        console.print(Text(printable(line), style="dim"))
    for warning in warnings:
        console.print(Text(f"Warning: {printable(warning)}", style="yellow"))


def print_ber_sensitivity(table: BerSensitivity, console: Console) -> None:
    """Points of accuracy lost by layer and bit error rate; ordered by the worst loss of the layer."""
    cells = "stuck at 0 or 1" if table.faults == "stuck" else "flip"
    exact = f"{100 * table.accuracy:.2f} %"
    console.print(
        Text(f"Points of accuracy lost, of {exact} (cells {cells}, {table.chips} chips)", style="bold")
    )
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column("Layer", overflow="fold")
    for rate in next(iter(table.layers.values())).ber:
        shown.add_column(f"BER {rate:.3g}", justify="right", no_wrap=True)
    for layer in sorted(table.layers, key=lambda name: -max(table.layers[name].loss)):
        shown.add_row(Text(printable(layer)), *(f"{100 * loss:.2f}" for loss in table.layers[layer].loss))
    console.print(shown)


def _rows(table: Sensitivity, columns: Sequence[tuple[Operand, int]]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, show_footer=True, pad_edge=False)
    shown.add_column("Layer", "all layers", overflow="fold")
    losses = {layer: [table.losses.get((layer, *column)) for column in columns] for layer in table.layers}
    for place, (operand, bits) in enumerate(columns):
        total = sum(row[place] or 0.0 for row in losses.values())
        shown.add_column(f"{_LETTERS[operand]}{bits}", f"{total:.3g}", justify="right", no_wrap=True)
    for layer in sorted(losses, key=lambda name: -max(loss or 0.0 for loss in losses[name])):
        cells = (units.MISSING if loss is None else f"{loss:.3g}" for loss in losses[layer])
        shown.add_row(Text(printable(layer)), *cells)
    return shown


def _widths(table: Sensitivity, operand: Operand) -> list[int]:
    return sorted({bits for _, side, bits in table.losses if side == operand})
