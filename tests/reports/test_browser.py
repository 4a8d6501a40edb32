"""The page in a real browser: the charts draw, layers light up together, nothing complains."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

from archsim.reports.html import render_html

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1280,900",
    "--enable-logging=stderr", "--virtual-time-budget=8000", "--dump-dom",
)  # fmt: skip

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

# Runs in the page after its own scripts; what it finds is read back from the document.
PROBE = """
<script>
setTimeout(() => {
  const painted = (canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let count = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i]) count += 1;
    return count;
  };
  const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);
  const rows = () => [...document.querySelectorAll("#layer-table tr.row")];
  const found = {
    drawn: (document.documentElement.dataset.drawn || "").split(" ").sort(),
    painted: Object.fromEntries([...document.querySelectorAll(".chart")].map((box) =>
      [box.id, [...box.querySelectorAll("canvas")].reduce((sum, canvas) => sum + painted(canvas), 0)])),
    names: texts("#layer-table tr.row td.name"),
    workload: byId("workload").textContent,
    cards: texts("#totals .figure"),
    actions: rows().length && document.querySelectorAll("#action-table tbody tr").length,
    points: rooflinePoints().map((point) => [point.index, point.rate]),
    overflow: document.documentElement.scrollWidth - window.innerWidth,
  };
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
  const result = document.createElement("output");
  result.id = "probe";
  result.textContent = JSON.stringify(found);
  document.body.append(result);
}, 3000);
</script>
</body>"""


def look(run, folder):
    page = folder / "report.html"
    before, _, after = render_html(run).rpartition("</body>")
    page.write_text(before + PROBE + after, encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    answer = re.search(r'<output id="probe">(.*?)</output>', done.stdout, re.S)
    assert answer, f"the page's scripts did not finish: {console}"
    return json.loads(unescape(answer.group(1))), console


@pytest.fixture(scope="module")
def seen(run, tmp_path_factory):
    return look(run, tmp_path_factory.mktemp("browser"))


def test_charts_are_painted_without_complaint(seen):
    found, console = seen
    assert console == []
    assert found["drawn"] == ["energy", "latency", "memory", "roofline"]
    assert len(found["painted"]) == 4
    assert min(found["painted"].values()) > 5_000
    assert found["overflow"] <= 0


def test_page_shows_the_run(run, seen):
    found, _ = seen
    assert found["names"] == [layer.name for layer in run.layers]
    assert found["workload"] == run.workload
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
    found, console = look(make_run(300, dram_bytes_per_cycle=None), tmp_path)
    assert console == []
    assert min(found["painted"].values()) > 5_000
    assert len(found["names"]) == 300
