"""A comparison on the console: a row an accelerator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archsim.reports import units
from archsim.reports.columns import Column, column_table, printable

if TYPE_CHECKING:
    from rich.console import Console

_DISPENSABLE = (
    "Warnings",
    "MHz",
    "nm",
    "DRAM",
    "TOPS",
    "Resources",
    "Precision",
    "EDP mJ·ms",
    "TOPS/W",
    "Family",
)


def print_comparison(document: Mapping[str, Any], console: Console) -> None:
    """Print the table of a comparison (JSON `archsim.comparison/1`), and why some could not run."""
    ran = [entry for entry in document["entries"] if entry["error"] is None]

    def column(title: str, text: list[str], *, is_number: bool = True) -> Column:
        return Column(title, tuple(map(printable, text)), is_number=is_number)

    columns = [
        column("Accelerator", [entry["accelerator"] for entry in ran], is_number=False),
        column("Family", [str(entry["family"] or "") for entry in ran], is_number=False),
        column("nm", [_text(entry["node_nm"]) for entry in ran]),
        column("MHz", [_text(entry["clock_mhz"]) for entry in ran]),
        column("Precision", [str(entry["precision"]) for entry in ran], is_number=False),
        column("Latency", [units.duration(entry["latency_ms"]) for entry in ran]),
        column("Energy", [units.energy(entry["energy_mj"] * 1e9) for entry in ran]),
        column("from", [units.energy(entry["energy_mj_low"] * 1e9) for entry in ran]),
        column("to", [units.energy(entry["energy_mj_high"] * 1e9) for entry in ran]),
        column("Area mm²", [units.digits(entry["area_mm2"] or None) for entry in ran]),
        column("EDP mJ·ms", [units.digits(entry["edp_mj_ms"]) for entry in ran]),
        column("Frames/s", [units.digits(entry["frames_per_s"]) for entry in ran]),
        column("TOPS", [units.digits(entry["tops"]) for entry in ran]),
        column("TOPS/W", [units.digits(entry["tops_per_w"]) for entry in ran]),
        column("DRAM", [units.traffic(entry["dram_bytes"]) for entry in ran]),
    ]
    if any(entry["resources"] for entry in ran):
        columns.append(
            column("Resources", [_resources(entry["resources"]) for entry in ran], is_number=False)
        )
    if any("accuracy" in entry for entry in ran):
        columns.append(column("Accuracy", [_text(entry.get("accuracy")) for entry in ran]))
    console.print(column_table(columns, console.width, _DISPENSABLE, name="Accelerator", foot=False))
    for entry in document["entries"]:
        if entry["error"] is not None:
            console.print(f"{printable(entry['accelerator'])}: {printable(entry['error'])}", markup=False)


def _resources(uses: Sequence[Mapping[str, Any]]) -> str:
    """As shares of what there is."""
    return " ".join(f"{use['name']} {use['used'] / use['capacity']:.0%}" for use in uses if use["capacity"])


def _text(value: object) -> str:
    return units.MISSING if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)
