"""The steady state of a pipeline: how long one input takes, and how soon the next result follows.

A graph that goes through the same schedule for every input, with all its rates and times fixed, settles into
a periodic regime (Baccelli et al., Synchronization and Linearity, 1992; Ghamarian et al., ACSD 2006). Its
period is read off the completion of n and of 2n inputs; n is doubled until the figure stands still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archsim.kernel.engine import simulate
from archsim.kernel.execution import Execution
from archsim.kernel.graph import TimedGraph

MOST_INPUTS = 512


@dataclass(frozen=True, slots=True)
class SteadyState:
    """first: the execution of a single input, whose cycles are the latency of the first result.
    interval_cycles: cycles between results in the long run, on average."""

    first: Execution
    interval_cycles: float


def least_interval(execution: Execution, inputs: int = 1) -> float:
    """No pipeline is faster than its busiest actor or resource: busy cycles of that one, an input."""
    busiest = max((run.busy_cycles for run in execution.actors.values()), default=0)
    return max(busiest, *execution.resource_busy_cycles.values(), 0) / inputs


def steady_state(graph_of: Callable[[int], TimedGraph], kept: float | None = None) -> SteadyState:
    """Latency and interval of the graph that `graph_of(n)` gives for n inputs, one right behind the other.

    Exact once the transient is over: two doublings agree, or the interval has come down to `least_interval`.
    After MOST_INPUTS the last figure stands. `kept`: an interval that the graph is known to keep; where it is
    the least one, nothing more has to be executed. Raises DeadlockError as the engine does.
    """
    first = simulate(graph_of(1))
    least = least_interval(first)
    if kept == least:
        return SteadyState(first, least)
    inputs, before, interval = 2, simulate(graph_of(2)).cycles, float("nan")
    while inputs < MOST_INPUTS:
        end = simulate(graph_of(2 * inputs)).cycles
        previous, interval = interval, (end - before) / inputs
        if interval in (least, previous):
            break
        inputs, before = 2 * inputs, end
    return SteadyState(first, interval)
