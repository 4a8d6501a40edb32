import shutil
from pathlib import Path

import pytest

from archsim import library_paths
from archsim.errors import InputError
from archsim.library_paths import library_folder
from archsim.workloads.library import list_workloads, load_workload
from archsim.workloads.models import MODELS, build_model
from archsim.workloads.scalesim_topology import write_scalesim
from archsim.workloads.trace import read_trace, write_trace


@pytest.mark.parametrize("name", MODELS)
def test_the_committed_trace_is_the_definition(name):
    committed = read_trace(library_folder("workloads") / f"{name}.csv")
    assert committed == build_model(name), "run scripts/write_library_traces.py"
    assert load_workload(name) == committed


@pytest.mark.parametrize("name", MODELS)
def test_every_trace_says_where_it_is_from(name):
    head = (library_folder("workloads") / f"{name}.csv").read_text().split("# workload:")[0]
    for line in MODELS[name].about:
        assert f"#   {line}\n" in head
    assert any(year in head for year in map(str, range(2012, 2027)))


def test_the_library_lists_the_models():
    assert set(MODELS) <= set(list_workloads())
    assert list(list_workloads()) == sorted(list_workloads())


def test_dims_build_another_size():
    short = load_workload("bert-base", dims={"seq_len": 64, "batch": 2})
    assert short == build_model("bert-base", {"seq_len": 64, "batch": 2})
    assert load_workload("bert-base", dims={"seq_len": 128}) == load_workload("bert-base")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet-18", "Did you mean resnet18"),
        ("ResNet50", "Did you mean resnet50"),
        ("bert", "Did you mean bert-base"),
        ("ds_cnn", "Did you mean ds-cnn"),
        ("zzz", "'zzz'. The library has: alexnet, bert-base"),
    ],
)
def test_an_unknown_name_gets_a_hint(name, hint):
    with pytest.raises(InputError, match=hint) as caught:
        load_workload(name)
    assert "resnet18" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "dims", "message"),
    [
        ("resnet18", {"seq_len": 3}, "resnet18 has no dim 'seq_len'; allowed: batch"),
        ("resnet18", {"batch": 0}, "dim batch is 0; it must be a whole number of at least 1"),
        ("lstm", {"seq_len": 1.5}, "dim seq_len is 1.5"),
        ("gpt2-decode", {"seq_len": 1025}, "seq_len is 1025; .*1 to 1024"),
        ("bert-base", {"seq_len": 513}, "seq_len is 513; .*1 to 512"),
    ],
)
def test_dims_that_do_not_apply(name, dims, message):
    with pytest.raises(InputError, match=message):
        load_workload(name, dims=dims)


def test_files_are_told_apart_by_what_they_hold(tmp_path):
    resnet8 = build_model("resnet8")
    write_trace(resnet8, tmp_path / "trace.csv")
    write_scalesim(resnet8, tmp_path / "conv.csv")
    write_scalesim(resnet8, tmp_path / "gemm.csv", "gemm")
    (tmp_path / "bare.csv").write_text("name,operator,K\na,gemm,3\n")
    assert load_workload(tmp_path / "trace.csv") == resnet8
    assert load_workload(str(tmp_path / "trace.csv")) == resnet8
    assert {layer.operator for layer in load_workload(tmp_path / "conv.csv").layers} == {"conv"}
    assert {layer.operator for layer in load_workload(tmp_path / "gemm.csv").layers} == {"gemm"}
    assert load_workload(tmp_path / "bare.csv").macs == 3


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("net.csv", None, "net.csv: there is no such file; give a library name or"),
        ("net.txt", "x", "net.txt: this type of file is not read; allowed: .csv, .onnx"),
        ("net.csv", "name,K,C,P\na,1,2,3\n", "net.csv, line 1: column 'operator' is missing"),
        ("net.csv", "some,thing\nelse,1\n", "1 sizes follow .*Nor is it an archsim layer trace"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, file, text, message):
    if text is not None:
        (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=message):
        load_workload(tmp_path / file)


def test_a_file_has_no_dims(tmp_path):
    write_trace(build_model("resnet8"), tmp_path / "net.csv")
    with pytest.raises(InputError, match=r"net\.csv: .*dim 'batch' does not apply"):
        load_workload(tmp_path / "net.csv", dims={"batch": 2})


def test_a_trace_of_ones_own_in_the_library(tmp_path, monkeypatch):
    package = tmp_path / "archsim"
    (package / "library" / "workloads").mkdir(parents=True)
    shutil.copy(library_folder("workloads") / "resnet8.csv", package / "library" / "workloads" / "mine.csv")
    monkeypatch.setattr(library_paths, "_PACKAGE", package)
    assert list_workloads() == ("mine",)
    assert load_workload("mine").name == "resnet8"
    with pytest.raises(InputError, match="does not apply"):
        load_workload("mine", dims={"batch": 2})


def test_the_library_of_a_checkout_and_of_none(tmp_path, monkeypatch):
    monkeypatch.setattr(library_paths, "_PACKAGE", tmp_path / "archsim")
    (tmp_path / "workloads").mkdir()
    with pytest.raises(InputError, match="the library of workloads is missing"):
        library_folder("workloads")  # a folder of that name which happens to lie beside the package
    (tmp_path / "pyproject.toml").touch()
    assert library_folder("workloads") == Path(tmp_path / "workloads")
