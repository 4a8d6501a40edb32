"""Every point comes out as `simulate` or `search` says, whatever its family; what fails says why."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from sweep_cases import table, tiny_sweep, tiny_trace, totals_by_simulate

from archsim import accuracy
from archsim.dse.search import search
from archsim.dse.study import Study
from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.files import load_sweep
from archsim.dse.sweep.outcome import FAILED, INFEASIBLE, OK
from archsim.dse.sweep.run import sweep
from archsim.dse.sweep.sweep import TOTALS, Sweep
from archsim.errors import InputError
from archsim.undervolting import Undervolting


def swept(asked: Sweep, folder: Path):
    sweep(asked, folder / "found.sweep", workers=1)
    return table(folder / "found.sweep")


@pytest.mark.parametrize("minimize", ["latency", "energy", "edp"])
def test_points_are_what_simulate_says(tmp_path: Path, minimize: str) -> None:
    found = swept(tiny_sweep(tmp_path, minimize=minimize), tmp_path)
    assert len(found) == 24
    for _, row in found[found["status"] == OK].iterrows():
        size = int(row["rows"])
        fields = {
            "array.rows": size,
            "array.columns": size,
            "array.dataflow": row["array.dataflow"],
            "buffer.capacity_kib": row["sram_kib"],
        }
        told = totals_by_simulate(
            row["workload"], "systolic-32-edge", fields, minimize=minimize, precision=row["bits"]
        )
        assert row[list(TOTALS)].tolist() == told


def test_points_of_the_library_sweep_are_what_run_says(tmp_path: Path) -> None:
    """In any order, to the last bit: what is kept from point to point makes them faster, not different."""
    evaluator = Evaluator.of(load_sweep("resnet18-arrays"))
    numbers = Random(8).sample(range(evaluator.space.size), 6)
    designs = list(evaluator.space.designs(numbers))
    found = [evaluator.outcome(design).totals for design in designs]
    assert found == [evaluator.run(design).totals for design in designs]
    assert found[::-1] == [evaluator.outcome(design).totals for design in reversed(designs)]


def test_a_point_that_fails_says_why_and_stops_nothing(tmp_path: Path) -> None:
    found = swept(tiny_sweep(tmp_path), tmp_path)
    failed = found[found["status"] == FAILED]
    assert (failed["sram_kib"] == 0.0625).all()
    assert len(failed) == 8
    assert failed["error"].str.contains("memory 'buffer'").all()
    assert failed["latency_ms"].isna().all()
    assert not failed["feasible"].any()
    assert found[found["status"] == OK]["feasible"].all()


def test_a_bug_met_by_one_point_is_told_of_it_alone(tmp_path: Path, monkeypatch) -> None:
    evaluator = Evaluator.of(tiny_sweep(tmp_path))
    monkeypatch.setattr(Evaluator, "_ran", lambda *_: 1 / 0)
    chunk = evaluator.chunk([3, 4])
    assert (chunk.points, chunk.failed) == (2, 2)


def test_families_and_operating_points_side_by_side(tmp_path: Path) -> None:
    asked = load_sweep(
        {
            "workload": ["resnet8", tiny_trace(tmp_path)],
            "accelerator": ["gap9", "marsellus"],
            "hardware": {"operating_point.vdd_v": [0.65, 0.8]},
        }
    )
    found = swept(asked, tmp_path)
    assert len(found) == 8
    for _, row in found.iterrows():
        fields = {"operating_point.vdd_v": row["operating_point.vdd_v"]}
        assert row[list(TOTALS)].tolist() == totals_by_simulate(row["workload"], row["accelerator"], fields)


def test_budgets_decide_what_is_feasible(tmp_path: Path) -> None:
    found = swept(tiny_sweep(tmp_path, budgets={"area_mm2": 0.08, "latency_ms": 1}), tmp_path)
    ran = found[found["status"] == OK]
    assert (ran["feasible"] == ((ran["area_mm2"] <= 0.08) & (ran["latency_ms"] <= 1))).all()
    assert 0 < ran["feasible"].sum() < len(ran)


def test_points_that_are_searches(tmp_path: Path) -> None:
    terms = {"bits": {"weights": [4, 8]}, "minimize": "energy", "budgets": {"sensitivity": "150 %"}}
    asked = load_sweep(
        {
            "workload": tiny_trace(tmp_path),
            "accelerator": "systolic-32-edge",
            "hardware": {"buffer.capacity_kib": [0.0625, 16, 32]},
            "search": terms,
        }
    )
    found = swept(asked, tmp_path)
    assert found["status"].tolist()[0] in (FAILED, INFEASIBLE)
    for _, row in found.iloc[1:].iterrows():
        hardware = {"buffer.capacity_kib": [row["buffer.capacity_kib"]]}
        study = Study(workload=asked.workloads[0], accelerator="systolic-32-edge", hardware=hardware, **terms)
        plan = search(study, workers=1).plan
        assert plan is not None
        assert row["proof"] == plan.status == "OPTIMAL"
        assert row[list(TOTALS)].tolist() == [plan.totals[name] for name in TOTALS]


def test_a_search_that_nothing_meets_is_infeasible(tmp_path: Path) -> None:
    asked = load_sweep(
        {
            "workload": tiny_trace(tmp_path),
            "accelerator": "systolic-32-edge",
            "search": {"budgets": {"latency_ms": 1e-9}},
        }
    )
    (row,) = swept(asked, tmp_path).to_dict(orient="records")
    assert row["status"] == INFEASIBLE
    assert "latency_ms" in row["error"]


def test_accuracy_of_every_point(tmp_path: Path) -> None:
    """That of the twin on the chips and images asked for; no column where it is not measured."""
    told = {"workload": "digits-cnn", "accelerator": "pim-sram-65nm", "hardware": {"adc.bits": [5, 7]}}
    measured = {"accuracy": {"images": 40, "chips": 2}, "goals": ["energy_mj", "accuracy"]}
    found = swept(load_sweep({"name": "accuracies", **told, **measured}), tmp_path)
    direct = accuracy("digits-cnn", "pim-sram-65nm", images=40, chips=2, adc_bits=[5], causes=False)
    assert found["accuracy"].tolist() == [direct.adc_sweep[0].hardware.mean, direct.hardware.mean]
    assert found["accuracy_std"].tolist() == [direct.adc_sweep[0].hardware.std, direct.hardware.std]
    (other := tmp_path / "other").mkdir()
    assert "accuracy" not in swept(tiny_sweep(tmp_path), other)
    with pytest.raises(InputError, match="'accuracy' is not known"):
        load_sweep({"name": "unmeasured", **told, "goals": ["accuracy"]})


def test_accuracy_over_supplies_has_the_bit_errors(tmp_path: Path) -> None:
    """That of `archsim accuracy --vdd` on the same chips and images; without errors at the safe voltage."""
    supplies, told = [0.64, 0.7, 0.8], {"workload": "digits-cnn", "accelerator": "lowvolt-npu"}
    asked = load_sweep(
        {
            "name": "supplies",
            **told,
            "hardware": {"weights.low_voltage.vdd_v": supplies},
            "accuracy": {"images": 40, "chips": 2},
            "goals": ["energy_mj", "accuracy"],
        }
    )
    found = swept(asked, tmp_path)
    direct = accuracy("digits-cnn", "lowvolt-npu", images=40, chips=2, undervolting=Undervolting(supplies))
    assert direct.low_voltage is not None
    expected = {point.vdd_v: point.hardware for point in direct.low_voltage.points}
    assert found["accuracy"].tolist() == [expected[vdd].mean for vdd in supplies]
    assert found["accuracy_std"].tolist() == [expected[vdd].std for vdd in supplies]
    assert found["accuracy"][0] < found["accuracy"][2]
