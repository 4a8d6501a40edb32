"""The page in a real browser: the charts draw, layers light up together, nothing complains."""

from __future__ import annotations

import pytest
from browser import BROWSER, look

from archsim.reports.html import render_html

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

PROBE = """
  Object.assign(found, {
    names: texts("#layer-table tr.row td.name"),
    heading: document.querySelector("h1").textContent,
    cards: texts("#totals .figure"),
    actions: rows().length && document.querySelectorAll("#action-table tbody tr").length,
    points: rooflinePoints().map((point) => [point.index, point.rate]),
  });
  charts.latency.chart.dispatchAction({ type: "updateAxisPointer", currTrigger: "mousemove",
    x: charts.latency.chart.convertToPixel({ xAxisIndex: 0 }, 1), y: 100 });
  found.lit = [...document.querySelectorAll("tr.lit")].map((row) => Number(row.dataset.index));
  const heads = [...document.querySelectorAll("#layer-table th button")];
  heads.find((head) => head.textContent === "Cycles").click();
  found.sorted = rows().map((row) => Number(row.dataset.index));
  rows()[0].click();
  found.detail = texts("#layer-table tr.detail dd");
  byId("filter").value = "max_pool";
  byId("filter").dispatchEvent(new Event("input"));
  found.filtered = rows().filter((row) => !row.hidden).length;
  byId("theme").click();
  found.theme = document.documentElement.dataset.theme;
"""


@pytest.fixture(scope="module")
def seen(run, tmp_path_factory):
    return look(render_html(run), PROBE, tmp_path_factory.mktemp("browser"))


def test_charts_are_painted_without_complaint(seen):
    found, console = seen
    assert console == []
    assert found["drawn"] == ["energy", "latency", "memory", "roofline", "spans"]
    assert len(found["painted"]) == 5
    assert min(found["painted"].values()) > 5_000
    assert found["overflow"] <= 0


def test_page_shows_the_run(run, seen):
    found, _ = seen
    assert found["names"] == [layer.name for layer in run.layers]
    assert found["heading"] == f"{run.workload} on {run.accelerator}"
    assert found["cards"][1].split() == [f"{run.totals.energy_mj * 1e3:.1f}", "µJ"]
    assert found["actions"] == len(run.energy.groupby(["component", "action"]))
    expected = [(i, layer.macs / layer.latency_cycles) for i, layer in enumerate(run.layers) if layer.macs]
    assert found["points"] == [[i, pytest.approx(rate)] for i, rate in expected]


def test_layers_light_up_sort_and_open(run, seen):
    found, _ = seen
    assert found["lit"] == [1]
    slowest = sorted(range(len(run.layers)), key=lambda i: -run.layers[i].latency_cycles)
    assert found["sorted"] == slowest
    assert found["detail"][0] == run.layers[slowest[0]].name
    assert found["filtered"] == sum(layer.operator == "max_pool" for layer in run.layers)
    assert found["theme"] == "dark"


def test_long_run_with_unlimited_bandwidth(make_run, tmp_path):
    found, console = look(render_html(make_run(300, dram_bytes_per_cycle=None)), PROBE, tmp_path)
    assert console == []
    assert min(found["painted"].values()) > 5_000
    assert len(found["names"]) == 300
