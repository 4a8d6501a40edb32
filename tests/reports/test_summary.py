"""The sums of the energy table against a plain loop over its rows, and the words for numbers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.reports import units
from archsim.reports.summary import energy_by_action, energy_by_component, energy_by_layer


def test_every_view_sums_to_the_total(run):
    total = pytest.approx(run.totals.energy_mj * 1e9, rel=1e-12)
    assert energy_by_component(run)["energy_pj"].sum() == total
    assert energy_by_action(run)["energy_pj"].sum() == total
    assert energy_by_layer(run).to_numpy().sum() == total
    assert energy_by_component(run)["share"].sum() == pytest.approx(1.0)
    assert energy_by_component(run)["energy_pj_high"].sum() == pytest.approx(run.totals.energy_mj_high * 1e9)


def test_sums_agree_with_a_loop(run):
    by_layer, by_action, counts = defaultdict(float), defaultdict(float), defaultdict(float)
    for row in run.energy.to_dict(orient="records"):
        by_layer[row["layer"], row["component"]] += row["energy_pj"]
        by_action[row["component"], row["action"]] += row["energy_pj"]
        counts[row["component"], row["action"]] += row["count"]
    table = energy_by_layer(run)
    assert list(table.index) == [layer.name for layer in run.layers]
    for layer in table.index:
        for component in table.columns:
            assert table.loc[layer, component] == pytest.approx(by_layer[layer, component])
    for row in energy_by_action(run).to_dict(orient="records"):
        key = row["component"], row["action"]
        assert row["energy_pj"] == pytest.approx(by_action[key])
        assert row["unit_energy_pj"] * counts[key] == pytest.approx(by_action[key])


def test_energy_outside_the_layers_is_kept(run):
    standby = run.energy.iloc[[0]].assign(layer="(standby)", component="leakage", energy_pj=1e6)
    table = energy_by_layer(replace(run, energy=pd.concat([run.energy, standby])))
    assert table.index[-1] == "(standby)"
    assert table.to_numpy().sum() == pytest.approx(run.totals.energy_mj * 1e9 + 1e6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (units.count(1_160_000_000), "1.160 G"),
        (units.count(512), "512"),
        (units.energy(0.5), "0.5000 pJ"),
        (units.energy(999.99e6), "1.000 mJ"),
        (units.energy(0), "0 pJ"),
        (units.traffic(1_500_000), "1.500 MB"),
        (units.traffic(1_024), "1.024 kB"),
        (units.memory(1_024), "1.000 KiB"),
        (units.memory(1_536 * 1024), "1.500 MiB"),
        (units.memory(7), "7 B"),
        (units.duration(0.25), "250.0 µs"),
        (units.duration(2_500), "2.500 s"),
        (units.percent(0.1234), "12.3 %"),
        (units.digits(float("nan")), "–"),
        (units.digits(12933.4), "12,933"),
    ],
)
def test_units(text, expected):
    assert text == expected


@given(st.floats(min_value=1e-3, max_value=1e15))
def test_energy_text_is_within_its_digits(value):
    factors = {"pJ": 1, "nJ": 1e3, "µJ": 1e6, "mJ": 1e9, "J": 1e12}
    number, unit = units.energy(value).split()
    assert float(number.replace(",", "")) * factors[unit] == pytest.approx(value, rel=5.1e-4)
