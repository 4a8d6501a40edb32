"""An energy report says the same in every format, and its changes sum to the change of the total."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pandas as pd
import pytest
from elements import Elements

from archsim.errors import InputError
from archsim.reports.change_page import render_change_page
from archsim.reports.energy_report import EnergyReport
from archsim.reports.grouping import GROUPINGS, block_of, labelled_energy, level_of
from archsim.reports.read_run import read_run
from archsim.run import ENERGY_COLUMNS, ResourceUse


@pytest.fixture
def other(make_run):
    """Another run: fewer layers, a component less, every price halved."""
    run = make_run(6)
    energy = run.energy[run.energy["component"] != "vector_unit"].copy()
    for column in ("unit_energy_pj", "energy_pj", "energy_pj_low", "energy_pj_high"):
        energy[column] /= 2
    return replace(run, energy=energy, settings={**run.settings, "precision": "w4a4"})


@pytest.mark.parametrize(
    ("layer", "block"),
    [
        ("layer1.0.conv1", "layer1.0"),
        ("/layer1/layer1.0/conv1/Conv", "layer1/layer1.0"),
        ("stack1.conv1", "stack1"),
        ("blocks.11.attn.qkv", "blocks.11"),
        ("features.3.conv.0.0", "features.3"),
        ("features.0", "features"),
        ("conv2_1", "conv2"),
        ("conv1", "conv1"),
        ("fc", "fc"),
        ("_1", "_1"),
    ],
)
def test_block_of_a_layer(layer, block):
    assert block_of(layer) == block


def test_level_of_a_component():
    assert level_of("dram", is_memory=True) == "off-chip memory"
    assert level_of("my_own_buffer", is_memory=True) == "on-chip memory"
    assert level_of("pe_registers", is_memory=False) == "registers"
    assert level_of("filter_spad", is_memory=True) == "registers"
    assert level_of("something", is_memory=False) == "other"


def test_every_grouping_sums_to_the_run(run):
    total = math.fsum(run.energy["energy_pj"])
    for by in GROUPINGS:
        table = EnergyReport(run).groups(by)
        assert math.fsum(table["energy_pj"]) == pytest.approx(total, rel=1e-12)
        assert math.fsum(table["share"]) == pytest.approx(1, rel=1e-12)
        assert not table[by].duplicated().any()


def test_energy_of_no_layer_is_the_whole_machine(run):
    leak = run.energy.iloc[[0]].assign(layer="(whole machine)", component="device", action="leak")
    table = labelled_energy(replace(run, energy=pd.concat([run.energy, leak], ignore_index=True)))
    assert table.iloc[-1][["operator", "block", "level"]].tolist() == [
        "whole machine",
        "whole machine",
        "fabric",
    ]


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_a_run_is_read_back_whole(run, tmp_path, suffix):
    run = replace(run, resources=(ResourceUse("lut", 5.0, 10.0), ResourceUse("free", 1.0, math.inf)))
    path = tmp_path / f"run{suffix}"
    (run.to_json if suffix == ".json" else run.to_parquet)(path)
    again = read_run(path)
    pd.testing.assert_frame_equal(again.energy, run.energy, check_dtype=False, check_exact=True)
    assert again.totals == run.totals
    assert [layer.name for layer in again.layers] == [layer.name for layer in run.layers]
    assert again.layers[0].fused == run.layers[0].fused
    assert again.resources == run.resources
    assert (again.memory, again.warnings, again.roofline) == (run.memory, run.warnings, run.roofline)


def test_every_format_has_the_same_numbers(run, other, tmp_path):
    report = EnergyReport(other, run)
    paths = {end: tmp_path / f"report.{end}" for end in ("csv", "json", "parquet", "md", "xlsx", "html")}
    for path in paths.values():
        report.write(path)
    columns = [*ENERGY_COLUMNS[:-1], "baseline_count", "baseline_energy_pj", "change_pj"]
    expected = report.lines[columns]
    document = json.loads(paths["json"].read_text(encoding="utf-8"))
    tables = {
        "csv": pd.read_csv(paths["csv"]),
        "json": pd.DataFrame(document["energy"]),
        "parquet": pd.read_parquet(paths["parquet"]),
        "xlsx": pd.read_excel(paths["xlsx"], sheet_name="energy"),
    }
    for table in tables.values():
        pd.testing.assert_frame_equal(table[columns], expected, check_dtype=False, rtol=1e-15)
    shown = json.loads(Elements(paths["html"].read_text(encoding="utf-8")).scripts[0])
    markdown = paths["md"].read_text(encoding="utf-8")
    for by in GROUPINGS:
        groups = report.groups(by)
        assert shown["groups"][by] == document["groups"][by]
        in_book = pd.read_excel(paths["xlsx"], sheet_name=f"by {by}")
        assert in_book["change_pj"].tolist() == pytest.approx(groups["change_pj"].tolist(), rel=1e-15)
        assert [row["energy_pj"] for row in document["groups"][by]] == groups["energy_pj"].tolist()
        section = markdown.split(f"## Energy by {by}\n\n")[1].split("\n\n")[0].splitlines()[2:]
        last = [float(re.split(r"(?<!\\)\|", line)[-2]) for line in section]
        assert last == pytest.approx(groups["change_pj"].tolist(), rel=1e-5)


def test_changes_sum_to_the_change_of_the_total(run, other):
    report = EnergyReport(other, run)
    change = math.fsum(other.energy["energy_pj"]) - math.fsum(run.energy["energy_pj"])
    assert math.fsum(report.lines["change_pj"]) == pytest.approx(change, rel=1e-12)
    for by in GROUPINGS:
        table = report.groups(by)
        assert math.fsum(table["change_pj"]) == pytest.approx(change, rel=1e-12)
        assert table["change_pj"].abs().is_monotonic_decreasing
    gone = report.groups("component").set_index("component").loc["vector_unit"]
    assert gone["energy_pj"] == 0
    assert gone["change_pj"] == -gone["baseline_energy_pj"] < 0
    assert set(report.lines["layer"]) == {layer.name for layer in run.layers}


def test_a_run_against_itself_changes_nothing(run):
    report = EnergyReport(run, run)
    assert (report.lines["change_pj"] == 0).all()
    assert {row["change"] for row in report.totals()} == {0.0}
    assert len(report.lines) == len(run.energy)


def test_page_of_a_change_has_what_its_scripts_ask_for(run, other):
    page = render_change_page(EnergyReport(other, run))
    present = set(re.findall(r'\bid="([^"]+)"', page))
    asked = set(re.findall(r'byId\("([^"]+)"\)', page.split("<script>")[-1]))
    assert "waterfall-chart" in present
    assert asked - present <= {"filter", "layer-table"}  # of tables that this page has not


def test_bad_files_are_input_errors(run, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_run(tmp_path / "none.json")
    (tmp_path / "half.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is not JSON"):
        read_run(tmp_path / "half.json")
    (tmp_path / "plan.json").write_text('{"schema": "archsim.plan/1"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"archsim.plan/1.*archsim.run/1"):
        read_run(tmp_path / "plan.json")
    whole = run.to_dict()
    run.to_json(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    for key in ("layers", "totals", "energy"):
        (tmp_path / "part.json").write_text(
            json.dumps({k: v for k, v in document.items() if k != key}), encoding="utf-8"
        )
        with pytest.raises(InputError, match=key):
            read_run(tmp_path / "part.json")
    del document["layers"][0]["macs"]
    (tmp_path / "part.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match="macs"):
        read_run(tmp_path / "part.json")
    run.to_json(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    for key, wrong in {"layers": {}, "energy": {}, "workload": 5, "totals": 3, "resources": 7}.items():
        (tmp_path / "wrong.json").write_text(json.dumps({**document, key: wrong}), encoding="utf-8")
        with pytest.raises(InputError, match=rf"wrong\.json: {key}: .*write it anew"):
            read_run(tmp_path / "wrong.json")
    whole_energy = pd.DataFrame(whole["energy"])
    whole_energy.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(InputError, match="holds no run"):
        read_run(tmp_path / "table.parquet")
    with pytest.raises(InputError, match=r"\.xlsx"):
        EnergyReport(run).write(tmp_path / "report.doc")
