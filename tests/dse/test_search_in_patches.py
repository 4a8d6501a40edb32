"""Patches chosen together with mappings and bits: against every choice by itself, within memory, replayed."""

from __future__ import annotations

import json

import pytest

from archsim.dse.bits import bit_space
from archsim.dse.memory_patches import patch_choices
from archsim.dse.plan import Plan
from archsim.dse.replay import run_plan
from archsim.dse.search import search
from archsim.dse.selection.optimum import RESOLVED
from archsim.dse.study import BitChoices
from archsim.dse.study_files import load_study
from archsim.errors import InputError
from archsim.workloads.activation_memory import POLICIES, layer_by_layer, peak
from archsim.workloads.layer import Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.patched import Patching, patched
from archsim.workloads.trace import write_trace

LIMIT_KIB = 9.0


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """Four convolutions whose first tensors take the most."""
    net = NetworkBuilder("small")
    x = Tensor("input", (1, 3, 32, 32))
    x = net.conv("conv0", x, 8, 3, padding=1)
    x = net.conv("down", x, 8, 3, stride=2, padding=1)
    y = net.conv("conv1", x, 8, 3, padding=1)
    x = net.add("add", x, y)
    x = net.conv("conv2", x, 16, 3, stride=2, padding=1)
    net.linear("fc", net.global_average_pool("pool", x), 10)
    path = tmp_path_factory.mktemp("patches") / "small.csv"
    write_trace(net.build(), path)
    return path


def study(trace, **changes):
    return load_study(
        {
            "workload": str(trace),
            "accelerator": "gap9",
            "budgets": {"peak_activation_kib": LIMIT_KIB},
            "allow_patches": True,
            "finest_patches": 4,
            "marginals": False,
        }
        | changes
    )


@pytest.mark.parametrize("counted", ["alive", "published"])
def test_no_choice_of_patches_is_better(trace, counted):
    """Every choice searched by itself, as any other workload is."""
    plan = search(study(trace, activation_memory=counted), workers=1).plan
    assert plan is not None
    assert plan.status == "OPTIMAL"
    workload, policy = load_workload(trace), POLICIES[counted]
    choices, _ = patch_choices(workload, workload, LIMIT_KIB * 1024, policy, 4)
    assert len(choices) > 1
    goals = {}
    for choice in choices:
        cut = workload if choice is None else patched(workload, choice)
        assert peak(layer_by_layer(cut, policy)).bytes <= LIMIT_KIB * 1024
        alone = search(study(trace, allow_patches=False, budgets={}), workers=1, workload=cut).plan
        goals[choice] = alone.objective
    assert plan.objective == min(goals.values())
    assert plan.best_bound == pytest.approx(plan.objective, rel=RESOLVED)
    assert goals[Patching(plan.patches.stage, plan.patches.grid)] == plan.objective
    assert plan.search["patchings"] == len(choices)


def test_a_plan_with_patches_is_replayed_equal(trace, tmp_path):
    plan = search(study(trace, budgets={"peak_activation_kib": LIMIT_KIB, "weight_kib": 10}), workers=1).plan
    whole = load_workload(trace)
    cut = patched(whole, Patching(plan.patches.stage, plan.patches.grid))
    assert plan.totals["macs"] == cut.macs > whole.macs
    assert {layer.name for layer in plan.layers} == {layer.name for layer in cut.layers}
    used = {use.name: use.used for use in plan.budgets}
    assert used["peak_activation_kib"] * 1024 == plan.totals["peak_memory_bytes"] == cut.peak_memory.bytes
    assert used["weight_kib"] * 1024 == whole.weight_bytes
    path = tmp_path / "plan.json"
    plan.to_json(path)
    again = run_plan(Plan.model_validate(json.loads(path.read_text())))
    assert (again.totals.latency_cycles, again.totals.energy_mj) == (
        plan.totals["latency_cycles"],
        plan.totals["energy_mj"],
    )


def test_narrow_bits_do_with_fewer_patches(trace):
    bits = {"weights": [8], "activations": [4, 8]}
    wide = search(study(trace, accelerator="marsellus"), workers=1).plan
    tied = search(study(trace, accelerator="marsellus", bits=bits), workers=1).plan
    own = search(study(trace, accelerator="marsellus", bits=bits, own_patch_bits=True), workers=1).plan
    assert own.objective <= tied.objective <= wide.objective
    assert tied.budgets[0].used <= LIMIT_KIB


def test_a_patch_has_its_share_of_the_loss(trace):
    """So bits alike in all patches cost what they cost without patches."""

    class Table:
        def loss(self, layer, operand, bits):
            return (8 - bits) * (1 + len(layer) + len(operand))

    bits = {"weights": [4], "activations": [4]}
    asked = {"accelerator": "marsellus", "bits": bits, "minimize": "sensitivity"}
    tight = {"peak_activation_kib": 5}
    plan = search(study(trace, **asked, budgets=tight), workers=1, sensitivity=Table()).plan
    assert plan.patches is not None
    alone = search(
        study(trace, **asked, allow_patches=False, budgets={}), workers=1, sensitivity=Table()
    ).plan
    assert plan.objective == pytest.approx(alone.objective)


def test_patches_share_bits_unless_they_may_differ(trace):
    cut = patched(load_workload(trace), Patching("add", (2, 2)))
    bits = BitChoices(weights=[4, 8], activations=[4, 8])
    tied, own = (bit_space(cut, bits, own_patch_bits=own) for own in (False, True))
    copies = tuple(f"conv1@{row},{column}" for row in (0, 1) for column in (0, 1))
    assert any(tie.layers == copies and tie.keys == ("activation_bits",) for tie in tied.ties)
    assert not any(tie.layers == copies and tie.keys == ("activation_bits",) for tie in own.ties)
    for space in (tied, own):
        assert any(tie.layers == copies and tie.keys == ("bits of conv1.weight",) for tie in space.ties)
    pinned = bit_space(cut, BitChoices(weights=[4, 8], layers={"first": {"weights": [8]}}))
    of = dict(zip((layer.name for layer in cut.layers), pinned.precisions, strict=True))
    assert all({p.weight_bits for p in of[f"conv0@{n},0"]} == {8} for n in (0, 1))
    assert {p.weight_bits for p in of["conv1@0,0"]} == {4, 8}


def test_too_little_memory_says_what_would_do(trace):
    outcome = search(study(trace, budgets={"peak_activation_kib": 0.5}), workers=1)
    assert outcome.status == "INFEASIBLE"
    assert outcome.conflict is not None
    (move,) = outcome.conflict.moves
    enough = search(study(trace, budgets={"peak_activation_kib": move.least}), workers=1)
    assert enough.plan is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budgets": {}}, "allow_patches needs a limit"),
        ({"front": ["latency", "energy"]}, "allow_patches gives one plan"),
        ({"allow_recompute": True}, "allow_recompute keeps layers whole"),
    ],
)
def test_what_does_not_go_together(trace, changes, said):
    with pytest.raises(InputError, match=said):
        study(trace, **changes)


def test_a_pipeline_has_no_patches(trace):
    with pytest.raises(InputError, match="keeps a part of itself for every layer"):
        search(study("cnv-w1a1", accelerator="finn-cnv-pynq-z1"), workers=1)
