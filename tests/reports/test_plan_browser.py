"""The pages of a search in a real browser: all of it draws, follows the reader, and nothing complains."""

from __future__ import annotations

import pytest
from browser import BROWSER, look
from plan_documents import EDITED, front, plan

from archsim.reports.plan_page import render_front_page, render_plan_page

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

WHAT_IS_SHOWN = """
  const shown = () => ({
    proof: byId("proof").textContent.trim(),
    names: plan.layers.map((layer) => layer.name),
    titles: [...document.querySelectorAll("#layer-table tr.row td:nth-child(2)")].map((cell) => cell.title),
    heads: texts("#layer-table th"),
    cards: texts("#totals .figure"),
    notes: texts("#totals .note b"),
    hardware: texts("#hardware div"),
    budgets: [...document.querySelectorAll("#budget-table tbody tr")].map((row) =>
      [...row.children].map((cell) => cell.textContent)),
    strip: charts.bits.chart.getOption().series.map((series) => series.data.map((cell) => cell.bits)),
    hidden: [...document.querySelectorAll("section, aside, .chart")].filter((box) => box.hidden)
      .map((box) => box.id),
    search: texts("#search-facts div"),
    markup: document.querySelectorAll("main img, dd b i, td b").length,
  });
  Object.assign(found, shown());
"""
PLAN_PROBE = (
    WHAT_IS_SHOWN
    + """
  found.tip = layerTip(0).textContent;
  charts.bits.chart.dispatchAction({ type: "updateAxisPointer", currTrigger: "mousemove",
    x: charts.bits.chart.convertToPixel({ xAxisIndex: 0 }, 1), y: 50 });
  found.lit = [...document.querySelectorAll("tr.lit")].map((row) => Number(row.dataset.index));
  const heads = [...document.querySelectorAll("#layer-table th button")];
  heads.find((head) => head.textContent === "Cycles").click();
  found.sorted = rows().map((row) => Number(row.dataset.index));
  heads.find((head) => head.textContent === "P").click();
  found.by_tile = rows().map((row) => Number(row.dataset.index));
  showRow(4);
  found.detail = texts("#layer-table tr.detail dd");
  byId("filter").value = "Conv_7";
  byId("filter").dispatchEvent(new Event("input"));
  found.filtered = rows().filter((row) => !row.hidden).map((row) => Number(row.dataset.index));
  byId("theme").click();
  found.theme = document.documentElement.dataset.theme;
"""
)
FRONT_PROBE = (
    WHAT_IS_SHOWN
    + """
  const spots = () => charts.front.chart.getOption().series.find((series) => series.name === "points").data
    .map((item) => item.value);
  found.series = charts.front.chart.getOption().series.map((series) => series.name);
  found.spots = spots();
  found.hollow = charts.front.chart.getOption().series.find((series) => series.name === "points").data
    .map((item) => item.itemStyle.color === cssColour("paper"));
  found.tip = frontTip(front.points[1]).textContent;
  found.table = texts("#point-table tbody tr td:first-child");
  found.pickers = texts("#pickers label option");
  document.querySelectorAll("#point-table tr.row")[2].click();
  found.second = shown();
  found.title = byId("chosen-title").textContent;
  found.lit = [...document.querySelectorAll("#point-table tr.lit")].map((row) => Number(row.dataset.index));
  byId("next-point").click();
  found.third = chosenPoint;
  if (byId("pick-x")) {
    byId("pick-x").value = "area_mm2";
    byId("pick-x").dispatchEvent(new Event("change"));
    found.axes = { ...axes };
    found.picked = spots();
    byId("pick-y").value = "area_mm2";
    byId("pick-y").dispatchEvent(new Event("change"));
    found.swapped = axes;
  }
"""
)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return look(render_plan_page(plan()), PLAN_PROBE, tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def seen_front(tmp_path_factory):
    return look(render_front_page(front()), FRONT_PROBE, tmp_path_factory.mktemp("front"))


def test_charts_are_painted_without_complaint(seen):
    found, console = seen
    assert console == []
    assert found["drawn"] == ["bits", "energy", "latency"]
    assert min(found["painted"].values()) > 5_000
    assert found["overflow"] <= 0
    assert found["hidden"] == []


def test_page_shows_the_plan(seen):
    found, _ = seen
    layers = plan()["layers"]
    assert found["titles"] == [layer["name"] for layer in layers]
    assert found["strip"][0] == [layer["activation_bits"] for layer in layers]
    assert found["strip"][2] == [layer["weight_bits"] for layer in layers]
    assert found["proof"].startswith("Proven optimal: energy")
    assert found["heads"] == ["#", "Layer", "Bits", "P", "K", "CRS", "Order", "Split", "Mapping", "Cycles",
                              "Energy (µJ)"]  # fmt: skip
    assert found["hardware"] == ["array.rows32", "buffer.capacity_kib256"]
    assert found["markup"] == 0, "a name became markup"
    assert found["notes"][:2] == ["25.0\u00a0% more: worse", "50.0\u00a0% less: better"]
    assert "Refused: rows <must> divide2" in found["search"]
    assert "Mappings priced5,267,226" in found["search"]


def test_budgets_tell_use_slack_and_what_more_buys(seen):
    area, sensitivity, held, resource = [
        [cell.replace("\u00a0", " ") for cell in row] for row in seen[0]["budgets"]
    ]
    assert area == ["Area", "", "0.5000 mm²", "3.000 mm²", "2.500 mm² (83.3 %)", "10 % more buys nothing"]
    assert sensitivity[4:] == ["0.5000 (7.7 %)", "10 % more buys 3.00 % less energy"]
    assert held[:5] == ["Held in buffer", "", "256.0 KiB", "256.0 KiB", "0 B (0.0 %)"]
    assert resource == ["Dsp <b>", "", "0", "0", "– (0.0 %)", "–"]


def test_layers_light_up_sort_and_open(seen):
    found, _ = seen
    layers = plan()["layers"]
    assert found["lit"] == [1]
    assert found["sorted"] == sorted(range(8), key=lambda i: -layers[i]["latency_cycles"])
    assert found["by_tile"][-2:] == [1, 6], "layers without a tile come last"
    assert layers[4]["name"] in found["detail"]
    assert "rows=C·R columns=K" in found["detail"]
    assert found["filtered"] == [7]
    assert found["theme"] == "dark"
    assert "weights8 bits" in found["tip"]
    assert "P 14 › 7, K 64 › 8" in found["tip"]


def test_an_edited_plan_shows_what_it_has(tmp_path):
    found, console = look(render_plan_page(EDITED), WHAT_IS_SHOWN, tmp_path)
    assert console == []
    assert found["drawn"] == ["bits"]
    assert found["hidden"] == ["warnings", "section-totals", "section-hardware", "section-budgets",
                               "latency-chart", "energy-chart", "section-search"]  # fmt: skip
    assert found["heads"] == ["#", "Layer", "Bits", "Mapping"]


@pytest.mark.parametrize("layers", [1, 300])
@pytest.mark.parametrize("width", [500, 1280])
def test_any_number_of_layers_at_any_width(layers, width, tmp_path):
    page = render_plan_page(plan(layers, baseline=None, budgets=[], buys=[]))
    found, console = look(page, WHAT_IS_SHOWN, tmp_path, width)
    assert console == []
    assert min(found["painted"].values()) > 3_000
    assert found["overflow"] <= 0
    assert len(found["titles"]) == layers
    assert found["notes"] == []


def test_front_shows_its_points_and_the_baseline(seen_front):
    found, console = seen_front
    assert console == []
    assert found["drawn"] == ["bits", "energy", "front", "latency"]
    assert min(found["painted"].values()) > 5_000
    assert found["overflow"] <= 0
    assert found["series"] == ["front", "points", "baseline"]
    assert found["spots"] == [[6.25 + i, pytest.approx(3 / (1 + i))] for i in range(5)]
    assert found["hollow"] == [False, False, False, False, True]
    assert "latency7.250\u00a0ms" in found["tip"]
    assert "array.rows16" in found["tip"]
    assert found["table"] == ["1", "2", "3", "4", "5"]
    assert found["pickers"] == []


def test_choosing_a_point_shows_its_plan(seen_front):
    found, _ = seen_front
    layers = [point["plan"]["layers"] for point in front()["points"]]
    assert found["strip"][2] == [layer["weight_bits"] for layer in layers[0]]
    assert found["second"]["strip"][2] == [layer["weight_bits"] for layer in layers[2]]
    assert found["second"]["hardware"] == ["array.rows32"]
    assert found["title"] == "Plan of point 3: latency 8.250\u00a0ms, energy 1.000\u00a0mJ"
    assert found["lit"] == [2]
    assert found["third"] == 3


def test_three_quantities_choose_two_axes(tmp_path):
    document = front(9, 6, area=True, baseline=None)
    found, console = look(render_front_page(document), FRONT_PROBE, tmp_path)
    assert console == []
    assert found["series"] == ["points"], "over two of three quantities there is no line"
    assert found["axes"] == {"x": "area_mm2", "y": "energy_mj", "colour": "latency_ms"}
    assert found["picked"] == [
        [pytest.approx(0.3 + 0.1 * (i % 3)), pytest.approx(3 / (1 + i))] for i in range(9)
    ]
    assert found["swapped"] == {"x": "energy_mj", "y": "area_mm2", "colour": "latency_ms"}


def test_a_front_without_points_says_so(tmp_path):
    probe = 'found.said = byId("front-proof").textContent; found.shown = !byId("section-front").hidden;'
    found, console = look(render_front_page(front(0)), probe, tmp_path)
    assert console == []
    assert "nothing feasible" in found["said"]
    assert not found["shown"]
