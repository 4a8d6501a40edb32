"""What folds into a layer, what must not, and that folding changes no totals it should keep."""

import numpy as np
import pytest
from onnx_models import build, check_shapes, load, node, ones, operators

X = {"x": [1, 3, 8, 8]}
N = 4 * 8 * 8
CONV = node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], name="conv")
W = {"w": ones(4, 3, 3, 3)}
PER_CHANNEL = ones(4, 1, 1)
SIGMOID = {"exp": N, "add": N, "div": N}


def convolve_then(nodes, constants=None, outputs=("y",), inputs=X, head=CONV):
    return build([head, *nodes], inputs, list(outputs), W | (constants or {}))


EPILOGUES = {
    "relu": ([node("Relu", ["c"], ["y"])], {}, ("relu",), {"max": N}),
    "clip": (
        [node("Clip", ["c", "lo", "hi"], ["y"])],
        {"lo": np.float32(0), "hi": np.float32(6)},
        ("activation",),
        {"max": 2 * N},
    ),
    "silu": (
        [node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["y"])],
        {},
        ("sigmoid", "mul"),
        SIGMOID | {"mul": N},
    ),
    "hard swish": (
        [node("HardSigmoid", ["c"], ["s"]), node("Mul", ["s", "c"], ["y"])],
        {},
        ("activation", "mul"),
        {"mul": 2 * N, "add": N, "max": 2 * N},
    ),
    "erf gelu": (
        [
            node("Div", ["c", "root"], ["a"]),
            node("Erf", ["a"], ["b"]),
            node("Add", ["b", "one"], ["d"]),
            node("Mul", ["c", "d"], ["e"]),
            node("Mul", ["e", "half"], ["y"]),
        ],
        {"root": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)},
        ("div", "elementwise", "add", "mul", "mul"),
        {"mul": 11 * N, "add": 7 * N, "exp": N, "div": N},
    ),
    "prelu": (
        [node("PRelu", ["c", "slope"], ["y"])],
        {"slope": PER_CHANNEL},
        ("activation",),
        {"mul": N, "max": N},
    ),
    "bias": ([node("Add", ["c", "b"], ["y"])], {"b": PER_CHANNEL}, ("add",), {"add": N}),
    "bias then relu": (
        [node("Add", ["b", "c"], ["a"]), node("Relu", ["a"], ["y"])],
        {"b": PER_CHANNEL},
        ("add", "relu"),
        {"add": N, "max": N},
    ),
    "constant scale": ([node("Mul", ["c", "m"], ["y"])], {"m": PER_CHANNEL}, ("mul",), {}),
    "batch norm, scale, shift, relu": (
        [
            node("BatchNormalization", ["c", "v", "v", "v", "v"], ["a"]),
            node("Mul", ["a", "m"], ["b"]),
            node("Add", ["b", "m"], ["d"]),
            node("Relu", ["d"], ["y"]),
        ],
        {"v": ones(4), "m": PER_CHANNEL},
        ("batch_norm", "mul", "add", "relu"),
        {"max": N},
    ),
}


@pytest.mark.parametrize("case", EPILOGUES)
def test_folds(case, tmp_path):
    nodes, constants, fused, ops = EPILOGUES[case]
    model = convolve_then(nodes, constants)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    (layer,) = workload.layers
    assert (layer.name, layer.operator) == ("conv", "conv")
    assert layer.fused == fused
    assert layer.ops == ops
    assert layer.outputs[0].name == "y"
    assert layer.macs == N * 27


@pytest.mark.parametrize("case", EPILOGUES)
def test_unfused_has_a_layer_for_every_node(case, tmp_path):
    nodes, constants, fused, _ = EPILOGUES[case]
    workload = load(convolve_then(nodes, constants), tmp_path, fuse=False)
    assert operators(workload) == ["conv", *fused]
    assert workload.macs == N * 27


def test_folded_parameters(tmp_path):
    def parameters(case):
        nodes, constants, _, _ = EPILOGUES[case]
        return load(convolve_then(nodes, constants), tmp_path).parameters

    weights = 4 * 27
    assert parameters("relu") == weights
    assert parameters("prelu") == weights + 4  # slopes
    assert parameters("bias") == weights + 4
    assert parameters("constant scale") == weights  # goes into the weights
    # four tensors of the norm; here all four and the scale share one value each in the file
    assert parameters("batch norm, scale, shift, relu") == weights + 4


