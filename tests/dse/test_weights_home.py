"""Weights stay in L2 or come from L3 by the widths that a search chooses, not by those of the file."""

import pytest

from archsim.accelerators.library import read_accelerator
from archsim.dse.replay import run_plan
from archsim.dse.search import search
from archsim.dse.study_files import load_study
from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.trace import write_trace


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """Three layers of 36 KiB of weights at 8 bits."""
    net = NetworkBuilder("three")
    x = Tensor("input", (1, 64, 8, 8))
    for number in range(3):
        x = net.conv(f"conv{number}", x, 64, 3, padding=1)
    path = tmp_path_factory.mktemp("home") / "three.csv"
    write_trace(net.build(), path)
    return path


def study(trace, l2_kib, weights, **changes):
    spec = read_accelerator("gap9") | {"l2": {"capacity_kib": l2_kib}}
    return load_study(
        {"workload": str(trace), "accelerator": spec, "bits": {"weights": weights}, "marginals": False}
        | changes
    )


def homes(plan):
    return {layer.mapping["places"]["weight"] for layer in plan.layers}


def test_narrow_weights_stay(trace):
    """100 KiB hold 54 KiB of weights at 4 bits beside the activations, not 108 KiB at 8 bits."""
    plan = search(study(trace, 100, [4, 8]), workers=1).plan
    assert plan.status == "OPTIMAL"
    assert plan.hardware == {"l3.weights": "l2"}
    assert homes(plan) == {"l2"}
    assert sum(layer.weight_bits == 4 for layer in plan.layers) >= 2
    assert run_plan(plan).totals.latency_cycles == plan.totals["latency_cycles"]
    assert run_plan(plan).totals.energy_mj == plan.totals["energy_mj"]


def test_wide_weights_stay_as_far_as_there_is_room(trace):
    """36 KiB of three times as many, beside activations of 8 KiB and tiles of what comes from L3."""
    plan = search(study(trace, 100, [8]), workers=1).plan
    assert plan.hardware == {}
    assert homes(plan) == {"l2", "l3"}
    assert run_plan(plan).totals.latency_cycles == plan.totals["latency_cycles"]
    assert homes(search(study(trace, 40, [8]), workers=1).plan) == {"l3"}


def test_all_fits(trace):
    plan = search(study(trace, 256, [4, 8]), workers=1).plan
    assert plan.hardware == {}
    assert homes(plan) == {"l2"}


def test_no_room_and_no_l3(trace):
    """Said by the search, not found out when the plan runs."""
    spec = {key: value for key, value in read_accelerator("gap9").items() if key != "l3"}
    spec |= {"l2": {"capacity_kib": 100}}
    outcome = search(study(trace, 0, [8], accelerator=spec), workers=1)
    assert outcome.status == "INFEASIBLE"
    narrow = search(study(trace, 0, [4, 8], accelerator=spec), workers=1).plan
    assert narrow.status == "OPTIMAL"
    assert sum(layer.weight_bits == 4 for layer in narrow.layers) >= 2
