"""L1 norms of a model's weights, and the accumulators that a dataflow machine builds by them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from small_networks import constants_of, convnet, model_of, node, save

from archsim.accelerators.dataflow.accumulators import l1_norm_bits
from archsim.errors import InputError
from archsim.numerics.channels import symmetric
from archsim.numerics.weight_norms import weight_norm
from archsim.simulation import simulate
from archsim.workloads.onnx_import import load_onnx

SPEC = {"family": "dataflow", "name": "test", "device": "zcu104", "clock_mhz": 200.0, "precision": "w4a2"}


def stored_integers(weights: np.ndarray, *, turned: bool = False) -> onnx.ModelProto:
    """A product with int8 weights, (outputs, inputs), behind a DequantizeLinear with a scale an output."""
    scales = np.linspace(0.1, 0.4, len(weights)).astype(np.float32)
    kept = weights if turned else weights.T
    nodes = [node("DequantizeLinear", ["w", "scale"], ["wd"], axis=0 if turned else 1)]
    nodes += [node("Transpose", ["wd"], ["wt"], perm=[1, 0])] if turned else []
    nodes.append(node("MatMul", ["x", "wt" if turned else "wd"], ["y"], name="product"))
    constants = {"w": kept.astype(np.int8), "scale": scales}
    return model_of(nodes, {"x": [1, weights.shape[1]]}, {"y": [1, len(weights)]}, constants)


@pytest.mark.parametrize("turned", [False, True])
def test_stored_integers_count_as_they_are(turned: bool, tmp_path: Path) -> None:
    weights = np.array([[1, -2, 3, 0], [-7, 5, 0, 1], [2, 2, 2, 2]])
    workload = load_onnx(save(stored_integers(weights, turned=turned), tmp_path))
    norm, (layer,) = weight_norm(workload), workload.layers
    assert norm(layer, 4) == norm(layer, 8) == 13
    assert norm(layer, 3) == max(
        np.abs(symmetric(row.astype(float), 3, channel_axis=None).codes(row.astype(float))).sum()
        for row in weights
    )


def test_floating_weights_are_quantised_as_in_the_twin(tmp_path: Path) -> None:
    model = convnet()
    workload = load_onnx(save(model, tmp_path))
    norm, weights = weight_norm(workload), constants_of(model)["w2"]
    layer = next(layer for layer in workload.layers if layer.name == "conv2")
    codes = symmetric(weights, 4, channel_axis=0).codes(weights)
    assert norm(layer, 4) == np.abs(codes).reshape(len(codes), -1).sum(axis=1).max()
    assert norm(layer, 1) == weights[0].size


@pytest.mark.parametrize("seed", range(8))
def test_the_machine_s_accumulator_holds_every_sum(seed: int, tmp_path: Path) -> None:
    """By all inputs of 2 bits; with weights of one sign and their norm a bit less would not do."""
    weights = np.random.default_rng(seed).integers(-3, 4, size=(3, 5))
    workload = load_onnx(save(stored_integers(weights), tmp_path))
    bits = accumulator(workload, accumulator="weights")
    inputs = np.array(list(product(range(-2, 2), repeat=5)))
    sums = np.cumsum(inputs[:, np.newaxis, :] * weights, axis=2)
    assert -(2 ** (bits - 1)) <= sums.min()
    assert sums.max() < 2 ** (bits - 1)
    one_sign = -np.abs(weights)
    assert (inputs @ one_sign.T).max() >= 2 ** (bits - 2)
    assert bits == l1_norm_bits(int(np.abs(weights).sum(axis=1).max()), 2) <= accumulator(workload)


def accumulator(workload: Any, **changes: Any) -> int:
    (layer,) = simulate(workload, SPEC | changes, precision="w4a2").layers
    return layer.mapping["accumulator_bits"]


def test_a_model_written_again_is_read_again(tmp_path: Path) -> None:
    weights = np.full((2, 4), 3)
    path = save(stored_integers(weights), tmp_path)
    assert weight_norm(load_onnx(path))(load_onnx(path).layers[0], 8) == 12
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights.T.astype(np.int8) * 2, "w"))
    path.write_bytes(model.SerializeToString())
    assert weight_norm(load_onnx(path))(load_onnx(path).layers[0], 8) == 24


def test_a_list_of_layers_has_no_weights() -> None:
    with pytest.raises(
        InputError, match=r"accumulator: weights: cnv-w1a1 is a list of layers without weights"
    ):
        simulate("cnv-w1a1", SPEC | {"accumulator": "weights"})
