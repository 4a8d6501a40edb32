"""Attention in its three spellings: separate products, Einsum, and the Attention operator."""

import numpy as np
import pytest
from onnx_models import build, check_shapes, load, node, ones, only, operators, run_all

BATCH, TOKENS, WIDTH, HEADS = 2, 10, 24, 3
HEAD = WIDTH // HEADS


def bert_block():
    """Projections, heads split by Reshape and Transpose, scores, softmax, values, output projection."""
    nodes = []
    for role in "qkv":
        order = [0, 2, 3, 1] if role == "k" else [0, 2, 1, 3]
        nodes += [
            node("MatMul", ["x", f"w{role}"], [f"{role}0"]),
            node("Add", [f"{role}0", f"b{role}"], [f"{role}1"]),
            node("Reshape", [f"{role}1", "split"], [f"{role}2"]),
            node("Transpose", [f"{role}2"], [role], perm=order),
        ]
    nodes += [
        node("MatMul", ["q", "k"], ["s0"]),
        node("Div", ["s0", "root"], ["s1"]),
        node("Add", ["s1", "mask"], ["s2"]),
        node("Softmax", ["s2"], ["p"]),
        node("MatMul", ["p", "v"], ["o0"]),
        node("Transpose", ["o0"], ["o1"], perm=[0, 2, 1, 3]),
        node("Reshape", ["o1", "join"], ["o2"]),
        node("MatMul", ["o2", "wo"], ["o3"]),
        node("Add", ["bo", "o3"], ["o4"]),
        node("Add", ["o4", "x"], ["o5"]),
        node("LayerNormalization", ["o5", "g", "h"], ["y"]),
    ]
    constants = {f"w{r}": ones(WIDTH, WIDTH) for r in "qkvo"} | {f"b{r}": ones(WIDTH) for r in "qkvo"}
    constants |= {
        "split": np.array([0, 0, HEADS, HEAD]),
        "join": np.array([0, 0, WIDTH]),
        "root": np.float32(HEAD**0.5),
        "g": ones(WIDTH),
        "h": ones(WIDTH),
    }
    inputs = {"x": [BATCH, TOKENS, WIDTH], "mask": [BATCH, 1, 1, TOKENS]}
    return build(nodes, inputs, ["y"], constants)


def test_bert_block(tmp_path):
    model = bert_block()
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    projections = 4 * BATCH * TOKENS * WIDTH * WIDTH
    products = 2 * BATCH * HEADS * TOKENS * TOKENS * HEAD
    assert workload.macs == projections + products
    assert workload.parameters == 4 * (WIDTH * WIDTH + WIDTH) + 2 * WIDTH
    assert operators(workload).count("gemm") == 4
    scores, values = [layer for layer in workload.layers if layer.operator == "matmul"]
    assert scores.contraction.G == values.contraction.G == BATCH * HEADS
    assert (scores.contraction.K, scores.contraction.C) == (TOKENS, HEAD)
    assert (values.contraction.K, values.contraction.C) == (HEAD, TOKENS)
    assert not scores.has_static_weights
    assert scores.fused == ("div",)
    assert values.inputs[0].name == "p"


def test_biases_fuse_on_either_side_but_not_a_residual(tmp_path):
    layers = load(bert_block(), tmp_path).layers
    gemms = [layer for layer in layers if layer.operator == "gemm"]
    assert all(layer.fused == ("add",) for layer in gemms)
    assert all(layer.parameters == WIDTH * WIDTH + WIDTH for layer in gemms)
    assert any(layer.operator == "add" and layer.inputs[-1].name == "x" for layer in layers)


def test_einsum_attention(tmp_path):
    nodes = [
        node("Einsum", ["q", "k"], ["s"], equation="bqhd,bkhd->bhqk"),
        node("Softmax", ["s"], ["p"]),
        node("Einsum", ["p", "v"], ["y"], equation="bhqk,bkhd->bqhd"),
    ]
    model = build(nodes, {name: [BATCH, TOKENS, HEADS, HEAD] for name in "qkv"}, ["y"])
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert operators(workload) == ["matmul", "softmax", "matmul"]
    assert workload.macs == 2 * BATCH * HEADS * TOKENS * TOKENS * HEAD


@pytest.mark.parametrize("key_heads", [1, 3, 6])
def test_attention_operator(key_heads, tmp_path):
    heads, keys, wide = 6, 7, 5
    shapes = {"q": [2, heads, TOKENS, HEAD], "k": [2, key_heads, keys, HEAD], "v": [2, key_heads, keys, wide]}
    model = build([node("Attention", ["q", "k", "v"], ["y"], name="att")], shapes, ["y"], opset=23)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert operators(workload) == ["matmul", "softmax", "matmul"]
    assert workload.macs == 2 * heads * TOKENS * keys * (HEAD + wide)
    scores, softmax, values = workload.layers
    assert scores.contraction.G == values.contraction.G == 2 * key_heads
    assert scores.contraction.weight_elements == scores.inputs[1].elements
    assert values.contraction.weight_elements == values.inputs[1].elements
    assert softmax.ops["exp"] == 2 * heads * TOKENS * keys


def test_attention_of_joined_heads_with_past(tmp_path):
    past = [2, HEADS, 4, HEAD]
    shapes = {"q": [2, 1, WIDTH], "k": [2, 1, WIDTH], "v": [2, 1, WIDTH], "pk": past, "pv": past}
    attention = node(
        "Attention",
        ["q", "k", "v", "", "pk", "pv"],
        ["y", "nk", "nv"],
        q_num_heads=HEADS,
        kv_num_heads=HEADS,
        is_causal=1,
    )
    model = build([attention], shapes, ["y", "nk", "nv"], opset=23)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    assert workload.macs == 2 * 2 * HEADS * 1 * 5 * HEAD
    assert [layer.ops["move"] for layer in workload.layers if layer.operator == "concat"] == [
        2 * HEADS * 5 * HEAD
    ] * 2
    assert only(workload, "softmax").ops["add"] == 3 * 2 * HEADS * 5


def test_attention_operator_and_separate_products_agree(tmp_path):
    shape = [BATCH, HEADS, TOKENS, HEAD]
    fused = build([node("Attention", ["q", "k", "v"], ["y"])], dict.fromkeys("qkv", shape), ["y"], opset=23)
    apart = build(
        [
            node("Transpose", ["k"], ["kt"], perm=[0, 1, 3, 2]),
            node("MatMul", ["q", "kt"], ["s"]),
            node("Mul", ["s", "scale"], ["t"]),
            node("Softmax", ["t"], ["p"]),
            node("MatMul", ["p", "v"], ["y"]),
        ],
        dict.fromkeys("qkv", shape),
        ["y"],
        {"scale": np.float32(HEAD**-0.5)},
    )
    one, other = load(fused, tmp_path), load(apart, tmp_path)
    assert np.allclose(run_all(fused)["y"], run_all(apart)["y"])
    assert one.macs == other.macs

    def work(workload):
        return [dict(layer.ops) for layer in workload.layers if layer.operator != "transpose"]

    assert work(one) == work(other)
