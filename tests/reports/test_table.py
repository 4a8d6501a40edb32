"""The console table: all numbers, whole, at any width."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from archsim.reports import units
from archsim.reports.columns import shorten
from archsim.reports.table import print_run


def printed(run, width, max_rows=None):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_run(run, console, max_rows)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [46, 60, 80, 100, 140])
def test_cycles_and_totals_are_whole_at_any_width(run, width):
    text = printed(run, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for layer in run.layers:
        assert re.search(rf"(?<![\d,]){layer.latency_cycles:,}(?![\d,])", text)
        assert units.energy(layer.energy_pj) in text
    totals = run.totals
    figures = (
        units.duration(totals.latency_ms),
        units.energy(totals.energy_mj * 1e9),
        units.energy(totals.energy_mj_low * 1e9),
        units.energy(totals.energy_mj_high * 1e9),
        f"{units.digits(totals.tops)} TOPS",
        f"{units.digits(totals.tops_per_w)} TOPS/W",
        "3.510 mm²",
        f"{units.digits(totals.edp_mj_ms)} mJ·ms",
        units.memory(totals.peak_memory_bytes),
        units.traffic(totals.dram_bytes),
    )
    for figure in figures:
        assert figure in text
    assert not re.search(r"\d…|…\d+ [kMG]?B", text.split("Totals")[1])


def test_a_wide_console_shows_every_column(run):
    text = printed(run, 140)
    for layer in run.layers:
        line = next(line for line in text.splitlines() if f"{layer.latency_cycles:,}" in line)
        assert layer.operator in line
        assert layer.bound_by in line
        for figure in (
            units.count(layer.macs),
            units.percent(layer.utilization),
            units.traffic(layer.dram_bytes),
        ):
            assert figure in line


def test_names_are_text_not_markup(run):
    text = printed(run, 140)
    assert "<script>alert(1)</script>" in text
    assert "[red]" in text
    hostile = replace(run, layers=(replace(run.layers[0], name="a\x1b[31mb\nc"), *run.layers[1:]))
    assert "\x1b" not in printed(hostile, 140)


def test_energy_by_component_is_there(run):
    text = printed(run, 120)
    sums = run.energy.groupby("component")["energy_pj"].sum()
    for component, energy in sums.items():
        assert re.search(rf"{component} +{units.energy(energy)} +{units.percent(energy / sums.sum())}", text)


def test_long_runs_show_all_or_the_slowest(make_run):
    run = make_run(120)
    assert sum("Conv_" in line for line in printed(run, 130).splitlines()) >= 115
    text = printed(run, 130, max_rows=5)
    slowest = sorted(run.layers, key=lambda layer: -layer.latency_cycles)[:5]
    rest = run.totals.latency_cycles - sum(layer.latency_cycles for layer in slowest)
    for layer in slowest:
        assert f"{layer.latency_cycles:,}" in text
    line = next(line for line in text.splitlines() if "115 other layers" in line)
    assert f"{rest:,}" in line
    assert printed(run, 130, max_rows=120) == printed(run, 130)


@given(st.text(max_size=60), st.integers(min_value=3, max_value=40))
def test_shortened_names_fit_and_keep_their_ends(name, width):
    short = shorten(name, width)
    assert cell_len(short) <= width
    if cell_len(name) <= width:
        assert short == name
    else:
        head, tail = short.split("…", 1) if name.count("…") == 0 else (short[:1], "")
        assert name.startswith(head)
        assert name.endswith(tail)
