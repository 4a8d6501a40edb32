"""Options that change nothing and inputs that cannot be are refused: what is wrong, and how to mend it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_trace: Path) -> Path:
    """A folder to call commands in, with `tiny.csv` and files that are not what their names say."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "tab.yaml").write_text("a:\n\t- b\n")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "broken.csv").write_text("layer,operand,bits\n")
    np.savez(tmp_path / "words.npz", word=["a"], bit=[1], stuck_at=[0], vdd_v=[0.6])
    (tmp_path / "points.csv").write_text("point,status,feasible,latency_ms\n1,ok,True,3\n")
    return tmp_path


SEARCH = "search tiny.csv --on systolic-32-edge"
IDLE = [
    # of searches
    (f"{SEARCH} --own-patch-bits", ("own_patch_bits", "--allow-patches")),
    (f"{SEARCH} --activation-memory published", ("activation_memory", "--max-peak-memory-kib")),
    (f"{SEARCH} --points 5", ("points", "--pareto")),
    (f"{SEARCH} --pareto latency,energy --minimize area", ("--pareto", "leave --minimize")),
    (f"{SEARCH} --pareto latency,latency_ms", ("front", "latency_ms is there twice")),
    (f"{SEARCH} --minimize energy --then energy", ("then", "minimised first")),
    (f"{SEARCH} --sensitivity broken.csv", ("--sensitivity", "--max-sensitivity")),
    (f"{SEARCH} --ber-sensitivity list.json", ("--ber-sensitivity", "fault_loss")),
    (f"{SEARCH} --pin conv=w8a8 --pin conv=w4a8", ("--pin conv", "twice")),
    (f"{SEARCH} --open array.rows=8 --open array.rows=16", ("--open array.rows", "twice")),
    (f"{SEARCH} --max-area-mm2 2 --max area_mm2=1", ("area_mm2 has a limit already", "2")),
    ("search hawq-resnet18 --report page.html", ("--report", "no page")),
    ("search resnet8", ("resnet8", "is a workload", "--on")),
    # of runs
    ("run --plan p.json --minimize energy", ("--minimize", "a plan says")),
    ("show systolic-32-edge --strict", ("--strict", "is an accelerator")),
    ("run tiny.csv --on systolic-32-edge --csv a.json", ("--csv a.json", "another format", ".csv")),
    ("memory tiny.csv --activation-memory alive", ("--activation-memory", "--patches")),
    ("compare resnet8 --on gap9 --on isaac --accuracy gap9=1 --accuracy gap9=2", ("gap9", "twice")),
    ("compare resnet8 --on gap9 --on isaac --accuracy gap9=nan", ("'gap9=nan'", "ACCELERATOR=VALUE")),
    # of sweeps
    ("sweep tiny-arrays --point 1 --csv a.csv", ("--csv", "--point")),
    ("sweep tiny-arrays --point 1 --resume", ("--resume", "--point")),
    ("sweep tiny-arrays --cluster tcp://a:1 --workers 2", ("--workers", "--cluster")),
    ("sweep tiny-arrays --out a.csv", ("--out a.csv", ".sweep")),
    # of accuracies
    ("accuracy digits-cnn --faults flip", ("--faults", "--vdd or --ber")),
    ("accuracy digits-cnn --encoding offset", ("--encoding", "--vdd or --ber")),
    ("accuracy digits-cnn --within 0", ("--within", "--vdd or --ber")),
    ("accuracy digits-cnn --column-share 0", ("--column-share", "--vdd or --ber")),
    ("accuracy digits-cnn --chips 3", ("--chips", "--on")),
    ("accuracy digits-cnn --seed 0", ("--seed", "--on")),
    ("accuracy digits-cnn --batch-norm", ("--batch-norm", "--on")),
    ("accuracy digits-cnn --no-causes", ("--no-causes", "--on")),
    ("accuracy digits-cnn --on lowvolt-npu --adc-bits 4", ("--adc-bits", "lowvolt-npu computes exactly")),
    ("accuracy digits-cnn --on lowvolt-npu --batch-norm", ("--batch-norm", "lowvolt-npu computes exactly")),
    ("accuracy digits-cnn --vdd 0.7", ("--vdd", "--on", "lowvolt-npu", "--ber")),
    ("twin digits-cnn -o t.onnx --chip 1", ("--chip", "--on")),
    # of sensitivities
    ("sensitivity digits-cnn --chips 3", ("--chips", "--ber")),
    ("sensitivity digits-cnn --seed 0", ("--seed", "--ber")),
    ("sensitivity digits-cnn --faults flip", ("--faults", "--ber")),
    ("sensitivity digits-cnn --images 3", ("--images", "--calibration")),
    ("sensitivity digits-cnn --ber 0.01 --bits 4", ("--bits", "--ber measures at w8a8")),
    ("sensitivity digits-cnn --ber 0.01 --loss kl", ("--loss", "--ber")),
    ("sensitivity digits-cnn --ber 0.01 --per-tensor", ("--per-tensor", "--ber")),
    ("sensitivity digits-cnn --ber 0.01 --dim batch=2", ("--dim", "--ber")),
]


