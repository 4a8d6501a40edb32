"""Sensitivity from weights alone: the right values, on the right axis, in one unit for both operands."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_networks import constants_of, convnet, he, model_of, node, run, save, with_constants

from archsim.errors import InputError
from archsim.numerics.channels import Channels, symmetric
from archsim.numerics.estimate import sensitivity_of
from archsim.numerics.gaussian_noise import activation_noise, weight_noise
from archsim.numerics.quantise import asymmetric
from archsim.numerics.weight_error import UNIT, WeightScheme
from archsim.workloads.library import load_workload
from archsim.workloads.onnx_import import load_onnx
from archsim.workloads.signs import non_negative_tensors

RNG = np.random.default_rng(7)


def error(weights: np.ndarray, bits: int, axis: int | None = 0) -> float:
    return float(((symmetric(weights, bits, channel_axis=axis)(weights) - weights) ** 2).mean())


def table_of(model: onnx.ModelProto, folder: Path, **options):
    path = save(model, folder)
    return sensitivity_of(load_onnx(path), [3, 4], [4], model_path=path, **options)


def test_every_layer_has_the_error_of_its_weights(tmp_path: Path) -> None:
    model = convnet()
    table = table_of(model, tmp_path)
    values = constants_of(model)
    norm = values["gamma"] / np.sqrt(values["var"] + 1e-5)
    deployed = {
        "conv1": values["w1"] * norm.reshape(-1, 1, 1, 1),
        **{name: values[f"w{place}"] for place, name in enumerate(("conv2", "depthwise", "fc"), start=2)},
    }
    assert table.unit == UNIT
    assert table.layers == tuple(deployed)
    for name, weights in deployed.items():
        for bits in (3, 4):
            assert table.loss(name, "weight", bits) == pytest.approx(error(weights, bits), rel=1e-5)
        rectified = name in ("conv2", "depthwise")  # the convolution before the pool has no ReLU behind it
        expected = (weights.astype(float) ** 2).mean() * activation_noise(4, rectified=rectified)
        assert table.loss(name, "activation", 4) == pytest.approx(expected, rel=1e-5)
    assert "net.onnx" in table.source
    assert "activations: assumed normal" in table.source


def test_one_scale_a_tensor_and_the_largest_value(tmp_path: Path) -> None:
    model = convnet()
    table = table_of(model, tmp_path, weights=WeightScheme(per_channel=False, fit="max"))
    weights = constants_of(model)["w2"]
    expected = ((symmetric(weights, 4, fit="max")(weights) - weights) ** 2).mean()
    assert table.loss("conv2", "weight", 4) == pytest.approx(expected, rel=1e-5)


W = he(RNG, 6, 4) * RNG.uniform(0.2, 4, (6, 1)).astype(np.float32)  # rows differ: the axis matters
CASES = {
    "gemm": ([node("Gemm", ["x", "w"], ["y"], name="layer")], W.T),
    "gemm transB": ([node("Gemm", ["x", "w"], ["y"], name="layer", transB=1)], W),
    "matmul": ([node("MatMul", ["x", "w"], ["y"], name="layer")], W.T),
    "transposed": (
        [node("Transpose", ["w"], ["t"], perm=[1, 0]), node("MatMul", ["x", "t"], ["y"], name="layer")],
        W,
    ),
    "reshaped": (
        [node("Reshape", ["w", "shape"], ["t"]), node("Gemm", ["x", "t"], ["y"], name="layer", transB=1)],
        W.reshape(2, 12),
    ),
    "cast": (
        [
            node("Cast", ["w"], ["t"], to=onnx.TensorProto.FLOAT),
            node("MatMul", ["x", "t"], ["y"], name="layer"),
        ],
        W.T.astype(np.float64),
    ),
    "computed": (
        [node("Mul", ["w", "two"], ["t"]), node("MatMul", ["x", "t"], ["y"], name="layer")],
        W.T / 2,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_weights_behind_other_nodes(tmp_path: Path, case: str) -> None:
    nodes, stored = CASES[case]
    constants = {"w": stored, "shape": np.array([6, 4]), "two": np.float32(2)}
    read = {name for n in nodes for name in n.input}
    model = model_of(
        nodes,
        {"x": [1, 4]},
        {"y": [1, 6]},
        {name: np.asarray(v) for name, v in constants.items() if name in read},
    )
    table = table_of(model, tmp_path)
    for bits in (3, 4):
        assert table.loss("layer", "weight", bits) == pytest.approx(error(W, bits), rel=1e-5)


def test_the_first_operand_may_be_the_weights(tmp_path: Path) -> None:
    model = model_of(
        [node("MatMul", ["w", "x"], ["y"], name="layer")], {"x": [4, 3]}, {"y": [6, 3]}, {"w": W}
    )
    assert table_of(model, tmp_path).loss("layer", "weight", 3) == pytest.approx(error(W, 3), rel=1e-5)


def test_integer_weights_are_dequantised_by_channel(tmp_path: Path) -> None:
    scales = RNG.uniform(0.01, 0.1, 6).astype(np.float32)
    codes = RNG.integers(-100, 100, (6, 4, 1, 1)).astype(np.int8)
    nodes = [
        node("DequantizeLinear", ["w", "s", "z"], ["t"], axis=0),
        node("Conv", ["x", "t"], ["y"], name="layer"),
    ]
    constants = {"w": codes, "s": scales, "z": np.zeros(6, np.int8)}
    model = model_of(nodes, {"x": [1, 4, 2, 2]}, {"y": [1, 6, 2, 2]}, constants)
    weights = codes * scales.reshape(-1, 1, 1, 1)
    assert table_of(model, tmp_path).loss("layer", "weight", 3) == pytest.approx(error(weights, 3), rel=1e-4)
    names = ["x", "xs", "xz", "w", "s", "z", "ys", "xz"]
    constants |= {"xs": np.float32(0.1), "xz": np.uint8(3), "ys": np.float32(0.2)}
    model = model_of([node("QLinearConv", names, ["y"], name="layer")], {}, {"y": [1, 6, 2, 2]}, constants)
    model.graph.input.append(helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, [1, 4, 2, 2]))
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    assert table_of(model, tmp_path).loss("layer", "weight", 3) == pytest.approx(error(weights, 3), rel=1e-4)


def test_a_grouped_transposed_convolution(tmp_path: Path) -> None:
    """Weights are (input channels, outputs of a group, …): output channel g·3 + k is row k of group g."""
    weights = he(RNG, 4, 3, 2, 2)
    nodes = [node("ConvTranspose", ["x", "w"], ["y"], name="layer", group=2)]
    model = model_of(nodes, {"x": [1, 4, 5, 5]}, {"y": [1, 6, 6, 6]}, {"w": weights})
    channels = np.stack([weights[2 * g : 2 * g + 2, k] for g in range(2) for k in range(3)])
    table = table_of(model, tmp_path)
    assert table.loss("layer", "weight", 3) == pytest.approx(error(channels, 3), rel=1e-5)
    x = RNG.standard_normal((2, 4, 5, 5)).astype(np.float32)
    x_of = model_of(nodes, {"x": ["n", 4, 5, 5]}, {"y": ["n", 6, 6, 6]}, {"w": weights})
    path = save(x_of, tmp_path, "open.onnx")
    measured = sensitivity_of(load_onnx(path), [3], [], model_path=path, calibration={"x": x})
    rounded = symmetric(channels, 3, channel_axis=0)(channels)
    back = np.stack([rounded[3 * g : 3 * g + 3].swapaxes(0, 1) for g in range(2)]).reshape(weights.shape)
    (before,), (after,) = (
        run(x_of, {"x": x}),
        run(model_of(nodes, {"x": ["n", 4, 5, 5]}, {"y": ["n", 6, 6, 6]}, {"w": back}), {"x": x}),
    )
    expected = ((after - before) ** 2).sum() / (before**2).sum()
    assert measured.loss("layer", "weight", 3) == pytest.approx(expected, rel=1e-4)


def test_gates_of_a_gru_in_both_directions(tmp_path: Path) -> None:
    w, r = he(RNG, 2, 12, 3), he(RNG, 2, 12, 4) * np.array([1, 5], np.float32).reshape(2, 1, 1)
    nodes = [node("GRU", ["x", "w", "r"], ["", "h"], name="gru", hidden_size=4, direction="bidirectional")]
    model = model_of(nodes, {"x": [3, 1, 3]}, {"h": [2, 1, 4]}, {"w": w, "r": r})
    table = table_of(model, tmp_path)
    for direction in (0, 1):
        assert table.loss(f"gru/input_{direction}", "weight", 3) == pytest.approx(
            error(w[direction], 3), rel=1e-5
        )
        gates = [("recurrent", r[direction][:8]), ("candidate", r[direction][8:])]
        for role, rows in gates:
            steps = [table.loss(f"gru/{role}_{direction}_{step}", "weight", 3) for step in range(3)]
            assert sum(steps) == pytest.approx(error(rows, 3), rel=1e-5)
            assert len(set(steps)) == 1


def test_weights_in_a_file_of_their_own(tmp_path: Path) -> None:
    model = convnet()
    expected = table_of(model, tmp_path)
    path = tmp_path / "outside.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    workload = load_onnx(path)
    assert sensitivity_of(workload, [3, 4], [4], model_path=path).losses == expected.losses
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InputError, match="weights stored beside the model cannot be read"):
        sensitivity_of(workload, [4], [], model_path=path)


def test_a_weight_without_values(tmp_path: Path) -> None:
    model = model_of(
        [node("MatMul", ["x", "w"], ["y"], name="layer")], {"x": [1, 4]}, {"y": [1, 6]}, {"w": W.T}
    )
    model.graph.initializer[0].ClearField("raw_data")
    with pytest.raises(InputError, match="constant tensor 'w' cannot be computed"):
        table_of(model, tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_weights_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    damaged = constants_of(convnet())["w2"].copy()
    damaged[0, 0, 0, 0] = value
    with pytest.raises(InputError, match="weights of layer 'conv2' are not finite"):
        table_of(with_constants(convnet(), w2=damaged), tmp_path)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_assumed_weights_are_he_normal(bits: int) -> None:
    """The closed form against random weights of the layers' shapes."""
    workload = load_workload("resnet8")
    table = sensitivity_of(workload, [bits], [bits])
    assert "assumed" in table.source
    for layer in workload.layers:
        if layer.contraction and layer.parameters > 8000:
            nest = layer.contraction
            rows = he(np.random.default_rng(1), nest.K, nest.C * nest.R * nest.S)
            found = Channels(rows, None).mean_squared_error(bits, "least_squares")
            assert table.loss(layer.name, "weight", bits) == pytest.approx(
                found, rel=0.2 if bits > 4 else 0.05
            )


