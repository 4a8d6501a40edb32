"""The table of published against simulated figures, in memory and in files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib import import_module
from pathlib import Path

from archsim.atomic import whole_file
from archsim.errors import InputError
from archsim.validation.figure import PublishedFigure

SCHEMA = "archsim.validation/1"
COLLECTIONS = ("clusters", "cluster_networks", "crossbars", "fpga", "neuralfuse")
"""Modules of this package that list FIGURES."""


@dataclass(frozen=True)
class Comparison:
    """A published figure beside the simulated one."""

    system: str
    workload: str
    quantity: str
    unit: str
    published: float
    simulated: float
    error_percent: float
    kind: str
    source: str
    remark: str


COLUMNS = tuple(field.name for field in fields(Comparison))


def all_figures() -> tuple[PublishedFigure, ...]:
    """Every figure that archsim knows, by collection."""
    modules = (import_module(f"archsim.validation.{name}") for name in COLLECTIONS)
    return tuple(figure for module in modules for figure in module.FIGURES)


def compare(systems: Sequence[str] = ()) -> tuple[Comparison, ...]:
    """Simulate the figures of some systems (default: all). Raises InputError for a system that has none."""
    figures = all_figures()
    known = list(dict.fromkeys(figure.system for figure in figures))
    for system in systems:
        if system not in known:
            raise InputError(f"no figure of a system {system!r} is known; allowed: {', '.join(known)}")
    return tuple(_compared(figure) for figure in figures if not systems or figure.system in systems)


def _compared(figure: PublishedFigure) -> Comparison:
    simulated = figure.simulate()
    return Comparison(
        system=figure.system,
        workload=figure.workload,
        quantity=figure.quantity,
        unit=figure.unit,
        published=figure.published,
        simulated=simulated,
        error_percent=100 * (simulated / figure.published - 1),
        kind=figure.kind,
        source=figure.source,
        remark=figure.remark,
    )


def write_csv(rows: Iterable[Comparison], path: str | Path) -> None:
    """A line a figure. Raises InputError as `whole_file`."""
    with whole_file(path) as file, file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def write_json(rows: Iterable[Comparison], path: str | Path) -> None:
    """The documented object `archsim.validation/1`. Raises InputError as `whole_file`."""
    document = {"schema": SCHEMA, "figures": [asdict(row) for row in rows]}
    with whole_file(path) as file:
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
