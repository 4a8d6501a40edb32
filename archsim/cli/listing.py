"""`archsim list`: what the library holds."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from archsim.cli.console import results

if TYPE_CHECKING:
    from rich.table import Table


class Library(StrEnum):
    accelerators = "accelerators"
    workloads = "workloads"
    studies = "studies"


def list_library(library: Annotated[Library, typer.Argument(help="What to list.")]) -> None:
    """List the library of accelerators, of workloads or of studies."""
    tables = {
        Library.accelerators: _accelerators,
        Library.workloads: _workloads,
        Library.studies: _studies,
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
    from archsim.accelerators.yaml_input import read_yaml
    from archsim.dse.study_files import list_studies, study_path

    table = _table("Study", "Description")
    table.columns[0].no_wrap = True
    for name in list_studies():
        data, _ = read_yaml(study_path(name))
        table.add_row(name, str(data.get("description", "")))
    return table
