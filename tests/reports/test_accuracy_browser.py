"""The pages of accuracy in a browser, over voltages and ADC bits: drawn, without a fault, fit for a phone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from browser import BROWSER, look

from archsim.numerics.accuracy_report import Accuracy, AdcPoint, Cause, LayerAccuracy, Spread
from archsim.numerics.faults.fault_report import Energy, LowVoltage, StoredIn, SupplyAccuracy, knee_of
from archsim.reports.accuracy_page import render_accuracy_page

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

PROBE = """
  found.rows = texts("#supply-table tbody tr");
  found.knee = byId("knee").textContent;
  found.legend = texts("#supply-legend .key");
  found.lines = charts.supply.chart.getOption().series.filter(({ name }) => name).map(({ name, data }) =>
    [name, data.map(({ value }) => value)]);
"""


def measured(with_volts: bool) -> Accuracy:
    """Four points of which the second is the knee; a made-up model with an awkward name."""
    means = (0.9, 0.895, 0.7, 0.3)
    points = tuple(
        SupplyAccuracy(
            0.8 - 0.05 * place if with_volts else None,
            {"weights <&>": 10.0 ** (place - 5)},
            10.0 ** (place - 5) / 2,
            0.0,
            Spread.of([mean, mean - 0.02]),
            (mean, mean - 0.02),
            Energy(4.0 - place / 2, 2.0 - place / 2, 0.5) if with_volts else None,
        )
        for place, mean in enumerate(means)
    )
    safe = Energy(4.0, 2.0, 0.5) if with_volts else None
    low = LowVoltage(
        "stuck", "twos_complement", 0.5, 0.0, 2, 0, None,
        (StoredIn("weights <&>", 1024, 64, True, ("conv1",), ()),), points, safe,
        knee_of(points, 0.9, 0.02, safe),
    )  # fmt: skip
    return Accuracy(
        model="net </script>", accelerator="npu" if with_volts else None, images=100, calibration_images=10,
        chips=2, seed=0, float=0.91, quantized=0.9, hardware=Spread.of([0.9]), per_chip=(0.9,), causes=(),
        layers=(), low_voltage=low,
    )  # fmt: skip


@pytest.mark.parametrize("width", [1280, 500])
@pytest.mark.parametrize("with_volts", [True, False])
def test_page(tmp_path: Path, width: int, with_volts: bool) -> None:
    page = render_accuracy_page(measured(with_volts).to_dict())
    found, console = look(page, PROBE, tmp_path, width)
    assert console == []
    assert found["drawn"] == ["supply"]
    assert found["painted"]["supply-chart"] > 2_000
    assert found["overflow"] <= 0
    assert len(found["rows"]) == 4
    lines = dict(found["lines"])
    assert [value[1] for value in lines["accuracy"]] == pytest.approx([89, 88.5, 69, 29])
    if with_volts:
        assert "is at 0.75 V: 88.50 %, with 12.5" in found["knee"]
        assert [value[1] for value in lines["energy"]] == pytest.approx([100, 87.5, 75, 62.5])
        assert len(found["legend"]) == 3
    else:
        assert "a bit error rate of 0.0001" in found["knee"]
        assert found["legend"] == ["accuracy"]


BY_CAUSE = """
  found.rows = texts("#layer-sqnr-table tbody tr td.name");
  found.causes = texts("#cause-table tbody tr td:first-child");
  found.cards = texts("#totals .figure");
  found.means = charts.adc.chart.getOption().series.at(-1).data.map(({ value }) => value);
"""


@pytest.mark.parametrize("width", [1280, 500])
def test_page_over_adc_bits(tmp_path: Path, width: int) -> None:
    sweep = tuple(AdcPoint(bits, Spread.of([0.1 * bits, 0.1 * bits + 0.02])) for bits in (4, 5, 6))
    causes = (Cause("adc_noise", Spread.of([0.8, 0.82]), 0.1),)
    layers = (LayerAccuracy("<conv>", "conv", 8, 8, 40.0, 20.0, None),)
    plain = replace(measured(False), low_voltage=None, adc_sweep=sweep, causes=causes, layers=layers)
    found, console = look(render_accuracy_page(plain.to_dict()), BY_CAUSE, tmp_path, width)
    assert console == []
    assert found["drawn"] == ["adc"]
    assert found["painted"]["adc-chart"] > 2_000
    assert found["overflow"] <= 0
    assert (found["rows"], found["causes"]) == (["<conv>"], ["adc noise"])
    assert [bits for bits, _ in found["means"]] == [4, 5, 6]
    assert found["means"][0][1] == pytest.approx(41)
