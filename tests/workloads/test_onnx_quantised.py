"""Bit-widths from Q/DQ pairs, QLinear and Integer operators, and narrow element types."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import build, check_shapes, load, node, ones, only, operators
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

from archsim.workloads.onnx_import import load_onnx
from archsim.workloads.precision import Precision

SCALE = np.float32(0.1)


def typed(name, element, shape):
    """A constant of any ONNX type; values do not matter."""
    bits = {"INT4": 4, "UINT4": 4, "INT2": 2, "UINT2": 2}.get(TensorProto.DataType.Name(element), 8)
    count = int(np.prod(shape)) if shape else 1
    return onnx.TensorProto(name=name, data_type=element, dims=shape, raw_data=bytes(-(-count * bits // 8)))


def qdq_conv(weight, activation):
    """float x → Q → DQ ─ Conv ─ Relu → Q → DQ → Conv → y, weights dequantised from constants."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "za"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "za"], ["xd"]),
        node("DequantizeLinear", ["w", "s", "zw"], ["wd"]),
        node("Conv", ["xd", "wd"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("QuantizeLinear", ["b", "s", "za"], ["bq"]),
        node("DequantizeLinear", ["bq", "s", "za"], ["bd"]),
        node("DequantizeLinear", ["v", "s", "zw"], ["vd"]),
        node("Conv", ["bd", "vd"], ["y"]),
    ]
    model = build(nodes, {"x": [1, 3, 8, 8]}, ["y"], {"s": SCALE}, opset=25)
    model.graph.initializer.extend(
        [typed("w", weight, [4, 3, 3, 3]), typed("v", weight, [2, 4, 3, 3]), typed("za", activation, []),
         typed("zw", weight, [])]
    )  # fmt: skip
    return model


@pytest.mark.parametrize(
    ("weight", "activation", "precision"),
    [
        ("INT8", "INT8", "w8a8"),
        ("INT8", "UINT8", "w8a8"),
        ("INT4", "INT8", "w4a8"),
        ("UINT4", "UINT8", "w4a8"),
        ("INT2", "INT8", "w2a8"),
        ("INT4", "INT4", "w4a4"),
        ("INT8", "UINT16", "w8a16"),
        ("FLOAT8E4M3FN", "FLOAT8E4M3FN", "fp8_e4m3"),
        ("FLOAT8E5M2", "FLOAT8E5M2", "fp8_e5m2"),
    ],
)
def test_pairs_vanish_and_set_the_widths(weight, activation, precision, tmp_path):
    if weight not in TensorProto.DataType.keys():  # noqa: SIM118 (no container)
        pytest.skip("this onnx does not have the type")
    types = [TensorProto.DataType.Value(name) for name in (weight, activation)]
    workload = load(qdq_conv(*types), tmp_path)
    assert operators(workload) == ["conv", "conv"]
    first, last = workload.layers
    assert first.precision == Precision.parse(precision)
    assert last.precision == Precision.parse(precision).with_output_bits(32)
    assert first.fused == ("relu",)
    assert workload.parameters == 4 * 27 + 2 * 36
    assert [t.name for layer in workload.layers for t in layer.weights] == ["w", "v"]
    assert [t.name for t in workload.inputs] == ["x"]
    assert last.inputs[0].name == first.outputs[0].name == "b"


def test_quantised_model_stores_less(tmp_path):
    workload = load(qdq_conv(TensorProto.INT4, TensorProto.INT8), tmp_path)
    assert workload.weight_bytes == (4 * 27 + 2 * 36) // 2
    assert workload.tensor_bytes == {"x": 3 * 64, "b": 4 * 36, "y": 2 * 16 * 4}


def test_pair_before_the_output_narrows_it(tmp_path):
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("QuantizeLinear", ["a", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    workload = load(build(nodes, {"x": [4, 4]}, ["y"], {"s": SCALE, "z": np.int8(0)}), tmp_path)
    assert operators(workload) == ["relu"]
    assert workload.layers[0].precision.output_bits == 8


def test_tensor_also_read_as_float_stays_wide(tmp_path):
    nodes = [
        node("Relu", ["x"], ["a"]),
        node("QuantizeLinear", ["a", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("Tanh", ["d"], ["y"]),
        node("Tanh", ["a"], ["w"]),
    ]
    workload = load(build(nodes, {"x": [4, 4]}, ["y", "w"], {"s": SCALE, "z": np.int8(0)}), tmp_path)
    widths = [(layer.precision.activation_bits, layer.precision.output_bits) for layer in workload.layers]
    assert widths == [(32, 32), (8, 32), (32, 32)]


def test_lone_quantizers_stay_layers(tmp_path):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("QLinearConv", ["q", "s", "z", "w", "s", "z", "s", "z", "b"], ["c"]),
        node("DequantizeLinear", ["c", "s", "z"], ["y"]),
    ]
    constants = {"s": SCALE, "z": np.int8(0), "w": np.ones((4, 3, 3, 3), np.int8), "b": np.ones(4, np.int32)}
    model = build(nodes, {"x": [1, 3, 8, 8]}, ["y"], constants)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert operators(workload) == ["quantize", "conv", "dequantize"]
    quantize, conv, dequantize = workload.layers
    assert quantize.ops == {"mul": 192, "add": 192, "max": 384}
    assert quantize.precision.output_bits == 8
    assert conv.precision == Precision.parse("w8a8")
    assert conv.macs == 4 * 27 * 36
    assert conv.parameters == 4 * 27 + 4
    assert dequantize.ops == {"mul": 144, "add": 144}
    assert dequantize.precision.activation_bits == 8


def test_qlinear_matmul(tmp_path):
    constants = {"s": SCALE, "z": np.uint8(0), "w": np.ones((8, 3), np.uint8)}
    product = node("QLinearMatMul", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"])
    workload = load(build([product], {"x": [5, 8]}, ["y"], constants, element=TensorProto.UINT8), tmp_path)
    layer = only(workload, "gemm")
    assert layer.precision == Precision.parse("w8a8")
    assert (layer.macs, workload.parameters) == (5 * 8 * 3, 24)


def test_dynamic_quantisation(tmp_path):
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "w", "z"], ["i"]),
        node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "s"], ["y"]),
    ]
    model = build(nodes, {"x": [5, 8]}, ["y"], {"w": np.ones((8, 3), np.int8)})
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    quantize, product = workload.layers[:2]
    assert (quantize.operator, product.operator) == ("quantize", "gemm")
    assert quantize.ops == {"mul": 40, "add": 40, "max": 160}
    assert product.precision == Precision.parse("w8a8o32")
    assert product.macs == 5 * 8 * 3


