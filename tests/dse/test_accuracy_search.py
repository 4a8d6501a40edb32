"""Accuracy in searches: measured by the twin, added up layer by layer, verified on other chips and images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import fsum
from typing import Any

import pytest

import archsim
from archsim.accelerators.library import read_accelerator
from archsim.accelerators.machine import Machine, Row
from archsim.dse import limits
from archsim.dse.bits import BitSpace
from archsim.dse.fault_loss import FaultLosses
from archsim.dse.search import Outcome, search
from archsim.dse.study import AccuracyMeasure, Study
from archsim.dse.twin_errors import OnChips, PointError, TwinErrors, error_measure
from archsim.dse.verify import MOST_ROUNDS
from archsim.errors import InputError
from archsim.evaluation import crossbar_of
from archsim.numerics.accuracy_report import Spread
from archsim.numerics.sensitivity import Sensitivity
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision

MACRO = {**read_accelerator("pim-sram-65nm"), "noise": {}}
NOISY = {**MACRO, "noise": {"gain_sigma": 0.05, "offset_sigma_lsb": 1.0}}
FEW = AccuracyMeasure(images=100, chips=2)


def study(**fields: Any) -> Study:
    settings = {
        "workload": "digits-cnn", "accelerator": MACRO, "baseline_bits": "w4a4", "minimize": "energy",
        "bits": {"weights": [4], "activations": [4]}, "accuracy": FEW,
    }  # fmt: skip
    return Study(**{**settings, **fields})


def test_the_errors_of_a_front_are_those_of_the_twins() -> None:
    bits = [4, 5, 7]
    outcome = search(study(hardware={"adc.bits": bits}, front=["energy", "accuracy"], points=5), workers=1)
    assert outcome.status == "OPTIMAL"
    found = archsim.accuracy(
        "digits-cnn", MACRO, bits="w4a4", images=100, adc_bits=bits, causes=False, chips=1
    )
    errors = {point.adc_bits: 1 - point.hardware.mean for point in found.adc_sweep}
    assert [point.plan.hardware["adc.bits"] for point in outcome.front] == bits
    for point in outcome.front:
        assert point.values["top1_error"] == errors[point.plan.hardware["adc.bits"]]
        measured = point.plan.accuracy
        assert measured is not None
        assert (measured.images, measured.first_image, measured.first_chip) == (100, 100, 2)
        assert measured.chips == 1  # nothing is drawn
    assert errors[4] > errors[5] > errors[7]


def test_chips_and_images_of_the_verification_are_others() -> None:
    measure = error_measure("digits-cnn", FEW)
    twins = measure.twins
    assert twins.images(100) == (measure.images, range(100, 200))
    assert twins.images(100, seen=300) == (range(100), range(300, 400))
    assert twins.images(100, seen=400) == (range(100), range(400, 450))
    assert twins.images(100, seen=450) == (range(100), range(100, 200))  # all were seen
    assert not set(measure.chips) & set(measure.other_chips)
    crossbar = crossbar_of(archsim.load_accelerator(NOISY))
    assert crossbar is not None
    four = dict.fromkeys(twins.products, Precision(4, 4, 4))
    own, other = (twins.measure(crossbar, four, chips, measure.images) for chips in (range(2), range(2, 4)))
    assert own != other
    direct = archsim.accuracy("digits-cnn", NOISY, bits="w4a4", images=100, chips=4, causes=False)
    assert own == Spread.of(direct.per_chip[:2])
    assert other == Spread.of(direct.per_chip[2:])
    assert measure is error_measure("digits-cnn", FEW)  # the same files: known twins
    assert twins.images(10_000) == (range(225), range(225, 450))
    with pytest.raises(InputError, match="no bits for layer 'conv2'"):
        twins.measure(crossbar, {"conv1": Precision(4, 4, 4)}, range(1), measure.images)


@dataclass
class MadeUp:
    """An ErrorMeasure of made-up errors: `added` a layer at 4 bits, and as much `offset` when verified."""

    added: dict[str, float]
    offset: float
    settings: AccuracyMeasure = field(default_factory=AccuracyMeasure)
    images: range = range(100)
    other_images: range = range(100, 200)
    other_chips: range = range(4, 8)

    @property
    def twins(self) -> MadeUp:
        return self

    def check(self, space: BitSpace) -> None:
        pass

    def float_accuracy(self, images: range) -> float:
        return 0.95

    def errors(self, space: BitSpace, machines: Iterable[Machine], *_: Any) -> TwinErrors:
        losses = {
            (layer.name, operand, bits): self.added.get(layer.name, 0.0) * (operand == "weight" and bits == 4)
            for layer in space.workload.layers
            for operand in ("weight", "activation")
            for bits in (4, 8)
        }
        return TwinErrors({None: PointError(0.05, Sensitivity(losses))})  # pyright: ignore[reportArgumentType]

    def verified(self, machine: Machine, rows: Sequence[Row], faults: FaultLosses | None) -> OnChips:
        bits = {row.layer.name: row.layer.precision.weight_bits for row in rows}
        narrow = [added for name, added in self.added.items() if bits[name] == 4]
        hardware = Spread.of([1 - 0.05 - fsum(narrow) - self.offset])
        return OnChips(hardware, self.other_chips, self.other_images)


ADDED = {"conv1": 0.004, "conv2": 0.01, "conv3": 0.007, "gemm1": 0.002}


def found_with(monkeypatch: pytest.MonkeyPatch, measure: MadeUp, loss: float) -> Outcome:
    monkeypatch.setattr(limits, "error_measure", lambda *_: measure)
    asked = study(
        accelerator="systolic-32-edge", bits={"weights": [4, 8], "activations": [8]},
        budgets={"accuracy_loss": loss}, marginals=False,
    )  # fmt: skip
    return search(asked, workers=1)


def test_errors_of_layers_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least energy of all sets of layers at 4 bits whose errors together keep to the loss."""
    plan = found_with(monkeypatch, MadeUp(ADDED, 0.0), 0.0125).plan
    assert plan is not None
    assert plan.status == "OPTIMAL"
    narrow = [layer.name for layer in plan.layers if layer.name in ADDED and layer.weight_bits == 4]
    energy = {}
    for widths in product((4, 8), repeat=len(ADDED)):
        chosen = [name for name, bits in zip(ADDED, widths, strict=True) if bits == 4]
        if fsum(ADDED[name] for name in chosen) <= 0.0125 + 1e-9:
            pinned = {name: {"weights": [bits]} for name, bits in zip(ADDED, widths, strict=True)}
            fixed = search(
                study(
                    accelerator="systolic-32-edge", marginals=False,
                    bits={"weights": [4, 8], "activations": [8], "layers": pinned},
                ),
                workers=1,
            ).plan  # fmt: skip
            assert fixed is not None
            energy[tuple(chosen)] = fixed.objective
    assert energy[tuple(narrow)] == pytest.approx(min(energy.values()), rel=1e-9)
    assert plan.accuracy is not None
    assert plan.accuracy.rounds[0].searched == pytest.approx(0.05 + fsum(ADDED[name] for name in narrow))
    (use,) = plan.budgets
    assert (use.name, use.limit) == ("top1_error", pytest.approx(0.05 + 0.0125))


