"""The pages of a sweep and of a comparison in a real browser: all draws, filters work, nothing complains."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import BROWSER, look

from archsim.dse.comparison import compare
from archsim.dse.sweep.files import load_sweep
from archsim.dse.sweep.page import page_document
from archsim.dse.sweep.results import read_results
from archsim.dse.sweep.run import sweep
from archsim.reports.sweep_page import render_sweep_page
from archsim.workloads.library import load_workload

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

AWKWARD = "<img src=x onerror=alert(1)>"
SWEEP_PROBE = """
  const tableRows = () => document.querySelectorAll("#point-table tr.row").length;
  found.rows = tableRows();
  found.links = [...document.querySelectorAll("#point-table a")].map((link) => link.getAttribute("href"));
  found.lit = document.querySelectorAll("#point-table tr.lit").length;
  found.failed = texts("#error-table td");
  found.caption = byId("points-caption").textContent;
  found.best = texts("#best dd.note");
  const filter = byId("filter-sram_kib");
  filter.value = "16";
  filter.dispatchEvent(new Event("change"));
  found.filtered = tableRows();
  byId("pick-colour").value = "array.dataflow";
  byId("pick-colour").dispatchEvent(new Event("change"));
  found.legend = texts("#points-legend .key");
  filter.value = "";
  filter.dispatchEvent(new Event("change"));
  const axes = { xAxisIndex: 0, yAxisIndex: 0 };
  const spot = (axis, part) => charts.parallel.chart.convertToPixel(axes, [axis, part]);
  const drag = (axis, from, to) => {
    const zr = charts.parallel.chart.getZr();
    const at = ([x, y]) => ({ offsetX: x, offsetY: y, event: { zrX: x, zrY: y } });
    zr.trigger("mousedown", at(spot(axis, from)));
    zr.trigger("mouseup", at(spot(axis, to)));
  };
  drag(2, 0.9, 1);
  found.brushed = tableRows();
  drag(2, 0.5, 0.5);
  found.let_go = tableRows();
  byId("theme").click();
  found.markup = document.querySelectorAll("main img").length;
"""


def test_the_page_of_a_sweep(tmp_path: Path) -> None:
    asked = load_sweep(
        {
            "name": AWKWARD,
            "workload": "resnet8",
            "accelerator": "systolic-32-edge",
            "hardware": {
                "array.rows": [8, 16],
                "array.dataflow": ["weight_stationary", "output_stationary"],
                "buffer.capacity_kib": [0.0625, 16, 64],
            },
            "names": {"sram_kib": "buffer.capacity_kib"},
            "minimize": "energy",
        }
    )
    sweep(asked, tmp_path / "r.sweep", workers=1)
    results = read_results(tmp_path / "r.sweep")
    document = page_document(results, asked.goals, links={5: "points/point-5.html"})
    found, console = look(render_sweep_page(document), SWEEP_PROBE, tmp_path)
    assert console == []
    assert found["drawn"] == ["effects", "levels", "parallel", "points"]
    assert all(painted > 500 for painted in found["painted"].values())
    assert found["overflow"] <= 0
    assert found["rows"] == 8
    assert found["lit"] == len(document["front"])
    assert found["links"] == ["points/point-5.html"]
    assert found["failed"][0] == "4"
    assert "8 points shown" in found["caption"]
    for goal, note in zip(asked.goals, found["best"][1::2], strict=True):
        best = results.frame.loc[results.frame[goal].idxmin()]
        assert note == f"point {best['point']}"
    assert found["filtered"] == 4
    assert found["legend"] == ["array.dataflow:", "weight_stationary", "output_stationary"]
    assert found["brushed"] == 4  # of the larger buffer
    assert found["let_go"] == 8
    assert found["markup"] == 0


def test_the_page_of_a_comparison(tmp_path: Path) -> None:
    compared = compare(load_workload("resnet8"), ["systolic-32-edge", "gap9"], accuracies={"gap9": 87.5})
    compared.to_html(tmp_path / "c.html")
    probe = 'found.cells = texts("#figure-table td"); byId("theme").click();'
    found, console = look((tmp_path / "c.html").read_text(), probe, tmp_path)
    assert console == []
    assert found["drawn"] == ["components", "plane"]
    assert all(painted > 500 for painted in found["painted"].values())
    assert {"systolic-32-edge", "gap9", "87.50"} <= set(found["cells"])
