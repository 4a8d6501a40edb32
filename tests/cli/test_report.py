"""`archsim report` on files of `archsim run` and of a sweep."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import archsim
from archsim.cli.app import app


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    archsim.simulate("resnet8", "systolic-32-edge").to_json(folder / "before.json")
    archsim.simulate("resnet8", "systolic-32-edge", precision="w4a4").to_parquet(folder / "after.parquet")
    return folder


def call(*arguments):
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_report_against_a_baseline_in_every_format(files, tmp_path):
    ends = ("html", "csv", "json", "parquet", "md", "xlsx")
    outs = [part for end in ends for part in ("-o", tmp_path / f"report.{end}")]
    done = call(files / "after.parquet", "--against", files / "before.json", "--by", "level", *outs)
    assert done.exit_code == 0, done.output
    assert "off-chip memory" in done.stdout
    assert {path.suffix[1:] for path in tmp_path.iterdir()} == set(ends)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["schema"] == "archsim.report/1"
    assert document["baseline"]["settings"]["precision"] == "w8a8"


def test_report_of_a_run_alone_is_its_page(files, tmp_path):
    assert call(files / "before.json", "-o", tmp_path / "page.html", "-q").exit_code == 0
    archsim.simulate("resnet8", "systolic-32-edge").to_html(tmp_path / "own.html")
    assert (tmp_path / "page.html").read_text() == (tmp_path / "own.html").read_text()


def test_report_of_a_sweep_is_its_points(tmp_path):
    sweep = tmp_path / "arrays.yaml"
    sweep.write_text(
        "workload: digits-cnn\naccelerator: systolic-32-edge\nhardware: {array.rows: [8, 16]}\n",
        encoding="utf-8",
    )
    results = tmp_path / "points.parquet"
    run = [
        "sweep",
        str(sweep),
        "--out",
        str(tmp_path / "a.sweep"),
        "--parquet",
        str(results),
        "--workers",
        "1",
    ]
    ran = CliRunner().invoke(app, run)
    assert ran.exit_code == 0, ran.output
    outs = [part for end in ("md", "xlsx", "json") for part in ("-o", tmp_path / f"points.{end}")]
    done = call(results, *outs)
    assert done.exit_code == 0, done.output
    points = pd.read_parquet(results)
    in_book = pd.read_excel(tmp_path / "points.xlsx")["energy_mj"].tolist()
    assert in_book == pytest.approx(points["energy_mj"].tolist(), rel=1e-14)
    told = json.loads((tmp_path / "points.json").read_text(encoding="utf-8"))["points"]
    assert [point["energy_mj"] for point in told] == points["energy_mj"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "no such file"),
        (["{run}", "-o", "report.doc"], "a report ends in"),
        (["{run}", "-o", "{run}"], "also an input"),
        (["{run}", "--against", "none.parquet"], "no such file"),
    ],
)
def test_bad_input_ends_with_2_and_leaves_nothing(files, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    done = call(*(part.format(run=files / "before.json") for part in arguments))
    assert done.exit_code == 2
    assert message in done.output
    assert not list(tmp_path.iterdir())
