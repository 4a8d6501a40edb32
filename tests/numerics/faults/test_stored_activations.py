"""Activations through weak cells: the twin against the same bits in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archsim.errors import InputError
from archsim.numerics.calibration import calibration_for
from archsim.numerics.faults.addresses import Placed, Region
from archsim.numerics.faults.cells import DrawnChip, FaultModel, Memory, Supply
from archsim.numerics.faults.stored_activations import StoredActivations
from archsim.numerics.faults.stored_weights import read_words
from archsim.numerics.quantised_network import QuantisedNetwork
from archsim.numerics.twin import Hardware, build_twin
from tests.numerics.small_networks import model_of, node, save
from tests.numerics.twin_cases import inputs_of, matmul, quantised, run, whole_weights

ONE = np.ones((1, 1), np.float32)


def through(
    network: QuantisedNetwork, memory: Memory, model: FaultModel, x: np.ndarray, ber: float = 0.08
) -> np.ndarray:
    inputs = calibration_for(network.network.model, {"x": x.astype(np.float32)})
    stored = StoredActivations(network, {p.product.name: (Placed(memory),) for p in network.products}, inputs)
    read = stored.read(DrawnChip(model, 4), Supply({memory.name: (ber,)}))
    assert read
    return run(build_twin(network, Hardware(activations=read)), x)


@pytest.mark.parametrize("kind", ["flip", "stuck"])
@pytest.mark.parametrize("bits", [3, 8, 11, 16])
@pytest.mark.parametrize("words", [100, 7])
def test_a_layer_reads_the_faulty_codes(tmp_path: Path, kind: str, bits: int, words: int) -> None:
    rng = np.random.default_rng(bits)
    rows = 45
    x = inputs_of(rng, bits, 12, rows)
    weights = whole_weights(rng, 3, 5, rows)
    network = matmul(tmp_path, weights, x, 3, bits)
    memory = Memory("activations", words, 32)
    model = FaultModel(kind)  # pyright: ignore[reportArgumentType]
    region = Region(memory, rows, bits)
    faults = DrawnChip(model, 4).faults(memory, words, Supply({"activations": (0.08,)}))
    read = np.stack([read_words(item.astype(np.uint32), region, faults)[0] for item in x])
    assert (read != x).any()
    found = through(network, memory, model, x)
    np.testing.assert_allclose(found, read.astype(np.int64) @ weights.T.astype(np.int64), rtol=1e-6)


def test_signed_inputs_of_a_convolution_are_stored_from_zero_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(-8, 8, (6, 2, 5, 5))
    x[0, 0, 0, 0], x[0, 0, 0, 1] = -8, 7
    weights = whole_weights(rng, 3, 4, 2, 3, 3)
    model = model_of(
        [node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])],
        {"x": ["batch", 2, 5, 5]}, {"y": ["batch", 4, 5, 5]}, {"w": weights},
    )  # fmt: skip
    network = quantised(save(model, tmp_path), x, 3, 4)
    memory, cells = Memory("activations", 40, 8), FaultModel("flip")
    faults = DrawnChip(cells, 4).faults(memory, 40, Supply({"activations": (0.08,)}))
    region = Region(memory, 50, 4)
    read = [read_words((item + 8).reshape(-1).astype(np.uint32), region, faults)[0] for item in x]
    seen = np.stack(read).reshape(x.shape).astype(np.int64) - 8
    assert (seen != x).any()
    np.testing.assert_array_equal(through(network, memory, cells, x), run(build_twin(network), seen))


def test_batches_and_items_meet_the_same_faults(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = inputs_of(rng, 8, 6, 30)
    network = matmul(tmp_path, whole_weights(rng, 3, 5, 30), x, 3, 8)
    memory = Memory("activations", 30, 32)
    whole = through(network, memory, FaultModel(), x)
    again = through(network, memory, FaultModel(), x[:1].repeat(3, axis=0))
    assert (again == whole[0]).all()


def test_ecc_puts_words_with_one_faulty_cell_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = inputs_of(rng, 8, 6, 400)
    network = matmul(tmp_path, whole_weights(rng, 3, 5, 400), x, 3, 8)
    exact = run(build_twin(network), x)
    errors = [
        np.abs(through(network, Memory("a", 400, 8, ecc=ecc), FaultModel(), x, 0.02) - exact).mean()
        for ecc in (False, True)
    ]
    assert 0 < errors[1] < errors[0] / 2


def test_an_activation_without_items(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = model_of(
        [
            node("Reshape", ["x", "shape"], ["flat"], name="flatten"),
            node("MatMul", ["flat", "w"], ["y"], name="fc"),
        ],
        {"x": ["batch", 4]}, {"y": [1, 3]}, {"w": whole_weights(rng, 3, 3, 12).T.copy(),
                                              "shape": np.array([1, 12], np.int64)},
    )  # fmt: skip
    x = inputs_of(rng, 8, 3, 4)
    network = quantised(save(model, tmp_path), x, 3, 8)
    inputs = calibration_for(network.network.model, {"x": x.astype(np.float32)})
    with pytest.raises(InputError, match="first axis must count the items"):
        StoredActivations(network, {"fc": (Placed(Memory("a", 4, 32)),)}, inputs)
