"""The page of a change in a browser: the waterfall is drawn, nothing is wrong, it fits a phone."""

from __future__ import annotations

import pytest
from browser import BROWSER, look

from archsim.reports.change_page import render_change_page
from archsim.reports.energy_report import EnergyReport

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

PROBE = """
  found.rows = texts("#group-table tbody tr").length;
  found.settings = texts("#difference-table tbody tr");
  const pick = byId("pick-group");
  pick.value = "layer";
  pick.dispatchEvent(new Event("change"));
  found.layers = texts("#group-table tbody tr").length;
  found.steps = charts.waterfall.chart.getOption().xAxis[0].data;
"""


@pytest.mark.parametrize("width", [1280, 500])
def test_page_of_a_change(make_run, tmp_path, width):
    before, after = make_run(30), make_run(24)
    report = EnergyReport(after, before)
    found, console = look(render_change_page(report), PROBE, tmp_path, width)
    assert console == []
    assert found["drawn"] == ["waterfall"]
    assert found["painted"]["waterfall-chart"] > 2_000
    assert found["overflow"] <= 0
    assert found["rows"] == len(report.groups("component"))
    assert found["settings"] == []
    assert found["layers"] == len(report.groups("layer"))
    assert (found["steps"][0], found["steps"][-1]) == ("baseline", "this run")
    assert found["steps"][-2].endswith("others")
