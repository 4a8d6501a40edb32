"""What the commands print and write when all is well."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import archsim as package
from archsim.accelerators.families import FAMILIES
from archsim.accelerators.library import list_accelerators, load_accelerator
from archsim.accelerators.machine import OBJECTIVES
from archsim.cli.run import Minimize
from archsim.simulation import simulate
from archsim.workloads.library import list_workloads, load_workload

# what takes long to import, so that a help text must not wait for it
HEAVY = ("numpy", "pandas", "onnx", "onnxruntime", "networkx", "pyarrow", "simpy", "yaml", "rich.console")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"], ["show", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    # typer itself may load pydantic for the options of one command, but not for the list of commands
    heavy = HEAVY if len(words) > 1 else (*HEAVY, "pydantic")
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('LOADED', *[m for m in {heavy!r} if m in sys.modules]))\n"
        f"sys.argv = ['archsim', *{words!r}]\n"
        "from archsim.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_version(archsim) -> None:
    assert archsim("--version").stdout == f"archsim {package.__version__}\n"


def test_help_names_every_command(archsim) -> None:
    text = archsim("--help").stdout
    assert all(f"\n  {name} " in text for name in ("run", "list", "show", "schema"))


def test_the_objectives_are_those_of_the_machines() -> None:
    assert tuple(Minimize) == OBJECTIVES


def test_run_prints_the_table(archsim, tiny_trace: Path) -> None:
    result = archsim("run", tiny_trace, "--on", "systolic-32-edge")
    run = simulate(tiny_trace, "systolic-32-edge")
    assert result.exit_code == 0
    assert "tiny on systolic-32-edge" in result.stdout
    assert f"{run.totals.latency_cycles:,} cycles" in result.stdout
    assert result.stderr == ""


def test_run_writes_every_file_and_they_agree(archsim, tiny_trace: Path, tmp_path: Path) -> None:
    out = {name: tmp_path / f"out.{name}" for name in ("html", "csv", "layers", "json", "parquet", "trace")}
    result = archsim(
        *("run", tiny_trace, "--on", "systolic-32-edge", "--minimize", "energy", "--bits", "w4a8"),
        *("--report", out["html"], "--csv", out["csv"], "--layers-csv", out["layers"]),
        *("--json", out["json"], "--parquet", out["parquet"], "--timeline", out["trace"]),
    )
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"wrote {path}" for path in out.values()]
    run = simulate(tiny_trace, "systolic-32-edge", minimize="energy", precision="w4a8")
    document = json.loads(out["json"].read_text())
    assert document["totals"]["energy_mj"] == pytest.approx(run.totals.energy_mj)
    assert document["layers"][0]["weight_bits"] == 4
    with out["layers"].open() as file:
        assert sum(int(row["latency_cycles"]) for row in csv.DictReader(file)) == run.totals.latency_cycles
    pd.testing.assert_frame_equal(pd.read_csv(out["csv"]), pd.read_parquet(out["parquet"]), check_dtype=False)
    trace = json.loads(out["trace"].read_text())["traceEvents"]
    end_us = max(event["ts"] + event["dur"] for event in trace if event["ph"] == "X")
    assert end_us == pytest.approx(run.totals.latency_ms * 1e3)
    assert out["html"].read_text().lstrip().lower().startswith("<!doctype html>")


def test_quiet_prints_nothing(archsim, tiny_trace: Path, tmp_path: Path) -> None:
    result = archsim("run", tiny_trace, "--on", "systolic-32-edge", "-q", "--json", tmp_path / "r.json")
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "r.json").exists()


def test_an_older_file_is_replaced(archsim, tiny_trace: Path, tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    target.write_text("old")
    assert archsim("run", tiny_trace, "--on", "systolic-32-edge", "-q", "--json", target).exit_code == 0
    assert json.loads(target.read_text())["workload"] == "tiny"


def test_json_can_go_down_a_pipe(process, tiny_trace: Path) -> None:
    done = process("run", tiny_trace, "--on", "systolic-32-edge", "--quiet", "--json", "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "archsim.run/1"


def test_dims_reach_the_workload(archsim, tmp_path: Path) -> None:
    words = ("run", "ds-cnn", "--on", "systolic-32-edge", "-q", "--json", tmp_path / "r.json")
    assert archsim(*words, "--dim", "batch=3").exit_code == 0
    macs = json.loads((tmp_path / "r.json").read_text())["totals"]["macs"]
    assert macs == 3 * load_workload("ds-cnn").macs


def test_list_accelerators(archsim) -> None:
    lines = archsim("list", "accelerators").stdout.splitlines()[2:]
    assert [line.split()[0] for line in lines] == list_accelerators()
    assert all(line.split()[1] in FAMILIES for line in lines)


def test_list_workloads(archsim) -> None:
    lines = archsim("list", "workloads").stdout.splitlines()[2:]
    assert [line.split()[0] for line in lines] == list(list_workloads())
    resnet = next(line.split() for line in lines if line.startswith("resnet18"))
    assert resnet == ["resnet18", "31", "1.814", "G", "11.68", "M"]  # MACs and params as published


@pytest.mark.parametrize("name", list_accelerators())
def test_show_tells_an_accelerator(archsim, name: str) -> None:
    result = archsim("show", name)
    machine = load_accelerator(name)
    assert (result.exit_code, result.stderr) == (0, "")
    for component in machine.area():
        assert component in result.stdout
    for figure in machine.costs(package.Precision()).energy_pj.values():
        assert figure.source[:30] in result.stdout
    tops = 2 * machine.peak_macs_per_cycle * machine.clock_mhz / 1e6
    assert f"{tops:.4g}"[:4] in result.stdout


def test_show_prices_at_the_precision_asked_for(archsim) -> None:
    assert "unit energies at w4a4" in archsim("show", "systolic-128", "--bits", "w4a4").stdout


def test_show_tells_a_workload(archsim) -> None:
    text = archsim("show", "resnet18").stdout
    assert "1,814,073,344" in text  # MACs
    assert "11,684,712" in text  # parameters
    assert "980.0 KiB at maxpool" in text  # 64×112×112 + 64×56×56 bytes
    assert "20 batch_norm" in text


def test_show_tells_a_file(archsim, tiny_trace: Path, tmp_path: Path, machine_text: str) -> None:
    assert "tiny" in archsim("show", tiny_trace).stdout
    (tmp_path / "mine.yaml").write_text(machine_text)
    assert "systolic-32-edge" in archsim("show", tmp_path / "mine.yaml").stdout


def test_output_survives_a_terminal_without_unicode(process, tiny_trace: Path) -> None:
    done = process("run", tiny_trace, "--on", "systolic-128", environment={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert "cycles at" in done.stdout


def test_no_progress_or_colour_when_nobody_watches(process, tiny_trace: Path) -> None:
    done = process("run", tiny_trace, "--on", "systolic-32-edge")
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_interrupt_is_quiet(tmp_path: Path, tiny_trace: Path) -> None:
    """Ctrl-C while a command works: exit code 130, not a word, not a file."""
    pipe = tmp_path / "slow.yaml"
    os.mkfifo(pipe)
    words = ["run", tiny_trace, "--on", pipe, "--json", tmp_path / "r.json"]
    with (
        subprocess.Popen(
            [sys.executable, "-m", "archsim", *words],
            stdout=-1,
            stderr=-1,
            text=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # a background job has it ignored
        ) as running,
        pipe.open("w"),  # opens as soon as the command reads
    ):
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "")
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize("bits", ["w4a4", "fp8_e4m3", "fp16", "bf16", "fp32"])
def test_bits_reach_the_simulation(archsim, tmp_path: Path, bits: str) -> None:
    """The same numbers as from Python, and not those of w8a8; a warning where the array is built for less."""
    out = tmp_path / "run.json"
    result = archsim("run", "resnet8", "--on", "systolic-128", "--bits", bits, "--json", out, "--quiet")
    assert result.exit_code == 0
    told = json.loads(out.read_text())
    assert told["totals"]["energy_mj"] == simulate("resnet8", "systolic-128", precision=bits).totals.energy_mj
    assert told["totals"]["energy_mj"] != simulate("resnet8", "systolic-128").totals.energy_mj
    assert any("is more than the w8a8" in warning for warning in told["warnings"]) == (bits != "w4a4")


def test_number_formats_cost_what_their_size_suggests() -> None:
    """One array, one source of figures: narrower and integer formats spend less on their MACs."""

    def mac_pj(bits: str) -> float:
        energy = simulate("resnet8", "systolic-128", precision=bits).energy
        return float(energy[(energy.component == "mac") & (energy.action == "mac")].energy_pj.sum())

    spent = [mac_pj(b) for b in ("w2a2", "w4a4", "w8a8", "fp8_e5m2", "fp8_e4m3", "bf16", "fp16", "fp32")]
    assert spent == sorted(spent)
