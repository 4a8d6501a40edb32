"""A sweep's table of points in any format that a report has."""

from __future__ import annotations

from pathlib import Path

from archsim.atomic import whole_file
from archsim.dse.sweep.results import Results
from archsim.reports.energy_report import format_of
from archsim.reports.export import document_text, plain
from archsim.reports.table_files import write_markdown, write_workbook

SCHEMA = "archsim.points/1"


def write_results(results: Results, path: str | Path) -> None:
    """Write the points in the format of the file's ending.

    Raises InputError for another ending, or a file that cannot be written.
    """
    name = "Points" if results.sweep is None else results.sweep.name
    match format_of(path):
        case "html":
            results.to_html(path)
        case "csv":
            results.to_csv(path)
        case "parquet":
            results.to_parquet(path)
        case "md":
            write_markdown(path, name, {"Points": results.frame})
        case "xlsx":
            write_workbook(path, {"points": results.frame})
        case _:
            document = {"schema": SCHEMA, "name": name, "points": results.frame.to_dict(orient="records")}
            with whole_file(path) as file:
                file.write_text(document_text(plain(document)), encoding="utf-8")
