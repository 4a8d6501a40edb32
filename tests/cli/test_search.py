"""`archsim search` and `archsim run --plan` on the command line."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archsim.cli.app import app
from archsim.dse.explore import Found

SMALL = ["resnet8", "--on", "systolic-32-edge", "--workers", "1"]
OPEN = ["--open", "array.rows+array.columns=16,32", "--open", "buffer.capacity_kib=64,128"]


def call(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_plan_is_found_written_and_replayed(tmp_path: Path) -> None:
    plan, page, run = (tmp_path / name for name in ("plan.json", "plan.html", "run.json"))
    code, out, err = call(
        "search", *SMALL, *OPEN, "--bits", "4,8", "--activation-bits", "4,8", "--minimize", "energy",
        "--pin", "first=w8a8", "--max-area-mm2", "0.4", "--max-sensitivity", "300%",
        "--out", plan, "--report", page,
    )  # fmt: skip
    assert code == 0, err
    assert "Proven optimal" in out
    assert f"wrote {plan}" in err
    document = json.loads(plan.read_text())
    assert document["status"] == "OPTIMAL"
    assert document["layers"][0]["weight_bits"] == 8
    assert {use["name"] for use in document["budgets"]} == {"area_mm2", "sensitivity"}
    assert "<html" in page.read_text()
    code, out, err = call("run", "--plan", plan, "--json", run, "--quiet")
    assert (code, out) == (0, "")
    assert json.loads(run.read_text())["totals"] == document["totals"]


def test_a_front(tmp_path: Path) -> None:
    front, page = tmp_path / "front.json", tmp_path / "front.html"
    code, out, err = call(
        "search", *SMALL, *OPEN, "--bits", "4,8", "--pareto", "latency,energy", "--points", "4",
        "--max-sensitivity", "300%", "--out", front, "--report", page,
    )  # fmt: skip
    assert code == 0, err
    points = json.loads(front.read_text())["points"]
    values = [(point["values"]["latency_ms"], point["values"]["energy_mj"]) for point in points]
    assert len(values) >= 2
    assert values == sorted(values)
    assert [energy for _, energy in values] == sorted((energy for _, energy in values), reverse=True)
    assert page.exists()
    assert "proven" in out


def test_infeasible_budgets_are_explained_and_nothing_is_written(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    code, out, err = call("search", *SMALL, *OPEN, "--max-latency-ms", "0.001", "--out", plan)
    assert (code, out) == (1, "")
    assert "latency_ms <= 0.001 cannot be met" in err
    assert "latency_ms must rise to" in err
    assert not plan.exists()


def test_the_library_study_that_is_infeasible() -> None:
    code, _, err = call("search", "infeasible", "--workers", "1")
    assert code == 1
    assert "area_mm2" in err
    assert "must rise to" in err


def test_tables_of_hawq(tmp_path: Path) -> None:
    chosen = tmp_path / "bits.json"
    code, out, err = call("search", "hawq-resnet18", "--out", chosen)
    assert code == 0, err
    document = json.loads(chosen.read_text())
    published = json.loads((Path(__file__).parents[1] / "data/hawq_resnet18.json").read_text())
    bits = [layer["bits"] for layer in document["layers"]]
    assert bits == published["configs"]["modelsize_0.5"]["weight_bits"]
    assert "Proven optimal" in out


def test_options_change_a_study(tmp_path: Path) -> None:
    study, plan = tmp_path / "mine.yaml", tmp_path / "plan.json"
    study.write_text(
        "workload: resnet8\naccelerator: systolic-32-edge\nminimize: energy\nbudgets: {area_mm2: 9}\n"
        "bits: {weights: [8], activations: [8]}\n"
    )
    code, _, err = call("search", study, "--bits", "4,8", "--max-weight-kib", "60", "--out", plan, "-q")
    assert code == 0, err
    document = json.loads(plan.read_text())
    assert {use["name"]: use["limit"] for use in document["budgets"]} == {"area_mm2": 9, "weight_kib": 60}
    assert {layer["weight_bits"] for layer in document["layers"]} == {4, 8}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "study 'nowhere' is not in the library"),
        (["resnet8", "--on", "nowhere"], "accelerator 'nowhere' is not in the library"),
        ([*SMALL, "--bits", "two"], "--bits 'two' is not understood"),
        ([*SMALL, "--open", "buffer"], "--open 'buffer' is not understood"),
        ([*SMALL, "--open", "bufer.capacity_kib=64"], "leads to no field"),
        ([*SMALL, "--open", "buffer.capacity_kib=0"], "none of 1 combinations is valid"),
        ([*SMALL, "--max", "area=1"], "did you mean 'area_mm2'"),
        ([*SMALL, "--max-area-mm2", "big"], "the limit of area_mm2 is 'big'"),
        ([*SMALL, "--pin", "w8a8"], "--pin 'w8a8' is not understood"),
        ([*SMALL, "--pin", "nowhere=w8a8"], "fits no layer of resnet8"),
        ([*SMALL, "--minimize", "speed"], "minimize: 'speed' is not known"),
        ([*SMALL, "--pareto", "latency"], "front"),
        ([*SMALL, "--gap", "2"], "gap"),
        ([*SMALL, "--sensitivity", "nowhere.csv", "--max-sensitivity", "1"], "nowhere.csv"),
        ([*SMALL, "--out", "/nowhere/plan.json"], "--out /nowhere/plan.json"),
        (["hawq-resnet18", "--bits", "4"], "study of tables"),
        (["hawq-resnet18", "--report", "hawq.html"], "has no page"),
    ],
)
def test_bad_input(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call("search", *arguments)
    assert code == 2, out
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a MODEL and --on ACCELERATOR, or --plan FILE"),
        (["resnet8"], "give a MODEL and --on ACCELERATOR, or --plan FILE"),
        (["--plan", "nowhere.json"], "no such file"),
        (["--plan", "x.json", "--bits", "w8a8"], "a plan has its own bits"),
    ],
)
def test_bad_runs(arguments: list[str], message: str) -> None:
    code, _, err = call("run", *arguments)
    assert code == 2
    assert message in err


INTERRUPTED_WHEN_A_PLAN_IS_KNOWN = """
import os, signal
from archsim.cli import main
from archsim.dse import search as module

