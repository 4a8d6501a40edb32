"""Latencies that the kernel found, shared by points whose machines run a mapping in the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archsim.accelerators.latency import cycles_alone
from archsim.accelerators.switched_rail import SUPPLY

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Options
    from archsim.workloads.precision import Precision

Keys = list[bytes]


class Executions:
    """Rows are executed once per `Machine.timing`; of a machine without one, once for it alone."""

    def __init__(self) -> None:
        self._cycles: dict[Hashable, dict[bytes, int]] = defaultdict(dict)
        self.count = 0  # rows executed so far
        self._machines: list[Machine] = []  # kept alive, as some are known by their id

    def run(self, machine: Machine, options: Options, keys: Keys, row: int) -> int:
        """What the row takes, run alone."""
        known = self.known(machine, options, options.precisions[int(options.precision[row])])
        if keys[row] not in known:
            self.count += 1
            known[keys[row]] = cycles_alone(machine, options.row(row))
        return known[keys[row]]

    def known(self, machine: Machine, options: Options, precision: Precision) -> dict[bytes, int]:
        """Cycles by mapping of the table's layer at a precision."""
        timing = machine.timing
        if timing is None:
            timing = id(machine)
            self._machines.append(machine)
        # how what is no contraction is cut into chunks is not in its mapping, and follows the capacities
        held = None if options.layer.contraction is not None else machine.capacities
        return self._cycles[timing, held, options.layer.work, precision]


def mapping_keys(options: Options) -> Keys:
    """The mapping of every row as bytes: equal, whatever the table, for equal mappings."""
    columns: list[npt.NDArray[np.int32]] = []
    for column in sorted(options.codebooks.keys() - {SUPPLY}):  # at every supply a row takes the same time
        codes = options.mapping[column]
        for name in sorted(options.codebooks[column]):
            values = np.asarray(options.codebooks[column][name])
            values = values.astype("U16" if values.dtype.kind == "U" else np.int64)
            flat = np.ascontiguousarray(values.reshape(len(values), -1)).view(np.int32)
            columns.append(flat[codes])
    if not columns:
        return [b""] * len(options)
    rows = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return rows.view(np.dtype((np.void, rows.shape[1] * 4))).reshape(-1).tolist()
