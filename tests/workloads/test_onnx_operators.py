"""Operators beside the products: their counts, and the ones that cost nothing."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import build, check_shapes, load, node, ones, only, operators

from archsim.errors import InputError
from archsim.workloads.onnx_import.counted_operators import CONVERTERS
from archsim.workloads.onnx_import.operator_table import FREE

X = [2, 4, 6, 8]
N = 2 * 4 * 6 * 8
CHANNEL = ones(4)


def integers(*values):
    return np.array(values, np.int64)


# operator, attributes, constants after the input, expected archsim operator, expected counts
COUNTED = [
    ("Relu", {}, [], "relu", {"max": N}),
    ("Sigmoid", {}, [], "sigmoid", {"exp": N, "add": N, "div": N}),
    ("Tanh", {}, [], "tanh", {"exp": N, "add": 2 * N, "mul": N, "div": N}),
    ("HardSwish", {}, [], "activation", {"mul": 2 * N, "add": N, "max": 2 * N}),
    ("LeakyRelu", {}, [], "activation", {"mul": N, "max": N}),
    ("Gelu", {}, [], "gelu", {"mul": 10 * N, "add": 7 * N, "exp": N, "div": N}),
    ("Gelu", {"approximate": "tanh"}, [], "gelu", {"mul": 7 * N, "add": 4 * N, "exp": N, "div": N}),
    ("Erf", {}, [], "elementwise", {"mul": 8 * N, "add": 6 * N, "exp": N, "div": N}),
    ("Sqrt", {}, [], "elementwise", {"sqrt": N}),
    ("Clip", {}, [np.float32(0), np.float32(6)], "activation", {"max": 2 * N}),
    ("PRelu", {}, [ones(4, 1, 1)], "activation", {"mul": N, "max": N}),
    ("Pow", {}, [np.float32(2)], "elementwise", {"mul": N}),
    ("Pow", {}, [np.float32(0.5)], "elementwise", {"sqrt": N}),
    ("Pow", {}, [np.float32(1.7)], "elementwise", {"exp": 2 * N, "mul": N}),
    ("Div", {}, [np.float32(8)], "div", {"mul": N}),
    ("Softmax", {}, [], "softmax", {"max": N, "add": 2 * N, "exp": N, "div": N}),
    ("MaxPool", {"kernel_shape": [2, 3]}, [], "max_pool", {"max": 6 * 2 * 4 * 5 * 6}),
    (
        "AveragePool",
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        [],
        "average_pool",
        {"add": 4 * N // 4, "mul": N // 4},
    ),
    ("GlobalAveragePool", {}, [], "average_pool", {"add": N, "mul": 8}),
    ("GlobalMaxPool", {}, [], "max_pool", {"max": N}),
    ("ReduceMean", {"keepdims": 0}, [integers(2, 3)], "reduce", {"add": N, "mul": 8}),
    ("ReduceMax", {}, [integers(1)], "reduce", {"max": N}),
    ("ReduceL2", {}, [integers(1)], "reduce", {"mul": N, "add": N, "sqrt": N // 4}),
    ("ArgMax", {"axis": 3}, [], "reduce", {"max": N}),
    ("TopK", {}, [integers(5)], "reduce", {"max": 4 * N}),
    ("BatchNormalization", {}, [CHANNEL] * 4, "batch_norm", {"mul": N, "add": N}),
    (
        "InstanceNormalization",
        {},
        [CHANNEL] * 2,
        "group_norm",
        {"mul": 3 * N, "add": 4 * N, "sqrt": 8, "div": 8},
    ),
    (
        "GroupNormalization",
        {"num_groups": 2},
        [CHANNEL] * 2,
        "group_norm",
        {"mul": 3 * N, "add": 4 * N, "sqrt": 4, "div": 4},
    ),
    (
        "LayerNormalization",
        {"axis": -1},
        [ones(8)] * 2,
        "layer_norm",
        {"mul": 3 * N, "add": 4 * N, "sqrt": N // 8, "div": N // 8},
    ),
    ("LRN", {"size": 3}, [], "lrn", {"mul": 3 * N, "add": 4 * N, "exp": 2 * N, "div": N}),
    ("Transpose", {"perm": [0, 2, 3, 1]}, [], "transpose", {"move": N}),
    ("Slice", {}, [integers(1), integers(5), integers(2)], "slice", {"move": N // 6 * 4}),
    ("Pad", {}, [integers(0, 0, 1, 0, 0, 0, 0, 2)], "pad", {"move": 8 * 7 * 10}),
    ("Expand", {}, [integers(3, 2, 4, 6, 8)], "move", {"move": 3 * N}),
    ("Tile", {}, [integers(1, 1, 2, 2)], "move", {"move": 4 * N}),
    ("DepthToSpace", {"blocksize": 2}, [], "move", {"move": N}),
    ("Resize", {"mode": "nearest"}, [ones(0), np.float32([1, 1, 2, 2])], "resize", {"move": 4 * N}),
    (
        "Resize",
        {"mode": "linear"},
        [ones(0), np.float32([1, 1, 2, 2])],
        "resize",
        {"mul": 16 * N, "add": 12 * N},
    ),
]


@pytest.mark.parametrize("case", COUNTED, ids=lambda case: f"{case[0]} {case[1]}")
def test_counts(case, tmp_path):
    op, attributes, constants, operator, counts = case
    names = [f"c{i}" for i in range(len(constants))]
    outputs = ["y", "indices"] if op == "TopK" else ["y"]
    model = build(
        [node(op, ["x", *names], outputs, **attributes)],
        {"x": X},
        outputs[:1],
        dict(zip(names, constants, strict=True)),
    )
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    (layer,) = workload.layers
    assert (layer.operator, dict(layer.ops)) == (operator, counts)
    assert layer.name == f"{op}_0"


def test_rms_norm(tmp_path):
    rms = node("RMSNormalization", ["x", "s"], ["y"], axis=-1)
    layer = only(load(build([rms], {"x": X}, ["y"], {"s": ones(8)}, opset=23), tmp_path), "rms_norm")
    assert layer.ops == {"mul": 3 * N, "add": N, "sqrt": N // 8, "div": N // 8}
    assert layer.parameters == 8


BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Max": "elementwise", "Pow": "elementwise"}


@pytest.mark.parametrize("op", BINARY)
def test_broadcasting_counts_the_output(op, tmp_path):
    model = build([node(op, ["a", "b"], ["y"])], {"a": [2, 1, 6, 8], "b": [4, 1, 8]}, ["y"])
    workload = load(model, tmp_path)
    y = check_shapes(workload, model)["y"]
    (layer,) = workload.layers
    assert layer.operator == BINARY[op]
    assert set(layer.ops.values()) <= {y.size, 2 * y.size}
    assert len(layer.inputs) == 2


def test_sum_of_three_is_two_additions(tmp_path):
    model = build([node("Sum", ["a", "b", "c"], ["y"])], dict.fromkeys("abc", X), ["y"])
    assert only(load(model, tmp_path), "add").ops == {"add": 2 * N}


def test_square_reads_its_operand_once(tmp_path):
    (layer,) = load(build([node("Mul", ["x", "x"], ["y"])], {"x": X}, ["y"]), tmp_path).layers
    assert [t.name for t in layer.inputs] == ["x"]
    assert layer.ops == {"mul": N}


def test_constant_positions_are_no_parameters(tmp_path):
    model = build(
        [node("Gather", ["x", "rows"], ["y"], axis=2)], {"x": X}, ["y"], {"rows": integers(0, 4, 2)}
    )
    assert load(model, tmp_path).parameters == 0


def test_random_numbers_are_reported(tmp_path):
    nodes = [node("RandomNormal", [], ["r"], shape=X), node("Add", ["x", "r"], ["y"])]
    workload = load(build(nodes, {"x": X}, ["y"]), tmp_path)
    assert operators(workload) == ["unknown", "add"]


def test_where_concat_split_gather_scatter(tmp_path):
    nodes = [
        node("Less", ["x", "half"], ["mask"]),
        node("Where", ["mask", "x", "half"], ["chosen"]),
        node("Split", ["chosen"], ["left", "right"], axis=3, num_outputs=2),
        node("Concat", ["right", "left"], ["swapped"], axis=3),
        node("Gather", ["swapped", "rows"], ["picked"], axis=2),
        node("ScatterND", ["picked", "place", "patch"], ["y"]),
    ]
    constants = {
        "half": np.float32(0.5),
        "rows": integers(5, 0, 2),
        "place": integers(1).reshape(1, 1),
        "patch": ones(1, 4, 3, 8),
    }
    model = build(nodes, {"x": X}, ["y"], constants)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert operators(workload) == ["elementwise", "elementwise", "slice", "concat", "gather", "move"]
    counted = [dict(layer.ops) for layer in workload.layers]
    assert counted == [{"max": N}] * 2 + [{"move": N}] * 2 + [{"move": N // 2}] * 2


def test_embedding_table_is_a_parameter(tmp_path):
    model = build([node("Gather", ["table", "ids"], ["y"])], {"ids": [2, 5]}, ["y"], {"table": ones(100, 16)},
                  element=TensorProto.INT64)  # fmt: skip
    workload = load(model, tmp_path)
    layer = only(workload, "gather")
    assert workload.parameters == 1600
    assert layer.ops == {"move": 160}
    assert layer.precision.number_format == "fp32"


def test_reshapes_vanish_and_readers_read_the_source(tmp_path):
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("Shape", ["a"], ["size"]),
        node("Gather", ["size", "zero"], ["batch"]),
        node("Concat", ["batch", "rest"], ["target"], axis=0),
        node("Reshape", ["a", "target"], ["flat"]),
        node("Unsqueeze", ["flat", "zero"], ["b"]),
        node("Identity", ["b"], ["c"]),
        node("Dropout", ["c"], ["d"]),
        node("Cast", ["d"], ["half"], to=TensorProto.FLOAT16),
        node("Transpose", ["half"], ["moved"], perm=[1, 0, 2]),
        node("Tanh", ["moved"], ["y"]),
    ]
    model = build(nodes, {"x": X}, ["y"], {"zero": integers(0), "rest": integers(-1)})
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert operators(workload) == ["relu", "tanh"]
    tanh = workload.layers[1]
    assert tanh.inputs[0].name == "a"
    assert tanh.inputs[0].shape == tuple(X)
    assert tanh.outputs[0].shape == (2, 1, 4 * 6 * 8)


def test_reshaped_output_is_the_network_output(tmp_path):
    model = build([node("Relu", ["x"], ["a"]), node("Flatten", ["a"], ["y"])], {"x": X}, ["y"])
    assert [t.name for t in load(model, tmp_path).outputs] == ["a"]


def test_conversion_from_integers_is_work(tmp_path):
    model = build(
        [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)], {"x": X}, ["y"], element=TensorProto.UINT8
    )
    assert dict(load(model, tmp_path).layers[0].ops) == {"add": N}


def test_copies_that_change_nothing_vanish(tmp_path):
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("Expand", ["a", "shape"], ["b"]),
        node("Pad", ["b", "pads"], ["c"]),
        node("Relu", ["c"], ["y"]),
    ]
    model = build(nodes, {"x": X}, ["y"], {"shape": integers(*X), "pads": integers(*[0] * 8)})
    assert operators(load(model, tmp_path)) == ["relu", "relu"]


def test_computed_weights_are_static(tmp_path):
    """Weights made by ConstantOfShape, Transpose, Cast, Reshape are parameters of the stored size."""
    nodes = [
        node("ConstantOfShape", ["shape"], ["made"]),
        node("Transpose", ["made"], ["turned"]),
        node("MatMul", ["x", "turned"], ["h"]),
        node("Cast", ["half"], ["full"], to=TensorProto.FLOAT),
        node("Reshape", ["full", "square"], ["w"]),
        node("MatMul", ["h", "w"], ["y"]),
    ]
    constants = {"shape": integers(5, 8), "half": np.ones(25, np.float16), "square": integers(5, 5)}
    workload = load(build(nodes, {"x": [3, 8]}, ["y"], constants), tmp_path)
    assert operators(workload) == ["gemm", "gemm"]
    assert workload.parameters == 40 + 25
    assert [layer.weights[0].name for layer in workload.layers] == ["made", "half"]


def test_tied_weights_count_once(tmp_path):
    nodes = [
        node("Gather", ["table", "ids"], ["h"]),
        node("Transpose", ["table"], ["turned"]),
        node("MatMul", ["h", "turned"], ["y"]),
    ]
    model = build(nodes, {"ids": [2, 5]}, ["y"], {"table": ones(100, 16)}, element=TensorProto.INT64)
    assert load(model, tmp_path).parameters == 1600


def test_unknown_operator_is_a_visible_layer(tmp_path):
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("Fancy", ["a"], ["b"], domain="com.example", name="strange"),
        node("Gemm", ["b", "w"], ["y"]),
    ]
    model = build(nodes, {"x": [3, 8]}, ["y"], {"w": ones(8, 8)}, domains={"com.example": 1})
    model.graph.value_info.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [3, 8]))
    workload = load(model, tmp_path)
    assert operators(workload) == ["relu", "unknown", "gemm"]
    assert workload.layers[1].ops == {}
    (warning,) = workload.warnings
    assert "com.example:Fancy" in warning
    assert "strange" in warning
    assert "33.3%" in warning
    with pytest.raises(InputError, match="Fancy"):
        load(model, tmp_path, strict=True)


def test_unknown_operator_of_the_default_domain_does_not_stop_inference(tmp_path):
    """Stored shapes fill the gap behind it, inference goes on from there."""
    nodes = [node("RequantShift", ["x"], ["a"]), node("Conv", ["a", "w"], ["b"]), node("Relu", ["b"], ["y"])]
    model = build(nodes, {"x": [1, 3, 8, 8]}, ["y"], {"w": ones(4, 3, 3, 3)})
    with pytest.raises(InputError, match="'a'"):
        load(model, tmp_path)
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3, 8, 8]))
    assert load(model, tmp_path).macs == 4 * 27 * 36


def test_domain_without_opset_import(tmp_path):
    model = build(
        [node("Fancy", ["x"], ["a"], domain="left.out"), node("Relu", ["x"], ["y"])], {"x": X}, ["y", "a"]
    )
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, X))
    assert operators(load(model, tmp_path)) == ["unknown", "relu"]


def test_run_time_shapes_are_left_out_with_a_warning(tmp_path):
    nodes = [node("NonZero", ["x"], ["where"]), node("Relu", ["x"], ["y"])]
    workload = load(build(nodes, {"x": [3, 3]}, ["where", "y"]), tmp_path)
    assert operators(workload) == ["relu"]
    assert "NonZero" in workload.warnings[0]


def test_runtime_gelu_of_another_domain(tmp_path):
    """ONNX has no shape rule for it; it keeps its input's shape."""
    nodes = [node("Gelu", ["x"], ["a"], domain="com.microsoft"), node("MatMul", ["a", "w"], ["y"])]
    workload = load(build(nodes, {"x": [3, 8]}, ["y"], {"w": ones(8, 2)}), tmp_path)
    assert operators(workload) == ["gelu", "gemm"]


def test_free_and_costly_operators_do_not_overlap():
    assert not FREE & set(CONVERTERS)
