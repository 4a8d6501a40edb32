"""Mappings of a space that have been counted, kept for the next machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archsim.accelerators.systolic.count_table import CountTable, Int

MOST_MAPPINGS = 1 << 12
"""More are not kept: to price them again would take longer than to count those needed."""


def places_of(table: CountTable) -> Int:
    """(block; candidates of M, N and K) of a table's mappings, (4, mappings)."""
    found: list[Int] = []
    for part in table.parts:
        rows = part.array.nest.rows
        assert rows is not None
        found.append(np.stack([np.full_like(rows["M"], part.block), *(rows[axis] for axis in "MNK")]))
    return np.concatenate(found, axis=1)


class Seen:
    """`branches` says which ones the mappings of `table` make up; `places` are theirs."""

    def __init__(self, branches: int) -> None:
        self.branches = np.zeros(branches, dtype=bool)
        self.table: CountTable | None = None
        self.places: Int = np.empty((4, 0), dtype=np.int64)

    def add(self, chosen: Int, tables: Sequence[CountTable]) -> None:
        """All mappings of the chosen branches; those kept before make room for them where there is none."""
        new, places = [_without_parts(table) for table in tables], [places_of(table) for table in tables]
        if self.table is not None and len(self.table) + sum(map(len, new)) <= MOST_MAPPINGS:
            new, places = [self.table, *new], [self.places, *places]
        else:
            self.branches[:] = False
        self.table, self.places = CountTable.joined(new), np.concatenate(places, axis=1)
        self.branches[chosen] = True


def _without_parts(table: CountTable) -> CountTable:
    """The counts alone: prices need no more."""
    return CountTable((), table.values, table.place, table.compute_cycles)
