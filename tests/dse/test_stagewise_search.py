"""Searches of pipelines with their FIFOs, against every choice of foldings, one by one."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import pytest

from archsim.accelerators.library import load_accelerator
from archsim.dse.bits import uniform_space
from archsim.dse.search import search
from archsim.dse.study import Study
from archsim.dse.study_search import Outcome
from archsim.workloads.layer import Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.precision import Precision
from archsim.workloads.trace import write_trace

CLOCK_MHZ = 100.0
STATIC_PJ = 0.1 * 1e12 / (CLOCK_MHZ * 1e6)  # a cycle
Choice = tuple[float, float, dict[str, float], dict[str, float]]
"""Cycles of the slowest stage, energy without leakage, what the stages take, what their FIFOs take."""


def spec(lut: int = 10**6, luts_per_bram18: int = 50, usable_bram18: float = 1.0) -> dict[str, Any]:
    """`luts_per_bram18` of the device decides whether a FIFO is in LUTs or block RAM."""
    bram18 = lut // luts_per_bram18
    device = {"node_nm": 28.0, "lut": lut, "bram18": bram18, "dsp": 0, "static_w": 0.1}
    return {
        "family": "dataflow",
        "name": "small",
        "device": device,
        "clock_mhz": CLOCK_MHZ,
        "usable": {"lut": 1.0, "ff": 1.0, "bram18": usable_bram18},
        "weights": ["lutram"],
        "multipliers": ["lut"],
    }


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A convolution of two channels on 6×6 pixels, and one with a bypass around it."""
    net = NetworkBuilder("bypass")
    a = net.conv("a", Tensor("input", (1, 2, 6, 6)), 4, 3, padding=1)
    net.add("c", a, net.conv("b", a, 4, 3, padding=1))
    path = tmp_path_factory.mktemp("workloads") / "bypass.csv"
    write_trace(net.build().with_precision(Precision(2, 2, 2)), path)
    return str(path)


@cache
def every_choice(trace: str, luts_per_bram18: int = 50) -> list[Choice]:
    """All foldings of all stages, on a large device."""
    space = uniform_space(load_workload(trace), Precision.parse("w2a2"))
    machine: Any = load_accelerator(spec(10**6, luts_per_bram18)).for_workload(space.widest)  # type: ignore[attr-defined]
    tables = [
        machine.options(layer, precisions)
        for layer, precisions in zip(space.workload.layers, space.precisions, strict=True)
    ]
    found = []
    for chosen in itertools.product(*(range(len(table)) for table in tables)):
        pairs = list(zip(tables, chosen, strict=True))
        rows = [table.row(row) for table, row in pairs]
        stages = {name: sum(float(t.resources[name][r]) for t, r in pairs) for name in machine.capacity}
        energy = sum(float(t.total_energy_pj[r]) for t, r in pairs)
        found.append((max(row.cycles for row in rows), energy, stages, machine.between(rows)))
    return found


