"""Bad input through the command line: a message that helps, exit code 2, and no file left behind."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from archsim.workloads.onnx_import import load_onnx

ON = ("--on", "systolic-32-edge")


def dynamic_model(path: Path) -> Path:
    """A convolution on images of any height and width."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    made = helper.make_tensor_value_info("made", TensorProto.FLOAT, None)
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [4, 3, 3, 3], [0.5] * 108)
    conv = helper.make_node("Conv", ["image", "weight"], ["made"], name="conv")
    onnx.save(helper.make_model(helper.make_graph([conv], "dynamic", [image], [made], [weight])), path)
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("capacity_kib:", "capacity_mb:", ("capacity_mb", "did you mean 'capacity_kib'")),
        ("capacity_kib: 512", 'capacity_kib: "512 KB"', ("capacity_kib", "512 KB", "number")),
        ("capacity_kib: 512", "capacity_kib: 0", ("capacity_kib", "greater than 0")),
        ("capacity_kib: 512", "capacity_kib: -4", ("capacity_kib", "greater than 0")),
        ("capacity_kib: 512", "capacity_kib: .inf", ("capacity_kib", "finite")),
        ("capacity_kib: 512", "capacity_kib: .nan", ("capacity_kib",)),
        ("capacity_kib: 512", "capacity_kib: [512]", ("capacity_kib", "number")),
        ("capacity_kib: 512", "capacity_kib: 512\n    capacity_bytes: 99", ("memories[1]", "exactly one")),
        ("rows: 32", "rows: 0", ("array.rows", "greater than or equal to 1")),
        ("rows: 32", "rows: -32", ("array.rows", "greater than or equal to 1")),
        ("rows: 32", "rows: 31.5", ("array.rows", "whole number")),
        ("rows: 32", "rows: yes", ("array.rows", "whole number")),
        ("rows: 32", "rows: 32\n  rows: 64", ("rows", "twice")),
        ("rows: 32", "", ("array.rows", "required")),
        ("rows: 32", "rows: 32\n  colour: red", ("colour", "Allowed keys", "columns")),
        ("clock_mhz:", "clock_ghz:", ("clock_ghz", "clock_mhz")),
        ("node_nm: 22", "node_nm: 0.5", ("0.5", "180")),
        ("weight_stationary", "weight_stationery", ("dataflow", "weight_stationary")),
        ("device: lpddr4", "device: lpddr9", ("lpddr9", "lpddr4")),
        ("family: systolic", "family: magic", ("family", "magic", "systolic")),
        ("family: systolic", "", ("family", "systolic")),
        ("kind: sram", "kind: drum", ("drum", "sram")),
        ("name: systolic-32-edge", "name: [a", ("not valid YAML", "line")),
        ("name: systolic-32-edge", "name: *nothing", ("not valid YAML", "nothing")),
    ],
)
def test_a_spoilt_accelerator(
    refused, tiny_trace: Path, tmp_path: Path, machine_text: str, old: str, new: str, said: tuple[str, ...]
) -> None:
    assert old in machine_text
    path = tmp_path / "mine.yaml"
    path.write_text(machine_text.replace(old, new))
    message = refused("run", tiny_trace, "--on", path, "--json", tmp_path / "run.json")
    assert str(path) in message
    for words in said:
        assert words in message
    assert not (tmp_path / "run.json").exists()


def test_every_mistake_is_told_at_once_with_its_line(
    refused, tiny_trace: Path, tmp_path: Path, machine_text: str
) -> None:
    path = tmp_path / "mine.yaml"
    text = machine_text.replace("rows: 32", "rows: 0").replace("clock_mhz:", "clock_hz:")
    path.write_text(text)
    message = refused("run", tiny_trace, "--on", path)
    for mark in ("rows: 0", "clock_hz:"):
        line = next(n for n, content in enumerate(text.splitlines(), start=1) if mark in content)
        assert f"{path}, line {line}: " in message