def test_a_limit_that_is_broken_when_verified_is_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = found_with(monkeypatch, MadeUp(ADDED, 0.005), 0.0125).plan
    assert plan is not None
    assert plan.accuracy is not None
    first, *_, last = plan.accuracy.rounds
    assert first.verified > 0.0625 >= last.verified
    assert last.limit is not None
    assert last.limit < first.limit  # pyright: ignore[reportOperatorIssue]
    assert plan.status == "FEASIBLE"  # the proof is that of the first search
    assert plan.best_bound is not None
    assert plan.objective is not None
    assert plan.best_bound < plan.objective
    assert plan.budgets[0].slack >= 0


def test_a_limit_that_nothing_verifies_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = found_with(monkeypatch, MadeUp(ADDED, 0.02), 0.0125).plan
    assert plan is not None
    assert plan.status == "UNKNOWN"
    assert plan.budgets[0].slack < 0
    assert plan.accuracy is not None
    assert len(plan.accuracy.rounds) <= MOST_ROUNDS


def test_accuracy_under_which_nothing_is_feasible() -> None:
    outcome = search(study(hardware={"adc.bits": [2, 3]}, budgets={"accuracy": 0.999}), workers=1)
    assert outcome.conflict is not None
    assert "top1_error must rise to" in outcome.conflict.sentences()[1]


def test_a_table_of_a_real_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of single layers on the arrays, against the network at the widest bits."""
    measured: list[tuple[int, int]] = []
    asked = study(bits={"weights": [2, 4], "activations": [4]}, accuracy={"images": 50, "chips": 1})
    measure = error_measure("digits-cnn", asked.accuracy)
    from archsim.dse.bits import bit_space

    space = bit_space(load_workload("digits-cnn"), asked.bits)
    machine = archsim.load_accelerator(MACRO)
    error = measure.errors(space, [machine, machine], 2, lambda *done: measured.append(done)).of(machine)
    assert measured[-1] == (5, 5)  # all at 4 bits, and each of four layers at 2
    assert error.added is not None
    assert {error.added.loss(name, "weight", 4) for name in measure.twins.products} == {0.0}
    assert max(error.added.loss(name, "weight", 2) for name in measure.twins.products) > 0.0


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"budgets": {"accuracy_loss": "90 %"}}, "counted from the float model's accuracy"),
        ({"budgets": {"accuracy": 0.9}, "workload": "resnet8"}, "a layer trace has no weights"),
    ],
)
def test_what_cannot_be_measured(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        search(study(**fields), workers=1)


def test_limits_are_shares_of_one() -> None:
    with pytest.raises(ValueError, match="share from 0 to 1"):
        study(budgets={"accuracy": 90.0})