def test_conv_integer(tmp_path):
    conv = node("ConvInteger", ["x", "w"], ["y"])
    model = build(
        [conv], {"x": [1, 2, 6, 6]}, ["y"], {"w": np.ones((3, 2, 3, 3), np.uint8)}, element=TensorProto.UINT8
    )
    workload = load(model, tmp_path)
    layer = only(workload, "conv")
    assert layer.macs == check_shapes(workload, model)["y"].sum()
    assert layer.precision == Precision.parse("w8a8o32")


@pytest.mark.parametrize(("element", "label"), [("FLOAT", "fp32"), ("FLOAT16", "fp16"), ("BFLOAT16", "bf16")])
def test_floating_models_keep_their_format(element, label, tmp_path):
    kind = TensorProto.DataType.Value(element)
    model = build([node("Gemm", ["x", "w"], ["y"])], {"x": [5, 8]}, ["y"], element=kind)
    model.graph.initializer.append(helper.make_tensor("w", kind, [8, 3], np.ones(24)))
    assert only(load(model, tmp_path), "gemm").precision.label == label


def test_weight_only_quantisation_is_announced(tmp_path):
    nodes = [
        node("DequantizeLinear", ["w", "s"], ["wd"]),
        node("MatMul", ["x", "wd"], ["y"]),
    ]
    model = build(nodes, {"x": [5, 8]}, ["y"], {"s": np.float16(0.1)}, element=TensorProto.FLOAT16)
    model.graph.initializer.append(typed("w", TensorProto.INT4, [8, 4]))
    workload = load(model, tmp_path)
    assert only(workload, "gemm").precision == Precision(4, 16, 16)
    assert "integer weights and floating activations" in workload.warnings[0]


