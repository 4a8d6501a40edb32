"""Accuracy below the safe voltage: figures measured apart, conservation, the knee, sensitivity by layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import archsim
from archsim import Undervolting
from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.sram_supplies import with_sram_supplies
from archsim.dse.fault_loss import read_fault_losses
from archsim.errors import InputError
from archsim.numerics.accuracy_report import Accuracy, Spread
from archsim.numerics.faults.cells import FaultModel
from archsim.numerics.faults.fault_report import Energy, LowVoltage, SupplyAccuracy, knee_of
from archsim.simulation import simulate

TWO_CONVOLUTIONS = Path(__file__).parents[2] / "data" / "digits-two-conv.onnx"


def measured(name: str | Path, on: str | None = None, /, chips: int = 5, **asked: object) -> Accuracy:
    return archsim.accuracy(name, on, chips=chips, fit="max", undervolting=Undervolting(**asked))  # pyright: ignore[reportArgumentType]


def low(found: Accuracy) -> LowVoltage:
    assert found.low_voltage is not None
    return found.low_voltage


def test_losses_of_a_network_measured_apart() -> None:
    """Measured apart from archsim, in no paper: another training of the same network (two convolutions and a
    full layer, 9,930 parameters; a PyTorch script of 40 epochs) run by a NumPy executor of its own, on the
    same images, 8-bit weights and activations scaled from the largest value, every bit of the weights flipped
    independently: 99.56 % without faults; 0.00, 0.25, 2.49 and 21.7 points less at these rates, ±0, 0.12, 2.2
    and 5.7 over 10 chips."""
    apart = {1e-4: (0.0, 0.0), 1e-3: (0.25, 0.12), 1e-2: (2.49, 2.2), 5e-2: (21.7, 5.7)}
    found = measured(TWO_CONVOLUTIONS, chips=40, ber=tuple(apart), model=FaultModel("flip"))
    for point, (rate, (loss, std)) in zip(low(found).points, apart.items(), strict=True):
        assert point.ber == {"weights": rate}
        lost = 100 * (found.quantized - point.hardware.mean)
        assert lost == pytest.approx(loss, abs=0.3 + 2 * std / np.sqrt(10))
        assert point.flip_rate == pytest.approx(rate, rel=0.1)


def test_stuck_cells_flip_half() -> None:
    stuck, flip = (
        low(measured("digits-cnn", ber=[1e-2], model=FaultModel(kind))).points[0]  # pyright: ignore[reportArgumentType]
        for kind in ("stuck", "flip")
    )
    assert stuck.flip_rate == pytest.approx(flip.flip_rate / 2, rel=0.05)
    assert stuck.hardware.mean > flip.hardware.mean + 0.05


def test_codes_and_protection_help() -> None:
    plain, ecc, protected, signed = (
        low(measured("digits-cnn", chips=10, ber=[8e-3], **asked)).points[0]
        for asked in ({}, {"ecc": True}, {"protected_bits": 2}, {"encoding": "sign_magnitude"})
    )
    assert plain.corrected_words == 0
    assert ecc.corrected_words > 0
    assert ecc.flip_rate < plain.flip_rate / 3
    assert min(ecc.hardware.mean, protected.hardware.mean) > plain.hardware.mean + 0.01
    assert signed.hardware.mean > plain.hardware.mean


def test_nothing_fails_at_a_rate_of_zero_or_in_nominal_layers() -> None:
    found = measured("digits-cnn", ber=[0.0, 0.05])
    none, many = low(found).points
    assert (none.flip_rate, none.hardware) == (0.0, Spread.of([found.quantized]))
    assert many.hardware.mean < 0.8
    kept = measured("digits-cnn", ber=[0.05], nominal=["conv*"])
    assert low(kept).points[0].hardware.mean > 0.9
    assert low(kept).memories[0].weights_of == ("gemm1",)


@pytest.fixture(scope="module")
def on_the_npu() -> Accuracy:
    return measured("digits-cnn", "lowvolt-npu", chips=4, vdd_v=[0.6, 0.8, 0.7])


def test_voltages_of_an_accelerator(on_the_npu: Accuracy) -> None:
    found = low(on_the_npu)
    assert [point.vdd_v for point in found.points] == [0.8, 0.7, 0.6]
    assert [memory.name for memory in found.memories] == ["weights"]
    assert found.memories[0].words == 256 * 1024 // 8
    npu = {v: load_accelerator("lowvolt-npu", sram_vdd_v={"weights": v}) for v in (0.8, 0.7, 0.6)}
    for point in found.points:
        site = next(s for s in npu[point.vdd_v or 0].sram_sites if s.memory == "weights")
        assert site.supply is not None
        assert point.ber == {"weights": pytest.approx(site.supply.bit_error_rate)}
    assert found.points[0].hardware.mean > found.points[2].hardware.mean


def test_energy_is_that_of_a_run(on_the_npu: Accuracy) -> None:
    found = low(on_the_npu)
    for point in found.points:
        run = simulate(
            "digits-cnn", load_accelerator("lowvolt-npu", sram_vdd_v={"weights": point.vdd_v or 0}),
            precision="w8a8",
        )  # fmt: skip
        assert point.energy is not None
        assert point.energy.total_mj == pytest.approx(run.totals.energy_mj)
        weights = run.energy["energy_pj"][run.energy["component"] == "weights"].sum() * 1e-9
        assert point.energy.memories_mj == pytest.approx(weights)
        assert point.energy.latency_ms == pytest.approx(run.totals.latency_ms)
    assert found.safe is not None
    safe = simulate("digits-cnn", "lowvolt-npu", precision="w8a8")
    assert found.safe.total_mj == pytest.approx(safe.totals.energy_mj)


def test_nominal_layers_take_the_energy_of_the_safe_voltage() -> None:
    whole = low(measured("digits-cnn", "lowvolt-npu", chips=1, vdd_v=[0.65]))
    part = low(measured("digits-cnn", "lowvolt-npu", chips=1, vdd_v=[0.65], nominal=["conv2", "conv3"]))
    assert whole.safe is not None
    assert whole.points[0].energy is not None
    assert part.points[0].energy is not None
    assert whole.points[0].energy.total_mj < part.points[0].energy.total_mj < whole.safe.total_mj


def test_activations_fail_too_if_asked() -> None:
    found = low(measured("digits-cnn", "lowvolt-npu", vdd_v=[0.68], activations=True))
    assert {memory.name for memory in found.memories} == {"weights", "inputs"}
    held = next(memory for memory in found.memories if memory.name == "inputs")
    assert held.activations_of == ("conv1", "conv2", "conv3", "gemm1")
    alone = low(measured("digits-cnn", "lowvolt-npu", vdd_v=[0.62], memories=["inputs"]))
    assert alone.points[0].flip_rate == 0
    assert alone.points[0].hardware.mean < 0.97


def test_a_measured_chip(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("word,bit,stuck_at,vdd_v\n" + "".join(f"{n},7,1,0.6\n" for n in range(40)))
    found = low(measured("digits-cnn", "lowvolt-npu", vdd_v=[0.6, 0.7], fault_map=path))
    assert found.fault_map == str(path)
    assert found.chips == 1
    safe, low_one = found.points
    assert safe.flip_rate == 0
    assert low_one.flip_rate > 0


def test_a_sweep_repeats_and_chips_differ() -> None:
    first, again, other = (
        low(archsim.accuracy("digits-cnn", chips=4, seed=seed, undervolting=Undervolting(ber=[0.01])))
        for seed in (0, 0, 1)
    )
    assert first.points == again.points
    assert first.points[0].per_chip != other.points[0].per_chip
    assert len(set(first.points[0].per_chip)) > 1


def point(vdd: float, mean: float, energy: float) -> SupplyAccuracy:
    return SupplyAccuracy(
        vdd, {"w": 0.0}, 0.0, 0.0, Spread.of([mean]), (mean,), Energy(energy, energy / 2, 1.0)
    )


def test_the_knee() -> None:
    points = [point(0.8, 0.90, 4), point(0.75, 0.895, 3), point(0.7, 0.88, 2), point(0.65, 0.895, 1)]
    knee = knee_of(points, 0.9, 0.01, Energy(4, 2, 1))
    assert knee is not None
    assert (knee.vdd_v, knee.accuracy) == (0.75, 0.895)  # what recovers by chance further down is no knee
    assert knee.energy_saving == pytest.approx(0.25)
    assert knee_of(points, 0.95, 0.01) is None


def test_sensitivity_by_layer(tmp_path: Path) -> None:
    table = archsim.ber_sensitivity("digits-cnn", [2e-2, 1e-4], chips=6, images=300)
    assert list(table.layers) == ["conv1", "conv2", "conv3", "gemm1"]
    for row in table.layers.values():
        assert row.ber == (1e-4, 2e-2)
        assert row.loss[0] <= 0.005
    assert table.layers["conv2"].loss[1] > table.layers["gemm1"].loss[1]
    table.to_json(tmp_path / "table.json")
    content = json.loads((tmp_path / "table.json").read_text())
    assert (content["schema"], content["chips"], content["images"]) == ("archsim.ber_sensitivity/1", 6, 300)
    read = read_fault_losses(tmp_path / "table.json")
    assert read.loss("conv2", np.array([2e-2]))[0] == pytest.approx(table.layers["conv2"].loss[1])


def test_an_accuracy_without_bit_errors_says_so() -> None:
    lowered = with_sram_supplies(read_accelerator("lowvolt-npu"), {"weights": 0.7})
    for on, warned in (("lowvolt-npu", False), (lowered, True)):
        found = archsim.accuracy("digits-cnn", on, chips=1, images=20, causes=False)
        assert any("0.28 % of 'weights'" in each for each in found.warnings) == warned


def test_what_does_not_go_together() -> None:
    for asked, said in [
        ({}, "one of the two"),
        ({"vdd_v": [0.7], "ber": [0.1]}, "one of the two"),
        ({"ber": [0.1], "activations": True}, "voltages of an accelerator"),
        ({"vdd_v": [0.7], "ecc": True}, "in its YAML"),
    ]:
        with pytest.raises(InputError, match=said):
            Undervolting(**asked)
    for on, asked, said in [
        (None, {"vdd_v": [0.7]}, "which one .--on.: .*lowvolt-npu"),
        ("lowvolt-npu", {"ber": [0.1]}, "without an accelerator"),
        ("lowvolt-npu", {"vdd_v": [0.7], "memories": ["cache"]}, "no SRAM 'cache'"),
        ("lowvolt-npu", {"vdd_v": [0.1]}, "not usable"),
        ("isaac", {"vdd_v": [0.7]}, "in the cells of arrays"),
        (None, {"ber": [0.1], "nominal": ["head*"]}, "no layer is named 'head"),
        (None, {"ber": [0.1], "nominal": ["*"]}, "nothing to measure"),
    ]:
        with pytest.raises(InputError, match=said):
            measured("digits-cnn", on, **asked)


def test_ecc_of_an_accelerators_memory() -> None:
    spec = read_accelerator("lowvolt-npu")
    weights = next(m for m in spec["memories"] if m["name"] == "weights")
    weights["low_voltage"] = {**weights["low_voltage"], "ecc": "secded"}
    asked = Undervolting(vdd_v=[0.68])
    coded = low(archsim.accuracy("digits-cnn", spec, chips=3, undervolting=asked))
    plain = low(archsim.accuracy("digits-cnn", "lowvolt-npu", chips=3, undervolting=asked))
    assert coded.memories[0].ecc
    assert coded.points[0].corrected_words > 0
    assert coded.points[0].flip_rate < plain.points[0].flip_rate / 2


def test_the_input_transformation_stays_safe_and_counts() -> None:
    """The generator before `fashion-cnn`: its layers meet no fault, the classifier's cells are the same, and
    its energy is that of all layers."""
    asked = {"chips": 2, "vdd_v": [0.664]}
    fused = measured("fashion-cnn-fuse", "lowvolt-npu", nominal=["fuse*"], **asked)
    plain = measured("fashion-cnn", "lowvolt-npu", **asked)
    assert low(fused).memories[0].weights_of == low(plain).memories[0].weights_of
    assert low(fused).points[0].flip_rate == low(plain).points[0].flip_rate
    assert fused.quantized == pytest.approx(plain.quantized, abs=0.02)
    run = simulate("fashion-cnn-fuse", load_accelerator("lowvolt-npu"), precision="w8a8")
    reads = run.energy[(run.energy["component"] == "weights") & (run.energy["action"] == "read")]
    generator = reads[reads["layer"].str.startswith("fuse")]["count"].sum()
    assert 0.1 < generator / (reads["count"].sum() - generator) < 0.2
    spent, safe = low(fused).points[0].energy, low(fused).safe
    assert spent is not None
    assert safe is not None
    of_classifier = low(plain)
    assert of_classifier.safe is not None
    assert of_classifier.points[0].energy is not None
    saved = of_classifier.safe.memories_mj - of_classifier.points[0].energy.memories_mj
    assert safe.memories_mj - spent.memories_mj == pytest.approx(saved, rel=0.05)
