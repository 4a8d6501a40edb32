"""An axis's candidates as a tree of ever smaller groups of like ones: what branch and bound branches on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.extents import IntArray
from archsim.accelerators.systolic.groups import Groups

BRANCHES = 4


@dataclass(frozen=True, eq=False)
class CandidateTree:
    """Node 0 is the group of all candidates. `candidate` of a node that is a single one, else −1; `first` of
    its `branches` children, which follow each other; `spread`: how unlike its candidates are.
    """

    groups: Groups
    candidate: IntArray
    first: IntArray
    branches: IntArray
    spread: npt.NDArray[np.float64]

    @classmethod
    def of(cls, judged: IntArray) -> CandidateTree:
        """`judged`: counts by candidate that costs rise with."""
        scaled = np.log(judged + 1.0)
        nodes: list[IntArray] = [np.arange(len(judged))]
        first, branches, spread = [], [], []
        for node in nodes:  # grows as it goes
            spread.append(float(_range(scaled[node]).sum()) if len(node) > 1 else -1.0)
            children = _split(node, scaled) if len(node) > 1 else []
            first.append(len(nodes))
            branches.append(len(children))
            nodes.extend(children)
        single = np.array([node[0] if len(node) == 1 else -1 for node in nodes])
        return cls(Groups.of(nodes), single, np.array(first), np.array(branches), np.array(spread))

    def children(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """(place in `nodes` of its parent, child) of all their children."""
        number = self.branches[nodes]
        parent = np.repeat(np.arange(len(nodes)), number)
        nth = np.arange(len(parent)) - (np.cumsum(number) - number)[parent]
        return parent, self.first[nodes][parent] + nth


def _split(node: IntArray, scaled: npt.NDArray[np.float64]) -> list[IntArray]:
    """Some groups, each cut in two where its candidates differ most, at the middle of their values."""
    groups = [node]
    while len(groups) < BRANCHES:
        ranges = [_range(scaled[group]) for group in groups]
        widest = int(np.argmax([each.max() for each in ranges]))
        column = int(ranges[widest].argmax())
        group = groups[widest]
        values = scaled[group, column]
        middle = (values.min() + values.max()) / 2
        if values.max() == values.min():
            break
        groups[widest : widest + 1] = [group[values <= middle], group[values > middle]]
    return groups


def _range(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values.max(axis=0) - values.min(axis=0)
