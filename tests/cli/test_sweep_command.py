"""`archsim sweep`, `pareto` and `compare` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from archsim import InputError, simulate


@pytest.fixture
def sweep_file(tmp_path: Path, tiny_trace: Path) -> Path:
    path = tmp_path / "my.yaml"
    told = {
        "workload": str(tiny_trace),
        "accelerator": "systolic-32-edge",
        "hardware": {"array.rows": [8, 16], "buffer.capacity_kib": [16, 32]},
        "names": {"sram_kib": "buffer.capacity_kib"},
    }
    path.write_text(yaml.safe_dump(told))
    return path


def test_sweep_pareto_and_reports(archsim, tmp_path: Path, sweep_file: Path) -> None:
    results, page, table = (tmp_path / name for name in ("my.sweep", "my.html", "my.parquet"))
    done = archsim(
        *("sweep", sweep_file, "--out", results, "--workers", 1, "--report", page, "--parquet", table)
    )
    assert done.exit_code == 0, done.output
    assert "4 of 4 points" in done.stderr
    found = pd.read_parquet(table)
    assert sorted(found["point"]) == [0, 1, 2, 3]
    assert json.loads(page.read_text().split('id="sweep-data">')[1].split("</script>")[0])["points"] == 4
    pages = sorted((tmp_path / "my_points").glob("point-*.html"))
    assert pages
    assert f"my_points/{pages[0].name}" in page.read_text()

    shown = archsim("pareto", results, "--x", "area_mm2", "--color", "sram_kib", "--where", "sram_kib < 30",
                    "--csv", tmp_path / "f.csv")  # fmt: skip
    assert shown.exit_code == 0, shown.output
    front = pd.read_csv(tmp_path / "f.csv")
    assert set(front["sram_kib"]) == {16}
    assert "sram_kib" in shown.stdout


def test_the_front_tells_what_its_points_are(archsim, tmp_path: Path, tiny_trace: Path) -> None:
    """Also where all of its points have the same accelerator and bits, if others have not."""
    path = tmp_path / "both.yaml"
    accelerators = ["systolic-32-edge", "systolic-128"]
    told = {"workload": str(tiny_trace), "accelerator": accelerators, "bits": ["w8a8", "w4a4"]}
    path.write_text(yaml.safe_dump({**told, "goals": ["energy_mj"]}))
    done = archsim("sweep", path, "--out", tmp_path / "both.sweep", "--workers", 1)
    assert done.exit_code == 0, done.output
    head, _, *rows = done.stdout.strip().splitlines()
    assert {"accelerator", "bits"} <= set(head.split())
    assert "workload" not in head
    assert len(rows) == 1
    again = archsim("pareto", tmp_path / "both.sweep", "--where", "bits == 'w4a4'")
    assert {"accelerator", "bits"} <= set(again.stdout.splitlines()[0].split())


def test_one_point_alone(archsim, tmp_path: Path, sweep_file: Path, tiny_trace: Path) -> None:
    done = archsim("sweep", sweep_file, "--point", 3, "--report", tmp_path / "p.html")
    assert done.exit_code == 0, done.output
    assert "tiny on systolic-32-edge" in done.stdout
    assert (tmp_path / "p.html").exists()


def test_an_existing_file_is_not_overwritten(archsim, refused, tmp_path: Path, sweep_file: Path) -> None:
    words = ("sweep", sweep_file, "--out", tmp_path / "r.sweep", "--workers", 1, "--quiet")
    assert archsim(*words).exit_code == 0
    assert "go on with --resume" in refused(*words)
    again = archsim(*words, "--resume")
    assert (again.exit_code, again.output) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sweep", "no-such"), "not in the library"),
        (("sweep", "tiny-arrays", "--sample", "all"), "write grid, sobol:N"),
        (("sweep", "tiny-arrays", "--point", "999"), "numbered 0 to"),
        (("sweep", "tiny-arrays", "--out", "/no/where/x.sweep"), "there is no folder"),
        (("pareto", "none.sweep"), "no such file"),
        (("compare", "resnet8", "--on", "gap9", "--on", "gap9"), "given twice"),
        (("compare", "resnet8", "--on", "gap9", "--accuracy", "gap8=3"), "not compared"),
        (("compare", "resnet8", "--on", "gap9", "--accuracy", "gap9"), "write ACCELERATOR=VALUE"),
        (("schema", "sweep", "--family", "systolic"), "has none"),
    ],
)
def test_refusals(refused, words: tuple[str, ...], message: str) -> None:
    assert message in refused(*words)


def test_no_point_runs_and_the_reason_is_told(archsim, tmp_path: Path, tiny_trace: Path) -> None:
    file = tmp_path / "wrong.yaml"
    told = {
        "workload": str(tiny_trace),
        "accelerator": "systolic-32-edge",
        "hardware": {"array.rowz": [8, 16]},
    }
    file.write_text(yaml.safe_dump(told))
    result = archsim("sweep", str(file), "--workers", "1", "--out", str(tmp_path / "wrong.sweep"))
    assert result.exit_code == 2
    assert "error: wrong: no point could be run" in result.stderr
    assert "rowz" in result.stderr
    assert "Traceback" not in result.stderr


def test_compare_across_families(archsim, tmp_path: Path) -> None:
    page, table, document = (tmp_path / name for name in ("c.html", "c.csv", "c.json"))
    names = ("--on", "systolic-32-edge", "--on", "gap9", "--accuracy", "gap9=87.5")
    files = ("--report", page, "--csv", table, "--json", document)
    done = archsim("compare", "resnet8", *names, *files)
    assert done.exit_code == 0, done.output
    assert "87.5" in done.stdout
    told = json.loads(document.read_text())
    assert told["schema"] == "archsim.comparison/1"
    for entry in told["entries"]:
        totals = simulate("resnet8", entry["accelerator"]).totals
        assert entry["latency_ms"] == totals.latency_ms
        assert entry["energy_mj"] == totals.energy_mj
        spent = sum(entry["energy_by_component_pj"].values())
        assert spent * 1e-9 == pytest.approx(totals.energy_mj)
    assert pd.read_csv(table)["family"].tolist() == ["systolic", "cluster"]
    assert "comparison-data" in page.read_text()


def test_one_that_cannot_run_it_is_told_with_its_reason(archsim, refused, monkeypatch) -> None:
    def only_gap9(workload, machine, **terms):
        if machine.name != "gap9":
            raise InputError("no tile of it fits")
        return simulate(workload, machine, **terms)

    monkeypatch.setattr("archsim.dse.comparison.simulate", only_gap9)
    done = archsim("compare", "resnet8", "--on", "systolic-32-edge", "--on", "gap9")
    assert done.exit_code == 0, done.output
    assert "systolic-32-edge: no tile of it fits" in done.stdout
    assert "no tile of it fits" in refused("compare", "resnet8", "--on", "systolic-32-edge")
