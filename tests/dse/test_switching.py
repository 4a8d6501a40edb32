"""Supplies that are switched between layers: the optimum by brute force, its execution, its weak cells."""

from __future__ import annotations

import copy
from functools import cache
from itertools import pairwise, product
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archsim
from archsim.accelerators.latency import cycles_alone
from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.switched_rail import SUPPLY, SwitchedRail
from archsim.dse.fault_loss import fault_losses
from archsim.dse.replay import run_plan
from archsim.dse.search import search
from archsim.dse.selection.problem import Budget, Choices, Problem, minimize
from archsim.dse.study import Study
from archsim.dse.study_files import load_study
from archsim.dse.switching import SWITCHED, solve_with_switches
from archsim.errors import InputError
from archsim.numerics.faults.cells import DrawnChip, FaultModel, Memory, Supply
from archsim.simulation import set_up
from archsim.undervolting import failing, supply_of
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision

RAIL = {"vdd_v": [0.64, 0.68, 0.72, 0.8], "switch_us": 0.05, "switch_nj": 0.02}


def spec(**rail: Any) -> dict[str, Any]:
    made = copy.deepcopy(read_accelerator("lowvolt-npu"))
    weights = next(m for m in made["memories"] if m["name"] == "weights")
    weights["low_voltage"]["rail"] = {**RAIL, **rail}
    return made


def study(**fields: Any) -> Study:
    of_library = load_study("lowvolt-digits").model_dump(include={"workload", "ber_sensitivity"})
    given = {
        "minimize": "energy",
        "marginals": False,
        "budgets": {"fault_loss": 0.01},
        "accuracy": {"chips": 2},
    }
    return Study(**{**of_library, "accelerator": spec(), **given, **fields})


@cache
def rail_machine() -> SwitchedRail:
    machine = load_accelerator(spec())
    assert isinstance(machine, SwitchedRail)
    return machine


def least_energies() -> tuple[list[dict[float, float]], dict[float, float]]:
    """pJ of every layer at each voltage of the rail, and of a switch to it with what leaks meanwhile."""
    network = load_workload("digits-cnn").with_precision(Precision(8, 8, 8))
    layers, switch = [], {}
    for volts, machine in rail_machine().levels.items():
        leakage = sum(figure.value for figure in machine.leakage().values()) * 1e3 / machine.clock_mhz
        switch[volts] = 20 + leakage * rail_machine().switch_cycles
        tables = [machine.options(layer, front=("cycles", "energy_pj")) for layer in network.layers]
        for index, table in enumerate(tables):
            cycles = np.array([cycles_alone(machine, table.row(row)) for row in range(len(table))], float)
            layers.append({}) if index == len(layers) else None
            layers[index][volts] = float(table.energy_at(cycles).min())
    return layers, switch


@pytest.mark.parametrize("limit", [0.01, 0.004, 0.0005])
def test_the_plan_is_the_best_of_all_supplies(limit: float) -> None:
    """Against all 4^6 ways to give six layers a supply."""
    plan = search(study(budgets={"fault_loss": limit}, accuracy={"chips": 1, "images": 20}), workers=1).plan
    assert plan is not None
    layers, switch = least_energies()
    names = [layer.name for layer in load_workload("digits-cnn").layers]
    losses = fault_losses(study())
    assert losses is not None
    rates = {v: np.array([m.sram_sites[0].supply.bit_error_rate]) for v, m in rail_machine().levels.items()}  # pyright: ignore
    lost = [
        {v: float(losses.loss(name, rate)[0]) if name in losses.curves else 0.0 for v, rate in rates.items()}
        for name in names
    ]
    assert plan.accuracy is not None
    allowed, best = plan.accuracy.rounds[-1].limit, inf
    assert allowed is not None
    for chosen in product(RAIL["vdd_v"], repeat=len(layers)):
        if sum(own[v] for own, v in zip(lost, chosen, strict=True)) <= allowed:
            changes = pairwise((chosen[-1], *chosen))
            spent = sum(own[v] for own, v in zip(layers, chosen, strict=True))
            best = min(best, spent + sum(switch[b] for a, b in changes if a != b))
    assert plan.objective == pytest.approx(best * 1e-9, rel=1e-9)


