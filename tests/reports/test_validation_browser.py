"""The page of published figures in a browser: drawn, counted right, without a fault, fit for a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import BROWSER, look

from archsim.reports.validation_page import render_validation_page

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

PROBE = """
  Object.assign(found, {
    cards: texts("#totals .figure"),
    rows: texts("#figure-table tbody tr td:first-child"),
    published: texts("#figure-table tbody tr td:nth-child(4)"),
    points: charts.errors.chart.getOption().series.map(({ data }) => data.length),
  });
  const heads = [...document.querySelectorAll("#figure-table th button")];
  heads.find((head) => head.textContent === "Error").click();
  found.sorted = texts("#figure-table tbody tr td:nth-child(6)");
"""


def figure(system: str, published: float, simulated: float, kind: str) -> dict[str, object]:
    error = 100 * (simulated / published - 1)
    return {
        "system": system, "workload": "a </script> net", "quantity": "energy", "unit": "mJ",
        "published": published, "simulated": simulated, "error_percent": error, "kind": kind,
        "source": "a test", "remark": "<b>",
    }  # fmt: skip


FIGURES = [
    figure("one", 10, 11, "predicted"),
    figure("one", 2, 2, "calibrated"),
    figure("other & co", 1000, 700, "predicted"),
    figure("other & co", 4, 4.08, "predicted"),
]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_tells_how_far_off_it_is(tmp_path: Path, width: int) -> None:
    found, console = look(render_validation_page(FIGURES), PROBE, tmp_path, width)
    assert console == []
    assert found["overflow"] <= 0
    assert found["drawn"] == ["errors"]
    assert min(found["painted"].values()) > 2_000
    told = [" ".join(card.split()) for card in found["cards"]]
    assert told == ["4", "3", "10.0 %", "-30.0 %"]  # median and largest of the predicted ones
    assert found["rows"] == ["one", "one", "other & co", "other & co"]
    assert found["published"] == ["10 mJ", "2 mJ", "1,000 mJ", "4 mJ"]
    assert found["points"] == [3, 1]
    assert [text.split()[0] for text in found["sorted"]] == ["+10.0", "+2.0", "0.0", "-30.0"]
