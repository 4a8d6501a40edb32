"""Tensor rematerialisation: run a network in less memory by making some tensors again, with CP-SAT.

The formulation is that of Bartan et al., Moccasin (ICML 2023): see `archsim.dse.retention`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from archsim.dse.retention import Graph, Interval, Retention, Retentions
from archsim.dse.selection.session import Session
from archsim.errors import InputError
from archsim.workloads.workload import Workload

SEED = 1
MOST_EXECUTIONS = 2
"""Executions of a layer; Moccasin finds no use for more than two on its graphs."""


@dataclass(frozen=True)
class Rematerialisation:
    """Layers in the order of execution (`steps`), some of them again.

    `status` is OPTIMAL if no schedule of at most `most_executions` a layer costs less; `bound` is the least
    extra cost that is not ruled out.
    """

    status: str
    steps: tuple[Retention, ...]
    peak_bytes: int
    peak_bytes_before: int
    extra_cost: int
    base_cost: int
    bound: float
    most_executions: int

    @property
    def overhead(self) -> float:
        return self.extra_cost / self.base_cost if self.base_cost else 0.0

    @property
    def repeated(self) -> tuple[str, ...]:
        """Layers executed again, in order."""
        return repeated(self.steps)


def repeated(steps: Sequence[Retention]) -> tuple[str, ...]:
    """Layers that steps execute again, in order."""
    seen: set[str] = set()
    return tuple(s.layer for s in steps if s.layer in seen or seen.add(s.layer))


def rematerialise(
    workload: Workload,
    max_bytes: float,
    *,
    costs: Mapping[str, int] | None = None,
    most_executions: int = MOST_EXECUTIONS,
    time_limit_s: float = 60.0,
    workers: int = 2,
) -> Rematerialisation:
    """The cheapest execution whose activations never take more than `max_bytes`.

    `costs`: of executing a layer once (cycles, say); default: its operations. Layers keep the workload's
    order where they are first executed. Raises InputError when no such execution is found, with what is known
    why.
    """
    graph = Graph.of(workload, costs)
    before = graph.peak(graph.plain)
    if before <= max_bytes:
        return _result(graph, "OPTIMAL", graph.plain, before, 0.0, most_executions)
    least = graph.least_bytes()
    if least > max_bytes:
        raise InputError(
            f"workload {workload.name!r}: a single layer needs {least / 1024:.4g} KiB for its "
            f"inputs and output, more than the {max_bytes / 1024:.4g} KiB allowed; raise the limit, or give "
            "it fewer bits"
        )
    status, intervals, bound = _solve(graph, int(max_bytes), most_executions, time_limit_s, workers)
    if intervals is None:
        why = (
            f"executing layers up to {most_executions} times does not help"
            if status == "INFEASIBLE"
            else f"nothing was found in {time_limit_s:g} s"
        )
        raise InputError(
            f"workload {workload.name!r} does not fit {max_bytes / 1024:.4g} KiB of activations: {why}. "
            f"It takes {before / 1024:.4g} KiB without recomputation, and no schedule takes less than "
            f"{least / 1024:.4g} KiB; raise the limit in between"
        )
    return _result(graph, status, intervals, before, bound, most_executions)


def _solve(
    graph: Graph, max_bytes: int, executions: int, time_limit_s: float, workers: int
) -> tuple[str, list[Interval] | None, float]:
    """(status, retentions, bound of the extra cost)."""
    from ortools.sat.python import cp_model

    model, unit = cp_model.CpModel(), gcd(*graph.sizes)
    sizes = [size // unit for size in graph.sizes]
    retentions = Retentions(model, graph, sizes, max_bytes // unit, executions)
    extra = [
        (graph.costs[v], active) for v, of_node in enumerate(retentions.active) for active in of_node[1:]
    ]
    model.minimize(sum(cost * active for cost, active in extra))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = SEED
    solver.parameters.max_time_in_seconds = time_limit_s
    solver.parameters.catch_sigint_signal = False
    session = Session(time_limit_s)
    status = session.run(lambda: solver.solve(model), solver.stop_search)
    if session.interrupted:
        raise KeyboardInterrupt
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return ("INFEASIBLE" if status == cp_model.INFEASIBLE else "UNKNOWN"), None, 0.0
    name = "OPTIMAL" if status == cp_model.OPTIMAL else "FEASIBLE"
    return name, retentions.found(solver.value), solver.best_objective_bound


def _result(
    graph: Graph, status: str, intervals: Sequence[Interval], before: int, bound: float, most: int
) -> Rematerialisation:
    base = sum(graph.costs)
    executed = sum(graph.costs[v] for v, _, _ in intervals)
    return Rematerialisation(
        status=status,
        steps=graph.steps(intervals),
        peak_bytes=graph.peak(intervals),
        peak_bytes_before=before,
        extra_cost=executed - base,
        base_cost=base,
        bound=bound,
        most_executions=most,
    )
