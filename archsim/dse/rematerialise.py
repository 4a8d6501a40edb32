"""Tensor rematerialisation: run a network in less memory by making some tensors again, with CP-SAT.

Bartan et al., Moccasin (ICML 2023). Every layer has at most C retention intervals [start, end]: it is
executed at the start and its output stays until the end. That takes O(n C) integers, where a Boolean for
every layer and time takes O(n²). Times are events of stages: in stage j the layers before j may be executed
again, in order, and then j for the first time; so event (j, k) belongs to layer k alone and no two layers
collide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any

from archsim.dse.selection.session import Session
from archsim.errors import InputError
from archsim.workloads.workload import Workload

SEED = 1
MOST_EXECUTIONS = 2
"""Executions of a layer; Moccasin finds no use for more than two on its graphs."""


@dataclass(frozen=True, slots=True)
class Retention:
    """A layer's execution, and how long its output is kept: to the end of the step `kept_until`."""

    layer: str
    kept_until: int


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
        seen: set[str] = set()
        return tuple(s.layer for s in self.steps if s.layer in seen or seen.add(s.layer))


@dataclass(frozen=True)
class Graph:
    """Nodes in execution order, the network's inputs first (they cost nothing and cannot be made again).

    A layer of several outputs keeps them together.
    """

    names: tuple[str, ...]
    inputs: int
    sizes: tuple[int, ...]  # bytes of a node's output
    costs: tuple[int, ...]
    reads: tuple[tuple[int, ...], ...]
    kept: frozenset[int]  # outputs of the network

    @classmethod
    def of(cls, workload: Workload, costs: Mapping[str, int] | None = None) -> Graph:
        """`costs` of a layer's execution by name; default: MACs and other operations."""
        sizes = workload.tensor_bytes
        given = [t.name for t in workload.inputs]
        node = {name: i for i, name in enumerate(given)}
        for i, layer in enumerate(workload.layers, start=len(given)):
            node |= {t.name: i for t in layer.outputs}
        priced = costs or {layer.name: layer.macs + sum(layer.ops.values()) for layer in workload.layers}
        missing = [layer.name for layer in workload.layers if layer.name not in priced]
        if missing:
            raise InputError(f"costs: layer {missing[0]!r} has none; give a whole number for every layer")
        return cls(
            names=(*given, *(layer.name for layer in workload.layers)),
            inputs=len(given),
            sizes=(
                *(sizes[name] for name in given),
                *(sum(sizes[t.name] for t in layer.outputs) for layer in workload.layers),
            ),
            costs=(*(0 for _ in given), *(int(priced[layer.name]) for layer in workload.layers)),
            reads=(
                *(() for _ in given),
                *(tuple(dict.fromkeys(node[t.name] for t in layer.inputs)) for layer in workload.layers),
            ),
            kept=frozenset(node[t.name] for t in workload.outputs),
        )

    def event(self, stage: int, node: int) -> int:
        return stage * (stage + 1) // 2 + node

    @property
    def end(self) -> int:
        """The event after the last."""
        return self.event(len(self.names), 0)

    @cached_property
    def least_bytes(self) -> int:
        """No schedule needs less: some layer's inputs and output together."""
        return max(self.sizes[v] + sum(self.sizes[u] for u in reads) for v, reads in enumerate(self.reads))

    def peak(self, intervals: Sequence[tuple[int, int, int]]) -> int:
        """The most bytes of (node, first event, last event) retentions."""
        return max(
            sum(self.sizes[v] for v, start, end in intervals if start <= at <= end)
            for at in {start for _, start, _ in intervals}
        )

    def plain(self) -> list[tuple[int, int, int]]:
        """Retentions of every node executed once."""
        last = {v: self.event(v, v) for v in range(len(self.names))}
        for v, reads in enumerate(self.reads):
            for u in reads:
                last[u] = self.event(v, v)
        last |= dict.fromkeys(self.kept, self.end)
        return [(v, self.event(v, v), last[v]) for v in range(len(self.names))]


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
    plain = graph.plain()
    before, base = graph.peak(plain), sum(graph.costs)
    if before <= max_bytes:
        return _result(graph, "OPTIMAL", plain, before, base, 0.0, most_executions)
    if graph.least_bytes > max_bytes:
        raise InputError(
            f"workload {workload.name!r}: a single layer needs {graph.least_bytes / 1024:.4g} KiB for its "
            f"inputs and output, more than the {max_bytes / 1024:.4g} KiB allowed; raise the limit, or give "
            "it fewer bits"
        )
    model = _Model(graph, int(max_bytes), most_executions)
    status, intervals, bound = model.solve(time_limit_s, workers)
    if intervals is None:
        why = (
            f"executing layers up to {most_executions} times does not help"
            if status == "INFEASIBLE"
            else f"nothing was found in {time_limit_s:g} s"
        )
        raise InputError(
            f"workload {workload.name!r} does not fit {max_bytes / 1024:.4g} KiB of activations: {why}. "
            f"It takes {before / 1024:.4g} KiB without recomputation, and no schedule takes less than "
            f"{graph.least_bytes / 1024:.4g} KiB; raise the limit in between"
        )
    return _result(graph, status, intervals, before, base, bound, most_executions)