def test_a_plan_runs_as_it_was_searched() -> None:
    """Voltages, switches and pauses are in the run; what the kernel overlaps may only make it better."""
    plan = search(study(accuracy={"chips": 1, "images": 20}), workers=1).plan
    assert plan is not None
    run = run_plan(plan)
    volts = [layer.mapping["supply_v"] for layer in run.layers]
    assert len(set(volts)) > 1
    changes = [own != before for before, own in pairwise((volts[-1], *volts))]
    energy = run.energy.set_index(["component", "action"])
    switched = energy.loc[[("weights rail", "switch")]]
    assert switched.layer.tolist() == [
        x.name for x, change in zip(run.layers, changes, strict=True) if change
    ]
    assert switched.energy_pj.tolist() == [20.0] * sum(changes)
    assert plan.objective is not None
    assert 0.98 * plan.objective < run.totals.energy_mj <= plan.objective * (1 + 1e-9)
    alone = sum(layer.latency_cycles or 0 for layer in plan.layers) + 35 * sum(changes)
    assert 0.95 * alone < run.totals.latency_cycles <= alone
    assert run.totals.energy_mj == plan.totals["energy_mj"]
    weights = energy.loc[[("weights", "leak")]]
    per_cycle = dict(zip(volts, (weights.energy_pj / weights["count"]).tolist(), strict=True))
    assert sorted(per_cycle, key=lambda v: per_cycle[v]) == sorted(per_cycle)


