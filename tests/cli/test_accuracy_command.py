"""`archsim accuracy` and `archsim twin`: what they print and write, and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import onnx
import pytest

from archsim.cli.layer_bits import parse_range
from archsim.errors import InputError
from archsim.numerics.accuracy_report import Accuracy, LayerAccuracy, OnArrays, Spread
from archsim.numerics.faults.ber_sensitivity import BerSensitivity, LayerLoss
from archsim.numerics.faults.fault_report import Energy, Knee, LowVoltage, StoredIn, SupplyAccuracy

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "accuracy.md").read_text()
LOW_VOLTAGE_PAGE = (DOCS / "low-voltage-accuracy.md").read_text()


def test_accuracy_on_a_crossbar(archsim, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    words = ("--on", "pim-sram-65nm", "--bits", "w4a4", "--chips", 2, "--images", 60, "--adc-bits", "6,7")
    result = archsim("accuracy", "digits-cnn", *words, "--json", file)
    assert result.exit_code == 0, result.output
    content = json.loads(file.read_text())
    assert content["schema"] == "archsim.accuracy/1"
    assert (content["images"], content["chips"], content["accelerator"]) == (60, 2, "pim-sram-65nm")
    assert [point["adc_bits"] for point in content["adc_sweep"]] == [6, 7]
    rows = {line[:20].split("  ")[0].strip(): line.split() for line in result.stdout.splitlines() if line}
    assert float(rows["float"][1]) == pytest.approx(100 * content["float"], abs=0.01)
    assert float(rows["hardware, 2 chips"][3]) == pytest.approx(100 * content["hardware"]["mean"], abs=0.01)
    assert "w4a4" in rows["conv1"]


def test_accuracy_of_whole_numbers_alone(archsim) -> None:
    result = archsim("accuracy", "digits-cnn", "--images", 50)
    assert result.exit_code == 0, result.output
    assert "hardware," not in result.stdout
    assert archsim("accuracy", "digits-cnn", "--images", 50, "--quiet").output == ""


def test_bits_of_single_layers(archsim, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    result = archsim(
        "accuracy", "digits-cnn", "--bits", "w4a4,first=w8a8,conv3=w6a5", "--images", 20, "--json", file
    )
    assert result.exit_code == 0, result.output
    layers = {each["name"]: each for each in json.loads(file.read_text())["layers"]}
    told = {name: (each["weight_bits"], each["activation_bits"]) for name, each in layers.items()}
    assert told == {"conv1": (8, 8), "conv2": (4, 4), "conv3": (6, 5), "gemm1": (4, 4)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("digits-cnn", "--bits", "nope*=w4a4"), "'nope*' fits no layer"),
        (("digits-cnn", "--bits", "w4a4,w8a8"), "name no layer; one may"),
        (("digits-cnn", "--bits", "conv1=w4a4,conv1=w8a8"), "there already"),
        ((), "give a MODEL, or --plan FILE"),
        (("--plan", "p.json", "--bits", "w4a4"), "a plan has its own bits"),
    ],
)
def test_bits_that_are_refused(archsim, words: tuple[str, ...], told: str) -> None:
    result = archsim("accuracy", *words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_accuracy_of_a_plan(archsim, tmp_path: Path) -> None:
    """Model, machine with the sizes chosen, and bits are the plan's."""
    layers = [
        {"name": name, "weight_bits": bits, "activation_bits": 4, "mapping": {}}
        for name, bits in {"conv1": 4, "conv2": 3, "maxpool1": 4, "conv3": 4, "gemm1": 2}.items()
    ]
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps(
            {
                "schema": "archsim.plan/1", "workload": "digits-cnn", "accelerator": "pim-sram-65nm",
                "hardware": {"adc.bits": 6}, "layers": layers,
            }
        )
    )  # fmt: skip
    file = tmp_path / "a.json"
    words = ("--images", 30, "--chips", 2, "--no-causes", "--json", file)
    assert archsim("accuracy", "--plan", plan, *words).exit_code == 0
    found = json.loads(file.read_text())
    assert found["accelerator"] == "pim-sram-65nm"
    told = {each["name"]: (each["weight_bits"], each["arrays"]["adc_bits"]) for each in found["layers"]}
    assert told == {"conv1": (4, 6), "conv2": (3, 6), "conv3": (4, 6), "gemm1": (2, 6)}
    layers.pop()
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "layers": layers}))
    result = archsim("accuracy", "--plan", plan)
    assert (result.exit_code, "no layer 'gemm1'" in result.stderr) == (2, True)


def test_a_twin_is_saved(archsim, tmp_path: Path) -> None:
    path = tmp_path / "twin.onnx"
    result = archsim("twin", "digits-cnn", "--on", "isaac", "--bits", "w8a8", "-o", path)
    assert result.exit_code == 0, result.output
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["logits"]


