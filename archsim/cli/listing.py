"""`archsim list`: what the library holds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import results

if TYPE_CHECKING:
    from rich.table import Table


class Library(StrEnum):
    accelerators = "accelerators"
    workloads = "workloads"
    studies = "studies"
    sweeps = "sweeps"


def list_library(library: Annotated[Library, typer.Argument(help="What to list.")]) -> None:
    """List the library of accelerators, of workloads, of studies or of sweeps."""
    tables = {
        Library.accelerators: _accelerators,
        Library.workloads: _workloads,
        Library.studies: _studies,
        Library.sweeps: _sweeps,
    }
    results().print(tables[library]())


def _table(*titles: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _accelerators() -> Table:
    from archsim.accelerators.library import accelerator_path, list_accelerators
    from archsim.accelerators.yaml_input import read_yaml

    table = _table("Accelerator", "Family", "Description")
    table.columns[0].no_wrap = True
    for name in list_accelerators():
        data, _ = read_yaml(accelerator_path(name))
        table.add_row(name, str(data.get("family", "")), str(data.get("description", "")))
    return table


def _workloads() -> Table:
    from archsim.reports import units
    from archsim.workloads.library import list_workloads, load_workload

    table = _table("Workload", "Layers", "MACs", "Params")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in list_workloads():
        workload = load_workload(name)
        table.add_row(
            name, str(len(workload.layers)), units.count(workload.macs), units.count(workload.parameters)
        )
    return table


def _studies() -> Table:
    from archsim.dse.study_files import list_studies, study_path

    return _described("Study", [study_path(name) for name in list_studies()])


def _sweeps() -> Table:
    from archsim.dse.sweep.files import list_sweeps, sweep_path

    return _described("Sweep", [sweep_path(name) for name in list_sweeps()])


def _described(title: str, files: Sequence[Path]) -> Table:
    from archsim.accelerators.yaml_input import read_yaml

    table = _table(title, "Description")
    table.columns[0].no_wrap = True
    for path in files:
        table.add_row(path.stem, str(read_yaml(path)[0].get("description", "")))
    return table
