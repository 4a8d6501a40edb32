"""One workload on several accelerators of whatever families, each told by the totals of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsim.accelerators.library import load_accelerator
from archsim.atomic import whole_file
from archsim.dse.plan import write_document
from archsim.errors import InputError
from archsim.simulation import simulate
from archsim.workloads.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

    from archsim.run import Run
    from archsim.workloads.precision import Precision

SCHEMA = "archsim.comparison/1"
HEAD = ("family", "node_nm", "clock_mhz", "precision")
"""What is told of every accelerator beside its totals."""


@dataclass(frozen=True)
class Compared:
    """One accelerator: its run, or why it has none; `accuracy` where it was given."""

    accelerator: str
    run: Run | None
    error: str = ""
    accuracy: float | None = None


@dataclass(frozen=True)
class Comparison:
    workload: str
    entries: tuple[Compared, ...]

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object (`archsim.comparison/1`)."""
        return {"schema": SCHEMA, "workload": self.workload, "entries": [_told(e) for e in self.entries]}

    def to_frame(self) -> pd.DataFrame:
        """A row an accelerator."""
        import pandas as pd

        flat = [{k: v for k, v in _told(e).items() if not isinstance(v, dict | list)} for e in self.entries]
        return pd.DataFrame.from_records(flat)

    def to_json(self, path: str | Path) -> None:
        """Write the object, a line an accelerator. Raises InputError when it can't be written."""
        write_document(self.to_dict(), path)

    def to_csv(self, path: str | Path) -> None:
        """Write the table. Raises InputError when it can't be written."""
        with whole_file(path) as file:
            self.to_frame().to_csv(file, index=False)

    def to_html(self, path: str | Path) -> None:
        """The comparison as a page that works offline."""
        from archsim.reports.comparison_page import write_comparison_page

        write_comparison_page(self.to_dict(), path)


def compare(
    workload: Workload,
    accelerators: Sequence[str],
    *,
    minimize: str = "latency",
    precision: Precision | str | None = None,
    accuracies: Mapping[str, float] | None = None,
) -> Comparison:
    """Run the workload on every accelerator (library name or path).

    One that cannot run it is told with its reason; `accuracies` are a user's own, by accelerator as given.
    Raises InputError for an accelerator that is not there or named twice, and if none can run the workload.
    """
    accuracies = accuracies or {}
    for name in accelerators:
        if list(accelerators).count(name) > 1:
            raise InputError(f"--on {name} is given twice")
    for name in accuracies:
        if name not in accelerators:
            raise InputError(f"an accuracy is given for {name}, which is not compared")
    entries = []
    for name in accelerators:
        machine = load_accelerator(name)
        try:
            run, error = simulate(workload, machine, minimize=minimize, precision=precision), ""
        except InputError as refused:
            run, error = None, str(refused)
        entries.append(Compared(name, run, error, accuracies.get(name)))
    if all(entry.run is None for entry in entries):
        raise InputError("\n".join(f"{entry.accelerator}: {entry.error}" for entry in entries))
    return Comparison(workload.name, tuple(entries))


def _told(entry: Compared) -> dict[str, Any]:
    told: dict[str, Any] = {"accelerator": entry.accelerator, "error": entry.error or None}
    if entry.accuracy is not None:
        told["accuracy"] = entry.accuracy
    if entry.run is None:
        return told
    run = entry.run
    spent = run.energy.groupby("component", sort=False)["energy_pj"].sum()
    return {
        **told,
        **{key: run.settings.get(key) for key in HEAD},
        **asdict(run.totals),
        "warnings": list(run.warnings),
        "settings": {key: value for key, value in run.settings.items() if key not in (*HEAD, "minimize")},
        "composition": run.composition,
        "resources": [asdict(use) for use in run.resources],
        "area_by_component_mm2": dict(run.area_mm2),
        "energy_by_component_pj": {str(name): float(pj) for name, pj in spent.items()},
    }