def fitting(
    trace: str, lut: int, luts_per_bram18: int = 50, usable_bram18: float = 1.0, cycles: float = 1e9
) -> list[tuple[float, float, float]]:
    """(cycles, energy, LUTs) of every choice that fits the device with its FIFOs."""
    capacity = {"lut": lut, "ff": 2 * lut, "bram18": usable_bram18 * (lut // luts_per_bram18)}
    found = []
    for pace, energy, stages, fifos in every_choice(trace, luts_per_bram18):
        used = {name: stages[name] + fifos.get(name, 0.0) for name in capacity}
        if pace <= cycles and all(used[name] <= most for name, most in capacity.items()):
            found.append((pace, energy, used["lut"]))
    return found


def plan_of(trace: str, device: tuple[float, ...], **changes: Any) -> Outcome:
    """Of a search on the device that `spec` makes."""
    study = {
        "workload": trace,
        "accelerator": spec(*device),  # type: ignore[arg-type]
        "bits": {"weights": [2], "activations": [2]},
        "minimize": "interval",
        "baseline_bits": "w2a2",
        "marginals": False,
    }
    return search(Study.model_validate(study | changes), workers=1)


def fastest_of_stages(trace: str, lut: int) -> float:
    """Without any FIFO deeper than the one that each stage has."""
    return min(pace for pace, _, stages, _ in every_choice(trace) if stages["lut"] <= lut)


@pytest.mark.parametrize("lut", [1500, 1600, 2000, 2200, 2700, 3100])
def test_fifos_decide_what_is_fastest(trace: str, lut: int) -> None:
    """Else the test below would pass without them."""
    assert min(fitting(trace, lut))[0] > fastest_of_stages(trace, lut)


@pytest.mark.parametrize("lut", [1500, 1600, 1700, 2000, 2200, 2700, 3100, 3900])
def test_the_fastest_pipeline_with_its_fifos_is_proven(trace: str, lut: int) -> None:
    check_fastest(trace, (lut,))


@pytest.mark.parametrize("lut", [1650, 1800, 2100])
def test_with_few_block_rams_for_fifos(trace: str, lut: int) -> None:
    """Where a FIFO is worth a block RAM, of which the device has one or two."""
    assert any(fifos.get("bram18") for *_, fifos in every_choice(trace, 15))
    check_fastest(trace, (lut, 15, 0.015))


def check_fastest(trace: str, device: tuple[Any, ...]) -> None:
    plan, (cycles, energy, _) = plan_of(trace, device).plan, min(fitting(trace, *device))
    assert plan is not None
    assert (plan.status, plan.gap, plan.warnings) == ("OPTIMAL", 0.0, [])
    assert plan.objective == pytest.approx(cycles / (CLOCK_MHZ * 1e3), rel=1e-12)
    assert plan.then["energy_mj"] == pytest.approx((energy + STATIC_PJ * cycles) / 1e9, rel=1e-6)


@pytest.mark.parametrize(("lut", "cycles"), [(1700, 900), (2200, 500), (10_000, 900), (10_000, 150)])
def test_the_least_luts_at_a_rate_are_proven(trace: str, lut: int, cycles: int) -> None:
    rate = {"frames_per_s": CLOCK_MHZ * 1e6 / cycles}
    plan = plan_of(trace, (lut,), minimize="resource.lut", budgets=rate).plan
    luts, pace = min((luts, pace) for pace, _, luts in fitting(trace, lut, cycles=cycles))
    assert plan is not None
    assert (plan.status, plan.objective) == ("OPTIMAL", pytest.approx(luts, rel=1e-9))
    assert plan.then["latency_ms"] == pytest.approx(pace / (CLOCK_MHZ * 1e3), rel=1e-12)


@pytest.mark.parametrize(("lut", "cycles"), [(1600, 1300), (2000, 900), (2200, 250)])
def test_the_least_energy_at_a_rate_is_proven(trace: str, lut: int, cycles: int) -> None:
    rate = {"frames_per_s": CLOCK_MHZ * 1e6 / cycles}
    plan = plan_of(trace, (lut,), minimize="energy", budgets=rate).plan
    least = min(energy + STATIC_PJ * pace for pace, energy, _ in fitting(trace, lut, cycles=cycles))
    assert plan is not None
    assert (plan.status, plan.objective) == ("OPTIMAL", pytest.approx(least / 1e9, rel=1e-6))


def test_that_no_choice_fits_with_its_fifos_is_proven(trace: str) -> None:
    lut = 1400
    assert fastest_of_stages(trace, lut) > 0
    assert fitting(trace, lut) == []
    outcome = plan_of(trace, (lut,))
    assert (outcome.status, outcome.plan) == ("INFEASIBLE", None)
    slow = {"frames_per_s": CLOCK_MHZ * 1e6 / 700}
    outcome = plan_of(trace, (1600,), budgets=slow)  # the stages alone would do
    assert fastest_of_stages(trace, 1600) <= 700 < min(fitting(trace, 1600))[0]
    assert outcome.conflict is not None
    assert outcome.conflict.moves[0].least == pytest.approx(864 / (CLOCK_MHZ * 1e3))
