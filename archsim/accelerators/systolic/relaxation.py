"""Bounds for many mappings at a time: one axis replaced by a candidate better than all of its own.

All candidates of an axis that cut it in several tiles become one that has, of every count, the least among
them (a candidate that does not cut it stays as it is). Since costs rise with every count, a mapping priced
with it bounds all those that share its other two axes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from archsim.accelerators.systolic.axes import IntArray
from archsim.accelerators.systolic.count_table import CountTable, Part
from archsim.accelerators.systolic.groups import Groups, grouped
from archsim.accelerators.systolic.hierarchy import Holding
from archsim.accelerators.systolic.recent import Recent
from archsim.accelerators.systolic.seen import Seen
from archsim.accelerators.systolic.space import Block, Space
from archsim.accelerators.systolic.stationary import StationaryArray

MOST_ROWS = 1 << 15
"""Rows counted and priced at a time."""

CACHED_ROWS, MOST_TABLES = 1 << 11, 8


@dataclass(frozen=True, eq=False)
class Relaxation:
    """One block's: a branch for each pair of candidates of the other axes and each of `members`, the indexes
    of the candidates of `axis` that it stands for. `rows` are the branches' candidates.
    """

    block: Block
    axis: str
    members: tuple[IntArray, ...]
    rows: dict[str, IntArray]

    def mappings(self, branches: IntArray) -> dict[str, IntArray]:
        """Candidates by axis of all mappings of some branches."""
        found: list[dict[str, IntArray]] = []
        which = self.rows[self.axis][branches]
        for i, members in enumerate(self.members):
            own = branches[which == i]
            spread = {name: np.repeat(index[own], len(members)) for name, index in self.rows.items()}
            spread[self.axis] = np.tile(members, len(own))
            found.append(spread)
        return {name: np.concatenate([part[name] for part in found]) for name in "MNK"}


@dataclass(frozen=True, eq=False)
class Branches:
    """A space's branches, block after block, and the counts that bound them."""

    relaxations: tuple[Relaxation, ...]
    bounds: CountTable
    holding: Holding

    @property
    def place(self) -> dict[Hashable, int]:
        """Where the tables have their counts."""
        return self.bounds.place

    @cached_property
    def seen(self) -> Seen:
        """What has been counted of them for other machines."""
        return Seen(len(self.bounds))

    @cached_property
    def _expanded(self) -> Recent[bytes, CountTable]:
        return Recent(MOST_TABLES)

    def mapping(self, place: Sequence[int]) -> CountTable:
        """Counts of one mapping: its block, its candidates of M, N and K."""
        number, *candidates = place
        block = self.relaxations[number].block
        assert isinstance(block.array, StationaryArray)
        (orders,) = block.orders
        m, n, k = (np.array([candidate]) for candidate in candidates)
        return CountTable.of(Part(number, block.array.at(m, n, k), orders), self.holding.hierarchy)

    def mappings(self, chosen: IntArray) -> Iterator[CountTable]:
        """As `counted`. Small tables are kept: what is worth pricing on one machine often is on the next."""
        key = chosen.tobytes()
        if key in self._expanded:
            yield self._expanded[key]
            return
        tables = self.counted(chosen)
        table, following = next(tables, None), next(tables, None)
        if table is not None and following is None and len(table) <= CACHED_ROWS:
            self._expanded[key] = table
        while table is not None:
            yield table
            table, following = following, next(tables, None)

    def counted(self, chosen: IntArray) -> Iterator[CountTable]:
        """Counts of all mappings of the chosen (ascending) branches, so many at a time."""
        parts: list[CountTable] = []
        rows = 0
        for part, own in self.bounds.split(chosen):
            relaxation = self.relaxations[part.block]
            index = relaxation.mappings(own)
            for start in range(0, len(index["M"]), MOST_ROWS):
                m, n, k = (index[axis][start : start + MOST_ROWS] for axis in "MNK")
                if rows + len(m) > MOST_ROWS:
                    yield CountTable.joined(parts)
                    parts, rows = [], 0
                array = relaxation.block.array
                assert isinstance(array, StationaryArray)
                flat = Part(part.block, array.at(m, n, k), part.orders)
                parts.append(CountTable.of(flat, self.holding.hierarchy))
                rows += len(m)
        if parts:
            yield CountTable.joined(parts)


@lru_cache(maxsize=128)
def branches_of(space: Space, holding: Holding) -> Branches:
    found: list[Relaxation] = []
    tables: list[CountTable] = []
    for i, block in enumerate(space.blocks):
        array = block.array
        assert isinstance(array, StationaryArray)
        nest = array.nest
        name = max("MNK", key=lambda axis, nest=nest: len(nest.axis(axis)))
        counts = nest.axis(name).counts[:, 0]
        members = tuple(m for m in (np.flatnonzero(counts > 1), np.flatnonzero(counts == 1)) if len(m))
        relaxed = grouped(array, {name: Groups.of(members)})
        m, n, k = np.indices(relaxed.nest.shape).reshape(3, -1)
        found.append(Relaxation(block, name, members, {"M": m, "N": n, "K": k}))
        (orders,) = block.orders
        tables.append(CountTable.of(Part(i, relaxed.at(m, n, k), orders), holding.hierarchy))
    return Branches(tuple(found), CountTable.joined(tables), holding)