KEPT = {
    "second reader": ([node("Relu", ["c"], ["y"]), node("Tanh", ["c"], ["z"])], {}, ("y", "z"), 3),
    "network output": ([node("Relu", ["c"], ["y"])], {}, ("y", "c"), 2),
    "residual": ([node("Add", ["c", "r"], ["y"])], {}, ("y",), 2),
    "constant per pixel": ([node("Add", ["c", "b"], ["y"])], {"b": ones(8, 8)}, ("y",), 2),
    "broadcast to more elements": ([node("Add", ["c", "b"], ["y"])], {"b": ones(2, 4, 1, 1)}, ("y",), 2),
    "gate that leaves too": (
        [node("Sigmoid", ["c"], ["s"]), node("Mul", ["c", "s"], ["y"])],
        {},
        ("y", "s"),
        3,
    ),
    "softmax": ([node("Softmax", ["c"], ["y"])], {}, ("y",), 2),
    "pooling": ([node("GlobalAveragePool", ["c"], ["y"])], {}, ("y",), 2),
    "self-gate of a pooled tensor": (
        [node("GlobalAveragePool", ["c"], ["p"]), node("Mul", ["c", "p"], ["y"])],
        {},
        ("y",),
        3,
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_does_not_fold(case, tmp_path):
    nodes, constants, outputs, layers = KEPT[case]
    inputs = X | {"r": [1, 4, 8, 8]} if case == "residual" else X
    model = convolve_then(nodes, constants, outputs, inputs)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert len(workload.layers) == layers
    assert all(not layer.fused for layer in workload.layers)
    assert {t.name for t in workload.outputs} == set(outputs)


def test_batch_norm_behind_an_activation_keeps_its_work(tmp_path):
    nodes = [node("Relu", ["c"], ["a"]), node("BatchNormalization", ["a", "v", "v", "v", "v"], ["y"])]
    (layer,) = load(convolve_then(nodes, {"v": ones(4)}), tmp_path).layers
    assert layer.ops == {"max": N, "mul": N, "add": N}
    assert layer.parameters == 4 * 27 + 16


def test_constant_over_the_result_is_no_scale(tmp_path):
    """k / y must keep its division."""
    nodes = [node("Div", ["k", "c"], ["y"])]
    (layer,) = load(convolve_then(nodes, {"k": np.float32(3)}), tmp_path).layers
    assert layer.ops == {"div": N}


def test_product_of_activations_takes_no_constant_vector(tmp_path):
    """With weights it would pass for a product with static weights."""
    nodes = [node("MatMul", ["a", "b"], ["s"]), node("Add", ["s", "k"], ["y"])]
    workload = load(build(nodes, {"a": [5, 4], "b": [4, 6]}, ["y"], {"k": ones(6)}), tmp_path)
    assert operators(workload) == ["matmul", "add"]
    assert not workload.layers[0].has_static_weights


def test_square_of_the_result_is_no_scale(tmp_path):
    (layer,) = load(convolve_then([node("Mul", ["c", "c"], ["y"])]), tmp_path).layers
    assert layer.ops == {"mul": N}


def test_existing_bias_takes_up_a_constant_shift(tmp_path):
    head = node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1])
    model = convolve_then([node("Add", ["c", "d"], ["y"])], {"b": ones(4), "d": PER_CHANNEL}, head=head)
    (layer,) = load(model, tmp_path).layers
    assert layer.ops == {"add": N}
    assert layer.parameters == 4 * 27 + 4


def test_norm_over_a_reshaped_result_stays(tmp_path):
    """The channels of the norm are no channels of the product."""
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("Reshape", ["m", "shape"], ["r"]),
        node("BatchNormalization", ["r", "v", "v", "v", "v"], ["y"]),
    ]
    constants = {"w": ones(6, 4), "shape": np.array([2, 2, 5, 2]), "v": ones(2)}
    workload = load(build(nodes, {"x": [2, 5, 6]}, ["y"], constants), tmp_path)
    assert operators(workload) == ["gemm", "batch_norm"]


def test_activation_behind_a_reshape_folds(tmp_path):
    nodes = [node("Flatten", ["c"], ["f"]), node("Relu", ["f"], ["y"])]
    workload = load(convolve_then(nodes), tmp_path)
    (layer,) = workload.layers
    assert layer.fused == ("relu",)
    assert layer.outputs[0].shape == (1, N)


def test_scaled_scores_keep_the_multiplication(tmp_path):
    """Between activations there are no weights that could take up a constant."""
    nodes = [node("MatMul", ["a", "b"], ["s"]), node("Mul", ["s", "k"], ["y"])]
    model = build(nodes, {"a": [5, 4], "b": [4, 6]}, ["y"], {"k": np.float32(0.5)})
    (layer,) = load(model, tmp_path).layers
    assert layer.ops == {"mul": 30}
