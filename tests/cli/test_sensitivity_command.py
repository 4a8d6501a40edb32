"""`archsim sensitivity`: the table on the console, the file, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archsim.numerics.sensitivity_files import read_sensitivity


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """Two gemms with a ReLU between them, whose second one has much larger weights."""
    rng = np.random.default_rng(0)
    weights = {"w1": rng.standard_normal((8, 6)) * 0.1, "w2": rng.standard_normal((3, 8)) * 3}
    nodes = [
        helper.make_node("Gemm", ["x", "w1"], ["h"], name="small", transB=1),
        helper.make_node("Relu", ["h"], ["r"], name="relu"),
        helper.make_node("Gemm", ["r", "w2"], ["y"], name="large", transB=1),
    ]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", s]) for n, s in (("x", 6), ("y", 3))
    ]
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "test", values[:1], values[1:], stored)
    path = tmp_path / "classifier.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    np.savez(tmp_path / "inputs.npz", x=rng.standard_normal((10, 6)).astype(np.float32))
    return path


def test_most_sensitive_first_and_the_same_in_the_file(archsim, classifier: Path, tmp_path: Path) -> None:
    for name in ("table.csv", "table.json"):
        result = archsim("sensitivity", classifier, "--bits", "8,4", "-o", tmp_path / name)
        assert result.exit_code == 0, result.output
        lines = [line.split() for line in result.stdout.splitlines()]
        rows = [line[0] for line in lines if line and line[0] in ("small", "large")]
        assert rows == ["large", "small"]
        assert ["Layer", "w4", "w8", "a4", "a8"] in lines
        table = read_sensitivity(tmp_path / name)
        assert table.layers == ("small", "large")
        assert table.bits("small", "weight") == table.bits("large", "activation") == (4, 8)
        (row,) = [line for line in lines if line and line[0] == "large"]
        assert float(row[1]) == pytest.approx(table.loss("large", "weight", 4), rel=0.01)
        assert f"wrote {tmp_path / name}" in result.stderr.replace("\n", "")


def test_calibrated(archsim, classifier: Path, tmp_path: Path) -> None:
    words = (
        "--calibration",
        tmp_path / "inputs.npz",
        "--images",
        4,
        "--bits",
        "3",
        "--activation-bits",
        "none",
    )
    result = archsim("sensitivity", classifier, *words, "-o", tmp_path / "t.csv")
    assert result.exit_code == 0, result.output
    assert "nats per item" in result.stdout
    assert "measured on 4 calibration item(s)" in result.stdout
    table = read_sensitivity(tmp_path / "t.csv")
    assert list(table.losses) == [("small", "weight", 3), ("large", "weight", 3)]
    noise = archsim("sensitivity", classifier, *words, "--loss", "noise")
    assert "noise-to-signal ratio" in noise.stdout


def test_library_and_trace(archsim, tiny_trace: Path) -> None:
    for model in ("resnet8", tiny_trace):
        result = archsim("sensitivity", model)
        assert result.exit_code == 0, result.output
        assert "assumed" in result.stdout


def test_options_change_the_weights_taken(archsim, classifier: Path, tmp_path: Path) -> None:
    losses = []
    for options in ((), ("--per-tensor",), ("--assume-weights",)):
        archsim("sensitivity", classifier, *options, "-q", "-o", tmp_path / "t.csv")
        losses.append(read_sensitivity(tmp_path / "t.csv").loss("large", "weight", 2))
    assert losses[0] < losses[1]
    assert losses[2] == pytest.approx(2 / 8 * 0.19017, rel=1e-3)


def test_quiet(archsim, tmp_path: Path) -> None:
    result = archsim("sensitivity", "resnet8", "-q", "-o", tmp_path / "t.json")
    assert result.output == ""
    assert (tmp_path / "t.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bits", "2,x"), "--bits '2,x' is not understood"),
        (("--bits", "0"), "1 to 16"),
        (("--bits", "33"), "1 to 16"),
        (("--bits", "none", "--activation-bits", "none"), "no bit-width"),
        (("-o", "table.txt"), ".csv or .json"),
        (("-o", "missing/table.csv"), "there is no folder"),
        (("--images", "3"), "give --calibration too"),
        (("--loss", "kl"), "give --calibration too"),
        (("--calibration", "none.npz"), "none.npz"),
        (("--calibration", "inputs.npz", "--assume-weights"), "leave --assume-weights out"),
        (("--dim", "nothing=3"), "names no input dimension"),
    ],
)
def test_refused(
    refused, classifier: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(classifier.parent)
    before = sorted(classifier.parent.iterdir())
    assert said in refused("sensitivity", classifier, *words)
    assert sorted(classifier.parent.iterdir()) == before


def test_a_trace_cannot_be_calibrated(refused, classifier: Path, tiny_trace: Path) -> None:
    inputs = classifier.parent / "inputs.npz"
    for model in (tiny_trace, "resnet8"):
        message = refused("sensitivity", model, "--calibration", inputs)
        assert "a layer trace has no weights" in message
        assert "digits-cnn" in message


def test_the_output_may_not_be_an_input(refused, classifier: Path) -> None:
    inputs = classifier.parent / "inputs.npz"
    told = refused("sensitivity", classifier, "--calibration", inputs, "-o", inputs)
    assert "also an input" in told


def test_bit_errors_by_layer(archsim, tmp_path: Path) -> None:
    file = tmp_path / "ber.json"
    words = ("--ber", "0.001,0.02", "--chips", 2, "--images", 60)
    result = archsim("sensitivity", "digits-cnn", *words, "-o", file)
    assert result.exit_code == 0, result.output
    content = json.loads(file.read_text())
    assert content["schema"] == "archsim.ber_sensitivity/1"
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    for layer, row in content["layers"].items():
        assert row["ber"] == [0.001, 0.02]
        assert float(rows[layer][2]) == pytest.approx(100 * row["loss"][1], abs=0.01)


def test_bad_bit_errors(refused, tmp_path: Path) -> None:
    assert "--ber 'much'" in refused("sensitivity", "digits-cnn", "--ber", "much")
    assert "give --ber" in refused("sensitivity", "digits-cnn", "--data", tmp_path / "x.npz")
    assert "layer trace" in refused("sensitivity", "resnet18", "--ber", "0.01")
