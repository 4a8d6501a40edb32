"""Best mappings of a space of trees (see `space.TreeBlock`): branch and bound, best first.

A branch is a node of each axis's tree under one loop order a level: all mappings of the candidates that its
nodes stand for. Its bound is its price, had it the least of each of their counts. Open branches are split
along the axis whose candidates differ most, the most promising ones first, until none could hold a mapping
that is wanted; so what is found is proven.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from archsim.accelerators.systolic.best_rows import Rows
from archsim.accelerators.systolic.candidate_tree import CandidateTree
from archsim.accelerators.systolic.count_table import (
    Bool,
    CountTable,
    Float,
    Int,
    Part,
    PricedTable,
    TablePricing,
)
from archsim.accelerators.systolic.hierarchy import Hierarchy, Holding
from archsim.accelerators.systolic.space import Orders, Space, TreeBlock
from archsim.accelerators.systolic.stationary import StationaryArray

FIRST_BRANCHES, MORE_BRANCHES = 300, 1000
"""Branches split at a time, before a mapping has been found and after."""


class Wanted(Protocol):
    """Which mappings are looked for. Costs are arrays (precisions, branches), at the least."""

    def costs(self, priced: PricedTable) -> list[Float]: ...

    def are_open(self, costs: Sequence[Float]) -> Bool:
        """Branches that could hold a mapping which is wanted, after all those noted."""
        ...

    def first(self, costs: Sequence[Float], most: int) -> Int:
        """About so many branches to go on with; ascending."""
        ...

    def note(self, priced: PricedTable) -> None:
        """Mappings found."""
        ...

    def rows(self) -> list[Rows]: ...


@dataclass(frozen=True, eq=False)
class Nodes:
    """Branches: `part` is an index into a forest's parts, `at` the nodes by axis."""

    part: Int
    at: Mapping[str, Int]

    def __len__(self) -> int:
        return len(self.part)

    def take(self, chosen: Int | Bool) -> Nodes:
        return Nodes(self.part[chosen], {axis: nodes[chosen] for axis, nodes in self.at.items()})

    @classmethod
    def joined(cls, several: Sequence[Nodes]) -> Nodes:
        at = {axis: np.concatenate([nodes.at[axis] for nodes in several]) for axis in "MNK"}
        return cls(np.concatenate([nodes.part for nodes in several]), at)


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a space's blocks; a part is a block under one of its loop orders."""

    parts: tuple[tuple[int, TreeBlock, Orders], ...]
    hierarchy: Hierarchy

    @property
    def roots(self) -> Nodes:
        return Nodes(np.arange(len(self.parts)), dict.fromkeys("MNK", np.zeros(len(self.parts), dtype=int)))

    @cached_property
    def place(self) -> dict[Hashable, int]:
        """Where the tables have their counts."""
        return self.count(self.roots).place

    def count(self, nodes: Nodes) -> CountTable:
        """Counts of branches that are sorted by part."""
        ends = np.searchsorted(nodes.part, np.arange(len(self.parts) + 1))
        tables = []
        for (block, trees, orders), a, b in zip(self.parts, ends[:-1], ends[1:], strict=True):
            if b > a:
                assert isinstance(trees.array, StationaryArray)
                m, n, k = (nodes.at[axis][a:b] for axis in "MNK")
                tables.append(CountTable.of(Part(block, trees.array.at(m, n, k), orders), self.hierarchy))
        return CountTable.joined(tables)

    def children(self, nodes: Nodes) -> Nodes:
        """All children along the axis whose candidates differ most, sorted by part."""
        found: list[Nodes] = []
        for block, trees in self._trees.items():
            own = nodes.take(self._blocks[nodes.part] == block)
            spread = np.stack([tree.spread[own.at[axis]] for axis, tree in trees.items()])
            widest = spread.argmax(axis=0)
            for i, (axis, tree) in enumerate(trees.items()):
                split = own.take(widest == i)
                parent, child = tree.children(split.at[axis])
                split = split.take(parent)
                found.append(Nodes(split.part, {**split.at, axis: child}))
        together = Nodes.joined(found)
        return together.take(np.argsort(together.part, kind="stable"))

    def are_mappings(self, nodes: Nodes) -> Bool:
        """Which branches are a single mapping."""
        result = np.ones(len(nodes), dtype=bool)
        for block, trees in self._trees.items():
            own = self._blocks[nodes.part] == block
            for axis, tree in trees.items():
                result[own] &= tree.candidate[nodes.at[axis][own]] >= 0
        return result

    @cached_property
    def _blocks(self) -> Int:
        return np.array([block for block, _, _ in self.parts])

    @cached_property
    def _trees(self) -> dict[int, Mapping[str, CandidateTree]]:
        return {block: trees.trees for block, trees, _ in self.parts}


@lru_cache(maxsize=128)
def forest_of(space: Space, holding: Holding) -> Forest:
    parts: list[tuple[int, TreeBlock, Orders]] = []
    for i, block in enumerate(space.blocks):
        assert isinstance(block, TreeBlock)
        parts += [(i, block, orders) for orders in block.orders]
    return Forest(tuple(parts), holding.hierarchy)


def wanted_rows(forest: Forest, pricing: TablePricing, wanted: Wanted) -> list[Rows]:
    """Split branches until none is open."""
    new, most = forest.roots, FIRST_BRANCHES
    nodes, costs = new.take(np.zeros(len(new), dtype=bool)), None
    while len(new):
        priced = pricing.price(forest.count(new))
        single = forest.are_mappings(new)
        if single.any():
            wanted.note(priced.take(np.flatnonzero(single)))
            most = MORE_BRANCHES
        more = [cost[:, ~single] for cost in wanted.costs(priced)]
        costs = more if costs is None else [np.concatenate(c, axis=1) for c in zip(costs, more, strict=True)]
        nodes = Nodes.joined([nodes, new.take(~single)])
        is_open = wanted.are_open(costs)
        nodes, costs = nodes.take(is_open), [cost[:, is_open] for cost in costs]
        rest = np.ones(len(nodes), dtype=bool)
        rest[wanted.first(costs, most)] = False
        new = forest.children(nodes.take(~rest))
        nodes, costs = nodes.take(rest), [cost[:, rest] for cost in costs]
    return wanted.rows()
