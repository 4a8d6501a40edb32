"""Accuracy of the library's trained models: what they reach, how it falls off, what a report says."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import archsim
from archsim.accelerators.library import load_accelerator
from archsim.errors import InputError
from archsim.evaluation import crossbar_of, ready_hardware
from archsim.library_paths import library_folder
from archsim.numerics.accuracy import AccuracyOptions, measure_accuracy
from archsim.numerics.accuracy_report import Accuracy
from archsim.numerics.crossbar import Cells, Converter, Crossbar, native
from archsim.workloads.library import load_workload, model_file
from archsim.workloads.precision import Precision
from archsim.workloads.shipped_data import shipped_data

QUICK = AccuracyOptions(chips=1, causes=False)
MODELS = {"digits-cnn": ("digits", 0.98), "fashion-cnn": ("fashion-mnist", 0.90)}


def accuracy_of(
    name: str, bits: str, crossbar: Crossbar | None = None, options: AccuracyOptions = QUICK
) -> Accuracy:
    file = model_file(name)
    data, calibration = shipped_data(file, "test"), shipped_data(file, "calibration")
    return measure_accuracy(file, data, calibration, Precision.parse(bits), crossbar, options)


@pytest.mark.parametrize("name", MODELS)
def test_what_the_library_ships(name: str) -> None:
    data, least = MODELS[name]
    file = model_file(name)
    test, calibration = np.load(shipped_data(file, "test")), np.load(shipped_data(file, "calibration"))
    assert shipped_data(file, "test").name == f"{data}-test.npz"
    seen = {image.tobytes() for image in calibration["image"]}
    assert not seen & {image.tobytes() for image in test["image"]}, "test and calibration share an image"
    assert len(test["image"]) == len(test["labels"]) == {"digits": 450, "fashion-mnist": 2000}[data]
    found = accuracy_of(name, "w8a8")
    assert found.float >= least
    assert found.images == len(test["labels"])
    assert load_workload(name).macs > 300_000


# measured independently on networks of this size and these images: W8A8, W4A4 and W2A2, scales from the
# largest value (quoted in docs/accuracy.md)
@pytest.mark.parametrize(
    ("name", "published"), [("digits-cnn", (99.56, 99.11, 25.1)), ("fashion-cnn", (91.85, 90.55, 20.1))]
)
def test_whole_numbers_fall_off(name: str, published: tuple[float, float, float]) -> None:
    eight, four, two = (100 * accuracy_of(name, bits).quantized for bits in ("w8a8", "w4a4", "w2a2"))
    assert eight == pytest.approx(published[0], abs=1.5)
    assert four == pytest.approx(published[1], abs=1.5)
    assert two < 45
    assert abs(eight - 100 * accuracy_of(name, "w8a8").float) < 0.5


# the same source: 8-bit weights and inputs, 128 rows, ADC range from the largest sum in calibration, one for
# every array (here a layer's arrays share one)
@pytest.mark.parametrize(
    ("name", "published"),
    [("digits-cnn", {8: 99.6, 6: 99.3, 5: 98.2}), ("fashion-cnn", {8: 92.0, 6: 91.4, 5: 90.5})],
)
def test_coarse_adcs_cost_accuracy(name: str, published: dict[int, float]) -> None:
    options = replace(QUICK, adc_bits=(3, *published))
    largest, calibrated = (
        {p.adc_bits: 100 * p.hardware.mean for p in accuracy_of(name, "w8a8", crossbar, options).adc_sweep}
        for crossbar in (
            native(128, 8, Converter(8, full_scale="percentile", percentile=100.0)),
            native(128, 8, Converter(8)),
        )
    )
    for bits, accuracy in published.items():
        assert calibrated[bits] == pytest.approx(accuracy, abs=2.0), bits
    assert largest[8] == pytest.approx(published[8], abs=1.5)
    assert largest[6] == pytest.approx(published[6], abs=2.5)
    assert largest[3] < 65
    assert largest[3] < calibrated[3] < calibrated[5] - 5


def test_a_calibrated_range_is_better_than_the_largest_sum() -> None:
    pairs = Crossbar(128, 128, cell_bits=2, encoding="offset")
    found = {}
    for range_ in ("percentile", "calibrated", "worst_case"):
        converter = Converter(4, full_scale=range_, percentile=100.0)  # pyright: ignore[reportArgumentType]
        found[range_] = accuracy_of("digits-cnn", "w8a8", replace(pairs, converter=converter)).hardware.mean
    assert found["calibrated"] > found["percentile"] > found["worst_case"] - 0.1
    assert found["worst_case"] < 0.6


NOISY = Crossbar(
    128, 128, cell_bits=2, encoding="offset",
    converter=Converter(8, columns=8, gain_sigma=0.02, offset_sigma_lsb=0.3, thermal_sigma_lsb=0.3),
    cells=Cells(programming_sigma=0.1, programming_of="level"),
)  # fmt: skip


@pytest.fixture(scope="module")
def noisy() -> Accuracy:
    return accuracy_of("digits-cnn", "w8a8", NOISY, AccuracyOptions(chips=4, images=200, batch_norm=True))


def test_causes_one_at_a_time(noisy: Accuracy) -> None:
    causes = {cause.cause: cause for cause in noisy.causes}
    assert list(causes) == ["quantization", "adc_range", "adc_noise", "cell_noise"]
    assert causes["quantization"].loss == noisy.float - noisy.quantized
    assert causes["adc_range"].loss == pytest.approx(0, abs=0.02)
    assert causes["adc_noise"].loss > 0.02
    assert causes["adc_noise"].loss == pytest.approx(noisy.quantized - causes["adc_noise"].accuracy.mean)
    assert causes["adc_range"].accuracy.std == 0  # nothing is drawn


def test_batch_norm_recalibration_gains(noisy: Accuracy) -> None:
    assert noisy.batch_norm is not None
    assert noisy.batch_norm.gain > 0.05
    assert noisy.hardware.mean == pytest.approx(noisy.batch_norm.without.mean + noisy.batch_norm.gain)


def test_the_spread_is_that_of_the_chips(noisy: Accuracy) -> None:
    assert len(noisy.per_chip) == noisy.chips == 4
    assert noisy.hardware.mean == pytest.approx(np.mean(noisy.per_chip))
    assert noisy.hardware.std == pytest.approx(np.std(noisy.per_chip, ddof=1))
    assert noisy.hardware.worst == min(noisy.per_chip)
    again = accuracy_of(
        "digits-cnn", "w8a8", NOISY, AccuracyOptions(4, images=200, batch_norm=True, causes=False)
    )
    assert again.per_chip == noisy.per_chip
    other = AccuracyOptions(4, seed=1, images=200, batch_norm=True, causes=False)
    assert accuracy_of("digits-cnn", "w8a8", NOISY, other).per_chip != noisy.per_chip


def test_layers(noisy: Accuracy) -> None:
    assert [layer.name for layer in noisy.layers] == ["conv1", "conv2", "conv3", "gemm1"]
    for layer in noisy.layers:
        assert layer.arrays is not None
        assert layer.quantized_sqnr_db > layer.hardware_sqnr_db  # pyright: ignore[reportOptionalOperand]
    assert noisy.layers[1].arrays.row_groups == 2  # pyright: ignore[reportOptionalMemberAccess]
    assert noisy.layers[1].arrays.conversions_per_output == 2 * 4 * 8  # pyright: ignore[reportOptionalMemberAccess]


def test_fine_adcs_are_lossless_and_cost_nothing() -> None:
    fine = Crossbar(128, 128, converter=Converter(8, full_scale="worst_case"))
    found = accuracy_of("digits-cnn", "w8a8", fine)
    assert found.hardware.mean == found.quantized
    assert all(
        layer.arrays and layer.arrays.lossless and layer.arrays.sqnr_db is None for layer in found.layers
    )
    assert all(layer.arrays and layer.arrays.clipped == 0 for layer in found.layers)


def test_json(noisy: Accuracy, tmp_path: Path) -> None:
    noisy.to_json(tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["schema"] == "archsim.accuracy/1"
    assert content["float"] == noisy.float
    assert content["hardware"] == asdict(noisy.hardware)
    assert content["layers"][0]["arrays"]["adc_bits"] == 8


def test_accelerators_of_the_library() -> None:
    isaac = crossbar_of(load_accelerator("isaac"))
    assert isaac is not None
    assert (isaac.rows, isaac.cell_bits, isaac.encoding, isaac.converter.bits) == (128, 2, "offset", 8)
    assert crossbar_of(load_accelerator("digital-cim-22nm")) is None
    assert crossbar_of(load_accelerator("systolic-128")) is None
    found = archsim.accuracy("digits-cnn", "systolic-128", bits="w8a8", images=50)
    assert (found.accelerator, found.hardware.mean, found.hardware.std) == (
        "systolic-128",
        found.quantized,
        0,
    )


def test_data_of_ones_own(tmp_path: Path) -> None:
    """Without calibration inputs the first of the test data calibrate, and are not judged on."""
    data = np.load(shipped_data(model_file("digits-cnn"), "test"))
    model = tmp_path / "mine.onnx"
    import onnx

    own = onnx.load(library_folder("workloads") / "digits-cnn.onnx")
    del own.metadata_props[:]
    onnx.save(own, model)
    found = archsim.accuracy(model, data={"image": data["image"], "labels": data["labels"]}, bits="w8a8")
    assert (found.images, found.calibration_images) == (405, 45)
    assert found.accelerator is None
    with pytest.raises(InputError, match="no test data"):
        archsim.accuracy(model)
    with pytest.raises(InputError, match="labels"):
        archsim.accuracy(model, data={"image": data["image"]}, calibration={"image": data["image"][:8]})
    with pytest.raises(InputError, match="no weights"):
        archsim.accuracy("resnet18", data={})


def test_a_saved_twin_computes_what_accuracy_counts(tmp_path: Path) -> None:
    file = model_file("digits-cnn")
    data = np.load(shipped_data(file, "test"))
    quantised, hardware = ready_hardware(file, shipped_data(file, "calibration"), Precision(8, 8, 8), NOISY)
    assert set(hardware.steps) == {p.product.name for p in quantised.products}
    from archsim.numerics.sessions import Session

    made = archsim.twin("digits-cnn", "isaac", bits="w4a4")
    scores = Session(made).run(["logits"], {"image": data["image"].astype(np.float32)})[0]
    share = float((scores.argmax(axis=1) == data["labels"]).mean())
    assert share == archsim.accuracy("digits-cnn", "isaac", bits="w4a4", chips=1, causes=False).hardware.mean
