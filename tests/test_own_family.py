"""The family that docs/own-family.md builds up works as any other: run, search, report, YAML."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

import archsim
from archsim.accelerators.families import FAMILIES, has_family
from archsim.cli.schema import accelerator_schema
from archsim.errors import InputError

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "lanes_family.py"


def load_example():
    found = importlib.util.spec_from_file_location("lanes_family", EXAMPLE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def lanes():
    yield load_example()
    FAMILIES.pop("lanes", None)


def test_a_yaml_of_the_family_runs(lanes, tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("name: mine\nfamily: lanes\nlanes: 32\n", encoding="utf-8")
    run = archsim.simulate("resnet8", file)
    workload = archsim.load_workload("resnet8")
    assert run.totals.macs == sum(layer.macs for layer in workload.layers)
    mac = run.energy[run.energy["component"] == "mac"]
    assert mac["energy_pj"].sum() == pytest.approx(0.2 * run.totals.macs)
    for layer, shape in zip(run.layers, workload.layers, strict=True):
        if shape.contraction is None:
            continue
        # an output channel a lane; all data moved at least once
        m, n, k = shape.contraction.gemm
        assert layer.latency_cycles >= -(-n // 32) * m * k * shape.contraction.G
        c = shape.contraction
        assert layer.dram_bytes >= c.input_elements + c.weight_elements + c.output_elements
    run.to_html(tmp_path / "run.html")


def test_the_family_is_searched_with_proof(lanes):
    study = archsim.Study(
        workload="resnet8",
        accelerator={"family": "lanes", "lanes": 64, "buffer_kib": 64},
        hardware={"lanes": [16, 32, 64], "buffer_kib": [8, 64]},
        minimize="latency",
    )
    outcome = archsim.search(study)
    assert outcome.plan is not None
    assert outcome.plan.status == "OPTIMAL"
    best = min(
        archsim.simulate("resnet8", {"family": "lanes", "lanes": lanes_, "buffer_kib": kib}).totals.latency_ms
        for lanes_ in (16, 32, 64)
        for kib in (8, 64)
    )
    assert outcome.plan.totals["latency_ms"] <= best * 1.0001


def test_more_lanes_and_bandwidth_are_never_slower(lanes):
    def latency(**sizes):
        return archsim.simulate("resnet8", {"family": "lanes", **sizes}).totals.latency_cycles

    assert latency(lanes=16) >= latency(lanes=32) >= latency(lanes=64)
    assert latency(bytes_per_cycle=1) >= latency(bytes_per_cycle=4) >= latency(bytes_per_cycle=64)


def test_bad_yaml_is_told_as_any_other(lanes):
    with pytest.raises(InputError, match=r"lanes"):
        archsim.simulate("resnet8", {"family": "lanes", "lanes": 0})
    with pytest.raises(InputError, match=r"buffer_kb.*buffer_kib"):
        archsim.simulate("resnet8", {"family": "lanes", "buffer_kb": 3})
    assert "lanes" in accelerator_schema("lanes")["properties"]


def test_an_installed_package_brings_its_family(monkeypatch):
    class Point:
        @staticmethod
        def load():
            load_example()

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: [Point] if group else [])
    assert "lanes" not in FAMILIES
    try:
        assert has_family("lanes")
        assert archsim.simulate("resnet8", {"family": "lanes"}).totals.macs > 0
    finally:
        FAMILIES.pop("lanes", None)
