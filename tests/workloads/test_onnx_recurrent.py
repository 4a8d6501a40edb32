"""LSTM, GRU and RNN unrolled: parameters and MACs of the published formulas, dependencies kept."""

import itertools

import networkx as nx
import pytest
from onnx import numpy_helper
from onnx_models import build, check_shapes, load, node, ones, operators, run_all

from archsim.errors import InputError

STEPS, BATCH, INPUTS, HIDDEN = 5, 2, 7, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(op, directions=1, outputs=("y", "y_h"), **attributes):
    rows = GATES[op] * HIDDEN
    attributes.setdefault("direction", "bidirectional" if directions == 2 else "forward")
    constants = {
        "w": ones(directions, rows, INPUTS),
        "r": ones(directions, rows, HIDDEN),
        "b": ones(directions, 2 * rows),
    }
    layer = node(op, ["x", "w", "r", "b"], list(outputs), hidden_size=HIDDEN, name="rnn", **attributes)
    shape = [BATCH, STEPS, INPUTS] if attributes.get("layout") else [STEPS, BATCH, INPUTS]
    return build([layer], {"x": shape}, [name for name in outputs if name], constants)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("directions", [1, 2])
def test_parameters_and_macs(op, directions, tmp_path):
    model = recurrent(op, directions)
    workload = load(model, tmp_path)
    check_shapes(workload, model)
    gates = GATES[op]
    assert workload.parameters == directions * gates * (HIDDEN * INPUTS + HIDDEN * HIDDEN + 2 * HIDDEN)
    assert workload.macs == directions * STEPS * BATCH * gates * HIDDEN * (INPUTS + HIDDEN)
    assert operators(workload).count("gemm") == directions * (1 + STEPS * (2 if op == "GRU" else 1))


@pytest.mark.parametrize("op", GATES)
def test_steps_wait_for_each_other(op, tmp_path):
    """Every product waits for the one before; a GRU that resets first has two of them a step."""
    graph = load(recurrent(op), tmp_path).graph
    roles = ("recurrent", "candidate") if op == "GRU" else ("recurrent",)
    chain = [f"rnn/{role}_{step}" for step in range(STEPS) for role in roles]
    assert all(nx.has_path(graph, before, after) for before, after in itertools.pairwise(chain))


def test_directions_do_not_wait_for_each_other(tmp_path):
    graph = load(recurrent("LSTM", 2), tmp_path).graph
    assert not nx.has_path(graph, "rnn/recurrent_0_0", "rnn/recurrent_1_4")
    assert nx.has_path(graph, "rnn/recurrent_0_0", "rnn/recurrent_0_4")
    assert nx.has_path(graph, "rnn/recurrent_1_4", "rnn/recurrent_1_0")


def test_reverse_runs_backwards(tmp_path):
    graph = load(recurrent("LSTM", direction="reverse"), tmp_path).graph
    assert nx.has_path(graph, "rnn/recurrent_4", "rnn/recurrent_0")


def test_gru_that_resets_after_the_product_has_one_product_a_step(tmp_path):
    workload = load(recurrent("GRU", linear_before_reset=1), tmp_path)
    assert operators(workload).count("gemm") == 1 + STEPS
    assert workload.macs == STEPS * BATCH * 3 * HIDDEN * (INPUTS + HIDDEN)


def test_lstm_gate_operations(tmp_path):
    (gates, *_) = [layer for layer in load(recurrent("LSTM"), tmp_path).layers if "gates" in layer.name]
    # three sigmoids, two tanh, four gate sums; f·c + i·g and o·tanh(c)
    per_element = {"exp": 5, "div": 5, "mul": 2 + 3, "add": 3 + 2 * 2 + 4 + 1}
    assert gates.ops == {key: count * BATCH * HIDDEN for key, count in per_element.items()}


def test_batch_first_layout(tmp_path):
    workload = load(recurrent("LSTM", layout=1, outputs=("y", "")), tmp_path)
    assert workload.macs == STEPS * BATCH * 4 * HIDDEN * (INPUTS + HIDDEN)


def test_projection_hands_each_step_its_own_part(tmp_path):
    workload = load(recurrent("LSTM"), tmp_path)
    projection = next(layer for layer in workload.layers if layer.name == "rnn/input")
    assert len(projection.outputs) == STEPS
    assert sum(t.elements for t in projection.outputs) == projection.contraction.output_elements


def test_only_the_last_state_is_read(tmp_path):
    workload = load(recurrent("LSTM", outputs=("", "y_h")), tmp_path)
    assert [t.name for t in workload.outputs if "/h" in t.name] == ["rnn/h_4"]
    assert "concat" not in operators(workload)


def test_given_initial_state_is_an_input(tmp_path):
    constants = {"w": ones(1, 16, INPUTS), "r": ones(1, 16, HIDDEN)}
    lstm = node("LSTM", ["x", "w", "r", "", "", "h", "c"], ["y"], hidden_size=HIDDEN)
    state = [1, BATCH, HIDDEN]
    model = build([lstm], {"x": [STEPS, BATCH, INPUTS], "h": state, "c": state}, ["y"], constants)
    assert {t.name for t in load(model, tmp_path).inputs} == {"x", "h", "c"}


def test_peepholes_are_parameters(tmp_path):
    constants = {"w": ones(1, 16, INPUTS), "r": ones(1, 16, HIDDEN), "p": ones(1, 12)}
    lstm = node("LSTM", ["x", "w", "r", "", "", "", "", "p"], ["y"], hidden_size=HIDDEN)
    model = build([lstm], {"x": [STEPS, BATCH, INPUTS]}, ["y"], constants)
    assert load(model, tmp_path).parameters == 16 * (INPUTS + HIDDEN) + 12


def test_consumers_read_the_gathered_sequence(tmp_path):
    model = recurrent("LSTM", outputs=("states",))
    model.graph.node.append(node("Relu", ["states"], ["y"]))
    model.graph.output[0].name = "y"
    workload = load(model, tmp_path)
    values = run_all(model)
    relu = workload.layers[-1]
    assert relu.operator == "relu"
    assert relu.inputs[0].shape == values["states"].shape == (STEPS, 1, BATCH, HIDDEN)


def test_endless_sequence_is_refused(tmp_path):
    model = recurrent("RNN")
    with pytest.raises(InputError, match=r"'rnn'.*200000 steps"):
        load(model, tmp_path, dims={"x:0": 200_000})


def test_wrong_weights_are_refused(tmp_path):
    model = recurrent("LSTM")
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(ones(1, 12, HIDDEN), "r"))
    with pytest.raises(InputError, match="rnn"):
        load(model, tmp_path)
