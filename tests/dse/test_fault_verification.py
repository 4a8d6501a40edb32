"""Plans of a search over bit errors, measured on other chips: limits lowered, and both kinds of budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import archsim
from archsim.accelerators.library import read_accelerator
from archsim.accelerators.machine import Machine, Row
from archsim.accelerators.sram_supplies import with_sram_supplies
from archsim.dse import limits
from archsim.dse.bits import BitSpace
from archsim.dse.fault_loss import FaultLosses, fault_losses
from archsim.dse.plan import Plan, PlanAccuracy
from archsim.dse.search import search
from archsim.dse.study import AccuracyMeasure, Study
from archsim.dse.study_files import load_study
from archsim.dse.twin_errors import OnChips, PointError, TwinErrors, error_measure
from archsim.dse.verify import MOST_ROUNDS
from archsim.errors import InputError
from archsim.numerics.accuracy_report import Spread
from archsim.reports.plan_data import complete, proof
from archsim.simulation import choose, set_up
from archsim.workloads.library import load_workload, model_file
from archsim.workloads.precision import Precision
from archsim.workloads.shipped_data import shipped_data

FIELD = "weights.low_voltage.vdd_v"
EXPECTED = {0.8: 0.0, 0.76: 0.002, 0.72: 0.006, 0.68: 0.012, 0.64: 0.03}
"""What the table says of all weights, by supply (V)."""


def rate(volts: float) -> float:
    machine = archsim.load_accelerator("lowvolt-npu", sram_vdd_v={"weights": volts})
    return machine.settings()["sram"]["weights"]["ber"]  # pyright: ignore[reportAttributeAccessIssue]


def table() -> dict[str, Any]:
    """Only `conv1` loses; at each supply what EXPECTED says."""
    curve = {rate(volts): loss for volts, loss in EXPECTED.items() if volts < 0.8}
    rates = sorted(curve)
    layers = {"conv1": {"ber": rates, "loss": [curve[each] for each in rates]}}
    none = {name: {"ber": [0.5], "loss": [0.0]} for name in ("conv2", "conv3", "gemm1")}
    return {"model": "digits-cnn", "chips": 3, "layers": layers | none}


def study(**fields: Any) -> Study:
    settings = {
        "workload": "digits-cnn", "accelerator": "lowvolt-npu", "minimize": "energy", "marginals": False,
        "hardware": {FIELD: list(EXPECTED)}, "ber_sensitivity": table(),
    }  # fmt: skip
    return Study(**{**settings, **fields})


@dataclass
class MadeUp:
    """An ErrorMeasure of chips that lose `loss`, by the supply of the weights (V), of 0.95."""

    loss: dict[float, float]
    settings: AccuracyMeasure = field(default_factory=AccuracyMeasure)
    images: range = range(100)
    other_images: range = range(100, 200)

    @property
    def twins(self) -> MadeUp:
        return self

    def float_accuracy(self, images: range) -> float:
        return 0.96

    def check(self, space: BitSpace) -> None:
        pass

    def errors(self, space: BitSpace, machines: Iterable[Machine], *_: Any) -> TwinErrors:
        return TwinErrors({None: PointError(0.05, None)})

    def verified(self, machine: Machine, rows: Sequence[Row], faults: FaultLosses | None) -> OnChips:
        volts = machine.settings()["sram"]["weights"]["vdd_v"]  # pyright: ignore[reportAttributeAccessIssue]
        return OnChips(Spread.of([0.95 - self.loss[volts]] * 2), range(4, 6), self.other_images, 0.95)


def found_with(monkeypatch: pytest.MonkeyPatch, loss: dict[float, float], **budgets: float) -> Plan:
    monkeypatch.setattr(limits, "error_measure", lambda *_: MadeUp(loss))
    plan = search(study(budgets=budgets), workers=1).plan
    assert plan is not None
    return plan


def measured(plan: Plan) -> PlanAccuracy:
    assert plan.accuracy is not None
    return plan.accuracy


def test_a_loss_that_verifies_is_the_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = found_with(monkeypatch, EXPECTED | {0.68: 0.015}, fault_loss=0.02)
    assert plan.status == "OPTIMAL"
    assert plan.hardware == {FIELD: 0.68}
    (use,) = plan.budgets
    assert (use.name, use.limit, use.used) == ("fault_loss", 0.02, pytest.approx(0.015))
    (only,) = measured(plan).rounds
    assert (only.quantity, only.limit) == ("fault_loss", 0.02)
    assert (only.searched, only.verified) == (pytest.approx(0.012), pytest.approx(0.015))
    assert (measured(plan).without_faults, measured(plan).fault_loss) == (0.95, pytest.approx(0.015))
    told = " ".join(proof(complete(plan.to_dict())))
    assert "Bit errors cost 1.5 points of 95.0 %; the search expected 1.2 points." in told


def test_a_loss_that_breaks_when_verified_is_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight times what the table expects: under an eighth of that, and of the limit, is 0.76 V."""
    plan = found_with(monkeypatch, EXPECTED | {0.68: 0.096}, fault_loss=0.02)
    assert plan.hardware == {FIELD: 0.76}
    first, second = measured(plan).rounds
    assert (first.limit, second.limit) == (0.02, pytest.approx(0.012 * 0.02 / 0.096))
    assert (second.searched, second.verified) == (pytest.approx(0.002), pytest.approx(0.002))
    assert plan.status == "FEASIBLE"  # the proof is that of the first search
    assert plan.best_bound is not None
    assert plan.objective is not None
    assert plan.best_bound < plan.objective
    told = " ".join(proof(complete(plan.to_dict())))
    assert "broke a limit when verified; searched under fault loss: 2 points, 0.25 points" in told


