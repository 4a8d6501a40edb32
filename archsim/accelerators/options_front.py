"""The front of an options table: rows that no other beats for certain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dominance import certainly_unbeaten
from archsim.accelerators.machine import Options
from archsim.errors import InputError


def check_front(names: Sequence[str], known: Sequence[str]) -> None:
    """Raises InputError where no quantity is named, or one that a table does not have."""
    allowed = f"allowed: {', '.join(known)}"
    for name in names:
        if name not in known:
            raise InputError(f"front: {name!r} is not known; {allowed}")
    if not names:
        raise InputError(f"front names no quantity; {allowed}")


def undominated(options: Options, names: Sequence[str]) -> Options:
    """Rows of each precision that no other beats for certain in all the named quantities.

    Names are cycles, energy_pj, traffic:<memory>, held:<memory> and resource:<name>. Raises InputError for
    another name.
    """
    groups = (
        ("traffic", options.traffic_bytes),
        ("held", options.held_bytes),
        ("resource", options.resources),
    )
    exact = {f"{kind}:{name}": column for kind, group in groups for name, column in group.items()}
    low: dict[str, npt.NDArray[np.float64]] = {
        "cycles": options.cycles,
        "energy_pj": options.total_energy_pj,
        **exact,
    }
    high = low | {"cycles": options.cycles_high, "energy_pj": options.energy_at(options.cycles_high)}
    check_front(names, list(low))
    lows, highs = (np.stack([columns[name] for name in names]) for columns in (low, high))
    kept = [
        rows[certainly_unbeaten(lows[:, rows], highs[:, rows])]
        for rows in (np.flatnonzero(options.precision == p) for p in range(len(options.precisions)))
    ]
    return options.take(np.sort(np.concatenate(kept)))
