"""Supplies of memories beside tilings: least energy within an expected loss, against brute force."""

import json
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.accelerators.library import load_accelerator
from archsim.dse.fault_loss import Curve, FaultLosses, read_fault_losses
from archsim.dse.search import search
from archsim.dse.study import Study
from archsim.dse.study_files import load_study
from archsim.errors import InputError
from archsim.workloads.library import load_workload

VOLTS = [0.8, 0.76, 0.72, 0.68, 0.64]
FIELD = "weights.low_voltage.vdd_v"
WEIGHTED = ("conv1", "conv2", "fc")


@pytest.fixture
def network(tmp_path):
    """A small CNN as a trace, and the file of its losses by bit-error rate."""
    lines = [
        "name,operator,B,K,C,P,Q,R,S,stride",
        "conv1,conv,1,8,3,16,16,3,3,1",
        "conv2,conv,1,16,8,8,8,3,3,2",
        "fc,gemm,1,10,1024,1,1,1,1,1",
    ]
    (tmp_path / "net.csv").write_text("\n".join(lines) + "\n")
    layers = {
        name: {"ber": [1e-4, 1e-3, 1e-2, 0.1], "loss": [scale * x for x in (0.0, 0.5, 3.0, 40.0)]}
        for name, scale in zip(WEIGHTED, (1.0, 0.4, 0.1), strict=True)
    }
    table = tmp_path / "ber.json"
    table.write_text(json.dumps({"schema": "archsim.ber_sensitivity/1", "model": "net", "layers": layers}))
    return tmp_path / "net.csv", table


def study(network, **changes):
    model, table = network
    given = {
        "workload": str(model),
        "accelerator": "lowvolt-npu",
        "hardware": {FIELD: list(VOLTS)},
        "minimize": "energy",
        "ber_sensitivity": str(table),
        "marginals": False,
    }
    return Study(**{**given, **changes})


def by_hand(network, volts):
    """(least energy in mJ, loss) of one supply: a search without a budget, and the table read by hand."""
    plan = search(study(network, hardware={FIELD: [volts]}), workers=1).plan
    rates = load_accelerator("lowvolt-npu", sram_vdd_v={"weights": volts}).settings()["sram"]["weights"][
        "ber"
    ]
    curves = json.loads(network[1].read_text())["layers"]
    loss = 0.0
    for name in WEIGHTED:
        ber, losses = curves[name]["ber"], curves[name]["loss"]
        if rates < ber[0]:
            loss += losses[0] * rates / ber[0]
        else:
            loss += float(np.interp(log(rates), [log(b) for b in ber], losses))
    return plan.objective, loss


@pytest.mark.parametrize("most", [0.1, 1.0, 6.0, 60.0])
def test_the_least_energy_within_a_loss_is_that_of_trying_all(network, most):
    tried = {volts: by_hand(network, volts) for volts in VOLTS}
    best = min((v for v in VOLTS if tried[v][1] <= most), key=lambda v: tried[v][0])
    found = search(study(network, budgets={"fault_loss": most}), workers=1)
    assert found.status == "OPTIMAL"
    assert found.plan.hardware == {FIELD: best}
    assert found.plan.objective == pytest.approx(tried[best][0])
    (use,) = found.plan.budgets
    assert use.used == pytest.approx(tried[best][1])


def test_a_loss_that_no_supply_keeps_is_explained(network):
    low = {FIELD: [0.64, 0.6]}
    found = search(study(network, hardware=low, budgets={"fault_loss": 1e-6}), workers=1)
    assert found.status == "INFEASIBLE"
    assert "fault_loss" in "\n".join(found.conflict.sentences())


def test_energy_against_loss_is_a_front(network):
    found = search(study(network, front=["energy_mj", "fault_loss"], points=8), workers=1)
    values = [(p.values["energy_mj"], p.values["fault_loss"]) for p in found.front]
    assert len(values) == len(VOLTS)
    assert sorted(values) == sorted(values, key=lambda v: -v[1])


def test_bits_and_memories_join(network):
    """Two memories and bits open: the inputs' supply costs no weight errors, so it is the lowest."""
    asked = study(
        network,
        hardware={FIELD: list(VOLTS), "inputs.low_voltage.vdd_v": [0.8, 0.6]},
        bits={"weights": [4, 8]},
        budgets={"fault_loss": 1.0},
    )
    found = search(asked, workers=1)
    assert found.status == "OPTIMAL"
    assert found.plan.hardware["inputs.low_voltage.vdd_v"] == 0.6
    assert {layer.weight_bits for layer in found.plan.layers} == {4}


