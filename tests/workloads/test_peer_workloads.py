"""Workloads of Timeloop and ZigZag, read and written."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from workload_strategies import NAMES, contractions, precisions

from archsim.errors import InputError
from archsim.workloads.export import FORMATS, export_workload
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.peer_formats import read_peer_workload
from archsim.workloads.precision import Precision
from archsim.workloads.timeloop_problem import read_timeloop
from archsim.workloads.workload import Workload
from archsim.workloads.zigzag_layers import read_zigzag

PEERS = Path(__file__).parents[1] / "data" / "peers"
UNEQUAL = Contraction(K=4, C=3, P=5, Q=7, R=3, S=2, stride=(2, 3), dilation=(2, 1), padding=(1, 0, 2, 3))


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@st.composite
def chains(draw: st.DrawFn) -> Workload:
    """Contractions one after another, some of two activations."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    before = [Tensor("first", (4,))]
    layers = []
    for i, name in enumerate(names):
        operator = draw(st.sampled_from(["conv", "gemm", "matmul"]))
        weights = () if operator == "matmul" else (Tensor(f"{i}.w", (3,)),)
        inputs = draw(st.permutations(before))[: 2 if operator == "matmul" else 1]
        out = Tensor(f"made {i}", (4,))
        precision = draw(precisions())
        loops = draw(contractions() | st.builds(Contraction, K=st.integers(1, 9), G=st.integers(1, 3)))
        layers.append(Layer(name, operator, tuple(inputs), (out,), weights, loops, precision=precision))
        before.append(out)
    return Workload.from_layers("w", layers)


def written(workload: Workload, path: Path, format: str) -> list[Layer]:
    """The layers that came back, after those that the format cannot hold were named."""
    warnings = export_workload(workload, path, format)
    for layer in workload.layers:
        if layer.contraction is None or layer.contraction.transposed:
            assert any("left out" in warning for warning in warnings)
    return list(read_peer_workload(path).layers)


# --- round trips -----------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(workload=chains(), format=st.sampled_from(["timeloop", "zigzag"]))
def test_contractions_come_back_equal(folder, workload, format):
    path = folder / "random.yaml"
    path.unlink(missing_ok=True)
    kept = [layer for layer in workload.layers if layer.contraction and not layer.contraction.transposed]
    if not kept:
        with pytest.raises(InputError, match="has no layer that a"):
            export_workload(workload, path, format)
        assert not path.exists()
        return
    back = written(workload, path, format)
    assert [layer.contraction for layer in back] == [layer.contraction for layer in kept]
    if format == "zigzag":
        for theirs, ours in zip(back, kept, strict=True):
            mine, his = ours.precision, theirs.precision
            assert (mine.weight_bits, mine.activation_bits, mine.output_bits) == (
                his.weight_bits,
                his.activation_bits,
                his.output_bits,
            )


@pytest.mark.parametrize("format", ["timeloop", "zigzag"])
@pytest.mark.parametrize("model", ["resnet18", "mobilenetv2", "bert-base", "gpt2-decode", "lstm"])
def test_library_models_come_back_equal(tmp_path, model, format):
    workload = load_workload(model)
    back = written(workload, tmp_path / "net.yaml", format)
    expected = [layer.contraction for layer in workload.layers if layer.contraction]
    assert [layer.contraction for layer in back if layer.contraction] == expected


def test_a_folder_of_problems_is_the_list_of_them(tmp_path):
    workload = load_workload("resnet8")
    export_workload(workload, tmp_path / "net", "timeloop")
    export_workload(workload, tmp_path / "net.yaml", "timeloop")
    files, listed = load_workload(tmp_path / "net"), load_workload(tmp_path / "net.yaml")
    assert [layer.contraction for layer in files.layers] == [layer.contraction for layer in listed.layers]
    assert listed.layers[0].name == "conv1"
    assert files.layers[0].name == "0_conv1"
    with pytest.raises(InputError, match="it is there already"):
        export_workload(workload, tmp_path / "net", "timeloop")


def test_zigzag_keeps_the_graph(tmp_path):
    """Names, precisions and who reads whom, past the layers that are left out."""
    workload = load_workload("resnet18").with_precision(Precision(4, 6, 16))
    export_workload(workload, tmp_path / "net.yaml", "zigzag")
    back = read_zigzag(tmp_path / "net.yaml")
    kept = [layer for layer in workload.layers if layer.macs or layer.operator == "add"]
    assert [layer.name for layer in back.layers] == [layer.name for layer in kept]
    assert {layer.precision for layer in back.layers if layer.macs} == {Precision(4, 6, 16)}
    edges = set(back.graph.edges)
    assert ("conv1", "layer1.0.conv1") in edges  # the pooling between them was left out
    assert {edge for edge in workload.graph.edges if "pool" not in str(edge)} == {
        edge for edge in edges if edge in workload.graph.edges
    }


def test_zigzag_keeps_products_of_activations(tmp_path):
    workload = load_workload("bert-base")
    export_workload(workload, tmp_path / "net.yaml", "zigzag")
    static = {layer.name: layer.has_static_weights for layer in workload.layers if layer.macs}
    back = read_zigzag(tmp_path / "net.yaml")
    assert {layer.name: layer.has_static_weights for layer in back.layers if layer.macs} == static


