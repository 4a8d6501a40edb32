"""What changed between two runs: energy against a baseline, line by line and group by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LINE = ["layer", "operator", "block", "component", "level", "action"]


def changed_lines(table: pd.DataFrame, baseline: pd.DataFrame) -> pd.DataFrame:
    """The labelled energy table with `baseline_count`, `baseline_energy_pj` and `change_pj`.

    Lines that only one of the runs has are there with 0 in the other.
    """
    before = baseline[[*LINE, "count", "energy_pj"]].rename(
        columns={"count": "baseline_count", "energy_pj": "baseline_energy_pj"}
    )
    lines = table.merge(before, on=LINE, how="outer", sort=False)
    sources = lines.pop("source").fillna("")
    numbers = lines.select_dtypes("number").columns
    lines[numbers] = lines[numbers].fillna(0.0)
    lines["change_pj"] = lines["energy_pj"] - lines["baseline_energy_pj"]
    return lines.assign(source=sources)


def changed_groups(groups: pd.DataFrame, baseline: pd.DataFrame, by: str) -> pd.DataFrame:
    """Two grouped tables side by side: `energy_pj`, `baseline_energy_pj`, `change_pj`, largest change first.

    The changes sum to the change of the total.
    """
    before = baseline.set_index(by)["energy_pj"].rename("baseline_energy_pj")
    sides = groups.set_index(by)[["energy_pj"]].join(before, how="outer").fillna(0.0)
    sides["change_pj"] = sides["energy_pj"] - sides["baseline_energy_pj"]
    order = sides["change_pj"].abs().sort_values(ascending=False, kind="stable").index
    return sides.loc[order].rename_axis(by).reset_index()