def test_with_dear_switches_all_layers_share_a_supply() -> None:
    plan = search(study(accelerator=spec(switch_nj=100), accuracy={"chips": 1, "images": 20}), workers=1).plan
    assert plan is not None
    assert plan.status in ("OPTIMAL", "FEASIBLE")
    assert len({layer.mapping["supply_v"] for layer in plan.layers}) == 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_choices_against_brute_force(data: st.DataObject) -> None:
    layers, supplies = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 3))
    numbers = st.integers(0, 9)
    choices = []
    for layer in range(layers):
        rows = [(supply, switched) for supply in range(supplies) for switched in (0, 1)]
        cost = [data.draw(numbers) for _ in rows]
        loss = [data.draw(numbers) for _ in rows]
        keys = {SUPPLY: np.array([s for s, _ in rows]), SWITCHED: np.array([w for _, w in rows])}
        columns = {"cost": np.array(cost, float), "loss": np.array(loss, float)}
        choices.append(Choices(f"layer{layer}", columns, keys))
    limit = data.draw(st.integers(0, 20))
    problem = Problem(tuple(choices), minimize("cost", then="loss"), (Budget("loss", "loss", limit),))
    best = (inf, inf)
    for rows in product(range(2 * supplies), repeat=layers):
        before = [rows[-1], *rows[:-1]]
        kept = all(row % 2 or row // 2 == old // 2 for row, old in zip(rows, before, strict=True))
        loss = problem.total("loss", rows)
        if kept and loss <= limit:
            best = min(best, (problem.total("cost", rows), loss))
    found = solve_with_switches(problem, time_limit_s=20)
    if best[0] == inf:
        assert found.rows is None
        assert found.status == "INFEASIBLE"
    else:
        assert (found.objective, found.then) == best
        assert found.status == "OPTIMAL"


def test_each_layer_meets_the_weak_cells_of_its_own_supply() -> None:
    machine = set_up(
        rail_machine(), network := load_workload("digits-cnn").with_precision(Precision(8, 8, 8))
    )
    volts = dict.fromkeys((layer.name for layer in network.layers), 0.8) | {"conv2": 0.64}
    rows = []
    for layer in network.layers:
        options = machine.options(layer)
        (at, *_) = np.flatnonzero(options.mapping[SUPPLY] == RAIL["vdd_v"].index(volts[layer.name]))
        rows.append(options.row(int(at)))
    supply = supply_of(failing(machine, rows))
    low, safe = (archsim.load_accelerator("lowvolt-npu", sram_vdd_v={"weights": v}) for v in (0.64, 0.8))
    rate_at = [m.settings()["sram"]["weights"]["ber"] for m in (low, safe)]  # pyright: ignore
    memory = Memory("weights", 4096, 64)
    chip = DrawnChip(FaultModel())
    for layer, rate in (("conv2", rate_at[0]), ("conv1", rate_at[1])):
        assert supply.while_running(layer).of(memory) == (rate,)
        own = chip.faults(memory, 4096, supply.while_running(layer))
        assert np.array_equal(own.word, chip.faults(memory, 4096, Supply({"weights": (rate,)})).word)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vdd_v": [0.8, 0.7]}, "rail.vdd_v must rise"),
        ({"vdd_v": [0.8]}, "vdd_v"),
        ({"vdd_v": [0.5, 0.8]}, "all voltages have one clock; 0.8 V allows|0.5 V allows"),
        ({"switch_nj": -1}, "switch_nj"),
    ],
)
def test_rails_that_cannot_be(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_accelerator(spec(**change))


def test_what_does_not_go_with_a_rail() -> None:
    both, several = spec(), spec()
    for memory in both["memories"]:
        if memory["name"] == "weights":
            memory["low_voltage"]["vdd_v"] = 0.7
    with pytest.raises(InputError, match="give one of the two"):
        load_accelerator(both)
    for memory in several["memories"]:
        if memory["kind"] == "sram":
            memory["low_voltage"]["rail"] = RAIL
    with pytest.raises(InputError, match="one memory's supply may be switched"):
        load_accelerator(several)
    gap9 = copy.deepcopy(read_accelerator("gap9"))
    gap9["l1"]["low_voltage"] = {"rail": RAIL}
    with pytest.raises(InputError, match="family systolic"):
        load_accelerator(gap9)
    with pytest.raises(InputError, match="edp is a product"):
        search(study(minimize="edp"), workers=1)
    budgets = {"peak_activation_kib": 4.0}
    with pytest.raises(InputError, match="allow_recompute runs layers again"):
        search(study(budgets=budgets, allow_recompute=True), workers=1)


def test_a_power_is_kept_with_the_switches() -> None:
    """Over the whole plan, pauses and switches included."""
    free = search(study(minimize="latency", budgets={}), workers=1).plan
    assert free is not None
    most = 0.99 * free.totals["energy_mj"] / free.totals["latency_ms"] * 1e3
    plan = search(study(minimize="latency", budgets={"power_mw": most}), workers=1).plan
    assert plan is not None
    (use,) = plan.budgets
    assert use.used <= most
    alone = sum(layer.energy_pj or 0 for layer in plan.layers)
    volts = [layer.mapping["supply_v"] for layer in plan.layers]
    switches = sum(own != before for before, own in pairwise((volts[-1], *volts)))
    cycles = sum(layer.latency_cycles or 0 for layer in plan.layers) + 35 * switches
    if not switches:
        assert use.used == pytest.approx(alone / cycles * 700 * 1e-3)


def test_a_supply_asked_for_takes_the_rails_place() -> None:
    machine = load_accelerator(spec(), sram_vdd_v={"weights": 0.7})
    assert not isinstance(machine, SwitchedRail)
    found = archsim.accuracy(
        "digits-cnn", spec(), chips=2, images=50, causes=False,
        undervolting=archsim.Undervolting(vdd_v=(0.8, 0.7)),
    )  # fmt: skip
    assert found.low_voltage is not None
    assert [point.vdd_v for point in found.low_voltage.points] == [0.8, 0.7]