def test_bad_input(refused, tmp_path: Path) -> None:
    assert "no weights" in refused("accuracy", "resnet18")
    assert "digits-cnn" in refused("accuracy", "digits")
    assert "--on" in refused("accuracy", "digits-cnn", "--adc-bits", "4..8")
    assert "4..8" in refused("accuracy", "digits-cnn", "--on", "isaac", "--adc-bits", "8..4")
    assert "w8a8" in refused("accuracy", "digits-cnn", "--bits", "fp16")
    assert "1 to 16" in refused("accuracy", "digits-cnn", "--bits", "w17a8")
    assert ".onnx" in refused("twin", "digits-cnn", "-o", tmp_path / "twin.txt")
    np.savez(tmp_path / "unlabelled.npz", image=np.zeros((20, 1, 8, 8), np.float32))
    assert "labels" in refused("accuracy", "digits-cnn", "--data", tmp_path / "unlabelled.npz")
    np.savez(tmp_path / "other.npz", image=np.zeros((20, 1, 9, 9), np.float32), labels=np.zeros(20, int))
    assert "1×8×8" in refused("accuracy", "digits-cnn", "--data", tmp_path / "other.npz")
    np.savez(tmp_path / "eleven.npz", image=np.zeros((20, 1, 8, 8), np.float32), labels=np.full(20, 10))
    assert "10 classes" in refused("accuracy", "digits-cnn", "--data", tmp_path / "eleven.npz")
    assert list(tmp_path.glob("*.json")) == []


def test_ranges_of_bits() -> None:
    assert parse_range("4..8", "--adc-bits") == (4, 5, 6, 7, 8)
    assert parse_range("8, 4,5..6", "--adc-bits") == (4, 5, 6, 8)
    for text in ("", "0..3", "4..17", "8..4", "4...8", "x", "4.5"):
        with pytest.raises(InputError, match="not understood"):
            parse_range(text, "--adc-bits")


def test_the_page_names_every_key_and_option(archsim) -> None:
    keys = {entry.name for kind in (Accuracy, LayerAccuracy, OnArrays, Spread) for entry in fields(kind)}
    assert {key for key in keys if f'"{key}"' not in PAGE} == set()
    options = set(re.findall(r"--[a-z][a-z-]+", archsim("accuracy", "--help").output)) - {
        "--help",
        "--causes",
        "--quiet",
    }
    assert {option for option in options if option not in PAGE + LOW_VOLTAGE_PAGE} - {"--images"} == set()
    told = (LowVoltage, StoredIn, SupplyAccuracy, Energy, Knee, BerSensitivity, LayerLoss)
    keys = {entry.name for kind in told for entry in fields(kind)}
    assert {key for key in keys if f'"{key}"' not in LOW_VOLTAGE_PAGE} == set()


def test_voltages_and_the_page(archsim, tmp_path: Path) -> None:
    json_file, page = tmp_path / "a.json", tmp_path / "a.html"
    words = ("--on", "lowvolt-npu", "--vdd", "0.8,0.65", "--chips", 2, "--images", 60)
    result = archsim("accuracy", "digits-cnn", *words, "--json", json_file, "--report", page)
    assert result.exit_code == 0, result.output
    content = json.loads(json_file.read_text())["low_voltage"]
    assert [point["vdd_v"] for point in content["points"]] == [0.8, 0.65]
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    point = content["points"][1]
    assert float(rows["0.65"][3]) == pytest.approx(100 * point["hardware"]["mean"], abs=0.01)
    assert float(rows["0.65"][6]) == pytest.approx(1e3 * point["energy"]["total_mj"], rel=0.01)
    knee = content["knee"]
    saved = f"{100 * knee['energy_saving']:.2f} % less energy"
    assert (
        f"Knee, within 1 points: {knee['vdd_v']} V, {100 * knee['accuracy']:.2f} %, {saved}" in result.stdout
    )
    assert "lowvolt-npu" in page.read_text()


def test_bit_error_rates(archsim) -> None:
    words = ("--ber", "0.02,0.0001", "--chips", 2, "--images", 60, "--faults", "flip", "--ecc")
    result = archsim("accuracy", "digits-cnn", *words)
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.stdout.splitlines() if line.startswith("0.")] == [
        "0.0001",
        "0.02",
    ]
    assert "cells that flip, 2 chips; weights: weights of 4 layers" in result.stdout


def test_bad_low_voltage(refused, tmp_path: Path) -> None:
    assert "--vdd" in refused("accuracy", "digits-cnn", "--ecc")
    assert "'0.7;0.8'" in refused("accuracy", "digits-cnn", "--on", "lowvolt-npu", "--vdd", "0.7;0.8")
    assert "twice" in refused("accuracy", "digits-cnn", "--ber", "0.1,0.1")
    assert "from 0 to 1" in refused("accuracy", "digits-cnn", "--ber", "2")
    assert "has: weights" in refused(
        "accuracy", "digits-cnn", "--on", "lowvolt-npu", "--vdd", "0.7", "--memory", "l1"
    )
    assert ".csv or .npz" in refused("accuracy", "digits-cnn", "--ber", "0.1", "--fault-map", "map.txt")


def test_a_run_by_the_models_own_data(archsim, refused, tmp_path: Path) -> None:
    energies = []
    for words in ((), ("--activity",)):
        file = tmp_path / "run.json"
        assert archsim("run", "digits-cnn", "--on", "isaac", *words, "--json", file).exit_code == 0
        energies.append(json.loads(file.read_text())["totals"]["energy_mj"])
    assert energies[1] < energies[0]
    assert "is no crossbar" in refused("run", "digits-cnn", "--on", "gap9", "--activity")
    assert "give that too" in refused("run", "digits-cnn", "--on", "isaac", "--calibration", "x.npz")
    assert "layer trace" in refused("run", "resnet18", "--on", "isaac", "--activity")
