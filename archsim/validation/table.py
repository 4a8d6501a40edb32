"""The table of published against simulated figures, in memory and in files."""

from __future__ import annotations

import csv
import html
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


def write_html(rows: Sequence[Comparison], path: str | Path) -> None:
    """A page that works offline. Raises InputError as `whole_file`."""
    lines = "\n".join(_html_row(row) for row in rows)
    heads = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in COLUMNS)
    with whole_file(path) as file:
        file.write_text(PAGE.format(heads=heads, lines=lines, count=len(rows)), encoding="utf-8")


def _html_row(row: Comparison) -> str:
    values = {**asdict(row), "published": f"{row.published:.4g}", "simulated": f"{row.simulated:.4g}"}
    values["error_percent"] = f"{row.error_percent:+.1f}"
    cells = "".join(f'<td class="{name}">{html.escape(str(values[name]))}</td>' for name in COLUMNS)
    return f'<tr class="{row.kind}">{cells}</tr>'


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>archsim: published figures</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 100rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }}
.published, .simulated, .error_percent {{ text-align: right; font-variant-numeric: tabular-nums }}
.calibrated td {{ opacity: .7 }}
.source, .remark {{ font-size: 85% }}
</style></head><body>
<h1>Published figures</h1>
<p>{count} figures. <em>Calibrated</em>: a constant was fitted to it. <em>Predicted</em>: none was.</p>
<table><thead><tr>{heads}</tr></thead><tbody>
{lines}
</tbody></table></body></html>
"""