def test_timeloop_keeps_densities(tmp_path):
    x, y = Tensor("x", (4,)), Tensor("y", (4,))
    layer = Layer("a", "conv", (x,), (y,), contraction=UNEQUAL, weight_density=0.25, activation_density=0.5)
    export_workload(Workload.from_layers("w", [layer]), tmp_path / "a.yaml", "timeloop")
    (back,) = read_timeloop(tmp_path / "a.yaml").layers
    assert (back.weight_density, back.activation_density) == (0.25, 0.5)


# --- what a peer reads -----------------------------------------------------------------------------------


def timeloop_accesses(path: Path) -> dict[str, int]:
    """Elements of every data space and the operations, as Timeloop's definition of a projection says."""
    problem = yaml.safe_load(path.read_text())["problem"]
    shape, sizes = problem["shape"], problem["instance"]
    found = {"operations": 1}
    for dimension in shape["dimensions"]:
        found["operations"] *= sizes[dimension]
    for space in shape["data_spaces"]:
        elements = 1
        for rank in space["projection"]:
            elements *= 1 + sum((sizes[t[0]] - 1) * (sizes[t[1]] if t[1:] else 1) for t in rank)
        found[space["name"]] = elements
    return found


def test_timeloop_sees_the_same_tensors(tmp_path):
    loops = Contraction(B=2, G=3, K=4, C=5, P=6, Q=7, R=3, S=2, stride=(2, 3), dilation=(1, 2))
    x, y = Tensor("x", (4,)), Tensor("y", (4,))
    workload = Workload.from_layers("w", [Layer("a", "conv", (x,), (y,), contraction=loops)])
    export_workload(workload, tmp_path / "a.yaml", "timeloop")
    assert timeloop_accesses(tmp_path / "a.yaml") == {
        "operations": loops.macs,
        "Weights": loops.weight_elements,
        "Inputs": loops.input_elements,
        "Outputs": loops.output_elements,
    }


# the patterns of ZigZag's own validator (zigzag/parser/workload_validator.py, 3.9)
ZIGZAG_EQUATION = r"^O(\[\w+\])+\s*\+?\s*=\s*\w(\[\w+\])+\s*[*+]\s*\w(\[(?:\w+)?\])+\s*$"
ZIGZAG_RELATION = r"^(\w+)\s*=\s*(?:(\w+)\s*\*\s*)?(\w+)\s*\+\s*(?:(\w+)\s*\*\s*)?(\w+)$"


@pytest.mark.parametrize("model", ["resnet18", "mobilenetv2", "bert-base"])
def test_zigzag_accepts_what_is_written(tmp_path, model):
    export_workload(load_workload(model), tmp_path / "net.yaml", "zigzag")
    entries = yaml.safe_load((tmp_path / "net.yaml").read_text())
    assert [entry["id"] for entry in entries] == list(range(len(entries)))
    for entry in entries:
        assert entry["operator_type"] in ("Conv", "Gemm", "Add")
        assert re.fullmatch(ZIGZAG_EQUATION, entry["equation"])
        assert all(re.fullmatch(ZIGZAG_RELATION, text) for text in entry.get("dimension_relations", ()))
        assert len(entry["loop_dims"]) == len(entry["loop_sizes"])
        assert set(entry["operand_precision"]) == {"W", "I", "O", "O_final"}
        assert all(source <= entry["id"] for source in entry["operand_source"].values())


@pytest.mark.parametrize("format", FORMATS)
def test_what_no_format_can_hold_is_said(tmp_path, format):
    target = tmp_path / ("net.yaml" if format in ("timeloop", "zigzag") else "net.csv")
    warnings = " ".join(export_workload(load_workload("bert-base"), target, format))
    if format == "trace":
        assert warnings == ""
        return
    assert "gelu" in warnings
    assert "operations of bias and fused operators" in warnings
    assert ("precisions (w8a8) were left out" in warnings) == (format != "zigzag")


# --- the peers' own files --------------------------------------------------------------------------------


def test_timeloops_example_problem():
    (layer,) = read_timeloop(PEERS / "timeloop_conv.yaml").layers
    assert layer.contraction == Contraction(
        C=3, K=32, P=112, Q=112, R=3, S=3, stride=(2, 2), padding=(1, 1, 1, 1), input_size=(224, 224)
    )


def test_timeloops_templates_are_expanded():
    """`include_text` and the deep merge; the base's H: 1, W: 1 is no input size."""
    workload = load_workload(PEERS / "timeloop_layers" / "alexnet")
    assert [layer.contraction for layer in workload.layers] == [
        Contraction(C=64, K=192, P=27, Q=27, R=5, S=5),
        Contraction(G=32, C=64, P=14, Q=14, R=3, S=3, stride=(2, 2)),
    ]


def test_zigzags_example_workload():
    workload = read_zigzag(PEERS / "zigzag_resnet18_head.yaml")
    conv1, pool, conv2, conv3, add = workload.layers
    assert conv1.contraction == Contraction(K=64, C=3, P=112, Q=112, R=7, S=7, stride=(2, 2))
    assert (pool.operator, dict(pool.ops)) == ("max_pool", {"max": 64 * 56 * 56 * 9})
    assert conv2.contraction == conv3.contraction == Contraction(K=64, C=64, P=56, Q=56, R=3, S=3)
    assert (add.operator, dict(add.ops)) == ("add", {"add": 64 * 56 * 56})
    assert {tensor.name for tensor in add.inputs} == {pool.outputs[0].name, conv3.outputs[0].name}
    assert [tensor.shape for tensor in workload.outputs] == [(1, 64, 56, 56)]