@pytest.mark.parametrize("suffix", [".yaml", ".csv", ".onnx"])
@pytest.mark.parametrize(
    "content", [None, "folder", b"", b"\n\n", b"\xff\xfe\x00random\x9b\x81" * 40, b"\x1b[31m: \x07\x00"]
)
def test_a_file_that_is_none(
    refused, tiny_trace: Path, tmp_path: Path, suffix: str, content: bytes | str | None
) -> None:
    path = tmp_path / f"input{suffix}"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    words = (tiny_trace, "--on", path) if suffix == ".yaml" else (path, *ON)
    message = refused("run", *words)
    assert str(path) in message
    assert ("no such file" in message) or content is not None
    assert "\x1b" not in message


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_truncated_onnx_model(refused, tmp_path: Path, part: float) -> None:
    whole = dynamic_model(tmp_path / "whole.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(len(whole) * part)])
    assert str(path) in refused("run", path, *ON)


def test_dynamic_shapes_need_sizes(refused, archsim, tmp_path: Path) -> None:
    path = dynamic_model(tmp_path / "dynamic.onnx")
    message = refused("run", path, *ON)
    assert "--dim height=VALUE" in message
    assert "--dim width=VALUE" in message
    given = archsim("run", path, *ON, "--dim", "height=16", "--dim", "width=8")
    assert given.exit_code == 0
    assert load_onnx(path, dims={"height": 16, "width": 8}).macs == 14 * 6 * 4 * 27


@pytest.mark.parametrize(
    ("dims", "said"),
    [
        (["depth=3"], ("depth", "height")),
        (["height"], ("NAME=VALUE",)),
        (["=3"], ("NAME=VALUE",)),
        (["height=0"], ("at least 1",)),
        (["height=-3"], ("at least 1",)),
        (["height=2.5"], ("whole number",)),
        (["height=²"], ("whole number",)),
        (["height=4", "height=5"], ("twice",)),
    ],
)
def test_bad_dims(refused, tmp_path: Path, dims: list[str], said: tuple[str, ...]) -> None:
    path = dynamic_model(tmp_path / "dynamic.onnx")
    options = [word for dim in dims for word in ("--dim", dim)]
    message = refused("run", path, *ON, "--dim", "width=8", *options)
    assert all(words in message for words in said)


def test_a_dim_that_a_trace_or_an_accelerator_does_not_have(refused, tiny_trace: Path) -> None:
    assert "batch" in refused("run", tiny_trace, *ON, "--dim", "batch=2")
    assert "batch" in refused("run", "resnet18", *ON, "--dim", "bach=2")
    assert "--dim" in refused("show", "systolic-128", "--dim", "batch=2")


@pytest.mark.parametrize("bits", ["w8", "int8", "w0a8", "w8a33", "", "fp17", "w8a8a8", "w-1a8", "w8a8o0"])
def test_bad_bits(refused, tiny_trace: Path, bits: str) -> None:
    message = refused("run", tiny_trace, *ON, "--bits", bits)
    assert "w8a8" in message or "1 to 32" in message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "resnet18", *ON, "--minimize", "speed"], "latency"),
        (["run", "resnet18"], "--on"),
        (["run"], ""),
        (["run", "resnet18", *ON, "--no-such-option"], "--no-such-option"),
        (["list", "models"], "workloads"),
        (["list"], ""),
        (["simulate"], "simulate"),
    ],
)
def test_wrong_usage(archsim, words: list[str], said: str) -> None:
    result = archsim(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_no_tile_fits(refused, tmp_path: Path, tiny_trace: Path, machine_text: str) -> None:
    path = tmp_path / "mine.yaml"
    small = machine_text.replace("capacity_kib: 512", "capacity_bytes: 4").replace("banks: 4", "banks: 1")
    path.write_text(small.replace("word_bits: 256", "word_bits: 8"))
    message = refused("run", tiny_trace, "--on", path, "--json", tmp_path / "run.json")
    assert "conv" in message  # the layer
    assert "buffer" in message  # the memory
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize(
    ("words", "close"),
    [
        (["run", "resnet81", *ON], "resnet18"),
        (["run", "ResNet50", *ON], "resnet50"),
        (["run", "resnet18", "--on", "systolic-182"], "systolic-128"),
        (["show", "systolic_128"], "systolic-128"),
        (["show", "bertbase"], "bert-base"),
    ],
)
def test_unknown_names_get_suggestions(refused, words: list[str], close: str) -> None:
    message = refused(*words)
    assert "did you mean" in message.lower()
    assert close in message.lower().split("did you mean")[1].splitlines()[0]


def test_show_of_a_name_like_nothing_lists_the_library(refused) -> None:
    message = refused("show", "qqqqqq")
    assert "systolic-128" in message
    assert "resnet18" in message


@pytest.mark.parametrize("option", ["--report", "--csv", "--layers-csv", "--json", "--parquet", "--timeline"])
def test_a_missing_output_folder_is_told_before_simulating(
    refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("archsim.simulation.simulate", lambda *_, **__: pytest.fail("it simulated"))
    path = tmp_path / "no" / "file"
    message = refused("run", "resnet18", *ON, option, path)
    assert option in message
    assert str(path.parent) in message
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_cannot_be(refused, tiny_trace: Path, tmp_path: Path) -> None:
    run = ("run", tiny_trace, *ON)
    assert "folder" in refused(*run, "--json", tmp_path)
    assert "folder" in refused(*run, "--json", tiny_trace / "file")
    assert "--json" in refused(*run, "--csv", tmp_path / "x", "--json", tmp_path / "x")
    assert "input" in refused(*run, "--csv", tiny_trace)
    assert tiny_trace.read_text().startswith("name,")
    assert list(tmp_path.iterdir()) == [tiny_trace]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that not even root may write to")
def test_a_folder_that_takes_no_files(refused, tiny_trace: Path) -> None:
    assert "/proc/run.json" in refused("run", tiny_trace, *ON, "--json", "/proc/run.json")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk(refused, tiny_trace: Path) -> None:
    message = refused("run", tiny_trace, *ON, "--json", "/dev/full", "-q")
    assert "/dev/full" in message
    assert "space" in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_files_without_permission(refused, tiny_trace: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert "may not write" in refused("run", tiny_trace, *ON, "--json", closed / "run.json")
    tiny_trace.chmod(0)
    assert "cannot be read" in refused("run", tiny_trace, *ON)


def test_strict_refuses_what_is_otherwise_a_warning(refused, archsim, tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])
    node = helper.make_node("Frobnicate", ["x"], ["y"], name="odd", domain="somewhere.else")
    path = tmp_path / "odd.onnx"
    onnx.save(helper.make_model(helper.make_graph([node], "odd", [value], [made])), path)
    assert "Frobnicate" in refused("run", path, *ON, "--strict")
    loose = archsim("run", path, *ON)
    assert loose.exit_code == 0
    assert "Frobnicate" in loose.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["run", "resnet81", *ON],
        ["run", "missing.onnx", *ON],
        ["run", "resnet18", "--on", "missing.yaml"],
        ["run", "resnet18", *ON, "--json", "no/such/folder.json"],
        ["run", "resnet18", *ON, "--bits", "w9999a1"],
        ["show", "nothing"],
    ],
)
def test_a_real_process_tells_bad_input_on_stderr(process, tmp_path: Path, words: list[str]) -> None:
    done = process(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