class _Model:
    """The retention intervals as a CP-SAT model."""

    def __init__(self, graph: Graph, max_bytes: int, executions: int) -> None:
        from ortools.sat.python import cp_model

        self.graph, self.model = graph, cp_model.CpModel()
        self.starts: list[list[Any]] = []
        self.ends: list[list[Any]] = []
        self.active: list[list[Any]] = []
        for v in range(len(graph.names)):
            self._add_node(v, 1 if v < graph.inputs else executions)
        for v, reads in enumerate(graph.reads):
            for i in range(len(self.starts[v])):
                for u in reads:
                    self._cover(v, i, u)
        for v in graph.kept:
            self._keep(v)
        self._limit(max_bytes)
        extra = [(graph.costs[v], active) for v, of_node in enumerate(self.active) for active in of_node[1:]]
        self.model.minimize(sum(cost * active for cost, active in extra))

    def _add_node(self, v: int, executions: int) -> None:
        from ortools.sat.python import cp_model

        graph, model, end = self.graph, self.model, self.graph.end
        later = [graph.event(stage, v) for stage in range(v + 1, len(graph.names))]
        starts, ends, active = [model.new_constant(graph.event(v, v))], [], [model.new_constant(1)]
        for _ in range(executions - 1 if later else 0):
            starts.append(model.new_int_var_from_domain(cp_model.Domain.from_values(later), ""))
            active.append(model.new_bool_var(""))
        for i, start in enumerate(starts):
            ends.append(model.new_int_var(0, end, ""))
            model.add(ends[i] >= start)
            if i > 1:
                model.add_implication(active[i], active[i - 1])
                model.add(starts[i] > starts[i - 1]).only_enforce_if(active[i])
        self.starts.append(starts)
        self.ends.append(ends)
        self.active.append(active)

    def _cover(self, v: int, i: int, u: int) -> None:
        """Some retention of u is there when execution i of v starts."""
        model, start = self.model, self.starts[v][i]
        by: list[Any] = []
        for j, active in enumerate(self.active[u]):
            covers = model.new_bool_var("")
            model.add_implication(covers, active)
            model.add(self.starts[u][j] < start).only_enforce_if(covers)
            model.add(start <= self.ends[u][j]).only_enforce_if(covers)
            by.append(covers)
        model.add_bool_or(by).only_enforce_if(self.active[v][i])

    def _keep(self, v: int) -> None:
        model, end = self.model, self.graph.end
        by: list[Any] = []
        for j, active in enumerate(self.active[v]):
            stays = model.new_bool_var("")
            model.add_implication(stays, active)
            model.add(self.ends[v][j] == end).only_enforce_if(stays)
            by.append(stays)
        model.add_bool_or(by)

    def _limit(self, max_bytes: int) -> None:
        model, unit = self.model, gcd(*self.graph.sizes)
        intervals, demands = [], []
        for v, size in enumerate(self.graph.sizes):
            for start, end, active in zip(self.starts[v], self.ends[v], self.active[v], strict=True):
                length = model.new_int_var(1, self.graph.end + 1, "")
                intervals.append(model.new_optional_interval_var(start, length, end + 1, active, ""))
                demands.append(size // unit)
        model.add_cumulative(intervals, demands, max_bytes // unit)

    def solve(
        self, time_limit_s: float, workers: int
    ) -> tuple[str, list[tuple[int, int, int]] | None, float]:
        """(status, retentions, bound of the extra cost)."""
        from ortools.sat.python import cp_model

        solver = cp_model.CpSolver()
        solver.parameters.num_workers = workers
        solver.parameters.random_seed = SEED
        solver.parameters.max_time_in_seconds = time_limit_s
        solver.parameters.catch_sigint_signal = False
        session = Session(time_limit_s)
        status = session.run(lambda: solver.solve(self.model), solver.stop_search)
        if session.interrupted:
            raise KeyboardInterrupt
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return ("INFEASIBLE" if status == cp_model.INFEASIBLE else "UNKNOWN"), None, 0.0
        found = [
            (v, solver.value(start), solver.value(end))
            for v in range(len(self.graph.names))
            for start, end, active in zip(self.starts[v], self.ends[v], self.active[v], strict=True)
            if solver.value(active)
        ]
        name = "OPTIMAL" if status == cp_model.OPTIMAL else "FEASIBLE"
        return name, sorted(found, key=lambda interval: interval[1]), solver.best_objective_bound


def _result(
    graph: Graph,
    status: str,
    intervals: Sequence[tuple[int, int, int]],
    before: int,
    base: int,
    bound: float,
    most: int,
) -> Rematerialisation:
    order = sorted(intervals, key=lambda interval: interval[1])
    executed = [interval for interval in order if interval[0] >= graph.inputs]
    steps = tuple(
        Retention(graph.names[v], sum(start <= end for _, start, _ in executed) - 1) for v, _, end in executed
    )
    return Rematerialisation(
        status=status,
        steps=steps,
        peak_bytes=graph.peak(order),
        peak_bytes_before=before,
        extra_cost=sum(graph.costs[v] for v, _, _ in executed) - base,
        base_cost=base,
        bound=bound,
        most_executions=most,
    )
