"""The page: complete, offline, and unable to run what a layer is called."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files

import pytest
from elements import Elements

from archsim.errors import InputError
from archsim.reports.html import page_data, render_html, write_html

VENDOR = files("archsim.reports").joinpath("page", "vendor")


@pytest.fixture(scope="module")
def page(run):
    return render_html(run)


def test_data_in_the_page_is_the_run(run, page):
    data = json.loads(Elements(page).scripts[0])
    assert [layer["name"] for layer in data["layers"]] == [layer.name for layer in run.layers]
    assert [layer["energy_pj"] for layer in data["layers"]] == [layer.energy_pj for layer in run.layers]
    assert data["totals"]["energy_mj"] == run.totals.energy_mj
    assert data["warnings"] == list(run.warnings)
    for name, energies in zip(data["energy"]["layers"], data["energy"]["layer_energy_pj"], strict=True):
        rows = run.energy[run.energy["layer"] == name]
        assert sum(energies) == pytest.approx(rows["energy_pj"].sum())
    by_component = run.energy.groupby("component")["energy_pj"].sum()
    for row in data["energy"]["components"]:
        assert row["energy_pj"] == pytest.approx(by_component[row["component"]])


def test_names_cannot_become_markup(run, page):
    elements = Elements(page)
    assert len(elements.scripts) == 3, "a name opened or closed a script element"
    assert not [tag for tag, _ in elements.tags if tag == "img"]
    assert elements.title.strip() == f"{run.workload} on {run.accelerator}"
    assert "<" not in elements.scripts[0]


def test_page_loads_nothing(page):
    elements = Elements(page)
    for tag, attributes in elements.tags:
        assert tag not in ("link", "iframe", "object", "embed"), tag
        assert "src" not in attributes
        assert not attributes.get("href", "").startswith(("http", "//"))
    styles = re.findall(r"<style>(.*?)</style>", page, re.S)
    assert styles
    assert not any("url(" in style or "@import" in style for style in styles)
    assert "default-src 'none'" in page


def test_every_element_a_script_asks_for_is_there(page):
    present = set(re.findall(r'\bid="([^"]+)"', page))
    asked = set(re.findall(r'byId\("([^"]+)"\)', page))
    assert len(asked) > 15
    assert asked <= present


def test_size_stays_small(make_run):
    assert len(render_html(make_run(300)).encode()) < 1_200_000
    assert len(render_html(make_run(1000)).encode()) < 2_000_000


def test_unlimited_bandwidth_and_missing_figures_are_null(make_run):
    run = make_run(5, dram_bytes_per_cycle=None)
    data = json.loads(Elements(render_html(run)).scripts[0])
    assert data["roofline"]["dram_bytes_per_cycle"] is None
    assert page_data(run)["energy"]["layers"] == [layer.name for layer in run.layers]


def test_write_is_whole_or_an_input_error(run, page, tmp_path):
    write_html(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    with pytest.raises(InputError, match="does not exist"):
        write_html(run, tmp_path / "none" / "report.html")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_vendored_charts_are_the_pinned_file(page):
    stated = re.search(r"\b[0-9a-f]{64}\b", VENDOR.joinpath("README.md").read_text(encoding="utf-8"))
    content = VENDOR.joinpath("echarts.common.min.js").read_bytes()
    assert stated is not None
    assert hashlib.sha256(content).hexdigest() == stated.group()
    version = re.search(r"ECharts (\d+\.\d+\.\d+)", page)
    assert version is not None
    assert f'"{version.group(1)}"'.encode() in content
    assert {"LICENSE", "NOTICE"} <= {file.name for file in VENDOR.iterdir()}
