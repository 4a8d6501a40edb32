"""Losses measured in one session against models rewritten layer by layer, each in its own session."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.special import log_softmax, rel_entr, softmax
from small_networks import (
    constants_of,
    convnet,
    he,
    images,
    model_of,
    node,
    run,
    save,
    with_constants,
)

from archsim.errors import InputError
from archsim.numerics.channels import symmetric
from archsim.numerics.estimate import sensitivity_of
from archsim.numerics.quantise import asymmetric
from archsim.workloads.onnx_import import load_onnx

LAYERS = ("conv1", "conv2", "depthwise", "fc")
INPUTS = {"conv1": "x", "conv2": "r1", "depthwise": "r2", "fc": "f"}


def divergence(before: np.ndarray, after: np.ndarray) -> float:
    p, q = softmax(before.astype(float), axis=-1), softmax(after.astype(float), axis=-1)
    return float(rel_entr(p, q).sum(axis=-1).mean())


@pytest.fixture
def network(tmp_path: Path) -> tuple[onnx.ModelProto, Path]:
    model = convnet()
    return model, save(model, tmp_path)


def test_weights_are_perturbed_one_layer_at_a_time(network) -> None:
    model, path = network
    x = images()
    table = sensitivity_of(load_onnx(path), [2, 4, 8], [], model_path=path, calibration={"x": x})
    (before,) = run(model, {"x": x})
    values = constants_of(model)
    norm = (values["gamma"] / np.sqrt(values["var"] + 1e-5)).reshape(-1, 1, 1, 1)
    for bits in (2, 4, 8):
        for place, name in enumerate(LAYERS, start=1):
            weights = values[f"w{place}"] * (norm if place == 1 else 1)
            rounded = symmetric(weights, bits, channel_axis=0)(weights) / (norm if place == 1 else 1)
            (after,) = run(with_constants(model, **{f"w{place}": rounded}), {"x": x})
            expected = divergence(before, after)
            assert expected > 0
            assert table.loss(name, "weight", bits) == pytest.approx(expected, rel=2e-3, abs=1e-9), (
                name,
                bits,
            )


def test_activations_are_perturbed_one_layer_at_a_time(network) -> None:
    model, path = network
    x = images()
    table = sensitivity_of(load_onnx(path), [], [1, 3, 8], model_path=path, calibration={"x": x})
    (before,) = run(model, {"x": x})
    for layer, tensor in INPUTS.items():
        values = x if tensor == "x" else run(model, {"x": x}, tensor)[0]
        for bits in (1, 3, 8):
            quantiser = asymmetric(values, bits)
            after = _with_quantised_input(model, x, layer, tensor, quantiser)
            expected = divergence(before, after)
            assert table.loss(layer, "activation", bits) == pytest.approx(expected, rel=2e-3, abs=1e-9)


def _with_quantised_input(model, x, layer, tensor, quantiser) -> np.ndarray:
    """Outputs when `layer` alone reads the quantised tensor, computed by NumPy and fed to its input."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    values = x if tensor == "x" else run(model, {"x": x}, tensor)[0]
    (reader,) = [n for n in changed.graph.node if n.name == layer]
    reader.input[0] = "fed"
    shape = list(values.shape)
    changed.graph.input.append(onnx.helper.make_tensor_value_info("fed", onnx.TensorProto.FLOAT, shape))
    fed = quantiser(values.astype(np.float32))
    feeds = {"fed": fed} if tensor == "x" and layer == "conv1" else {"x": x, "fed": fed}
    if "x" not in feeds:
        kept = [value for value in changed.graph.input if value.name != "x"]
        del changed.graph.input[:]
        changed.graph.input.extend(kept)
    return run(changed, feeds, "logits")[0]


def test_probabilities_give_the_loss_of_their_logits(tmp_path: Path) -> None:
    plain, ended = save(convnet(), tmp_path, "a.onnx"), save(convnet(softmax=True), tmp_path, "b.onnx")
    tables = [
        sensitivity_of(load_onnx(path), [3], [3], model_path=path, calibration={"x": images()})
        for path in (plain, ended)
    ]
    assert tables[0].unit == tables[1].unit
    for key, loss in tables[0].losses.items():
        assert tables[1].losses[key] == pytest.approx(loss, rel=1e-3, abs=1e-7)


