"""The optimum of one cost over an instance: bound first, then solvers on the rows that matter."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from archsim.dse.selection.cpsat import Attempt, solve_cpsat
from archsim.dse.selection.highs import solve_highs
from archsim.dse.selection.instance import BoolArray, Cost, Instance
from archsim.dse.selection.peak import is_peak, least_peak
from archsim.dse.selection.problem import IntArray
from archsim.dse.selection.relaxation import Relaxation, relax
from archsim.dse.selection.session import Session, relative_gap

TOLERANCE = 1e-6
"""Relative gap up to which an optimum counts as proven; costs that are integers are proven exactly."""
RESOLVED = 1e-9
"""Relative gap at which costs that had to be rounded are not resolved further."""
CORE_ROWS = 10
"""Rows a layer, on average, in the first model; measured on 54 layers of 187 rows: 8 to 12 are alike."""
ANY = 1e12
"""A gap within which every selection is good enough."""
TURNS = (("cpsat", 1.0), ("highs", 3.0), ("cpsat", 4.0), ("highs", math.inf), ("cpsat", math.inf))
"""Who tries, and for how long: CP-SAT in deterministic time (about seconds), HiGHS in seconds. Most proofs
take one of them less than its first turn, and either may stall on what the other does at once."""
HIGHS_SHARE = 0.5
"""Of the time that is left, at most, for a turn of HiGHS."""


@dataclass(slots=True)
class Optimum:
    """The best selection known (indices into the instance), its cost, and the proven lower bound.

    `useful` are the rows that a selection as good as the best can have.
    """

    useful: BoolArray
    chosen: IntArray | None = None
    value: float = math.inf
    bound: float = -math.inf

    @property
    def infeasible(self) -> bool:
        return self.chosen is None and self.bound == math.inf

    @property
    def gap(self) -> float:
        return math.inf if self.chosen is None else relative_gap(self.value, self.bound)

    def offer(self, instance: Instance, chosen: IntArray | None) -> None:
        if chosen is not None and (value := instance.cost.of(chosen)) < self.value:
            self.chosen, self.value = chosen, value


def minimise(
    instance: Instance, session: Session, *, gap: float = 0.0, workers: int = 1, hint: IntArray | None = None
) -> Optimum:
    """The least first cost of an instance, proven as far as time and `gap` (relative) allow.

    `hint` is a selection to start from, feasible or not. On KeyboardInterrupt the best known is returned, and
    the session says that it was interrupted.
    """
    best = Optimum(np.ones(len(instance.rows), dtype=bool))
    try:
        if len(instance.empty):
            best.bound = math.inf
        elif len(instance.rows) == instance.layers:
            _only_selection(instance, best)
        elif is_peak(instance.cost):
            _least_peak(instance, session, best, workers, hint)
        else:
            _search(instance, session, best, gap, workers, hint)
    except KeyboardInterrupt:
        session.interrupted = True
    return best


def _only_selection(instance: Instance, best: Optimum) -> None:
    only = np.arange(instance.layers)
    feasible = instance.feasible(only)
    best.offer(instance, only if feasible else None)
    best.bound = best.value


def _least_peak(
    instance: Instance, session: Session, best: Optimum, workers: int, hint: IntArray | None
) -> None:
    def feasible(part: Instance, start: IntArray | None) -> tuple[IntArray | None, bool]:
        found = minimise(part, session, gap=ANY, workers=workers, hint=start)
        return found.chosen, found.infeasible

    chosen, best.bound = least_peak(instance, session, hint, feasible)
    best.offer(instance, chosen)
    if chosen is not None:
        best.useful = instance.cost.peaks[0] <= instance.cost.peaks[0][chosen].max()


def _search(
    instance: Instance, session: Session, best: Optimum, gap: float, workers: int, hint: IntArray | None
) -> None:
    """Solve over rows of small reduced cost; over more of them, until those left out can't matter."""
    relaxed = relax(instance)
    best.bound = math.inf if relaxed.infeasible else relaxed.bound
    if hint is not None and instance.feasible(hint):
        best.offer(instance, hint)
    best.useful = _useful(instance, relaxed, best.value)
    margin = float(np.sort(relaxed.reduced)[: CORE_ROWS * instance.layers][-1])
    solved: BoolArray | None = None
    while best.gap > max(gap, RESOLVED) and not best.infeasible:
        session.note(best.value if best.chosen is not None else None, best.bound)
        kept = best.useful & (relaxed.reduced <= margin)
        if solved is not None and (kept == solved).all():
            return
        left_out = relaxed.bound + relaxed.reduced[best.useful & ~kept].min(initial=math.inf)
        attempt = _attempt(instance, kept, session, best, gap, workers)
        best.offer(instance, attempt.chosen)
        bound = max(best.bound, min(attempt.bound, left_out))
        whole = instance.cost.integral and math.isfinite(bound)
        best.bound = min(math.ceil(bound) if whole else bound, best.value)
        best.useful = _useful(instance, relaxed, best.value)
        if session.over or not attempt.finished:
            return
        solved = kept
        if best.chosen is not None:
            margin = best.value - relaxed.bound
        elif not best.infeasible:
            margin = math.inf
            if relax(_without_cost(instance)).infeasible:
                best.bound = math.inf


def _useful(instance: Instance, relaxed: Relaxation, value: float) -> BoolArray:
    """Rows that a selection of at most that cost can have: by reduced cost, and by what it adds."""
    useful = relaxed.reduced <= value - relaxed.bound
    if value == math.inf:
        return useful
    cost = instance.cost
    least = np.full(instance.layers, math.inf)
    np.minimum.at(least, instance.layer, cost.values)
    peaks = [float(peak.min()) for peak in cost.peaks]
    base = math.fsum([cost.constant, *least.tolist(), *peaks])
    room = value - base + RESOLVED * (abs(value) + float(np.abs(least).sum()))
    useful &= cost.values - least[instance.layer] <= room
    for peak, lowest in zip(cost.peaks, peaks, strict=True):
        useful &= peak - lowest <= room
    return useful


def _without_cost(instance: Instance) -> Instance:
    return replace(instance, costs=(Cost(np.zeros(len(instance.rows)), (), 0.0),))


def _attempt(
    instance: Instance, kept: BoolArray, session: Session, best: Optimum, gap: float, workers: int
) -> Attempt:
    """CP-SAT and HiGHS in turns, CP-SAT to the end. Indices are into `instance`."""
    core = instance.take(kept)
    if len(core.empty):
        return Attempt(None, math.inf, True)
    allowed_gap = gap * abs(best.bound) if math.isfinite(best.bound) else 0.0
    found = Optimum(kept)
    if best.chosen is not None:
        found.offer(core, core.find(instance.rows[best.chosen]))
    finished = False
    for solver, patience in TURNS:
        if solver == "highs":
            seconds = min(patience, HIGHS_SHARE * session.left_s)
            attempt = solve_highs(core, session, hint=found.chosen, allowed_gap=allowed_gap, seconds=seconds)
        else:
            attempt = solve_cpsat(
                core,
                session,
                hint=found.chosen,
                allowed_gap=allowed_gap,
                workers=workers,
                deterministic_limit=patience,
            )
        found.offer(core, attempt.chosen)
        found.bound = max(found.bound, attempt.bound)
        finished = attempt.finished or found.gap <= gap
        if finished or session.over:
            break
    chosen = None if found.chosen is None else instance.find(core.rows[found.chosen])
    return Attempt(chosen, found.bound, finished)
