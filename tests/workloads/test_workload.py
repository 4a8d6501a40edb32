import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workload_strategies import workloads

from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

PLAIN_NAMES = st.text("abcdefgh", min_size=1, max_size=4)


def tensor(name: str, elements: int = 1) -> Tensor:
    return Tensor(name, (elements,))


def layer(name: str, inputs: str, outputs: str, **changes) -> Layer:
    """Tensors are written `x y`, all of one element."""
    read, made = (tuple(map(tensor, names.split())) for names in (inputs, outputs))
    return Layer(name, "add", read, made, **changes)


def diamond() -> list[Layer]:
    return [
        layer("top", "x", "a"),
        layer("left", "a", "b"),
        layer("right", "a", "c"),
        layer("join", "b c", "y"),
    ]


# --- order and graph -------------------------------------------------------------------------------------


def test_layers_are_ordered_by_what_they_need():
    top, left, right, join = diamond()
    assert Workload.from_layers("d", [join, right, left, top]).layers == (top, right, left, join)


@given(workloads(names=PLAIN_NAMES))
def test_every_order_given_is_kept_if_legal(workload):
    again = Workload.from_layers(
        workload.name, workload.layers, [t.name for t in workload.outputs], workload.warnings
    )
    assert again == workload
    made = set()
    for each in workload.layers:
        own_inputs = {t.name for t in workload.inputs}
        assert all(t.name in made or t.name in own_inputs for t in each.inputs)
        made |= {t.name for t in each.outputs}


def test_inputs_and_outputs_of_the_network():
    workload = Workload.from_layers("d", diamond(), outputs=["b"])
    assert [t.name for t in workload.inputs] == ["x"]
    assert [t.name for t in workload.outputs] == ["b", "y"]


def test_graph_edges_carry_their_tensors():
    workload = Workload.from_layers("d", [layer("a", "x", "p q"), layer("b", "p q p", "y")])
    assert list(workload.graph.edges(data="tensors")) == [("a", "b", (tensor("p"), tensor("q")))]
    assert nx.is_directed_acyclic_graph(workload.graph)
    assert workload.graph.nodes["a"]["layer"] is workload.layers[0]


@pytest.mark.parametrize(
    ("layers", "outputs", "message"),
    [
        ([], (), "has no layers"),
        ([layer("a", "x", "y"), layer("a", "y", "z")], (), "two layers are named 'a'"),
        ([layer("a", "x", "y"), layer("b", "x", "y")], (), "'y' is made by both 'a' and 'b'"),
        ([layer("a", "z", "y"), layer("b", "y", "z")], (), "the layers form a cycle: a -> b|b -> a"),
        ([layer("a", "y", "y")], (), "cycle: a"),
        ([layer("a", "x", "y")], ("x",), "output tensor 'x' is made by no layer"),
    ],
)
def test_what_is_no_network_is_refused(layers, outputs, message):
    with pytest.raises(InputError, match=message):
        Workload.from_layers("w", layers, outputs)


# --- sizes -----------------------------------------------------------------------------------------------


def test_a_shared_weight_counts_once_at_its_widest_reader():
    weights = (tensor("table", 3),)
    first = layer("a", "x", "y", weights=weights, precision=Precision(weight_bits=4))
    second = layer("b", "y", "z", weights=weights, precision=Precision(weight_bits=12))
    workload = Workload.from_layers("w", [first, second])
    assert workload.parameters == 3
    assert workload.weight_bytes == 5  # 36 bits


def test_macs_add_up():
    one = Layer("a", "gemm", (tensor("x"),), (tensor("y"),), contraction=Contraction(K=3, C=5))
    two = Layer("b", "gemm", (tensor("y"),), (tensor("z"),), contraction=Contraction(P=7))
    assert Workload.from_layers("w", [one, two]).macs == 22


def test_precision_of_all_or_of_some():
    workload = Workload.from_layers("d", diamond())
    w4a4 = Precision.parse("w4a4")
    assert {each.precision for each in workload.with_precision(w4a4).layers} == {w4a4}
    mixed = workload.with_precision(lambda each: w4a4 if each.name == "left" else each.precision)
    assert [each.name for each in mixed.layers if each.precision == w4a4] == ["left"]
    assert mixed.tensor_bytes == {"x": 1, "a": 1, "b": 1, "c": 1, "y": 1}


def test_an_input_is_as_wide_as_its_widest_reader_an_output_as_its_producer_writes():
    read4 = layer("a", "x", "p", precision=Precision(activation_bits=4, output_bits=16))
    read32 = layer("b", "x p", "q", precision=Precision(activation_bits=32, output_bits=8))
    assert Workload.from_layers("w", [read4, read32]).tensor_bytes == {"x": 4, "p": 2, "q": 1}


# --- live memory -----------------------------------------------------------------------------------------


def test_live_memory_of_a_residual_block_by_hand():
    skip, y, z, out = tensor("skip", 100), tensor("y", 40), tensor("z", 100), tensor("out", 100)
    workload = Workload.from_layers(
        "block",
        [
            Layer("shrink", "add", (skip,), (y,)),
            Layer("grow", "add", (y,), (z,)),
            Layer("add", "add", (z, skip), (out,)),
        ],
    )
    # the skip connection stays alive over both layers in between
    assert [entry.bytes for entry in workload.live_memory] == [140, 240, 300]
    assert workload.peak_memory.layer == "add"


@settings(max_examples=200)
@given(workloads(names=PLAIN_NAMES))
def test_live_memory_equals_a_step_by_step_simulation(workload):
    """Walk the layers with a set of tensors: add what appears, drop what nobody will read."""
    kept = {t.name for t in workload.outputs}
    alive = {t.name for t in workload.inputs}
    expected = []
    for i, each in enumerate(workload.layers):
        alive |= {t.name for t in each.outputs}
        expected.append((each.name, sum(workload.tensor_bytes[name] for name in alive)))
        still_read = {t.name for later in workload.layers[i + 1 :] for t in later.inputs}
        alive = {name for name in alive if name in still_read or name in kept}
    assert [(entry.layer, entry.bytes) for entry in workload.live_memory] == expected
    assert workload.peak_memory.bytes == max(size for _, size in expected)
    assert alive == kept