def test_noise_of_both_operands_adds_up_at_the_output() -> None:
    """The unit's promise: the two losses, times N·E[x²], are the noise power at the layer's output."""
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal((1000, 288)) * 0.1, np.maximum(rng.standard_normal((288, 1000)), 0)
    w4 = symmetric(w, 4, channel_axis=0)(w)
    x4 = asymmetric(x, 4)(x)
    noise = ((w4 @ x4 - w @ x) ** 2).mean()
    weight_loss = ((w4 - w) ** 2).mean()
    activation_loss = (w**2).mean() * activation_noise(4, rectified=True)
    assert noise == pytest.approx(288 * (x**2).mean() * (weight_loss + activation_loss), rel=0.05)


def test_activation_products_take_he_variance_in_the_weights_place(tmp_path: Path) -> None:
    nodes = [
        node("Softmax", ["s"], ["p"], name="soft"),
        node("MatMul", ["p", "v"], ["y"], name="product"),
    ]
    model = model_of(nodes, {"s": [1, 8, 16], "v": [1, 16, 32]}, {"y": [1, 8, 32]}, {})
    table = table_of(model, tmp_path)
    assert table.loss("product", "weight", 4) == pytest.approx(2 / 16 * activation_noise(4, rectified=False))
    assert table.loss("product", "activation", 4) == pytest.approx(
        2 / 16 * activation_noise(4, rectified=True)
    )


