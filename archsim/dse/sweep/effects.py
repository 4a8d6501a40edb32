"""How much each parameter of a sweep matters to a goal: first-order sensitivity indices.

The share of the variance of log(goal) that the means at a parameter's values explain: on a whole grid the
first-order index of Sobol (Saltelli et al., "Global Sensitivity Analysis", 2008), elsewhere its estimate from
the points there are. The logarithm makes a factor count the same wherever it occurs; differences between
workloads are taken out first. What the shares don't add up to is due to parameters acting together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def effects(frame: pd.DataFrame, parameters: Sequence[str], goal: str) -> list[dict[str, Any]]:
    """Per parameter its `share` and the geometric mean of the goal at each value, over that of all points.

    The largest share first; empty where nothing ran. `frame` holds the points that ran.
    """
    rows = frame[np.isfinite(frame[goal]) & (frame[goal] > 0)]
    if not len(rows):
        return []
    logs = pd.Series(np.log(rows[goal].to_numpy(dtype=float)), index=rows.index)
    logs -= logs.groupby(rows["workload"]).transform("mean") if "workload" in rows else logs.mean()
    variance = float(logs.var(ddof=0))
    found = []
    for name in parameters:
        if name == "workload":
            continue
        groups = logs.groupby(rows[name], sort=False)
        means, sizes = groups.mean(), groups.size()
        explained = float((means**2 * sizes).sum() / sizes.sum())
        levels = [{"value": value, "relative": float(np.exp(mean))} for value, mean in means.items()]
        levels.sort(key=lambda level: (isinstance(level["value"], str), level["value"]))
        share = min(1.0, max(0.0, explained / variance)) if variance > 1e-18 else 0.0
        found.append({"name": name, "share": share, "levels": levels})
    return sorted(found, key=lambda effect: -effect["share"])
