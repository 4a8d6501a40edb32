"""A plan executes as the search promised, to the cycle and the last bit, also from its file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import archsim
from archsim.accelerators.machine import DoesNotFit
from archsim.dse.search import Outcome
from archsim.dse.study import Study
from archsim.errors import InputError

ASKED = {
    "workload": "resnet8",
    "accelerator": "systolic-32-edge",
    "hardware": {"array.rows, array.columns": [16, 32], "buffer.capacity_kib": [64, 96]},
    "bits": {"weights": [4, 8], "activations": [4, 8]},
    "minimize": "energy",
    "budgets": {"sensitivity": "400 %", "latency_ms": "120 %", "peak_activation_kib": 40},
    "marginals": False,
}


def search(**changes: Any) -> Outcome:
    study = archsim.load_study({**ASKED, **changes})
    assert isinstance(study, Study)
    return archsim.search(study, workers=1)


@pytest.fixture(scope="module")
def plan() -> archsim.Plan:
    found = search().plan
    assert found is not None
    return found


def test_the_plan_is_proven_and_within_its_budgets(plan: archsim.Plan) -> None:
    assert plan.status == "OPTIMAL"
    assert plan.gap is not None
    assert plan.gap <= 1e-6
    assert [use.name for use in plan.budgets] == ["sensitivity", "latency_ms", "peak_activation_kib"]
    assert all(use.used <= use.limit for use in plan.budgets)
    assert all(use.slack == use.limit - use.used for use in plan.budgets)


def test_it_executes_as_promised(plan: archsim.Plan) -> None:
    run = archsim.run_plan(plan)
    assert asdict(run.totals) == plan.totals
    assert [layer.mapping for layer in run.layers] == [layer.mapping for layer in plan.layers]
    assert run.totals.peak_memory_bytes <= 40 * 1024


def test_also_from_its_file(plan: archsim.Plan, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    plan.to_json(path)
    again = archsim.read_plan(path)
    assert again == plan
    assert asdict(archsim.run_plan(again).totals) == plan.totals
    assert json.loads(path.read_text())["schema"] == "archsim.plan/1"


def test_the_objective_is_the_sum_of_the_layers(plan: archsim.Plan) -> None:
    assert plan.objective == pytest.approx(
        sum(layer.energy_pj or 0 for layer in plan.layers) / 1e9, rel=1e-12
    )
    assert plan.then["latency_ms"] * 500e3 == pytest.approx(sum(x.latency_cycles or 0 for x in plan.layers))


def test_prefetch_makes_the_whole_no_slower_than_its_layers(plan: archsim.Plan) -> None:
    assert plan.totals["latency_cycles"] <= sum(layer.latency_cycles or 0 for layer in plan.layers)


def test_tensors_have_one_width(plan: archsim.Plan) -> None:
    workload = archsim.load_workload("resnet8")
    chosen = {layer.name: layer for layer in plan.layers}
    written = {t.name: chosen[x.name].output_bits for x in workload.layers for t in x.outputs}
    for layer in workload.layers:
        for tensor in layer.inputs:
            width = written.get(tensor.name, chosen[layer.name].activation_bits)
            assert width == chosen[layer.name].activation_bits


def test_the_baseline_is_the_accelerator_as_it_is(plan: archsim.Plan) -> None:
    assert plan.baseline is not None
    run = archsim.simulate("resnet8", "systolic-32-edge", minimize="energy", precision="w8a8")
    assert plan.baseline["area_mm2"] == run.totals.area_mm2
    assert plan.baseline["energy_mj"] <= run.totals.energy_mj * (1 + 1e-9)
    assert plan.totals["energy_mj"] < plan.baseline["energy_mj"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda plan: plan["layers"].pop(), "has no layer 'softmax'"),
        (lambda plan: plan["layers"][0].update(name="conv9"), "has no layer 'conv1'"),
        (lambda plan: plan["layers"][0].update(weight_bits=0), "layers[0].weight_bits"),
        (lambda plan: plan["layers"][0].update(weights=8), "'weights' is not known"),
        (lambda plan: plan["layers"][0]["mapping"]["tile"].update(K=[4096]), "conv1"),
        (lambda plan: plan["layers"][0]["mapping"].update(order=["sideways"]), "conv1"),
        (lambda plan: plan["hardware"].update({"buffer.capacity_kib": 1}), "buffer"),
        (lambda plan: plan["hardware"].update({"bufer.capacity_kib": 64}), "leads to no field"),
        (lambda plan: plan.update(schema="archsim.run/1"), "is no plan"),
        (lambda plan: plan.pop("workload"), "workload"),
    ],
)
def test_edited_plans_that_do_not_fit(plan: archsim.Plan, tmp_path: Path, edit: Any, message: str) -> None:
    document = json.loads(json.dumps(plan.to_dict()))
    edit(document)
    path = tmp_path / "edited.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        archsim.run_plan(archsim.read_plan(path))
    assert message in str(caught.value)


def test_only_what_says_how_to_run_is_needed(plan: archsim.Plan, tmp_path: Path) -> None:
    kept = ("schema", "workload", "accelerator", "hardware", "layers")
    document = {key: value for key, value in plan.to_dict().items() if key in kept}
    for layer in document["layers"]:
        del layer["latency_cycles"], layer["energy_pj"]
    path = tmp_path / "short.json"
    path.write_text(json.dumps(document))
    assert asdict(archsim.run_plan(archsim.read_plan(path)).totals) == plan.totals


@pytest.mark.parametrize(
    "goal", ["latency", "edp", "area", "dram", "weights", {"latency_ms": 1, "energy_mj": 20}]
)
def test_every_goal(goal: Any) -> None:
    outcome = search(minimize=goal)
    assert outcome.plan is not None
    assert outcome.status == "OPTIMAL"
    assert asdict(archsim.run_plan(outcome.plan).totals) == outcome.plan.totals


def test_more_of_a_budget_is_never_worse() -> None:
    values = []
    for limit in ("150 %", "300 %", "600 %"):
        found = search(budgets={"sensitivity": limit}).plan
        assert found is not None
        values.append(found.objective or 0.0)
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]


def test_a_power_budget_holds_for_the_layers_in_a_row() -> None:
    free = search(minimize="latency", budgets={}).plan
    assert free is not None
    power = free.totals["energy_mj"] / free.totals["latency_ms"] * 1e3
    outcome = search(minimize="latency", budgets={"power_mw": 0.8 * power})
    assert outcome.plan is not None
    (use,) = outcome.plan.budgets
    assert use.used <= 0.8 * power
    energy = sum(layer.energy_pj or 0 for layer in outcome.plan.layers)
    cycles = sum(layer.latency_cycles or 0 for layer in outcome.plan.layers)
    assert use.used == pytest.approx(energy / cycles * 0.5, rel=1e-9)


def test_held_bytes_of_a_memory() -> None:
    outcome = search(budgets={"held_kib.buffer": 30})
    assert outcome.plan is not None
    assert outcome.plan.budgets[0].used <= 30
    with pytest.raises(InputError, match="held:bufer"):
        search(budgets={"held_kib.bufer": 30})


def test_infeasible_budgets_are_named() -> None:
    outcome = search(budgets={"area_mm2": 0.2, "latency_ms": 0.08, "weight_kib": 1000})
    assert outcome.status == "INFEASIBLE"
    assert outcome.plan is None
    assert outcome.conflict is not None
    assert {move.limit.quantity.name for move in outcome.conflict.moves} == {"area_mm2", "latency_ms"}


def test_no_hardware_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise DoesNotFit("no tile fits")

    monkeypatch.setattr("archsim.accelerators.systolic.machine.SystolicMachine.options", nothing)
    outcome = search(budgets={})
    assert outcome.status == "INFEASIBLE"
    assert outcome.conflict is not None
    assert "no hardware fits every layer" in outcome.conflict.sentences()[0]


def test_same_study_same_plan() -> None:
    one, other = (search().plan for _ in range(2))
    assert one is not None
    assert other is not None
    assert [x.model_dump() for x in one.layers] == [x.model_dump() for x in other.layers]