def test_dequantised_weights_keep_their_width_through_a_transpose(tmp_path):
    nodes = [
        node("DequantizeLinear", ["w", "s"], ["wd"]),
        node("Transpose", ["wd"], ["wt"]),
        node("MatMul", ["x", "wt"], ["y"]),
    ]
    model = build(nodes, {"x": [5, 8]}, ["y"], {"s": SCALE, "w": np.ones((3, 8), np.int8)})
    layer = only(load(model, tmp_path), "gemm")
    assert layer.precision.weight_bits == 8
    assert layer.weights[0].name == "w"
    assert layer.weights[0].shape == (8, 3)


def test_float_weights_quantised_in_the_graph(tmp_path):
    nodes = [
        node("QuantizeLinear", ["w", "s", "z"], ["wq"]),
        node("DequantizeLinear", ["wq", "s", "z"], ["wd"]),
        node("MatMul", ["x", "wd"], ["y"]),
    ]
    model = build(nodes, {"x": [5, 8]}, ["y"], {"s": SCALE, "z": np.int8(0), "w": ones(8, 3)})
    assert only(load(model, tmp_path), "gemm").precision.weight_bits == 8


def test_integers_given_to_a_product_need_no_dequantise_layer(tmp_path):
    nodes = [
        node("DequantizeLinear", ["x", "s"], ["d"]),
        node("DequantizeLinear", ["v", "s"], ["w"]),
        node("MatMul", ["d", "w"], ["y"]),
    ]
    constants = {"s": SCALE, "v": np.ones((8, 3), np.int8)}
    workload = load(build(nodes, {"x": [5, 8]}, ["y"], constants, element=TensorProto.INT8), tmp_path)
    assert operators(workload) == ["gemm"]
    assert workload.layers[0].precision == Precision.parse("w8a8o32")


class _Samples(CalibrationDataReader):
    def __init__(self):
        self.left = [{"x": np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32)}]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_networks_quantised_by_onnx_runtime(form, tmp_path):
    """Both of its formats give the float network's products, at 8 bits, and no lost branch."""
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], name="c1", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], ["r1"], name="r1"),
        node("Conv", ["r1", "w2"], ["c2"], name="c2", pads=[1, 1, 1, 1]),
        node("Add", ["c2", "r1"], ["a"], name="a"),
        node("MaxPool", ["a"], ["m"], name="m", kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", ["m"], ["g"], name="g"),
        node("Flatten", ["g"], ["f"], name="f"),
        node("Gemm", ["f", "w3", "b3"], ["y"], name="fc", transB=1),
    ]
    rng = np.random.default_rng(1)
    shapes = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 8, 3, 3), "w3": (10, 8), "b3": (10,)}
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    model = build(nodes, {"x": [1, 3, 16, 16]}, ["y"], weights)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10]))
    source, target = tmp_path / "float.onnx", tmp_path / "quantised.onnx"
    onnx.save(model, source)
    quantize_static(source, target, _Samples(), quant_format=form)
    floating, quantised = load_onnx(source), load_onnx(target)
    assert quantised.warnings == ()
    assert quantised.macs == floating.macs
    assert quantised.parameters == floating.parameters
    assert [t.name for t in quantised.inputs] == ["x"]
    assert len(quantised.outputs) == 1
    products = [layer for layer in quantised.layers if layer.contraction]
    assert {(p.precision.weight_bits, p.precision.activation_bits) for p in products} == {(8, 8)}
    assert len(only(quantised, "add").inputs) == 2
