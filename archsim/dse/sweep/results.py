"""The results of a sweep as a pandas table, from its ledger or an exported file; and their Pareto front."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from archsim.accelerators.dominance import unbeaten
from archsim.accelerators.yaml_input import validate
from archsim.atomic import whole_file
from archsim.dse.sweep.ledger import read_ledger
from archsim.dse.sweep.outcome import OK
from archsim.dse.sweep.space import Axis, Space
from archsim.dse.sweep.sweep import MEASURED, MORE_IS_BETTER, Sweep
from archsim.errors import InputError

_KEY = b"archsim.sweep"
"""Under which an exported Parquet file carries the sweep."""


@dataclass(frozen=True)
class Results:
    """A row a point: `point`, the parameters, `status`, `feasible`, the totals, `error`, ...

    `sweep` is None for a file that does not say which it was.
    """

    frame: pd.DataFrame
    sweep: Sweep | None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Parameters with more than one value."""
        return () if self.sweep is None else Space.of(self.sweep).open_axes

    @property
    def parameters(self) -> list[str]:
        """Columns that say what a point is."""
        names = list(map(str, self.frame.columns))
        return names[names.index("point") + 1 : names.index("status")]

    @property
    def telling(self) -> list[str]:
        """Parameters that tell what a point is: not a workload, accelerator or bits that all points have."""
        return [
            name
            for name in self.parameters
            if name not in ("workload", "accelerator", "bits") or self.frame[name].nunique() > 1
        ]

    def where(self, condition: str) -> Results:
        """The rows that meet a condition, as in `area_mm2 < 4 and sram_kib >= 64` (pandas' `eval`).

        Raises InputError for a condition that cannot be understood.
        """
        return replace(self, frame=_rows_where(self.frame, condition))

    def require(self, name: str) -> None:
        """Raise InputError for a name that is no column."""
        if name not in self.frame:
            raise InputError(f"{name!r} is no column; there are: {', '.join(map(str, self.frame))}")

    def to_parquet(self, path: str | Path) -> None:
        """Write the table. Raises InputError when it can't be written."""
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        if self.sweep is not None:
            told = self.sweep.model_dump_json(by_alias=True).encode()
            table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: told})
        with whole_file(path) as file:
            pq.write_table(table, file)

    def to_html(
        self,
        path: str | Path,
        *,
        goals: Sequence[str] | None = None,
        color: str | None = None,
        links: Mapping[int, str] | None = None,
    ) -> None:
        """The points as a page that works offline; `links` lead to pages of single points, by number.

        `goals` are the sweep's unless given. Raises InputError for a goal that is no column of numbers.
        """
        from archsim.dse.sweep.page import page_document
        from archsim.reports.sweep_page import write_sweep_page

        wanted = goals or (("latency_ms", "energy_mj") if self.sweep is None else self.sweep.goals)
        write_sweep_page(page_document(self, wanted, color=color, links=links), path)

    def to_csv(self, path: str | Path) -> None:
        """Write the table. Raises InputError when it can't be written."""
        with whole_file(path) as file:
            self.frame.to_csv(file, index=False)


def read_results(path: str | Path) -> Results:
    """Results from a ledger (also of a sweep that is running), or an exported .parquet or .csv file.

    Raises InputError for a file that holds none.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        about, outcomes = read_ledger(path)
        sweep = validate(Sweep, about["sweep"], where=str(path))
        return Results(_frame(sweep, outcomes), sweep)
    try:
        if path.suffix == ".csv":
            frame, sweep = pd.read_csv(path), None
        else:
            table = pq.read_table(path)
            told = (table.schema.metadata or {}).get(_KEY)
            sweep = None if told is None else validate(Sweep, json.loads(told), where=str(path))
            frame = table.to_pandas()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    missing = [name for name in ("point", "status", "feasible") if name not in frame]
    if missing:
        raise InputError(f"{path}: is no table of a sweep's results: it has no column {missing[0]!r}")
    return Results(frame, sweep)


def _frame(sweep: Sweep, outcomes: pa.Table) -> pd.DataFrame:
    """Parameters beside outcomes, in the order of the points."""
    found = outcomes.to_pandas().sort_values("point", ignore_index=True)
    parameters = Space.of(sweep).columns(found["point"].to_numpy())
    within = found["status"] == OK
    for name, limit in sweep.budgets.items():
        within &= found[name] <= limit
    first = pd.DataFrame(
        {"point": found["point"], **parameters, "status": found["status"], "feasible": within}
    )
    unmeasured = [
        name for name in MEASURED if name in found and name not in sweep.goals and found[name].isna().all()
    ]
    rest = found.drop(columns=["point", "status", *unmeasured])
    return pd.concat([first, rest], axis=1)


def pareto(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The feasible rows that no other of the same workload beats, sorted by the first quantity.

    Less is better, but for those of MORE_IS_BETTER. Raises InputError for no column of numbers.
    """
    for name in names:
        numeric_column(frame, name)
    rows = frame[frame["feasible"].astype(bool)].dropna(subset=list(names))
    kept = []
    for _, group in rows.groupby("workload", sort=False):
        signs = np.array([-1.0 if name in MORE_IS_BETTER else 1.0 for name in names])
        kept.append(group.iloc[unbeaten(group[list(names)].to_numpy(dtype=float) * signs)])
    front = pd.concat(kept) if kept else rows
    return front.sort_values(["workload", *names], ignore_index=True)


def numeric_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of numbers. Raises InputError where there is none of that name."""
    if name not in frame or not pd.api.types.is_numeric_dtype(frame[name]):
        numbers = [column for column in frame if pd.api.types.is_numeric_dtype(frame[column])]
        raise InputError(f"{name!r} is no column of numbers; there are: {', '.join(map(str, numbers))}")
    return frame[name]


def _rows_where(frame: pd.DataFrame, condition: str) -> pd.DataFrame:
    dotted = sorted((str(name) for name in frame if not str(name).isidentifier()), key=len, reverse=True)
    quoted = condition
    if dotted and "`" not in condition:
        # so that array.rows can be written as it is
        pattern = "|".join(map(re.escape, dotted))
        quoted = re.sub(rf"(?<![\w.`])({pattern})(?![\w.`])", r"`\1`", condition)
    try:
        met = frame.eval(quoted, engine="python", local_dict={}, global_dict={})
    except Exception as error:  # pandas raises whatever its parser met
        raise InputError(
            f"--where {condition!r} is not understood: {' '.join(str(error).split())}\n"
            f"write a condition on columns, as in 'area_mm2 < 4 and status == \"ok\"'; "
            f"there are: {', '.join(map(str, frame))}"
        ) from None
    if not isinstance(met, pd.Series) or met.dtype != bool:
        raise InputError(f"--where {condition!r} is no condition: compare a column with something")
    return frame[met]
