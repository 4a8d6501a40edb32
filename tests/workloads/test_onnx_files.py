"""Files and sizes: what loads, what is asked for, and one clear message for what does not."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import build, load, node, ones, operators

from archsim.errors import InputError
from archsim.workloads.onnx_import import load_onnx


def conv_model(shape, **options):
    return build([node("Conv", ["x", "w"], ["y"])], {"x": shape}, ["y"], {"w": ones(4, 3, 3, 3)}, **options)


def test_onnx_is_not_loaded_before_it_is_needed():
    check = "import sys, archsim, archsim.workloads.onnx_import; sys.exit('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.onnx does not exist"):
        load_onnx(tmp_path / "nowhere.onnx")


def test_folder(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_onnx(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, this is no model\n" * 9,
        bytes(range(256)),
        b'{"graph": {}}',
        b"\x89PNG\r\n\x1a\n",
        bytes(64),
    ],
)
def test_no_onnx_file(content, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.onnx"):
        load_onnx(path)


def test_truncated_file(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(conv_model([1, 3, 8, 8]).SerializeToString()[:-40])
    with pytest.raises(InputError, match="cut short"):
        load_onnx(path)


def test_graph_without_nodes(tmp_path):
    with pytest.raises(InputError, match="no graph with nodes"):
        load(build([], {"x": [1]}, ["x"]), tmp_path)


def test_graph_of_constants(tmp_path):
    with pytest.raises(InputError, match="no node of the model computes"):
        load(build([node("Relu", ["k"], ["y"])], {"x": [1]}, ["y"], {"k": ones(3)}), tmp_path)


def test_first_axis_defaults_to_one_and_says_so(tmp_path):
    workload = load(conv_model(["batch", 3, 8, 8]), tmp_path)
    assert workload.macs == 4 * 27 * 36
    assert "--dim batch=VALUE" in workload.warnings[0]
    assert workload.inputs[0].shape == (1, 3, 8, 8)


def test_unnamed_first_axis(tmp_path):
    workload = load(conv_model([None, 3, 8, 8]), tmp_path)
    assert "--dim x:0=VALUE" in workload.warnings[0]
    assert load(conv_model([None, 3, 8, 8]), tmp_path, dims={"x:0": 5}).macs == 5 * workload.macs


def test_batch_axis_may_stand_second(tmp_path):
    model = build([node("Relu", ["x"], ["y"])], {"x": [6, "Batch_Size", 4]}, ["y"])
    assert load(model, tmp_path).inputs[0].shape == (6, 1, 4)


def test_other_dynamic_axes_must_be_given(tmp_path):
    model = conv_model(["batch", 3, "height", None])
    with pytest.raises(InputError) as caught:
        load(model, tmp_path)
    message = str(caught.value)
    assert "input 'x' axis 2 ('height')" in message
    assert "--dim height=VALUE" in message
    assert "--dim x:3=VALUE" in message
    workload = load(model, tmp_path, dims={"height": 10, "x:3": 12, "batch": 2})
    assert workload.layers[0].outputs[0].shape == (2, 4, 8, 10)
    assert workload.warnings == ()


def test_one_symbol_binds_every_input(tmp_path):
    model = build([node("Add", ["a", "b"], ["y"])], {"a": [1, "n"], "b": ["n", "n"]}, ["y"])
    assert load(model, tmp_path, dims={"n": 7}).outputs[0].shape == (7, 7)


def test_override_that_names_nothing(tmp_path):
    with pytest.raises(InputError, match=r"--dim width names no input dimension.*batch, x:0, x:1, x:2, x:3"):
        load(conv_model(["batch", 3, 8, 8]), tmp_path, dims={"width": 3})


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "8"])
def test_override_that_is_no_size(value, tmp_path):
    with pytest.raises(InputError, match="at least 1"):
        load(conv_model(["batch", 3, 8, 8]), tmp_path, dims={"batch": value})


def test_override_that_does_not_fit_names_the_node(tmp_path):
    with pytest.raises(InputError, match="Conv"):
        load(conv_model([1, 3, 8, 8]), tmp_path, dims={"x:1": 5})


def test_changed_size_drops_stored_shapes(tmp_path):
    model = onnx.shape_inference.infer_shapes(
        build([node("Relu", ["x"], ["a"]), node("Tanh", ["a"], ["y"])], {"x": [1, 3, 8, 8]}, ["y"])
    )
    assert load(model, tmp_path, dims={"x:2": 16}).outputs[0].shape == (1, 3, 16, 8)


def test_stored_shapes_in_bound_symbols_are_used(tmp_path):
    nodes = [node("Fancy", ["x"], ["a"], domain="custom"), node("Conv", ["a", "w"], ["y"])]
    model = build(nodes, {"x": [1, 3, "h", 8]}, ["y"], {"w": ones(4, 3, 3, 3)})
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 3, "h", 8]))
    assert load(model, tmp_path, dims={"h": 12}).macs == 4 * 27 * 10 * 6


def test_missing_external_weights_do_not_matter(tmp_path):
    path = tmp_path / "model.onnx"
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        node("Reshape", ["c", "flat"], ["f"]),
        node("MatMul", ["f", "v"], ["y"]),
    ]
    constants = {"w": ones(4, 3, 3, 3), "flat": np.array([1, -1]), "v": ones(144, 100)}
    model = build(nodes, {"x": [1, 3, 8, 8]}, ["y"], constants)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=64)
    assert load_onnx(path).macs == 4 * 27 * 36 + 14400
    (tmp_path / "weights.bin").unlink()
    workload = load_onnx(path)
    assert workload.macs == 4 * 27 * 36 + 14400
    assert workload.parameters == 108 + 14400


def test_small_external_constants_are_read(tmp_path):
    path = tmp_path / "model.onnx"
    nodes = [node("Reshape", ["x", "flat"], ["f"]), node("MatMul", ["f", "v"], ["y"])]
    model = build(nodes, {"x": [1, 3, 8]}, ["y"], {"flat": np.array([1, -1]), "v": ones(24, 5)})
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert load_onnx(path).macs == 120


def test_initializers_without_data(tmp_path):
    model = conv_model([1, 3, 8, 8])
    model.graph.initializer[0].ClearField("raw_data")
    assert load(model, tmp_path).macs == 4 * 27 * 36


def test_initializers_listed_as_inputs_are_no_inputs(tmp_path):
    model = conv_model([1, 3, 8, 8])
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]))
    workload = load(model, tmp_path)
    assert [t.name for t in workload.inputs] == ["x"]
    assert workload.parameters == 108


def test_local_functions_are_inlined(tmp_path):
    body = [node("Sigmoid", ["a"], ["s"]), node("Mul", ["a", "s"], ["b"])]
    silu = helper.make_function("com.example", "Silu", ["a"], ["b"], body, [helper.make_opsetid("", 21)])
    nodes = [node("Gemm", ["x", "w"], ["h"]), node("Silu", ["h"], ["y"], domain="com.example")]
    model = build(nodes, {"x": [2, 8]}, ["y"], {"w": ones(8, 4)}, domains={"com.example": 1})
    model.functions.append(silu)
    (layer,) = load(model, tmp_path).layers
    assert layer.fused == ("sigmoid", "mul")


def branch(name, width):
    """One branch of an If: a Gemm with weights of its own."""
    weights = numpy_helper.from_array(ones(8, width), f"{name}_w")
    output = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)
    return helper.make_graph(
        [node("MatMul", ["x", f"{name}_w"], [f"{name}_y"])], name, [], [output], [weights]
    )


def choosing(*, by_input):
    choice = node("If", ["wide"], ["y"], then_branch=branch("then", 200), else_branch=branch("else", 3))
    if by_input:
        model = build(
            [node("Equal", ["rate", "k"], ["wide"]), choice], {"x": [2, 8]}, ["y"], {"k": np.int64(16000)}
        )
        model.graph.input.append(helper.make_tensor_value_info("rate", TensorProto.INT64, []))
        return model
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "last"], ["n"]),
        node("Equal", ["n", "k"], ["wide"]),
    ]
    return build([*nodes, choice], {"x": [2, "width"]}, ["y"], {"last": np.int64(1), "k": np.int64(8)})


def test_branch_on_a_shape_is_taken(tmp_path):
    workload = load(choosing(by_input=False), tmp_path, dims={"width": 8})
    assert operators(workload) == ["gemm"]
    assert workload.macs == 2 * 8 * 200


def test_branch_on_an_input_needs_its_value(tmp_path):
    model = choosing(by_input=True)
    with pytest.raises(InputError, match=r"If.*MatMul.*--dim NAME=VALUE"):
        load(model, tmp_path)
    assert load(model, tmp_path, dims={"rate": 16000}).macs == 2 * 8 * 200
    assert load(model, tmp_path, dims={"rate": 8000}).macs == 2 * 8 * 3
    with pytest.raises(InputError, match="rate"):
        load(model, tmp_path, dims={"bogus": 1})


def test_shape_arithmetic_that_only_the_runtime_resolves(tmp_path):
    """The target of the Reshape goes through floating arithmetic, which ONNX inference does not follow."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Cast", ["s"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "factor"], ["g"]),
        node("Cast", ["g"], ["t"], to=TensorProto.INT64),
        node("Reshape", ["x", "t"], ["r"]),
        node("MatMul", ["r", "w"], ["y"]),
    ]
    model = build(nodes, {"x": [4, 6]}, ["y"], {"factor": np.float32([0.5, 2]), "w": ones(12, 200)})
    workload = load(model, tmp_path)
    assert workload.macs == 2 * 12 * 200
    assert workload.parameters == 2400


def test_node_names_are_unique(tmp_path):
    nodes = [
        node("Relu", ["x"], ["a"], name="same"),
        node("Relu", ["a"], ["b"], name="same"),
        node("Relu", ["b"], ["c"]),
        node("Relu", ["c"], ["y"], name="same"),
    ]
    workload = load(build(nodes, {"x": [2, 2]}, ["y"]), tmp_path)
    assert [layer.name for layer in workload.layers] == ["same", "same_2", "Relu_2", "same_3"]
