"""A plan and a front on the console: all numbers, whole, at any width."""

from __future__ import annotations

import io
import re

import pytest
from plan_documents import EDITED, front, plan
from rich.cells import cell_len
from rich.console import Console

from archsim.reports import units
from archsim.reports.plan_table import print_front, print_plan


def printed(show, document, width):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    show(document, console)
    return console.file.getvalue()


def flat(text):
    """Without the frames of panels and the line breaks inside them."""
    return re.sub(r"[│\s]+", " ", text)


@pytest.mark.parametrize("width", [46, 60, 80, 100, 160])
def test_cycles_and_totals_are_whole_at_any_width(width):
    document = plan(20)
    text = printed(print_plan, document, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for layer in document["layers"]:
        assert re.search(rf"(?<![\d,]){layer['latency_cycles']:,}(?![\d,])", text)
    totals = document["totals"]
    for figure in (
        units.duration(totals["latency_ms"]),
        units.energy(totals["energy_mj"] * 1e9),
        "0.5000 mm²",
        units.traffic(totals["dram_bytes"]),
        "980.0 KiB",
    ):
        assert figure in text


def test_a_wide_console_shows_how_every_layer_runs():
    lines = printed(print_plan, plan(), 200).splitlines()
    of = {int(line.split()[0]): line for line in lines if line.strip()[:1].isdigit()}
    assert len(of) == 8
    assert "w8a8" in of[1]
    assert "P14›7 K64›8 CRS576›64" in of[1]
    assert "weight·input" in of[1]
    assert "w4a8→4" in of[2]
    assert "unit=vector_unit chunks=64" in of[2]
    assert "split=K spatial=rows=C·R columns=K" in of[5]
    assert "[red]" in of[2], "names are no markup of the console"


def test_totals_budgets_and_proof():
    text = flat(printed(print_plan, plan(), 140))
    assert "25.0 % more than" in text
    assert "50.0 % less than" in text
    assert "area 0.5000 mm² of 3.000 mm² (16.7 %); 10 % more buys nothing" in text
    assert "sensitivity 6.000 of 6.500 (92.3 %); 10 % more buys 3 % less energy" in text
    assert "held in buffer 256.0 KiB of 256.0 KiB (100.0 %)" in text
    assert "Proven optimal: energy" in text
    assert "Warning: layer <b>x</b> has an unknown operator" in text


def test_a_pipeline_s_goal_is_its_interval():
    totals = plan()["totals"] | {"interval_cycles": 10, "latency_cycles": 100, "frames_per_s": 7234.4}
    text = flat(printed(print_plan, plan(minimize="latency_ms", objective=0.1382, totals=totals), 140))
    assert "Proven optimal: interval 138.2 µs" in text
    assert "Frames 7,234 /s" in text


def test_a_budget_that_an_edited_plan_exceeds():
    over = [{"name": "area_mm2", "limit": 2.0, "used": 2.5, "slack": -0.5}]
    assert "of 2.000 mm² (125.0 %); EXCEEDED" in flat(printed(print_plan, plan(budgets=over, buys=[]), 140))


@pytest.mark.parametrize("width", [46, 120])
def test_an_edited_plan_prints_what_it_has(width):
    text = printed(print_plan, EDITED, width)
    assert "net <b>of</b> a test on array & co" in text
    assert "w3a8" in text
    assert "nothing is proven" in text
    assert "Totals" not in text
    assert "Budgets" not in text


def test_control_characters_do_not_reach_the_terminal():
    rows = [plan(1)["layers"][0] | {"name": "a\x1b[2Jb\nc"}]
    text = printed(print_plan, plan(1, layers=rows), 120)
    assert "\x1b" not in text
    assert "a [2Jb c" in text


@pytest.mark.parametrize("width", [50, 80, 160])
def test_front_prints_every_point(width):
    document = front(5, area=True)
    text = printed(print_front, document, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for point in document["points"]:
        assert units.duration(point["values"]["latency_ms"]) in text
        assert units.energy(point["values"]["energy_mj"] * 1e9) in text
    assert "4 of 5 points are proven" in text


def test_front_tells_common_sizes_once():
    text = printed(print_front, front(3, hardware={"array.rows": 16}), 120)
    assert text.count("array.rows") == 1
    assert "In every point: array.rows 16." in text
    assert "nothing feasible" in printed(print_front, front(0), 120)
