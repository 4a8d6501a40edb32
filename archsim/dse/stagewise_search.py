"""The best selection for a pipeline with what stands between its stages, and the proof: branch and bound.

Every selection has a pace, and at a pace every stage takes one way (archsim.dse.pace_problem). The part of
least bound is looked at first: of the selection that bounds it, what stands between the stages is found.
Where it is as good as its bound in spite of that, nothing in the part is better. Else the part is split: the
way that the next stage takes there, so that what stands in front of the stage after it has its price, and all
other ways. Where all ways are fixed nothing is left out of the bound, so the search ends.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from archsim.dse.pace_problem import Amounts, PaceProblem, Pipeline, Ways
from archsim.dse.selection.optimum import TOLERANCE
from archsim.dse.selection.problem import Term
from archsim.dse.selection.relaxation import relaxed_bound
from archsim.dse.selection.select import solve
from archsim.dse.selection.session import relative_gap


@dataclass(frozen=True)
class Known:
    """A selection that keeps to every limit with what stands between its stages, and its value."""

    rows: tuple[int, ...]
    between: Amounts
    value: float


@dataclass(frozen=True)
class Proven:
    """The best selection known, if any, and a value that none is below (inf: there is none at all).

    `solved`: selection problems that this took.
    """

    best: Known | None
    bound: float
    solved: int
    interrupted: bool


@dataclass(frozen=True, eq=False)
class _Part:
    """Selections of one pace and some ways; `rows`: the best of them without what is left out."""

    paced: PaceProblem
    ways: Ways
    rows: tuple[int, ...]


class StagewiseSearch:
    """Minimises the first objective of a pipeline's problem; with `within` the second, the first lying
    between the two (no selection has less). `floor`: a bound that is known; `best`: to be improved on;
    `cutoff`: a value that is of no use.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        ends: float,
        most_solved: float = math.inf,
        gap: float = 0.0,
        floor: float = -math.inf,
        best: Known | None = None,
        cutoff: float = math.inf,
        within: tuple[float, float] | None = None,
    ) -> None:
        self.pipeline, self.gap = pipeline, max(gap, TOLERANCE)
        self.ends, self.most_solved = ends, most_solved
        self.floor, self.best, self.cutoff = floor, best, cutoff
        first, then = pipeline.problem.objective.terms, pipeline.problem.objective.then
        self.objective = first if within is None else then
        self.most = None if within is None else within[1]
        self.paces, self.slower = pipeline.paces, _cost_of_a_cycle(self.objective)
        self.is_monotone = any(term.combine == "sum" for term in self.objective)
        if within is not None and (cycle := _cost_of_a_cycle(first)):
            self.is_monotone = False  # what the pace costs of the first one is not left for the rest
            sums = any(term.combine == "sum" for term in first)
            least = -math.inf if sums else within[0]
            self.paces = [pace for pace in self.paces if least <= cycle * pace <= within[1]]
        self.solved, self.interrupted = 0, False
        self.unsettled = math.inf  # least bound of parts that a solver left open
        self._parts: list[tuple[float, int, int, _Part | PaceProblem | int]] = []
        self._numbers = itertools.count()

    def run(self) -> Proven:
        self._begin()
        while self._parts and not self._over(self._parts[0][0]):
            bound, _, _, part = heapq.heappop(self._parts)
            if isinstance(part, _Part):
                self._look_at(part, bound)
            elif isinstance(part, PaceProblem):
                self._push(part, part.start(), bound)
            else:
                self._open_paces(part)
        value = math.inf if self.best is None else self.best.value
        left = self._parts[0][0] if self._parts else math.inf
        return Proven(self.best, min(left, self.unsettled, value), self.solved, self.interrupted)

    def _over(self, bound: float) -> bool:
        proven = self.best is not None and relative_gap(self.best.value, bound) <= self.gap
        stopped = self.interrupted or self.solved >= self.most_solved or time.monotonic() >= self.ends
        return proven or stopped or bound > self.cutoff

    def _begin(self) -> None:
        if self.is_monotone:
            self._open_paces(len(self.paces) - 1)
            return
        for pace in self.paces:
            self._add(max(self.floor, self.slower * pace), 0, PaceProblem(self.pipeline, pace, self.most))

    def _open_paces(self, number: int) -> None:
        """The pace of that number, and the faster ones: they have fewer rows, so no less but for the pace."""
        paced = PaceProblem(self.pipeline, self.paces[number], self.most)
        least = max(self.floor, relaxed_bound(paced.relaxed()))
        self._add(least, 0, paced)
        if number:
            faster = self.slower * (self.paces[number] - self.paces[0])
            self._add(max(self.floor, least - faster), 0, number - 1)

    def _add(self, bound: float, depth: int, part: _Part | PaceProblem | int) -> None:
        if bound < math.inf:
            heapq.heappush(self._parts, (bound, -depth, next(self._numbers), part))

    def _push(self, paced: PaceProblem, ways: Ways, at_least: float) -> None:
        """A part with the selection that bounds it, if it has any."""
        problem, tables = paced.problem(ways)
        left = max(0.01, self.ends - time.monotonic())
        found = solve(problem, time_limit_s=left, gap=self.gap, lexicographic=False)
        self.solved += 1
        self.interrupted |= found.interrupted
        if found.rows is not None:
            rows = tuple(int(kept[row]) for kept, row in zip(tables, found.rows, strict=True))
            self._add(max(at_least, found.best_bound), len(ways.fixed), _Part(paced, ways, rows))
        elif found.status != "INFEASIBLE":
            self.unsettled = min(self.unsettled, at_least)

    def _look_at(self, part: _Part, bound: float) -> None:
        known = self._with_between(part.rows)
        if known is not None and (self.best is None or known.value < self.best.value):
            self.best = known
        if known is not None and relative_gap(known.value, bound) <= self.gap:
            return
        if not part.ways.next:
            self.unsettled = min(self.unsettled, bound)  # the solver ran out of time
            return
        for ways in part.paced.split(part.ways, part.rows):
            if ways.next or len(ways.fixed) == len(part.rows):
                self._push(part.paced, ways, bound)

    def _with_between(self, rows: tuple[int, ...]) -> Known | None:
        between = self.pipeline.between(rows)
        problem = self.pipeline.with_between(between)
        if problem.broken(rows) or (self.most is not None and problem.value(rows) > self.most):
            return None
        return Known(rows, between, problem.cost(self.objective, rows))


def _cost_of_a_cycle(terms: Sequence[Term]) -> float:
    """What a pace that is slower by a cycle costs."""
    return math.fsum(term.weight for term in terms if term.combine == "max")