def test_which_activations_are_never_negative(tmp_path: Path) -> None:
    workload = load_onnx(save(convnet(), tmp_path))
    assert non_negative_tensors(workload) == {"r1", "r2"}
    resnet = load_workload("resnet50")
    found = non_negative_tensors(resnet)
    inputs = [layer.inputs[0].name for layer in resnet.layers if layer.contraction]
    assert [name in found for name in inputs] == [False] + [True] * (len(inputs) - 1)


def test_library_models_and_nodes_without_names(tmp_path: Path) -> None:
    model = convnet()
    for n in model.graph.node:
        n.ClearField("name")
    expected = table_of(convnet(), tmp_path)
    assert list(table_of(model, tmp_path).losses.values()) == list(expected.losses.values())


def test_resnet18_at_seven_widths_takes_no_longer_than_sorting_it_five_times() -> None:
    """All its weights: about as long as sorting them once, 0.2 s of CPU where that was measured."""
    rng = np.random.default_rng(0)
    nests = [layer.contraction for layer in load_workload("resnet18").layers if layer.contraction]
    weights = [rng.standard_normal((n.K, n.C * n.R * n.S), np.float32) for n in nests]
    assert sum(w.size for w in weights) > 11_000_000
    start = time.process_time()
    for values in weights:
        channels = Channels(values, 0)
        for bits in range(2, 9):
            channels.mean_squared_error(bits, "least_squares")
    taken = time.process_time() - start
    for values in weights:
        np.sort(values, axis=1)
    assert taken < 5 * (time.process_time() - start - taken)


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "options", "said"),
    [
        ([0], [], {}, "weight bits: 0"),
        ([4], [17], {}, "activation bits: 17"),
        ([4, 4], [], {}, "given twice"),
        ([], [], {}, "no bit-width"),
        ([4], [], {"calibration": "x.npz"}, "calibration needs the ONNX model"),
    ],
)
def test_what_is_refused(weight_bits, activation_bits, options, said: str) -> None:
    with pytest.raises(InputError, match=said):
        sensitivity_of(load_workload("resnet8"), weight_bits, activation_bits, **options)