def test_a_rate_beyond_the_table_is_not_used(network):
    _, table = network
    content = json.loads(table.read_text())
    for curve in content["layers"].values():
        curve["ber"], curve["loss"] = curve["ber"][:2], [0.0, 0.0]
    table.write_text(json.dumps(content))
    found = search(study(network, budgets={"fault_loss": 100.0}), workers=1)
    assert found.plan.hardware == {FIELD: 0.76}  # 2.2e-4; at 0.72 V 1.27e-3 of the cells fail


def test_a_nominal_memory_needs_no_table(network):
    _, table = network
    table.write_text('{"schema": "archsim.ber_sensitivity/1", "layers": {}}')
    plain = {"accelerator": "systolic-32-edge", "hardware": {}}
    assert search(study(network, **plain, budgets={"fault_loss": 0.0}), workers=1).plan is not None
    with pytest.raises(InputError, match="layer 'conv1' has weights in a memory with bit errors"):
        search(study(network, budgets={"fault_loss": 0.1}), workers=1)


def test_a_table_may_stand_in_the_study(network):
    content = json.loads(network[1].read_text())
    inline = search(study(network, ber_sensitivity=content, budgets={"fault_loss": 1.0}), workers=1)
    by_file = search(study(network, budgets={"fault_loss": 1.0}), workers=1)
    assert inline.plan.hardware == by_file.plan.hardware
    with pytest.raises(InputError, match="ber_sensitivity: layers must be"):
        search(study(network, ber_sensitivity={}, budgets={"fault_loss": 1.0}), workers=1)


def test_the_study_of_the_library():
    """What is expected of it, and 0.0145 measured on chips and images that the table had not seen."""
    found = search(load_study("lowvolt-digits"), workers=1)
    assert found.status == "OPTIMAL"
    assert found.plan.hardware[FIELD] == pytest.approx(0.7)
    assert found.plan.accuracy.rounds[0].searched == pytest.approx(0.0072, abs=1e-4)
    (use,) = found.plan.budgets
    assert use.used == pytest.approx(0.0145, abs=0.002)


def test_a_budget_without_a_table_is_refused(network):
    with pytest.raises(InputError, match="give ber_sensitivity"):
        search(study(network, ber_sensitivity=None, budgets={"fault_loss": 0.1}), workers=1)


def test_weights_of_a_pipeline_may_leave_the_failing_memory():
    """A stage whose weights are in LUT RAM meets no bit errors of the block RAMs' rail."""
    on = load_accelerator("finn-cnv-pynq-z1", sram_vdd_v={"bram": 0.55})
    network = load_workload("cnv-w1a1")
    on = on.for_workload(network)
    seen = {}
    for layer in network.layers:
        table = on.options(layer)
        rates = on.weight_bit_errors(table)
        for row in range(len(table)):
            seen.setdefault(str(table.row(row).mapping["memory"]), set()).add(float(rates[row]))
    assert seen["lutram"] == {0.0}
    assert len(seen["bram"]) == 1
    assert 0 not in seen["bram"]


@given(
    st.lists(st.floats(1e-8, 1.0), min_size=1, max_size=6, unique=True),
    st.data(),
)
def test_losses_never_fall(rates, data):
    rates = tuple(sorted(rates))
    losses = data.draw(st.lists(st.floats(0, 100), min_size=len(rates), max_size=len(rates)))
    curve = Curve(rates, tuple(np.maximum.accumulate(losses)))
    asked = np.sort(np.array(data.draw(st.lists(st.floats(0, 1), min_size=2, max_size=8))))
    found = curve.loss(asked)
    assert (np.diff(found[np.isfinite(found)]) >= -1e-9).all()
    assert curve.loss(np.array(rates)) == pytest.approx(np.array(curve.losses))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"schema": "x"}', "schema is 'x'"),
        ('{"schema": "archsim.ber_sensitivity/1"}', "layers must be"),
        ('{"schema": "archsim.ber_sensitivity/1", "layers": {"a": {"ber": [0.1]}}}', "'a': loss must be"),
        (
            '{"schema": "archsim.ber_sensitivity/1", "layers": {"a": {"ber": [0.1], "loss": [1, 2]}}}',
            "one for",
        ),
        ('{"schema": "archsim.ber_sensitivity/1", "layers": {"a": {"ber": [0], "loss": [1]}}}', "must rise"),
    ],
)
def test_bad_tables_are_refused(tmp_path, text, message):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_fault_losses(tmp_path / "t.json")


def test_a_table_of_no_layer_has_no_loss():
    assert FaultLosses({}).loss("any", np.zeros(3)).tolist() == [0, 0, 0]
