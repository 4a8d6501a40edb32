"""`--vdd`, `--mhz` and `--body-bias`: where a machine runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsim.accelerators.library import load_accelerator
from archsim.simulation import simulate


def test_run_at_an_operating_point(archsim, tiny_trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    words = ("--on", "gap9", "--vdd", "0.65", "--mhz", "200", "--json", out)
    result = archsim("run", tiny_trace, *words)
    assert result.exit_code == 0
    assert "at 200 MHz" in result.stdout
    saved = json.loads(out.read_text())
    here = simulate(tiny_trace, load_accelerator("gap9", vdd_v=0.65, clock_mhz=200))
    assert saved["totals"]["energy_mj"] == here.totals.energy_mj
    assert saved["totals"]["latency_ms"] == here.totals.latency_ms
    assert (saved["settings"]["vdd_v"], saved["settings"]["clock_mhz"]) == (0.65, 200)


def test_the_other_follows(archsim, tiny_trace: Path) -> None:
    assert "at 240 MHz" in archsim("run", tiny_trace, "--on", "gap9", "--vdd", "0.65").stdout
    shown = archsim("show", "marsellus", "--mhz", "400", "--body-bias").stdout
    assert "V, 400 MHz, forward body bias" in shown
    assert "0.74 V, 400 MHz" not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gap9", "--vdd", "0.65", "--mhz", "300"), ("300 MHz is too fast for 0.65 V", "240 MHz", "0.719 V")),
        (("gap9", "--vdd", "1.1"), ("1.1 V is outside", "allowed: 0.65 to 0.8 V")),
        (("gap9", "--mhz", "900"), ("900 MHz is more than 370 MHz",)),
        (("gap9", "--mhz", "-5"), ("the machine at -5 MHz", "from 0.001 to 100000 MHz")),
        (("gap9", "--vdd", "nan"), ("at nan V", "above 0 and at most 5 V")),
        (("gap9", "--vdd", "0.65", "--mhz", "1000"), ("1000 MHz is too fast", "no supply allows it")),
        (("gap9", "--body-bias"), ("body_bias", "this accelerator has none")),
        (("systolic-32-edge", "--vdd", "0.8"), ("systolic", "no operating points", "cluster")),
    ],
)
def test_where_it_cannot_run(
    refused, tiny_trace: Path, words: tuple[str, ...], said: tuple[str, ...]
) -> None:
    message = refused("run", tiny_trace, "--on", *words)
    assert all(part in message for part in said)


def test_where_the_options_make_no_sense(refused, archsim, tmp_path: Path) -> None:
    assert "is a workload" in refused("show", "resnet8", "--vdd", "0.8")
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    assert "its own operating point" in refused("run", "--plan", plan, "--mhz", "200")
