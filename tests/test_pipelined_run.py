"""Runs of a pipelined machine: interval, fill, what leaks, balance, locks, and how it is reported."""

from __future__ import annotations

import io
import itertools
import json

import numpy as np
import pytest
from rich.console import Console

from archsim.accelerators.balance import balanced
from archsim.accelerators.machine import DoesNotFit
from archsim.composition import WHOLE_MACHINE
from archsim.errors import InputError
from archsim.reports.html import page_data, render_html
from archsim.reports.table import print_run
from archsim.run import Run
from archsim.simulation import simulate
from tests.accelerators.made_up_pipeline import MadeUpPipeline, residual


@pytest.fixture
def run() -> Run:
    return simulate(residual(), MadeUpPipeline(), timeline=True)


def test_the_slowest_stage_sets_the_interval(run: Run) -> None:
    totals = run.totals
    assert totals.interval_cycles == max(layer.interval_cycles for layer in run.layers)
    assert totals.frames_per_s == pytest.approx(1e8 / totals.interval_cycles)
    assert totals.tops == pytest.approx(2 * totals.macs * totals.frames_per_s * 1e-12)
    assert run.composition == "pipelined"


def test_the_first_result_follows_the_fill_not_the_sum_of_stages(run: Run) -> None:
    latency = run.totals.latency_cycles
    assert latency == sum(layer.latency_cycles for layer in run.layers)
    assert max(layer.interval_cycles for layer in run.layers) < latency
    assert latency < sum(layer.interval_cycles for layer in run.layers)


def test_leakage_is_of_the_whole_machine_over_an_interval(run: Run) -> None:
    leak = run.energy[run.energy["action"] == "leak"]
    assert leak["layer"].tolist() == [WHOLE_MACHINE]
    assert leak["energy_pj"].sum() == pytest.approx(2.0 * run.totals.interval_cycles / 100 * 1e3)
    assert run.energy["energy_pj"].sum() == pytest.approx(run.totals.energy_mj * 1e9)


def test_stages_are_balanced_as_well_as_any_choice() -> None:
    for engines in range(3, 26):
        machine = MadeUpPipeline(capacity={"engines": float(engines)})
        tables = [machine.options(layer) for layer in residual().layers]
        chosen = balanced(tables, machine.capacity)
        best = min(
            max(table.cycles[row] for table, row in zip(tables, rows, strict=True))
            for rows in itertools.product(*(range(len(table)) for table in tables))
            if sum(table.resources["engines"][row] for table, row in zip(tables, rows, strict=True))
            <= engines
        )
        assert max(table.cycles[row] for table, row in zip(tables, chosen, strict=True)) == best


def test_stages_that_do_not_fit_are_told_with_what_is_short() -> None:
    with pytest.raises(DoesNotFit, match=r"engines: at least 3 of 2"):
        simulate(residual(), MadeUpPipeline(capacity={"engines": 2.0}))


def test_a_bypass_without_room_slows_the_pipeline_down() -> None:
    """The second convolution holds a pixel; its bypass must hold what is under way beside it."""
    wide = simulate(residual(), MadeUpPipeline(fifo=4))
    narrow = simulate(residual(), MadeUpPipeline(fifo=2))
    assert wide.totals.interval_cycles == 128 < narrow.totals.interval_cycles
    assert max(layer.interval_cycles for layer in narrow.layers) == 128


def test_a_lock_is_explained() -> None:
    class Locking(MadeUpPipeline):
        def schedule(self, row):
            from archsim.kernel.schedule import Firing, Loop, sequence

            if row.layer.name != "b":
                return super().schedule(row)
            everything = Loop(16, [Firing(1, take={"in": 1})])  # reads all before it writes
            return sequence(everything, Loop(16, [Firing(1, give={"out": 1})]))

    with pytest.raises(InputError, match=r"locks up.*FIFOs(.|\n)*space in channel 'a.out"):
        simulate(residual(), Locking())


def test_the_run_document_and_the_table_tell_the_interval(run: Run) -> None:
    document = json.loads(json.dumps(run.to_dict(), default=float))
    assert document["composition"] == "pipelined"
    assert document["totals"]["interval_cycles"] == run.totals.interval_cycles
    assert {"interval_cycles"} <= document["layers"][0].keys()
    text = io.StringIO()
    print_run(run, Console(file=text, width=140))
    assert "Interval" in text.getvalue()
    assert "Frames" in text.getvalue()
    assert page_data(run)["energy"]["layers"][-1] == WHOLE_MACHINE
    assert "pipelined" in render_html(run)


def test_the_timeline_shows_stages_side_by_side(run: Run) -> None:
    assert run.timeline is not None
    spans = {track.actor: (track.start, track.end) for track in run.timeline.tracks}
    assert spans["b:compute"][0] < spans["a:compute"][1]
    assert np.all([end > start for start, end in spans.values()])
