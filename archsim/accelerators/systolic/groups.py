"""Groups of an axis's candidates, each replaced by one that is better than all of its own.

It has, of every count, the least among them. Since costs rise with every count, a mapping of such candidates
bounds all mappings of the candidates that they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.axes import Axis, IntArray, field_values
from archsim.accelerators.systolic.folds import Folds
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.accelerators.systolic.streams import Streams


@dataclass(frozen=True, eq=False)
class Groups:
    """`members` are the groups' candidates, one group after the other; `starts` says where each begins."""

    members: IntArray
    starts: IntArray

    @classmethod
    def of(cls, groups: Sequence[IntArray]) -> Groups:
        sizes = [len(group) for group in groups]
        return cls(np.concatenate(groups), np.cumsum([0, *sizes[:-1]]))

    def __len__(self) -> int:
        return len(self.starts)

    def least(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The least of each group, column by column, of one row of values a candidate."""
        return np.minimum.reduceat(values[self.members], self.starts, axis=0)


def grouped(array: StationaryArray, groups: Mapping[str, Groups]) -> StationaryArray:
    """The array with a candidate a group of those axes that have groups."""
    axes = {axis: array.nest.axis(axis) for axis in "MNK"}
    axes |= {axis: _least_axis(axes[axis], own) for axis, own in groups.items()}
    relaxed = replace(array, nest=Nest(axes["M"], axes["N"], axes["K"]))  # type: ignore[arg-type]
    flow, tables = array.flow, relaxed.__dict__
    for key, axis in (("rows", flow.rows), ("columns", flow.columns)):
        folds = getattr(array, key)
        if axis in groups:
            folds = Folds(*map(groups[axis].least, (folds.time, folds.total)))
        tables[key] = folds
    s = array.streams
    if flow.streamed in groups:
        least = groups[flow.streamed].least
        rising = map(least, (s.beats, s.loads, s.core_loads, s.exposed))
        s = Streams(*rising, exposed_last=-least(-s.exposed_last))
    tables["streams"] = s
    return relaxed


def _least_axis(axis: Axis, groups: Groups) -> Axis:
    arrays = {key: v for key, v in field_values(axis).items() if isinstance(v, np.ndarray)}
    least = replace(axis, **{key: groups.least(values) for key, values in arrays.items()})
    least.__dict__["turns"] = groups.least(axis.turns)
    return least
