"""Schedule trees compiled to flat tables, so that a step to the next firing is a few list accesses.

A position in a schedule is the number of a leaf and one iteration counter a loop. The counters of loops
that don't enclose the leaf are 0, so equal leaf and counters mean the same position.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.kernel.schedule import Leaf, Loop, Node, normalise

END = -1


@dataclass(frozen=True, slots=True)
class Program:
    """A schedule as tables indexed by leaf, leaves and loops both numbered in order of appearance.

    leaves: the leaves themselves.
    counts: iterations of each loop.
    ends:   the loops whose body ends with this leaf, innermost first, each with its count and first leaf.
    follow: the leaf that comes when all those loops have run out, or END.
    begins: the loops whose body begins with this leaf, innermost first.
    within: the innermost loop around this leaf.
    spans:  the leaves of each loop's body, as range(first, last).
    """

    leaves: tuple[Leaf, ...]
    counts: tuple[int, ...]
    ends: tuple[tuple[tuple[int, int, int], ...], ...]
    follow: tuple[int, ...]
    begins: tuple[tuple[int, ...], ...]
    within: tuple[int, ...]
    spans: tuple[range, ...]

    @property
    def start(self) -> int:
        """The first leaf, or END if there is none."""
        return 0 if self.leaves else END

    def step(self, leaf: int, counters: list[int]) -> int:
        """Move on to the next leaf, counting in place; END when the schedule is done."""
        for loop, count, first in self.ends[leaf]:
            counters[loop] += 1
            if counters[loop] < count:
                return first
            counters[loop] = 0
        return self.follow[leaf]

    def loops_begun(self, leaf: int, counters: list[int]) -> list[int]:
        """The loops of which an iteration begins at this position, innermost first."""
        begun: list[int] = []
        for loop in self.begins[leaf]:
            begun.append(loop)
            if counters[loop]:
                break
        return begun


def compile_schedule(schedule: Node) -> Program:
    """The tables of a schedule (normalised first). An empty schedule has no leaves."""
    leaves: list[Leaf] = []
    counts: list[int] = []
    ends: list[list[tuple[int, int, int]]] = []
    follow: list[int] = []
    begins: list[list[int]] = []
    within: list[int] = []
    spans: list[range] = []

    def visit(node: Node, around: int) -> None:
        if not isinstance(node, Loop):
            leaves.append(node)
            ends.append([])
            begins.append([])
            within.append(around)
            follow.append(len(leaves))
            return
        loop, first = len(counts), len(leaves)
        counts.append(node.count)
        spans.append(range(0))
        for child in node.body:
            visit(child, loop)
        spans[loop] = range(first, len(leaves))
        begins[first].append(loop)
        ends[-1].append((loop, node.count, first))

    root = normalise(schedule)
    if root.body:
        visit(root, 0)
        follow[-1] = END
    return Program(
        tuple(leaves),
        tuple(counts),
        tuple(map(tuple, ends)),
        tuple(follow),
        tuple(map(tuple, begins)),
        tuple(within),
        tuple(spans),
    )