def test_a_network_without_products(tmp_path: Path) -> None:
    path = save(model_of([node("Relu", ["x"], ["y"])], {"x": [1, 4]}, {"y": [1, 4]}, {}), tmp_path)
    with pytest.raises(InputError, match="no multiply-accumulate layer"):
        sensitivity_of(load_onnx(path), [4], [4], model_path=path)


def test_integers_of_unknown_scale_are_assumed_and_named(tmp_path: Path) -> None:
    model = model_of(
        [node("MatMulInteger", ["x", "w"], ["y"], name="layer")],
        {},
        {"y": [1, 6]},
        {"w": W.T.astype(np.int8)},
    )
    model.graph.input.append(helper.make_tensor_value_info("x", onnx.TensorProto.INT8, [1, 4]))
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT32
    table = table_of(model, tmp_path)
    assert table.loss("layer", "weight", 4) == pytest.approx(2 / 4 * weight_noise(4))
    assert "no values: layer" in table.source


def test_calibrating_an_integer_model_is_refused(tmp_path: Path) -> None:
    model = model_of(
        [node("MatMulInteger", ["x", "w"], ["y"], name="layer"), node("Cast", ["y"], ["z"], to=1)],
        {}, {"z": [1, 6]}, {"w": W.T.astype(np.int8)},
    )  # fmt: skip
    model.graph.input.append(helper.make_tensor_value_info("x", onnx.TensorProto.INT8, [1, 4]))
    path = save(model, tmp_path)
    with pytest.raises(InputError, match="computes in integers"):
        sensitivity_of(load_onnx(path), [4], [], model_path=path, calibration={"x": np.ones((1, 4), np.int8)})
