"""What a search found, on the console and in files, by the kind of document it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsim.cli.console import results

Document = dict[str, Any]


def print_document(document: Document) -> None:
    from archsim.reports import plan_table, selection_table

    printers = {
        "archsim.plan/1": plan_table.print_plan,
        "archsim.front/1": plan_table.print_front,
        "archsim.selection/1": selection_table.print_selection,
    }
    printers[document["schema"]](document, results())


def write_document(document: Document, path: Path) -> None:
    from archsim.dse.plan import write_document

    write_document(document, path)


def write_page(document: Document, path: Path) -> None:
    from archsim.reports.plan_page import write_front_page, write_plan_page

    pages = {"archsim.plan/1": write_plan_page, "archsim.front/1": write_front_page}
    pages[document["schema"]](document, path)
