"""Networks of one product, whole-number weights and inputs of scale 1, and their twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from archsim.numerics.calibration import calibration_for
from archsim.numerics.crossbar import Crossbar
from archsim.numerics.network import read_network
from archsim.numerics.quantised_network import QuantisedNetwork, quantise_network
from archsim.numerics.sessions import Session
from archsim.numerics.twin import Chip, Hardware, build_twin
from archsim.workloads.precision import Precision
from tests.numerics.small_networks import model_of, node, save


def whole_weights(rng: np.random.Generator, bits: int, *shape: int) -> np.ndarray:
    """Uniform over the symmetric codes; every output has one of the largest, so its scale is 1."""
    highest = 2 ** (bits - 1) - 1
    weights = rng.integers(-highest, highest + 1, shape).astype(np.float32)
    weights.reshape(shape[0], -1)[:, 0] = highest
    return weights


def matmul(
    folder: Path, weights: np.ndarray, inputs: np.ndarray, bits: int, input_bits: int
) -> QuantisedNetwork:
    """y = x · weightsᵀ for `inputs` in 0 … 2^input_bits - 1, whose scale is 1."""
    outputs, rows = weights.shape
    model = model_of(
        [node("MatMul", ["x", "w"], ["y"], name="fc")],
        {"x": ["batch", rows]},
        {"y": ["batch", outputs]},
        {"w": weights.T.copy()},
    )
    return quantised(save(model, folder), inputs, bits, input_bits)


def quantised(path: Path, inputs: np.ndarray, bits: int, input_bits: int) -> QuantisedNetwork:
    network = read_network(path)
    calibration = calibration_for(network.model, {"x": inputs.astype(np.float32)})
    return quantise_network(network, calibration, Precision(bits, input_bits, input_bits))


def inputs_of(rng: np.random.Generator, bits: int, items: int, rows: int) -> np.ndarray:
    """Uniform whole numbers from 0; the largest occurs, so that the scale is 1."""
    inputs = rng.integers(0, 2**bits, (items, rows))
    inputs[0, 0] = 2**bits - 1
    return inputs


def on(crossbar: Crossbar, network: QuantisedNetwork, **settings: object) -> Hardware:
    return Hardware({p.product.name: crossbar for p in network.products}, **settings)


def run(model: onnx.ModelProto, x: np.ndarray, output: str = "y") -> np.ndarray:
    return Session(model).run([output], {"x": x.astype(np.float32)})[0]


def twin_output(
    network: QuantisedNetwork, hardware: Hardware, x: np.ndarray, chip: Chip | None = None, output: str = "y"
) -> np.ndarray:
    return run(build_twin(network, hardware, chip), x, output)