def test_the_noise_of_outputs_without_classes(network) -> None:
    model, path = network
    x = images()
    table = sensitivity_of(load_onnx(path), [4], [], model_path=path, calibration={"x": x}, loss="noise")
    assert "noise-to-signal" in table.unit
    values = constants_of(model)["w4"]
    (before,), (after,) = (
        run(model, {"x": x}),
        run(with_constants(model, w4=symmetric(values, 4, channel_axis=0)(values)), {"x": x}),
    )
    expected = ((after - before) ** 2).sum() / (before**2).sum()
    assert table.loss("fc", "weight", 4) == pytest.approx(expected, rel=1e-3)


def test_the_same_table_every_time_and_for_any_batch(tmp_path: Path) -> None:
    paths = [save(convnet(batch=size), tmp_path, f"{size}.onnx") for size in ("batch", 1, 3)]
    tables = [
        sensitivity_of(load_onnx(p), [2, 4], [4], model_path=p, calibration={"x": images()}) for p in paths
    ]
    again = sensitivity_of(load_onnx(paths[0]), [2, 4], [4], model_path=paths[0], calibration={"x": images()})
    assert again == tables[0]
    for table in tables[1:]:
        for key, loss in tables[0].losses.items():
            # the sample that activation scales are fitted on is the same: it is below its limit
            assert table.losses[key] == pytest.approx(loss, rel=1e-3, abs=1e-8)


def test_sixteen_bits_cost_almost_nothing_and_two_much(network) -> None:
    _, path = network
    table = sensitivity_of(load_onnx(path), [2, 16], [2, 16], model_path=path, calibration={"x": images()})
    for layer in table.layers:
        for operand in ("weight", "activation"):
            assert 0 <= table.loss(layer, operand, 16) < 1e-5 * table.loss(layer, operand, 2)


def test_both_factors_of_an_activation_product(tmp_path: Path) -> None:
    """Scores q·kᵀ: the first factor is the activation, the second stands in the weights' place."""
    rng = np.random.default_rng(3)
    nodes = [
        node("MatMul", ["x", "wq"], ["q"], name="query"),
        node("MatMul", ["x", "wk"], ["k"], name="key"),
        node("Transpose", ["k"], ["kt"], name="turn", perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["scores"], name="product"),
        node("ReduceMean", ["scores"], ["y"], name="mean", axes=[1], keepdims=0),
    ]
    constants = {"wq": he(rng, 6, 6), "wk": he(rng, 6, 6)}
    model = model_of(nodes, {"x": ["n", 4, 6]}, {"y": ["n", 4]}, constants)
    path = save(model, tmp_path)
    x = rng.standard_normal((5, 4, 6)).astype(np.float32)
    table = sensitivity_of(load_onnx(path, dims={"n": 1}), [3], [4], model_path=path, calibration={"x": x})
    q, k = run(model, {"x": x}, "q", "k")
    exact = (q @ k.transpose(0, 2, 1)).mean(axis=1)
    by_weight = (q @ asymmetric(k, 3)(k).transpose(0, 2, 1)).mean(axis=1)
    by_activation = (asymmetric(q, 4)(q) @ k.transpose(0, 2, 1)).mean(axis=1)
    assert table.loss("product", "weight", 3) == pytest.approx(divergence(exact, by_weight), rel=1e-2)
    assert table.loss("product", "activation", 4) == pytest.approx(divergence(exact, by_activation), rel=1e-2)


def test_half_the_fisher_metric(network) -> None:
    """For small errors the divergence is ½ δᵀFδ in the logits: what replaces the Hessian."""
    model, path = network
    x = images()
    table = sensitivity_of(load_onnx(path), [10], [], model_path=path, calibration={"x": x})
    values = constants_of(model)["w4"]
    (before,) = run(model, {"x": x})
    (after,) = run(with_constants(model, w4=symmetric(values, 10, channel_axis=0)(values)), {"x": x})
    p, change = np.exp(log_softmax(before.astype(float), axis=1)), (after - before).astype(float)
    fisher = (p * change**2).sum(axis=1) - (p * change).sum(axis=1) ** 2
    assert table.loss("fc", "weight", 10) == pytest.approx(fisher.mean() / 2, rel=0.02)


