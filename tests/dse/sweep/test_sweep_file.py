"""What a sweep may say, and what is told of one that is wrong."""

from __future__ import annotations

import pytest
import yaml
from sweep_cases import tiny_sweep

from archsim.cli.schema import DIALECT
from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.files import list_sweeps, load_sweep, sweep_path
from archsim.dse.sweep.sweep import Sample, Sweep
from archsim.errors import InputError

LEAST = {"workload": "resnet8", "accelerator": "systolic-32-edge"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("grid", Sample("grid")),
        ("sobol:64", Sample("sobol", 64)),
        ("random:7", Sample("random", 7)),
        ("guided:100", Sample("guided", 100)),
    ],
)
def test_samples(text: str, meant: Sample) -> None:
    assert Sample.parse(text) == meant


@pytest.mark.parametrize("text", ["", "grid:3", "sobol", "random:0", "random:-1", "guided:x", "best:3"])
def test_samples_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="write grid, sobol:N, random:N or guided:N"):
        Sample.parse(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"workload": []}, "workload"),
        ({"workload": ["resnet8", "resnet8"]}, "lists a value twice"),
        ({"hardware": {"array.rows": []}}, "no value"),
        ({"hardware": {"array.rows": [8, 8]}}, "lists a value twice"),
        ({"hardware": {"array.rows": [8], "array.rows, array.columns": [8]}}, "array.rows is there twice"),
        ({"hardware": {"array.rows": [8]}, "settings": {"s": {"a": {"array.rows": 8}}}}, "there twice"),
        ({"settings": {"s": {"a": {"array.rows": 8}, "b": {"array.columns": 8}}}}, "gives the same fields"),
        ({"names": {"rows": "array.rows"}}, "which is no path of hardware"),
        ({"hardware": {"array.rows": [8]}, "names": {"point": "array.rows"}}, "called 'point' already"),
        ({"bits": ["w99a8"]}, "weight_bits is 99"),
        ({"minimize": "area"}, "allowed: latency, energy, edp"),
        ({"goals": ["speed"]}, "'speed' is not known; allowed: latency_cycles"),
        ({"budgets": {"power": 3}}, "'power' is not known"),
        ({"bits": ["w8a8"], "search": {}}, "search.bits"),
        ({"search": {"minimize": "speed"}}, "'speed' is not known"),
        ({"sample": "all"}, "write grid"),
        ({"colour": 3}, "key 'colour' is not known"),
    ],
)
def test_what_is_wrong_is_told(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_sweep({**LEAST, **changes})


def test_a_path_that_leads_nowhere_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match=r"array\.rowz.*did you mean.*array\.rows"):
        Evaluator.of(load_sweep({**LEAST, "hardware": {"array.rowz.a": [8]}}))


def test_an_unknown_sweep_names_those_of_the_library() -> None:
    with pytest.raises(InputError, match="tiny-arrays"):
        load_sweep("tiny-array")


@pytest.mark.parametrize("name", list_sweeps())
def test_the_library_is_sound(name: str) -> None:
    assert yaml.safe_load(sweep_path(name).read_text())["description"]
    Evaluator.of(load_sweep(name))


def test_equal_points_have_equal_fingerprints(tmp_path) -> None:
    one = Evaluator.of(tiny_sweep(tmp_path)).fingerprint()
    assert Evaluator.of(tiny_sweep(tmp_path, name="other", budgets={"area_mm2": 4})).fingerprint() == one
    assert Evaluator.of(tiny_sweep(tmp_path, minimize="edp")).fingerprint() != one
    changed = tiny_sweep(tmp_path)
    trace = tmp_path / "tiny.csv"
    trace.write_text(trace.read_text().replace("gemm,10", "gemm,11"))
    assert Evaluator.of(changed).fingerprint() != one  # the file is another


def test_the_schema_is_printed(archsim) -> None:
    told = yaml.safe_load(archsim("schema", "sweep").stdout)
    assert told["$schema"] == DIALECT
    assert set(told["properties"]) == set(Sweep.model_fields)
