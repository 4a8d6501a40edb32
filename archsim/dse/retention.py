"""What is kept in memory from when to when: a network's tensors as retention intervals in a CP-SAT model.

Bartan et al., Moccasin (ICML 2023). Every layer has at most C retention intervals [start, end]: it is
executed at the start and its output stays until the end. That takes O(n C) integers, where a Boolean for
every layer and time takes O(n²). Times are events of stages: in stage j the layers before j may be executed
again, in order, and then j for the first time; so event (j, k) belongs to layer k alone and no two layers
collide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archsim.errors import InputError
from archsim.workloads.workload import Workload

Interval = tuple[int, int, int]
"""Node, first event, last event."""


@dataclass(frozen=True, slots=True)
class Retention:
    """A layer's execution, and how long its output is kept: to the end of the step `kept_until`."""

    layer: str
    kept_until: int


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

    def least_bytes(self, sizes: Sequence[int] | None = None) -> int:
        """No schedule needs less: some layer's inputs and output together. `sizes` replace the graph's."""
        size = self.sizes if sizes is None else sizes
        return max(size[v] + sum(size[u] for u in reads) for v, reads in enumerate(self.reads))

    def peak(self, intervals: Sequence[Interval], sizes: Sequence[int] | None = None) -> int:
        """The most bytes of retentions. `sizes` replace the graph's."""
        size = self.sizes if sizes is None else sizes
        return max(
            sum(size[v] for v, start, end in intervals if start <= at <= end)
            for at in {start for _, start, _ in intervals}
        )

    @cached_property
    def plain(self) -> tuple[Interval, ...]:
        """Retentions of every node executed once."""
        last = {v: self.event(v, v) for v in range(len(self.names))}
        for v, reads in enumerate(self.reads):
            for u in reads:
                last[u] = self.event(v, v)
        last |= dict.fromkeys(self.kept, self.end)
        return tuple((v, self.event(v, v), last[v]) for v in range(len(self.names)))

    def steps(self, intervals: Sequence[Interval]) -> tuple[Retention, ...]:
        """Executions in order (those of the network's inputs left out)."""
        order = sorted(intervals, key=lambda interval: interval[1])
        executed = [interval for interval in order if interval[0] >= self.inputs]
        return tuple(
            Retention(self.names[v], sum(start <= end for _, start, _ in executed) - 1)
            for v, _, end in executed
        )


class Retentions:
    """Retention intervals as variables of a CP-SAT model, within `limit`.

    `sizes` of the nodes and `limit` are whole numbers of one unit; a size may be a variable. `active[v][i]`:
    whether node v is executed more than i times.
    """

    def __init__(self, model: Any, graph: Graph, sizes: Sequence[Any], limit: int, executions: int) -> None:
        self.graph, self.model = graph, model
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
        self._limit(sizes, limit)

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

    def _limit(self, sizes: Sequence[Any], limit: int) -> None:
        model = self.model
        intervals, demands = [], []
        for v, size in enumerate(sizes):
            for start, end, active in zip(self.starts[v], self.ends[v], self.active[v], strict=True):
                length = model.new_int_var(1, self.graph.end + 1, "")
                intervals.append(model.new_optional_interval_var(start, length, end + 1, active, ""))
                demands.append(size)
        model.add_cumulative(intervals, demands, limit)

    def found(self, value: Callable[[Any], int]) -> list[Interval]:
        """The intervals of a solution, by their start; `value` gives a variable's."""
        intervals = [
            (v, value(start), value(end))
            for v in range(len(self.graph.names))
            for start, end, active in zip(self.starts[v], self.ends[v], self.active[v], strict=True)
            if value(active)
        ]
        return sorted(intervals, key=lambda interval: interval[1])