@pytest.mark.parametrize(("words", "said"), IDLE)
def test_an_option_without_a_meaning_is_refused(
    refused, here: Path, words: str, said: tuple[str, ...]
) -> None:
    before = sorted(here.iterdir())
    message = refused(*shlex.split(words))
    assert [part for part in said if part not in message] == []
    assert sorted(here.iterdir()) == before


WRONG = [
    # endings
    ("sensitivity digits-cnn --ber 0.01 -o x.foo", ("x.foo", ".json")),
    ("sensitivity digits-cnn --ber 0.01 -o x.csv", ("x.csv", ".json")),
    ("sensitivity resnet8 -o x.foo", ("x.foo", ".csv or .json")),
    ("export tiny.csv --as zigzag -o x.csv", ("x.csv", ".yaml")),
    ("export tiny.csv --as trace -o x.yaml", ("x.yaml", ".csv")),
    ("export tiny.csv --as timeloop -o x.csv", ("x.csv", ".yaml", "folder")),
    # numbers that cannot be
    ("run tiny.csv --on lowvolt-npu --sram-vdd 0", ("all memories at 0 V", "above 0 and at most 5 V")),
    ("run tiny.csv --on lowvolt-npu --sram-vdd weights=nan", ("weights at nan V", "above 0")),
    ("run tiny.csv --on lowvolt-npu --sram-vdd weights=0.7/9", ("weights at 9 V", "at most 5 V")),
    ("run tiny.csv --on lowvolt-npu --sram-vdd =0.7", ("'=0.7'", "weights=0.75")),
    ("run tiny.csv --on gap9 --sram-vdd inf", ("inf V", "at most 5 V")),
    ("run tiny.csv --on isaac --sram-vdd buffer=0.7", ("no SRAM 'buffer'", "input_register")),
    ("run tiny.csv --on gap9 --vdd -1", ("-1 V", "above 0 and at most 5 V")),
    ("run tiny.csv --on gap9 --mhz 0", ("0 MHz", "from 0.001")),
    ("accuracy digits-cnn --on lowvolt-npu --vdd -1", ("--vdd", "-1", "above 0 and at most 5 V")),
    ("accuracy digits-cnn --on lowvolt-npu --vdd 0.7,nan", ("nan", "above 0 and at most 5 V")),
    ("accuracy digits-cnn --on lowvolt-npu --vdd 0.7,x", ("'x' is no number",)),
    ("accuracy digits-cnn --ber -1", ("--ber", "-1", "from 0 to 1")),
    ("accuracy digits-cnn --ber 2", ("--ber", "2", "from 0 to 1")),
    ("sensitivity digits-cnn --ber 0", ("above 0 and at most 1",)),
    ("search digits-cnn --on isaac --min-accuracy nan", ("accuracy", "'nan'", "give a number")),
    ("search digits-cnn --on isaac --min-accuracy 2", ("accuracy is 2", "0.9")),
    ("search digits-cnn --on isaac --max-accuracy-loss 2", ("accuracy_loss is 2", "0.01")),
    (f"{SEARCH} --max-area-mm2 -1", ("area_mm2 is -1", "at least 0")),
    (f"{SEARCH} --open array.rows=nan", ("--open", "nan")),
    (f"{SEARCH} --pareto latency,nope", ("front: 'nope'",)),
    (f"{SEARCH} --pareto latency", ("front", "at least 2 entries, not 1")),
    (f"{SEARCH} --bits 4,8,4", ("--bits '4,8,4'", "twice")),
    ("sweep tiny-arrays --sample foo", ("error: --sample 'foo'", "sobol:N")),
    ("search hawq-resnet18 --gap 5", ("--gap 5", "below 1")),
    ("search hawq-resnet18 --time-limit nan", ("--time-limit nan", "above 0")),
    ("memory tiny.csv --max-peak-memory-kib inf --patches", ("inf", "KiB")),
    # files that are not what they should be
    ("run tiny.csv --on tab.yaml", ("tab.yaml: is not valid YAML: line 2, column 1: found character",)),
    ("run tab.yaml --on gap9", ("tab.yaml: is not valid YAML: line 2, column 1: found character",)),
    ("run --plan list.json", ("list.json", "no plan", "holds a list", "archsim.plan/1", "archsim search")),
    ("accuracy --plan list.json", ("list.json", "holds a list")),
    ("report list.json", ("list.json", "no run", "holds a list")),
    (f"{SEARCH} --ber-sensitivity list.json --max fault_loss=1", ("list.json", "holds a list")),
    (f"{SEARCH} --sensitivity list.json --max-sensitivity 1", ("list.json", "holds a list")),
    ("accuracy digits-cnn --data text.npz", ("text.npz", "no file of NumPy arrays")),
    ("sensitivity digits-cnn --calibration text.npz", ("text.npz", "no file of NumPy arrays")),
    ("accuracy digits-cnn --calibration text.npz", ("text.npz", "no file of NumPy arrays")),
    (
        "accuracy digits-cnn --on lowvolt-npu --vdd 0.7 --fault-map text.npz",
        ("text.npz", "no file of NumPy arrays"),
    ),
    ("accuracy digits-cnn --on lowvolt-npu --vdd 0.7 --fault-map words.npz", ("'word'", "no number")),
    ("report points.csv", ("points.csv", "no column 'workload'")),
]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_is_wrong_is_said_in_plain_words(refused, here: Path, words: str, said: tuple[str, ...]) -> None:
    before = sorted(here.iterdir())
    message = refused(*shlex.split(words))
    assert [part for part in said if part not in message] == []
    leaked = (
        "constrained",
        "pickle",
        "'list'",
        "pydantic",
        "codec",
        "unicode string",
        "valid list",
        ".yaml, line",
    )
    assert [word for word in leaked if word in message] == []
    assert sorted(here.iterdir()) == before


