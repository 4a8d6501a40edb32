"""What the page draws of single families: stages, arrays, the first firings, a mapping as a picture."""

from __future__ import annotations

import pytest
from browser import BROWSER, look

import archsim
from archsim.kernel.timeline import Repeat, Slice, Timeline, Track
from archsim.reports.firings import first_firings
from archsim.reports.html import render_html

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

STAGES = """
  found.stages = charts.stages.chart.getOption().series[0].data;
  found.choices = texts("#pick-stage option");
  found.occupancy = charts.occupancy ? charts.occupancy.chart.getOption().series[0].data : null;
  found.lanes = charts.firings ? charts.firings.chart.getOption().yAxis[0].data : null;
"""
PICTURE = """
  rows()[0].click();
  found.captions = texts("#layer-table tr.detail figcaption");
  found.lines = document.querySelectorAll("#layer-table tr.detail svg line").length;
"""


def test_stages_of_a_pipeline_and_its_first_firings(tmp_path):
    run = archsim.simulate("cnv-w1a1", "finn-cnv-pynq-z1", timeline=True)
    found, console = look(render_html(run), STAGES, tmp_path)
    assert console == []
    assert {"stages", "spans", "firings"} <= set(found["drawn"])
    assert found["choices"][0] == "lut"
    (lut,) = (use for use in run.resources if use.name == "lut")
    assert found["stages"] == pytest.approx(
        [100 * layer.mapping["lut"] / lut.capacity for layer in run.layers]
    )
    assert {"conv0:compute", "conv1:compute"} <= set(found["lanes"])
    assert found["painted"]["firings-chart"] > 5_000


def test_arrays_of_a_crossbar_chip(tmp_path):
    run = archsim.simulate("resnet8", "isaac")
    found, console = look(render_html(run), STAGES, tmp_path)
    assert console == []
    assert found["choices"] == ["crossbars", "tiles"]
    used = [layer.mapping.get("cells_used") for layer in run.layers]
    assert found["occupancy"] == [None if share is None else pytest.approx(100 * share) for share in used]
    # 144 rows and 16 outputs of 4 two-bit cells, on two arrays of 128 × 128
    assert run.layers[1].mapping["cells_used"] == round(144 * 16 * 4 / (2 * 128 * 128), 4)


def test_mapping_of_a_convolution_as_a_picture(tmp_path):
    run = archsim.simulate("resnet8", "systolic-32-edge")
    first = run.layers[0]
    assert first.loops == {"K": 16, "C": 3, "P": 32, "Q": 32, "R": 3, "S": 3}
    found, console = look(render_html(run), PICTURE, tmp_path)
    assert console == []
    assert [text.split(",")[0] for text in found["captions"]] == [
        "weights 16 × 27",
        "input 1",
        "output 1",
    ]
    tile = {dim: sizes[0] for dim, sizes in first.mapping["tile"].items()}
    assert found["captions"][0].endswith(f"of {tile['K']} × {tile['CRS']}")


def test_first_firings_are_those_of_the_timeline():
    tracks = (Track("a", "dram", "", 3, 0, 9), Track("b", None, "", 3, 1, 12))
    timeline = Timeline(tracks, (Slice(0, 0, 2), Slice(1, 1, 3), Repeat(0, 2, 4, 2)))
    told = first_firings(timeline, most=5)
    assert (told["shown"], told["firings"]) == (5, 6)
    assert told["lanes"] == [
        {"name": "dram", "firings": [(0, 2, 0), (4, 2, 0), (8, 2, 0)]},
        {"name": "b", "firings": [(1, 3, 1), (5, 3, 1)]},
    ]
    assert told["until_cycle"] == 10
