"""Bounds for many mappings at a time: one axis replaced by a candidate better than all of its own.

All candidates of an axis that cut it in several tiles become one that has, of every count, the least among
them (a candidate that does not cut it stays as it is). Since costs rise with every count, a mapping priced
with it bounds all those that share its other two axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from archsim.accelerators.systolic.axes import Axis, IntArray, field_values
from archsim.accelerators.systolic.count_table import CountTable
from archsim.accelerators.systolic.folds import Folds
from archsim.accelerators.systolic.hierarchy import Holding
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.space import Block
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.accelerators.systolic.streams import Streams


@dataclass(frozen=True, eq=False)
class Relaxation:
    """`bounds` has a row for each of the pairs of candidates of the other axes and each of `members`: the
    indexes of the candidates of `axis` that it stands for. `member` and `pairs` tell which.
    """

    block: Block
    axis: str
    members: tuple[IntArray, ...]
    bounds: CountTable
    rows: dict[str, IntArray]

    def mappings(self, chosen: IntArray) -> dict[str, IntArray]:
        """Candidates by axis of all mappings that the chosen rows of `bounds` stand for."""
        found: list[dict[str, IntArray]] = []
        which = self.rows[self.axis][chosen]
        for i, members in enumerate(self.members):
            own = chosen[which == i]
            spread = {name: np.repeat(index[own], len(members)) for name, index in self.rows.items()}
            spread[self.axis] = np.tile(members, len(own))
            found.append(spread)
        return {name: np.concatenate([part[name] for part in found]) for name in "MNK"}


@lru_cache(maxsize=1024)
def relaxation_of(block: Block, holding: Holding, groups: int) -> Relaxation:
    array = block.array
    assert isinstance(array, StationaryArray)
    nest = array.nest
    name = max("MNK", key=lambda axis: len(nest.axis(axis)))
    counts = nest.axis(name).counts[:, 0]
    members = tuple(m for m in (np.flatnonzero(counts > 1), np.flatnonzero(counts == 1)) if len(m))
    relaxed = _relaxed(array, name, members)
    index = np.indices(relaxed.nest.shape).reshape(3, -1)
    rows = dict(zip("MNK", index, strict=True))
    table = CountTable.of(relaxed.at(*index), block.orders[0], holding.hierarchy, groups)
    return Relaxation(block, name, members, table, rows)


def _relaxed(array: StationaryArray, name: str, members: tuple[IntArray, ...]) -> StationaryArray:
    axes = {axis: array.nest.axis(axis) for axis in "MNK"}
    axes[name] = _least(axes[name], members)
    relaxed = replace(array, nest=Nest(axes["M"], axes["N"], axes["K"]))  # type: ignore[arg-type]
    flow, tables = array.flow, relaxed.__dict__
    for key in ("rows", "columns", "streams"):
        tables[key] = getattr(array, key)

    def least(values: IntArray) -> IntArray:
        return np.stack([values[m].min(axis=0) for m in members])

    if name == flow.streamed:
        s = array.streams
        exposed_last = -least(-s.exposed_last)
        tables["streams"] = Streams(
            least(s.beats), least(s.loads), least(s.core_loads), least(s.exposed), exposed_last
        )
    else:
        key = "rows" if name == flow.rows else "columns"
        folds = getattr(array, key)
        tables[key] = Folds(least(folds.time), least(folds.total))
    return relaxed


def _least(axis: Axis, members: tuple[IntArray, ...]) -> Axis:
    smallest = [int(m[np.argmin(axis.tiles[m, 0])]) for m in members]
    arrays = {
        key: np.stack([values[m].min(axis=0) for m in members])
        for key, values in field_values(axis).items()
        if isinstance(values, np.ndarray)
    }
    return replace(axis, nestings=tuple(axis.nestings[i] for i in smallest), **arrays)
