"""Timed dataflow graphs and the engines that run them."""

from archsim.kernel.engine import simulate
from archsim.kernel.execution import ActorRun, DeadlockError, Execution
from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import (
    Firing,
    Grant,
    Loop,
    busy_cycles,
    iterate,
    normalise,
    sequence,
    total_firings,
)
from archsim.kernel.steady import SteadyState, least_interval, steady_state
from archsim.kernel.timeline import Repeat, Slice, Timeline, Track, trace_events, write_trace

__all__ = [
    "Actor",
    "ActorRun",
    "Channel",
    "DeadlockError",
    "Execution",
    "Firing",
    "Grant",
    "Loop",
    "Repeat",
    "Resource",
    "Slice",
    "SteadyState",
    "TimedGraph",
    "Timeline",
    "Track",
    "busy_cycles",
    "iterate",
    "least_interval",
    "normalise",
    "sequence",
    "simulate",
    "steady_state",
    "total_firings",
    "trace_events",
    "write_trace",
]