def test_a_wrong_value_of_a_union_is_told_at_its_key(refused, here: Path) -> None:
    """pydantic has the branches of a union in the place; whoever wrote the file does not."""
    (here / "plan.json").write_text(
        '{"schema": "archsim.plan/1", "workload": 3, "accelerator": [], "layers": {}}'
    )
    lines = refused("run", "--plan", "plan.json").removeprefix("error: ").splitlines()
    assert lines == [
        "plan.json: workload: should be a text (given: 3)",
        "plan.json: accelerator: should be a text or should be a mapping of keys to values",
        "plan.json: layers: should be a list",
    ]


def test_deeply_nested_json_is_refused(refused, here: Path) -> None:
    (here / "deep.json").write_text("[" * 100_000)
    assert "nested too deep" in refused("run", "--plan", "deep.json")


def test_a_sensitivity_table_of_a_study_is_read_whether_or_not_it_is_needed(refused, here: Path) -> None:
    text = "workload: tiny.csv\naccelerator: systolic-32-edge\nsensitivity: broken.csv\n"
    (here / "study.yaml").write_text(text)
    assert "broken.csv: the header is" in refused("search", "study.yaml")


def test_a_sweep_is_no_run(archsim, refused, here: Path) -> None:
    sweep = "workload: tiny.csv\naccelerator: systolic-32-edge\nhardware: {array.rows: [8, 16]}\n"
    (here / "two.yaml").write_text(sweep)
    assert archsim("sweep", "two.yaml", "--workers", 1, "-q").exit_code == 0
    assert archsim("run", "tiny.csv", "--on", "systolic-32-edge", "--json", "run.json", "-q").exit_code == 0
    assert "two.sweep: is no run" in refused("report", "run.json", "--against", "two.sweep")
    assert "--by: two.sweep is no run" in refused("report", "two.sweep", "--by", "level")


def test_two_registers_of_one_operand_are_refused(refused, here: Path) -> None:
    from archsim.accelerators.library import accelerator_path

    text = accelerator_path("eyeriss-like").read_text()
    (here / "two.yaml").write_text(
        text.replace(
            "vector_unit:",
            "  - {kind: register, name: again, holds: [weight], capacity_bytes: 32}\nvector_unit:",
        )
    )
    message = refused("run", "tiny.csv", "--on", "two.yaml")
    assert "'again' both hold weights" in message
    assert "one register an operand" in message


@pytest.mark.parametrize(
    ("words", "said"),
    [(("list", "nope"), "'nope' is not one of"), (("search", "a", "--workers", "0"), "it should be greater")],
)
def test_a_value_that_an_option_cannot_have(archsim, words: tuple[str, ...], said: str) -> None:
    result = archsim(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Value error" not in result.stderr


@pytest.mark.parametrize("spoilt", [3, [], None, 10**400])
def test_a_run_with_a_spoilt_energy_table_is_refused(archsim, refused, here: Path, spoilt: object) -> None:
    assert archsim("run", "tiny.csv", "--on", "systolic-32-edge", "--json", "run.json", "-q").exit_code == 0
    run = json.loads((here / "run.json").read_text())
    for column in ("layer", "component", "source", "energy_pj"):
        if column == "energy_pj" and spoilt in (3, None):
            continue
        table = [dict(row) for row in run["energy"]]
        table[1][column] = spoilt
        (here / "spoilt.json").write_text(json.dumps({**run, "energy": table}))
        assert "spoilt.json: energy" in refused("report", "spoilt.json")


def test_numbers_beyond_all_floats_are_refused(refused, here: Path) -> None:
    huge = "1" + "0" * 400
    (here / "ber.json").write_text(
        f'{{"schema": "archsim.ber_sensitivity/1", "layers": {{"conv": {{"ber": [0.1], "loss": [{huge}]}}}}}}'
    )
    assert "loss must be a list of numbers" in refused(
        *shlex.split(f"{SEARCH} --ber-sensitivity ber.json --max fault_loss=1")
    )
    entry = f'{{"layer": "conv", "operand": "weight", "bits": 8, "loss": {huge}}}'
    (here / "s.json").write_text(f'{{"schema": "archsim.sensitivity/1", "losses": [{entry}]}}')
    assert "finite number" in refused(*shlex.split(f"{SEARCH} --sensitivity s.json --max-sensitivity 1"))
