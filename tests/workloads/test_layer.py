import itertools
import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workload_strategies import precisions

from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.precision import FLOAT_BITS, Precision

SMALL = st.integers(1, 4)
X, Y = Tensor("x", (1, 4)), Tensor("y", (1, 4))


def make_layer(**changes) -> Layer:
    values = {"name": "l", "operator": "add", "inputs": (X, X), "outputs": (Y,)} | changes
    return Layer(**values)


# --- Contraction -----------------------------------------------------------------------------------------


@given(st.tuples(*[SMALL] * 8))
def test_macs_are_the_points_of_the_loop_nest(sizes):
    points = sum(1 for _ in itertools.product(*(range(size) for size in sizes)))
    contraction = Contraction(*sizes)
    m, n, k = contraction.gemm
    assert contraction.macs == points == m * n * k * contraction.G


@given(
    *[st.integers(1, 5)] * 2,
    *[st.integers(1, 4)] * 2,
    st.tuples(SMALL, SMALL),
    st.tuples(SMALL, SMALL),
    st.tuples(*[st.integers(0, 2)] * 4),
)
def test_default_input_is_the_smallest_that_the_window_touches(p, q, r, s, stride, dilation, padding):
    contraction = Contraction(P=p, Q=q, R=r, S=s, stride=stride, dilation=dilation, padding=padding)
    rows = {i * stride[0] + j * dilation[0] - padding[0] for i in range(p) for j in range(r)}
    columns = {i * stride[1] + j * dilation[1] - padding[1] for i in range(q) for j in range(s)}
    # the window's last row lies in the bottom padding
    assert contraction.input_size == (
        max(1, max(rows) + 1 - padding[2]),
        max(1, max(columns) + 1 - padding[3]),
    )


@given(st.integers(1, 5), st.integers(1, 4), SMALL, SMALL, st.integers(0, 3))
def test_transposed_output_is_the_rows_scattered_to(p, r, stride, dilation, crop):
    contraction = Contraction(
        P=p,
        R=r,
        stride=(stride, 1),
        dilation=(dilation, 1),
        padding=(crop, 0, 0, 0),
        transposed=True,
    )
    scattered_to = {i * stride + j * dilation for i in range(p) for j in range(r)}
    assert contraction.input_size == (p, 1)
    assert contraction.output_size == (max(1, max(scattered_to) + 1 - crop), 1)
    assert contraction.output_elements == contraction.output_size[0]


def test_element_counts_of_a_grouped_convolution():
    # torch.nn.Conv2d(16, 32, 3, stride=2, padding=1, groups=4) on 2x16x28x28
    contraction = Contraction(2, 4, 8, 4, 14, 14, 3, 3, (2, 2), padding=(1, 1, 1, 1), input_size=(28, 28))
    assert contraction.weight_elements == 32 * 4 * 3 * 3
    assert contraction.input_elements == 2 * 16 * 28 * 28
    assert contraction.output_elements == 2 * 32 * 14 * 14
    assert contraction.gemm == (2 * 14 * 14, 8, 4 * 9)
    assert not contraction.is_depthwise
    assert Contraction(G=16, K=2).is_depthwise


@pytest.mark.parametrize("loop", "BGKCPQRS")
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_a_loop_is_a_positive_whole_number(loop, value):
    with pytest.raises(InputError, match=f"loop {loop} is {re.escape(repr(value))}"):
        Contraction(**{loop: value})


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        ({"stride": (0, 1)}, "stride is 0"),
        ({"dilation": (1, 0)}, "dilation is 0"),
        ({"padding": (0, 0, -1, 0)}, "must not be negative"),
        ({"input_size": (0, 3)}, "input size is 0"),
    ],
)
def test_bad_geometry_is_refused(geometry, message):
    with pytest.raises(InputError, match=message):
        Contraction(**geometry)


# --- Tensor and Layer ------------------------------------------------------------------------------------


def test_elements_of_a_tensor():
    assert Tensor("t", (2, 3, 4)).elements == 24
    assert Tensor("scalar", ()).elements == 1


@pytest.mark.parametrize("shape", [(0,), (2, -1), (1.0,), (True,)])
def test_an_empty_axis_is_refused(shape):
    with pytest.raises(InputError, match="'t' has shape"):
        Tensor("t", shape)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operator": "convolve"}, "operator 'convolve' is not known; allowed: conv, "),
        ({"operator": "conv"}, "loop nest do not agree"),
        ({"contraction": Contraction()}, "loop nest do not agree"),
        ({"ops": {"sub": 1}}, "sub=1 is not valid; allowed operations: add, "),
        ({"ops": {"add": -1}}, "add=-1 is not valid"),
        ({"weight_density": 1.5}, "weight_density is 1.5; allowed: 0 to 1"),
        ({"activation_density": float("nan")}, "activation_density is nan"),
        ({"outputs": ()}, "has no output tensor"),
    ],
)
def test_bad_layers_are_refused_by_name(changes, message):
    with pytest.raises(InputError, match=f"layer 'l'.*{message}"):
        make_layer(**changes)


def test_operation_counts_cannot_be_changed_and_zeros_are_dropped():
    counts = {"add": 3, "max": 0}
    layer = make_layer(ops=counts)
    counts["add"] = 7
    assert layer.ops == {"add": 3}
    with pytest.raises(TypeError):
        layer.ops["add"] = 7


def test_a_layer_survives_pickling():
    layer = make_layer(ops={"add": 3}, fused=("relu",), precision=Precision.parse("w4a8o16"))
    assert pickle.loads(pickle.dumps(layer)) == layer


def test_bytes_round_up_a_tensor_at_a_time():
    weights = (Tensor("w", (5,)), Tensor("b", (1,)))
    layer = make_layer(weights=weights, precision=Precision(weight_bits=3, activation_bits=4, output_bits=1))
    assert layer.weight_bytes == 2 + 1  # 15 bits, 3 bits
    assert layer.input_bytes == 2 * 2  # 4 elements of 4 bits, twice
    assert layer.output_bytes == 1  # 4 bits
    assert layer.parameters == 6
    assert layer.macs == 0


# --- Precision -------------------------------------------------------------------------------------------


@given(precisions())
def test_label_reads_back(precision):
    assert Precision.parse(precision.label) == precision


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w4a8", Precision(4, 8, 8)),
        (" W4A8O16 ", Precision(4, 8, 16)),
        ("bf16", Precision(16, 16, 16, "bf16")),
        ("fp8_e4m3o16", Precision(8, 8, 16, "fp8_e4m3")),
    ],
)
def test_precision_texts(text, expected):
    assert Precision.parse(text) == expected


@pytest.mark.parametrize("text", ["", "w8", "a8w8", "int8", "w8a8o", "w8a8 o8", "fp64", "w٣a8", "w9999999a8"])
def test_other_texts_are_refused_with_the_allowed_forms(text):
    with pytest.raises(InputError, match=r"write w<bits>a<bits>.*fp8_e4m3"):
        Precision.parse(text)


@pytest.mark.parametrize("bits", [0, 33, 8.0, True])
def test_widths_are_1_to_32(bits):
    with pytest.raises(InputError, match="allowed: a whole number from 1 to 32"):
        Precision(weight_bits=bits)


@pytest.mark.parametrize("number_format", FLOAT_BITS)
def test_a_floating_format_fixes_its_operands_width(number_format):
    with pytest.raises(InputError, match="bits wide, not w7a7"):
        Precision(7, 7, 7, number_format)
