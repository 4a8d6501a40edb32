"""Convolutions and matrix products: loops against ONNX Runtime's shapes, MACs against its sums over ones.

With operands of ones and no padding every product contributes 1, so the sum of the output counts the MACs.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import build, check_shapes, load, node, ones, only, operators, run_all

from archsim.errors import InputError

CONVOLUTIONS = {
    "plain": ([1, 3, 9, 11], [4, 3, 3, 3], {}),
    "strided, asymmetric kernel": ([2, 2, 20, 50], [3, 2, 3, 39], {"strides": [1, 2]}),
    "dilated": ([1, 2, 15, 14], [4, 2, 3, 2], {"dilations": [2, 3]}),
    "grouped": ([2, 6, 8, 8], [9, 2, 3, 3], {"group": 3}),
    "depthwise": ([1, 5, 8, 8], [5, 1, 3, 3], {"group": 5}),
    "1-D": ([2, 3, 30], [4, 3, 5], {"strides": [3]}),
    "1-D grouped": ([2, 4, 30], [4, 2, 5], {"group": 2}),
    "3-D": ([2, 3, 6, 7, 8], [4, 3, 2, 3, 3], {"strides": [2, 1, 2]}),
    "3-D grouped": ([1, 4, 6, 7, 8], [4, 2, 2, 3, 3], {"group": 2}),
    "auto valid": ([1, 2, 9, 9], [2, 2, 4, 4], {"auto_pad": "VALID"}),
}
PADDED = {
    "asymmetric padding": ([1, 3, 10, 12], [4, 3, 3, 5], {"pads": [2, 0, 1, 3], "strides": [2, 3]}),
    "same upper": ([1, 2, 7, 8], [3, 2, 4, 3], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "same lower": ([1, 2, 7, 8], [3, 2, 4, 3], {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "1-D padded": ([1, 2, 11], [3, 2, 4], {"pads": [1, 2]}),
    "3-D padded": ([1, 2, 5, 6, 7], [3, 2, 3, 3, 3], {"pads": [1, 1, 1, 1, 1, 1]}),
}


def convolve(shape, kernel, attributes, op="Conv"):
    return build([node(op, ["x", "w"], ["y"], **attributes)], {"x": shape}, ["y"], {"w": ones(*kernel)})


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_macs_are_the_sum_over_ones(case, tmp_path):
    model = convolve(*CONVOLUTIONS[case])
    workload = load(model, tmp_path)
    y = check_shapes(workload, model)["y"]
    layer = only(workload, "conv")
    assert layer.macs == y.sum()
    assert layer.contraction.output_elements == y.size
    assert layer.contraction.weight_elements == layer.weights[0].elements == workload.parameters


@pytest.mark.parametrize("case", PADDED)
def test_padded_convolution(case, tmp_path):
    shape, kernel, attributes = PADDED[case]
    model = convolve(shape, kernel, attributes)
    workload = load(model, tmp_path)
    y = check_shapes(workload, model)["y"]
    nest = only(workload, "conv").contraction
    assert nest.macs == y.size * np.prod(kernel[1:])
    # where the window hangs over the edge, ones are missing: rebuild the very sums from the nest's padding
    if len(shape) == 4:
        top, left, bottom, right = nest.padding
        image = np.pad(np.ones(nest.input_size), ((top, bottom), (left, right)))
        starts = [(p * nest.stride[0], q * nest.stride[1]) for p in range(nest.P) for q in range(nest.Q)]
        sums = [image[r : r + nest.R, q : q + nest.S].sum() * nest.C for r, q in starts]
        assert np.array_equal(np.reshape(sums, (nest.P, nest.Q)), y[0, 0])


def test_rows_and_columns_are_not_swapped(tmp_path):
    attributes = {"strides": [1, 3], "dilations": [2, 1], "pads": [1, 4, 1, 5]}
    nest = only(load(convolve([1, 1, 20, 60], [2, 1, 3, 39], attributes), tmp_path), "conv").contraction
    assert (nest.R, nest.S) == (3, 39)
    assert nest.stride == (1, 3)
    assert nest.dilation == (2, 1)
    assert nest.padding == (1, 4, 1, 5)
    assert nest.input_size == (20, 60)


def test_depth_is_folded_into_batch_and_channels(tmp_path):
    nest = only(load(convolve(*CONVOLUTIONS["3-D"]), tmp_path), "conv").contraction
    assert (nest.B, nest.C, nest.P, nest.Q, nest.R, nest.S) == (2 * 3, 3 * 2, 5, 3, 3, 3)


def test_bias_is_one_addition_per_output_and_a_parameter(tmp_path):
    constants = {"w": ones(4, 3, 3, 3), "b": ones(4)}
    model = build([node("Conv", ["x", "w", "b"], ["y"])], {"x": [1, 3, 8, 8]}, ["y"], constants)
    layer = only(load(model, tmp_path), "conv")
    assert layer.ops == {"add": 4 * 6 * 6}
    assert layer.parameters == 4 * 27 + 4


def test_convolution_with_computed_weights_has_no_parameters(tmp_path):
    model = build([node("Conv", ["x", "w"], ["y"])], {"x": [1, 3, 8, 8], "w": [4, 3, 3, 3]}, ["y"])
    layer = only(load(model, tmp_path), "conv")
    assert not layer.has_static_weights
    assert [t.name for t in layer.inputs] == ["x", "w"]


def test_constant_bias_of_computed_weights_is_a_layer_of_its_own(tmp_path):
    conv = node("Conv", ["x", "w", "b"], ["y"], name="c")
    model = build([conv], {"x": [1, 3, 8, 8], "w": [4, 3, 3, 3]}, ["y"], {"b": ones(4)})
    product, bias = load(model, tmp_path).layers
    assert (product.weights, product.ops) == ((), {})
    assert (bias.operator, bias.parameters, bias.ops) == ("add", 4, {"add": 144})
    assert bias.inputs == product.outputs


TRANSPOSED = {
    "plain": ([1, 3, 5, 6], [3, 4, 3, 3], {}),
    "strided": ([2, 3, 5, 6], [3, 4, 2, 2], {"strides": [2, 2]}),
    "grouped": ([1, 4, 5, 6], [4, 3, 3, 2], {"group": 2, "strides": [2, 1]}),
    "1-D": ([1, 3, 9], [3, 2, 4], {"strides": [3]}),
    "3-D": ([1, 2, 3, 4, 5], [2, 3, 2, 3, 3], {"strides": [2, 1, 1]}),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolution_macs_are_the_sum_over_ones(case, tmp_path):
    model = convolve(*TRANSPOSED[case], op="ConvTranspose")
    workload = load(model, tmp_path)
    y = check_shapes(workload, model)["y"]
    layer = only(workload, "conv_transpose")
    assert layer.contraction.transposed
    assert layer.macs == y.sum()
    assert layer.contraction.weight_elements == layer.weights[0].elements


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
        {"strides": [2, 3], "pads": [1, 0, 0, 2]},
        {"strides": [2, 2], "output_shape": [10, 12]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
    ],
)
def test_transposed_convolution_output_size(attributes, tmp_path):
    model = convolve([1, 2, 5, 6], [2, 3, 3, 3], attributes, op="ConvTranspose")
    workload = load(model, tmp_path)
    y = check_shapes(workload, model)["y"]
    layer = only(workload, "conv_transpose")
    assert layer.contraction.output_size == y.shape[2:]
    assert layer.macs == 2 * 5 * 6 * 3 * 9


def test_output_padding_beyond_the_kernel_reaches_no_product(tmp_path):
    attributes = {"strides": [2, 2], "output_padding": [1, 1]}
    model = convolve([1, 2, 5, 6], [2, 3, 2, 2], attributes, op="ConvTranspose")
    layer = only(load(model, tmp_path), "conv_transpose")
    assert layer.outputs[0].shape == (1, 3, 11, 13)
    assert layer.contraction.output_size == (10, 12)  # the last row and column hold the bias alone


PRODUCTS = {
    # shapes of a and b -> (G, B·P, K, C)
    "2-D": ([5, 7], [7, 3], (1, 5, 3, 7)),
    "batched": ([2, 4, 5, 7], [2, 4, 7, 3], (8, 5, 3, 7)),
    "second shared": ([2, 4, 5, 7], [7, 3], (1, 40, 3, 7)),
    "first shared": ([5, 7], [4, 7, 3], (1, 5, 12, 7)),
    "broadcast both ways": ([2, 1, 5, 7], [1, 3, 7, 4], (1, 10, 12, 7)),
    "part broadcast": ([2, 1, 5, 7], [2, 3, 7, 4], (2, 5, 12, 7)),
    "row": ([7], [7, 3], (1, 1, 3, 7)),
    "column": ([2, 5, 7], [7], (1, 10, 1, 7)),
    "scalar product": ([7], [7], (1, 1, 1, 7)),
}


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("case", PRODUCTS)
def test_matmul(case, static, tmp_path):
    a, b, (groups, rows, columns, summed) = PRODUCTS[case]
    inputs = {"a": a} if static else {"a": a, "b": b}
    model = build([node("MatMul", ["a", "b"], ["y"])], inputs, ["y"], {"b": ones(*b)} if static else {})
    workload = load(model, tmp_path)
    y = check_shapes(workload, model)["y"]
    layer = only(workload, "gemm" if static else "matmul")
    nest = layer.contraction
    assert nest.macs == y.sum()
    assert (groups, rows, columns, summed) == (nest.G, nest.B * nest.P, nest.K, nest.C)
    assert nest.weight_elements == np.prod(b)
    assert workload.parameters == (np.prod(b) if static else 0)


def test_static_first_operand_stands(tmp_path):
    model = build([node("MatMul", ["w", "x"], ["y"])], {"x": [3, 7, 4]}, ["y"], {"w": ones(5, 7)})
    layer = only(load(model, tmp_path), "gemm")
    assert (layer.contraction.B * layer.contraction.P, layer.contraction.K) == (12, 5)
    assert layer.macs == run_all(model)["y"].sum()


def test_rows_split_by_the_network_batch(tmp_path):
    model = build([node("MatMul", ["x", "w"], ["y"])], {"x": [4, 9, 8]}, ["y"], {"w": ones(8, 3)})
    nest = only(load(model, tmp_path), "gemm").contraction
    assert (nest.B, nest.P) == (4, 9)


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm(trans_a, trans_b, tmp_path):
    a, w = ([7, 5] if trans_a else [5, 7]), (ones(3, 7) if trans_b else ones(7, 3))
    gemm = node("Gemm", ["x", "w", "b"], ["y"], transA=trans_a, transB=trans_b)
    model = build([gemm], {"x": a}, ["y"], {"w": w, "b": np.zeros(3, np.float32)})
    workload = load(model, tmp_path)
    layer = only(workload, "gemm")
    assert layer.macs == check_shapes(workload, model)["y"].sum()
    assert layer.contraction.gemm[:2] == (5, 3)
    assert layer.ops == {"add": 15}
    assert workload.parameters == 24


@pytest.mark.parametrize(
    ("equation", "a", "b", "groups"),
    [
        ("bqhd,bkhd->bhqk", [2, 5, 3, 4], [2, 6, 3, 4], 6),
        ("bhqk,bkhd->bqhd", [2, 3, 5, 6], [2, 6, 3, 4], 6),
        ("...qd,...kd->...qk", [2, 3, 5, 4], [2, 3, 6, 4], 6),
        ("...d,dk", [2, 5, 4], [4, 6], 1),
        ("bmk,kn->bmn", [2, 5, 4], [4, 6], 1),
        ("ij,jk", [5, 4], [4, 6], 1),
        ("i,j->ij", [5], [6], 1),
        ("abc,abc->", [2, 3, 4], [2, 3, 4], 1),
        ("bc,bc->b", [2, 3], [2, 3], 2),
    ],
)
def test_einsum(equation, a, b, groups, tmp_path):
    model = build([node("Einsum", ["a", "b"], ["y"], equation=equation)], {"a": a, "b": b}, ["y"])
    workload = load(model, tmp_path)
    layer = only(workload, "matmul")
    assert layer.macs == check_shapes(workload, model)["y"].sum()
    assert groups == layer.contraction.G


def test_einsum_with_weights_is_a_gemm(tmp_path):
    einsum = node("Einsum", ["x", "w"], ["y"], equation="btd,dhe->bthe")
    workload = load(build([einsum], {"x": [2, 5, 8]}, ["y"], {"w": ones(8, 3, 4)}), tmp_path)
    nest = only(workload, "gemm").contraction
    assert (nest.B, nest.P, nest.K, nest.C, nest.G) == (2, 5, 12, 8, 1)


@pytest.mark.parametrize(("equation", "shapes"), [("ij,k->i", [[2, 3], [4]]), ("ii,ij->j", [[3, 3], [3, 4]])])
def test_einsum_that_is_no_product_is_reported(equation, shapes, tmp_path):
    model = build(
        [node("Einsum", ["a", "b"], ["y"], equation=equation)],
        dict(zip("ab", shapes, strict=True)),
        ["y"],
    )
    workload = load(model, tmp_path)
    assert operators(workload) == ["unknown"]
    assert "Einsum" in workload.warnings[0]
    with pytest.raises(InputError, match="Einsum"):
        load(model, tmp_path, strict=True)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(6, 14), st.integers(6, 14)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    pads=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2)),
)
def test_any_convolution_has_the_output_of_the_runtime(
    tmp_path_factory, size, kernel, stride, pads, channels
):
    c, k, groups = channels
    attributes = {"strides": stride, "pads": pads, "group": groups}
    model = convolve([2, c * groups, *size], [k * groups, c, *kernel], attributes)
    workload = load(model, tmp_path_factory.mktemp("conv"))
    y = check_shapes(workload, model)["y"]
    nest = only(workload, "conv").contraction
    assert nest.output_elements == y.size
    assert nest.macs == y.size * c * np.prod(kernel)
    assert nest.input_elements == 2 * c * groups * np.prod(size)
