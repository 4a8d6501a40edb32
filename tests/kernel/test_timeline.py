"""The trace-event export: format, units, the limit of events, and whole-or-nothing writing."""

import json

import pytest
from hypothesis import HealthCheck, assume, given, settings
from random_graphs import layered_graphs

from archsim.errors import InputError
from archsim.kernel import (
    Actor,
    Channel,
    DeadlockError,
    Firing,
    Loop,
    Resource,
    TimedGraph,
    simulate,
    trace_events,
    write_trace,
)


def double_buffer(tiles: int):
    graph = TimedGraph(
        [
            Actor("load", Loop(tiles, [Firing(4, give={"tile": 1})]), "dram", category="dma"),
            Actor("compute", Loop(tiles, [Firing(10, take={"tile": 1})])),
        ],
        [Channel("tile", "load", "compute", 2)],
        [Resource("dram")],
    )
    return simulate(graph, timeline=True).timeline


def test_the_file_is_a_trace_of_complete_events_with_named_tracks(tmp_path):
    path = tmp_path / "trace.json"
    write_trace(double_buffer(5), path, clock_mhz=200)
    events = json.loads(path.read_text())["traceEvents"]
    names = {(e["name"], e["args"]["name"]): (e["pid"], e["tid"]) for e in events if e["ph"] == "M"}
    assert set(names) == {
        ("process_name", "dram"),
        ("process_name", "no resource"),
        ("thread_name", "dma"),
        ("thread_name", "compute"),
    }
    firings = [e for e in events if e["ph"] == "X"]
    assert len(firings) + len(names) == len(events)
    computes = [e for e in firings if (e["pid"], e["tid"]) == names["thread_name", "compute"]]
    assert [e["ts"] for e in computes] == pytest.approx([(4 + 10 * i) / 200 for i in range(5)])
    assert {e["dur"] for e in computes} == {10 / 200}
    assert {e["cat"] for e in firings if e["name"] == "load"} == {"dma"}
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]


def test_beyond_the_limit_each_actor_has_one_slice_for_the_rest():
    timeline = double_buffer(10**9)
    assert len(timeline) == 2 * 10**9
    assert len(timeline.items) < 50
    events = [e for e in trace_events(timeline, max_events=100) if e["ph"] == "X"]
    rests = {e["name"].split()[0]: e for e in events[100:]}
    assert len(events) == 102
    for actor, rest in rests.items():
        shown = [e for e in events[:100] if e["name"] == actor]
        assert rest["name"] == f"{actor} ×{10**9 - len(shown)} firings"
        assert rest["ts"] == shown[-1]["ts"] + shown[-1]["dur"]
    assert rests["compute"]["ts"] + rests["compute"]["dur"] == 4 + 10 * 10**9


def test_nothing_but_aggregates_at_limit_zero():
    events = [e for e in trace_events(double_buffer(7), max_events=0) if e["ph"] == "X"]
    assert [(e["name"], e["ts"], e["dur"]) for e in events] == [
        ("load ×7 firings", 0, 58),
        ("compute ×7 firings", 4, 70),
    ]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "trace.json"
    path.write_text("old")
    monkeypatch.setattr(json, "dumps", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_trace(double_buffer(3), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"]


@pytest.mark.parametrize("option", [{"clock_mhz": 0}, {"clock_mhz": -5.0}, {"max_events": -1}])
def test_bad_options_are_refused(tmp_path, option):
    with pytest.raises(InputError, match=next(iter(option))):
        write_trace(double_buffer(3), tmp_path / "trace.json", **option)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(layered_graphs())
def test_firings_come_in_order_of_start_and_never_overlap_on_a_track_or_resource(graph):
    try:
        timeline = simulate(graph, timeline=True).timeline
    except DeadlockError:
        assume(False)
    last_start, actor_free, resource_free = 0, {}, {}
    for track, start, cycles in timeline.slices():
        assert start >= last_start
        assert start >= actor_free.get(track, 0)
        last_start, actor_free[track] = start, start + cycles
        resource = timeline.tracks[track].resource
        if resource is not None:
            assert start >= resource_free.get(resource, 0)
            resource_free[resource] = start + cycles