def test_a_loss_that_nothing_verifies_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = found_with(monkeypatch, {volts: 0.03 + loss for volts, loss in EXPECTED.items()}, fault_loss=0.02)
    assert plan.status == "UNKNOWN"
    assert plan.budgets[0].slack < 0
    assert plan.hardware == {FIELD: 0.8}  # the nearest
    assert len(measured(plan).rounds) <= MOST_ROUNDS
    assert "No plan was verified to meet the limit of fault loss" in " ".join(proof(complete(plan.to_dict())))


def test_an_error_counts_the_bit_errors_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.96 - 0.018 leaves 0.008 beside the error of 0.05: 0.72 V, though fault_loss would allow 0.68 V."""
    plan = found_with(monkeypatch, EXPECTED, fault_loss=0.02, accuracy_loss=0.018)
    assert plan.hardware == {FIELD: 0.72}
    error, loss = measured(plan).rounds
    assert (error.quantity, error.searched) == ("top1_error", pytest.approx(0.056))
    assert (loss.quantity, loss.searched) == ("fault_loss", pytest.approx(0.006))
    uses = {use.name: use for use in plan.budgets}
    assert uses["top1_error"].used == pytest.approx(0.056)
    assert uses["fault_loss"].limit == 0.02


def test_with_a_table_an_accuracy_alone_steers_supplies(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = found_with(monkeypatch, EXPECTED, accuracy_loss=0.018)
    assert plan.hardware == {FIELD: 0.72}
    assert [(use.name, use.used) for use in plan.budgets] == [("top1_error", pytest.approx(0.056))]


def test_only_a_limit_that_is_broken_is_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = found_with(monkeypatch, EXPECTED | {0.72: 0.011}, fault_loss=0.02, accuracy_loss=0.018)
    assert plan.hardware == {FIELD: 0.76}
    by_quantity = {
        name: [each.limit for each in measured(plan).rounds if each.quantity == name]
        for name in ("top1_error", "fault_loss")
    }
    assert by_quantity["top1_error"] == [pytest.approx(0.058), pytest.approx(0.056 - 0.003)]
    assert by_quantity["fault_loss"] == [0.02, 0.02]


def test_bit_errors_that_no_table_tells_of_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "error_measure", lambda *_: MadeUp({0.64: 0.03}))
    asked = study(budgets={"accuracy": 0.9}, ber_sensitivity=None, hardware={FIELD: [0.64]})
    plan = search(asked, workers=1).plan
    assert plan is not None
    assert measured(plan).hardware.mean == pytest.approx(0.92)
    assert any("bit errors cost 3 points" in warning for warning in plan.warnings)


def test_a_front_is_measured_and_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "error_measure", lambda *_: MadeUp(EXPECTED | {0.72: 0.04}))
    asked = study(front=["energy", "fault_loss"], budgets={"fault_loss": 0.02}, points=5)
    front = search(asked, workers=1).front
    assert [point.plan.hardware[FIELD] for point in front] == [0.68, 0.72, 0.76, 0.8]
    searched = [point.values["fault_loss"] for point in front]
    assert searched == pytest.approx([0.012, 0.006, 0.002, 0.0], abs=5e-4)
    found = [measured(point.plan).fault_loss for point in front]
    assert found == pytest.approx([0.012, 0.04, 0.002, 0.0], abs=1e-9)
    assert {point.plan.status for point in front} == {"OPTIMAL"}


def test_without_labelled_data_the_plan_says_so(tmp_path: Any) -> None:
    trace = tmp_path / "net.csv"
    trace.write_text("name,operator,B,K,C,P,Q,R,S,stride\nconv1,conv,1,8,3,16,16,3,3,1\n")
    plan = search(study(workload=str(trace), budgets={"fault_loss": 0.02}), workers=1).plan
    assert plan is not None
    assert plan.status == "OPTIMAL"
    assert plan.accuracy is None
    (warning,) = [each for each in plan.warnings if "not verified" in each]
    assert "a layer trace has no weights" in warning
    named = study(workload=str(trace), budgets={"fault_loss": 0.02}, accuracy={"data": "images.npz"})
    with pytest.raises(InputError, match="a layer trace has no weights"):
        search(named, workers=1)


def test_a_real_plan_that_breaks_its_budget_is_searched_again() -> None:
    """0.70 V is expected to lose less than 0.012, and loses more; 0.72 V keeps to it."""
    fields = {"marginals": False, "budgets": {"fault_loss": 0.012}}
    plan = search(load_study("lowvolt-digits").model_copy(update=fields), workers=1).plan
    assert plan is not None
    assert plan.status == "FEASIBLE"
    assert plan.hardware[FIELD] == pytest.approx(0.72)
    first, second = measured(plan).rounds
    assert first.searched < 0.012 < first.verified
    assert second.verified <= 0.012
    assert second.limit == pytest.approx(first.searched * 0.012 / first.verified)


def test_bit_errors_beside_crossbars_are_not_measured() -> None:
    """They would be in the inputs, of which the table says nothing either."""
    lowered = with_sram_supplies(read_accelerator("isaac"), {"input_register": 0.7})
    fields = {"hardware": {}, "budgets": {"fault_loss": 0.02}, "accuracy": {"images": 50}}
    plain, low = (search(study(accelerator=spec, **fields), workers=1).plan for spec in ("isaac", lowered))
    assert plain is not None
    assert low is not None
    assert (measured(plain).fault_loss, measured(low).fault_loss) == (0.0, None)
    assert not any("beside crossbars" in warning for warning in plain.warnings)
    assert any("beside crossbars are not measured" in warning for warning in low.warnings)


def test_the_twin_measures_the_plan_on_what_the_table_has_not_seen() -> None:
    """What the search says is what the twin of the same accelerator says on these chips and images."""
    plan = search(load_study("lowvolt-digits").model_copy(update={"marginals": False}), workers=1).plan
    assert plan is not None
    assert plan.status == "OPTIMAL"
    found = measured(plan)
    (only,) = found.rounds
    assert only.searched == pytest.approx(0.0072, abs=1e-4)
    assert only.verified == found.fault_loss
    assert (found.first_chip, found.chips, found.first_image, found.images) == (100, 50, 225, 225)
    assert found.without_faults is not None
    assert 0 < found.hardware.worst <= found.hardware.mean <= found.without_faults
    assert found.fault_loss == pytest.approx(found.without_faults - found.hardware.mean)
    assert found.fault_loss < 0.02


def test_images_that_a_table_was_measured_on_verify_nothing_where_others_are_left() -> None:
    measured_on = load_study("lowvolt-digits").ber_sensitivity
    assert isinstance(measured_on, dict)
    asked = {"marginals": False, "accuracy": {"chips": 1, "images": 100}}
    for images, first, warned in ((300, 300, False), (450, 100, True)):
        study_of = study(
            **asked, budgets={"fault_loss": 1.0}, ber_sensitivity=measured_on | {"images": images}
        )
        plan = search(study_of, workers=1).plan
        assert plan is not None
        assert (measured(plan).first_image, measured(plan).images) == (first, 100)
        assert any(f"measured on {images} images" in each for each in plan.warnings) == warned


def test_chips_and_images_are_those_of_an_accuracy_report() -> None:
    """The third and the fourth chip, on the second half of the images."""
    volts, network = 0.62, load_workload("digits-cnn").with_precision(Precision(8, 8, 8))
    machine = set_up(archsim.load_accelerator("lowvolt-npu", sram_vdd_v={"weights": volts}), network)
    rows, _ = choose(network, machine, "latency")
    measure = error_measure("digits-cnn", AccuracyMeasure(chips=2))
    found = measure.verified(machine, rows)
    file = model_file("digits-cnn")
    test = dict(np.load(shipped_data(file, "test")))
    report = archsim.accuracy(
        "digits-cnn", "lowvolt-npu", chips=4, causes=False,
        data={name: values[225:450] for name, values in test.items()},
        calibration=shipped_data(file, "calibration"), undervolting=archsim.Undervolting(vdd_v=(volts,)),
    )  # fmt: skip
    assert report.low_voltage is not None
    (point,) = report.low_voltage.points
    assert found.hardware == Spread.of(point.per_chip[2:4])
    assert found.hardware.std > 0
    assert found.without_faults == report.quantized
    assert found.chips == range(2, 4)
    assert measure.verified(machine, rows, FaultLosses({}, chips=7)).chips == range(7, 9)


def test_a_table_says_how_it_was_measured() -> None:
    losses = fault_losses(study(ber_sensitivity=table() | {"faults": "flip"}))
    assert losses is not None
    assert (losses.kind, losses.chips, losses.images) == ("flip", 3, 0)
    wrong = (("faults", "fade", "allowed: stuck, flip"), ("chips", -1, "how many chips"))
    for key, value, told in (*wrong, ("images", 0.5, "how many images")):
        with pytest.raises(InputError, match=told):
            fault_losses(study(ber_sensitivity=table() | {key: value}))
