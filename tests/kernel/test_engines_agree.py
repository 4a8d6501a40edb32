"""The fast engine against the SimPy reference: every field, every firing, every deadlock."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import drifting_graphs, layered_graphs, unbalanced_graphs

from archsim.kernel import DeadlockError, TimedGraph, engine, simpy_engine

RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def outcome(simulate, graph: TimedGraph):
    """The execution with its firings sorted, or the deadlock."""
    try:
        execution = simulate(graph, timeline=True)
    except DeadlockError as error:
        return error.cycle, error.waits
    assert len(execution.timeline) == sum(run.firings for run in execution.actors.values())
    return replace(execution, timeline=None), execution.timeline.tracks, sorted(execution.timeline.slices())


@settings(max_examples=300, deadline=None, suppress_health_check=RELAXED)
@given(st.one_of(layered_graphs(), layered_graphs(), unbalanced_graphs(), drifting_graphs()))
def test_engines_agree_to_the_cycle(graph):
    assert outcome(engine.simulate, graph) == outcome(simpy_engine.simulate, graph)