def test_an_lstm_shares_the_loss_of_its_weights_among_its_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    nodes = [node("LSTM", ["x", "w", "r"], ["", "h"], name="lstm", hidden_size=4)]
    constants = {"w": he(rng, 1, 16, 3), "r": he(rng, 1, 16, 4)}
    model = model_of(nodes, {"x": [5, 1, 3]}, {"h": [1, 1, 4]}, constants)
    path = save(model, tmp_path)
    x = rng.standard_normal((5, 1, 3)).astype(np.float32)
    workload = load_onnx(path)
    table = sensitivity_of(workload, [3], [], model_path=path, calibration={"x": x}, loss="noise")
    steps = [name for name in table.layers if "recurrent" in name]
    assert len(steps) == 5
    rows = constants["r"][0]
    rounded = symmetric(rows, 3, channel_axis=0)(rows)[np.newaxis]
    (before,), (after,) = run(model, {"x": x}), run(with_constants(model, r=rounded), {"x": x})
    expected = ((after - before) ** 2).sum() / (before**2).sum()
    total = table.total((name, "weight", 3) for name in steps)
    assert total == pytest.approx(expected, rel=1e-3)
    with pytest.raises(InputError, match="hidden inside an ONNX node"):
        sensitivity_of(workload, [3], [4], model_path=path, calibration={"x": x})


def test_without_onnxruntime_it_says_how_to_get_it(network, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = network
    workload = load_onnx(path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'archsim\[onnxruntime\]'"):
        sensitivity_of(workload, [4], [], model_path=path, calibration={"x": images()})
    assert sensitivity_of(workload, [4], [4], model_path=path).layers == LAYERS


def test_an_output_that_is_not_finite(network) -> None:
    model, path = network
    path.write_bytes(with_constants(model, b4=np.array([np.nan, 0, 0, 0, 0], np.float32)).SerializeToString())
    with pytest.raises(InputError, match="not finite"):
        sensitivity_of(load_onnx(path), [4], [], model_path=path, calibration={"x": images()})


def test_a_network_that_is_always_certain(network) -> None:
    model, path = network
    certain = with_constants(model, b4=np.array([1e6, 0, 0, 0, 0], np.float32))
    path.write_bytes(certain.SerializeToString())
    with pytest.raises(InputError, match="certain of its classes"):
        sensitivity_of(load_onnx(path), [4], [], model_path=path, calibration={"x": images()})


@pytest.mark.parametrize("kind", [onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE])
def test_models_in_other_floating_formats(tmp_path: Path, kind: int) -> None:
    """Half precision rounds by itself, so its losses are near, not equal."""
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    rng = np.random.default_rng(4)
    values = {"w1": he(rng, 8, 6), "w2": he(rng, 4, 8)}
    nodes = [
        node("Gemm", ["x", "w1"], ["h"], name="first", transB=1),
        node("Relu", ["h"], ["r"], name="relu"),
        node("Gemm", ["r", "w2"], ["y"], name="second", transB=1),
    ]
    tables = []
    for wanted in (np.dtype(np.float32), dtype):
        stored = {name: value.astype(wanted) for name, value in values.items()}
        model = model_of(nodes, {"x": ["n", 6]}, {"y": ["n", 4]}, stored)
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(wanted)
        path = save(model, tmp_path, f"{wanted}.onnx")
        x = np.random.default_rng(5).standard_normal((6, 6))
        table = sensitivity_of(load_onnx(path), [3], [3], model_path=path, calibration={"x": x})
        tables.append(table)
    for key, loss in tables[0].losses.items():
        assert tables[1].losses[key] == pytest.approx(loss, rel=0.05)


def test_an_old_opset_serves_weights_but_not_activations(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"], name="layer")]
    w = he(np.random.default_rng(0), 6, 4)
    model = model_of(nodes, {"x": ["n", 6]}, {"y": ["n", 4]}, {"w": w}, opset=9)
    path = save(model, tmp_path)
    x = {"x": np.random.default_rng(1).standard_normal((4, 6))}
    assert (
        sensitivity_of(load_onnx(path), [3], [], model_path=path, calibration=x).loss("layer", "weight", 3)
        > 0
    )
    with pytest.raises(InputError, match="opset 9, and quantising activations needs 11"):
        sensitivity_of(load_onnx(path), [3], [4], model_path=path, calibration=x)