def search(*given, on_progress, search=module.search, **more):
    def tell(progress):
        on_progress(progress)
        if progress.incumbent is not None:
            os.killpg(0, signal.SIGINT)  # as a terminal does: workers get it, too
    return search(*given, on_progress=tell, **more)

module.search = search
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored
main()
"""


def test_ctrl_c_gives_the_best_plan_known(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    words = ["search", "edge-energy", "--workers", "2", "--out", plan]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHEN_A_PLAN_IS_KNOWN, *words],
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Interrupted: this is the best plan known" in done.stderr
    assert json.loads(plan.read_text())["status"] == "FEASIBLE"


def test_ctrl_c_while_the_baseline_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known then: no plan, no excuse."""
    nothing = Found(None, -math.inf, {}, 0, interrupted=True)
    monkeypatch.setattr("archsim.dse.baseline.Explorer.search", lambda *_, **__: nothing)
    plan = tmp_path / "plan.json"
    code, out, err = call("search", "edge-energy", "--out", plan)
    assert (code, out, err.strip()) == (130, "", "Interrupted before a plan was found.")
    assert not plan.exists()


def test_the_time_limit_is_kept(tmp_path: Path) -> None:
    """A search of minutes ends: with what it knows by then, or with nothing."""
    plan = tmp_path / "plan.json"
    sizes = "8,16,24,32,48,64"
    code, _, err = call(
        "search", "resnet50", "--on", "systolic-32-edge", "--minimize", "energy", "--workers", 1,
        "--open", f"array.rows={sizes}", "--open", f"array.columns={sizes}", "--max-area-mm2", 0.8,
        "--time-limit", 3, "--out", plan,
    )  # fmt: skip
    assert code in (0, 1), err
    assert plan.exists() == (code == 0)


def test_help_is_not_slowed_down() -> None:
    heavy = "('numpy', 'pydantic', 'ortools')"
    code = f"import sys, archsim.cli.search; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_loss_by_bit_errors_that_does_not_verify_is_told(tmp_path: Path) -> None:
    """A table that expects little of a supply at which chips lose much: the plan is written as it is."""
    study, plan = tmp_path / "study.yaml", tmp_path / "plan.json"
    layers = {name: {"ber": [0.1], "loss": [0.001]} for name in ("conv1", "conv2", "conv3", "gemm1")}
    content = {
        "workload": "digits-cnn", "accelerator": "lowvolt-npu", "minimize": "energy",
        "hardware": {"weights.low_voltage.vdd_v": [0.62]}, "budgets": {"fault_loss": 0.01},
        "ber_sensitivity": {"layers": layers},
    }  # fmt: skip
    study.write_text(json.dumps(content))
    code, out, err = call(
        "search", study, "--workers", "1", "--out", plan, "--report", tmp_path / "plan.html"
    )
    assert code == 1, err
    words = " ".join(out.split())
    assert "No plan was verified to meet the limit of fault loss; this is the nearest." in words
    assert "Without bit errors" in words
    assert "EXCEEDED" in words
    assert "4 chips not used before, 225 images" in words
    assert "Bit errors cost" in (tmp_path / "plan.html").read_text()
    document = json.loads(plan.read_text())
    assert (document["status"], document["accuracy"]["chips"]) == ("UNKNOWN", 4)
    assert call("run", "--plan", plan)[0] == 0
