"""An energy report: a run's energy line by line and grouped, alone or against a baseline."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsim.errors import InputError
from archsim.reports.energy_change import changed_groups, changed_lines
from archsim.reports.grouping import GROUPINGS, grouped, labelled_energy
from archsim.run import Run

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "archsim.report/1"
FORMATS = ("html", "csv", "json", "parquet", "md", "xlsx")
_TOLD = ("latency_ms", "energy_mj", "edp_mj_ms", "area_mm2", "tops", "tops_per_w", "frames_per_s",
         "peak_memory_bytes", "dram_bytes", "macs")  # fmt: skip


@dataclass(frozen=True)
class EnergyReport:
    """A run and, where one is given, the run it is compared with."""

    run: Run
    baseline: Run | None = None

    @cached_property
    def lines(self) -> pd.DataFrame:
        """A row per layer × component × action; against a baseline with its counts and energies beside."""
        table = labelled_energy(self.run)
        return table if self.baseline is None else changed_lines(table, labelled_energy(self.baseline))

    def groups(self, by: str) -> pd.DataFrame:
        """The energies by one of GROUPINGS; against a baseline as `changed_groups` tells them."""
        table = grouped(labelled_energy(self.run), by)
        if self.baseline is None:
            return table
        return changed_groups(table, grouped(labelled_energy(self.baseline), by), by)

    def totals(self) -> list[dict[str, Any]]:
        """A row a quantity: `value`, and against a baseline `baseline` and `change` (a share of it)."""
        now = asdict(self.run.totals)
        rows = [{"quantity": name, "value": now[name]} for name in _TOLD]
        if self.baseline is not None:
            before = asdict(self.baseline.totals)
            for row in rows:
                was = before[row["quantity"]]
                row |= {"baseline": was, "change": row["value"] / was - 1 if was else None}
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object, schema `archsim.report/1`."""
        return {
            "schema": SCHEMA,
            "workload": self.run.workload,
            "accelerator": self.run.accelerator,
            "settings": self.run.settings,
            "baseline": self.baseline and _about(self.baseline),
            "totals": self.totals(),
            "energy": self.lines.to_dict(orient="records"),
            "groups": {by: self.groups(by).to_dict(orient="records") for by in GROUPINGS},
            "warnings": list(self.run.warnings),
        }

    def write(self, path: str | Path) -> None:
        """Write the report in the format of the file's ending, one of FORMATS.

        Raises InputError for another ending, a file that cannot be written, or .xlsx without openpyxl.
        """
        from archsim.reports.report_formats import WRITERS

        WRITERS[format_of(path)](self, Path(path))


def format_of(path: str | Path) -> str:
    """The format that a file's ending asks for. Raises InputError for one there is no writer of."""
    ending = Path(path).suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise InputError(f"{path}: a report ends in {', '.join('.' + name for name in FORMATS)}")
    return ending


def _about(run: Run) -> dict[str, Any]:
    return {"workload": run.workload, "accelerator": run.accelerator, "settings": run.settings}
