"""How busy a network's own numbers keep a crossbar: closed forms, and what it changes of an energy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import archsim
from archsim.errors import InputError
from archsim.numerics.activity import activities
from archsim.numerics.crossbar import Crossbar
from tests.numerics.twin_cases import matmul


@pytest.mark.parametrize(("dac_bits", "expected"), [(1, 0.4375), (2, 0.375), (4, 0.3)])
def test_inputs_by_slices(dac_bits: int, expected: float, tmp_path: Path) -> None:
    """Half of the inputs are 0, an eighth 15, the others 1: bits are one in 1/2, 1/8, 1/8 and 1/8 of them."""
    x = np.repeat([0, 15, 1], [32, 8, 24]).reshape(4, 16)
    network = matmul(tmp_path, np.full((2, 16), 7, np.float32), x, 4, 4)
    assert network.products[0].input_bits == (0.5, 0.125, 0.125, 0.125)
    assert network.products[0].mean_input == pytest.approx(x.mean() / 15)
    assert activities(network, Crossbar(dac_bits=dac_bits))["fc"].inputs == pytest.approx(expected)


@pytest.mark.parametrize(
    ("crossbar", "expected"),
    [
        (Crossbar(cell_bits=1, encoding="twos_complement"), 2 * 3 / 4),  # 0111
        (Crossbar(cell_bits=1, encoding="differential"), 2 * 3 / 6),  # 111 and 000
        (Crossbar(cell_bits=2, encoding="offset"), 2 * 1.0),  # 1111
    ],
)
def test_weights_by_cells(crossbar: Crossbar, expected: float, tmp_path: Path) -> None:
    x = np.arange(16).reshape(1, 16)
    network = matmul(tmp_path, np.full((2, 16), 7, np.float32), x, 4, 4)
    assert activities(network, crossbar)["fc"].weights == min(1.0, expected)


def test_a_run_takes_less_with_the_models_own_data() -> None:
    """Cells by inputs times weights, of each layer."""
    plain = archsim.simulate("digits-cnn", "digital-cim-22nm", precision="w8a8")
    workload = archsim.with_activity("digits-cnn", "digital-cim-22nm", bits="w8a8")
    own = archsim.simulate(workload, "digital-cim-22nm")
    (dense, sparse) = (
        run.energy.query("component == 'array' and action == 'multiply'").set_index("layer").energy_pj
        for run in (plain, own)
    )
    for layer in workload.layers:
        if layer.name in dense.index:
            share = layer.activation_density * layer.weight_density
            assert 0.1 < share < 1
            assert sparse[layer.name] == pytest.approx(share * dense[layer.name])
    assert [replace(x, activation_density=1.0, weight_density=1.0) for x in workload.layers] == list(
        archsim.load_workload("digits-cnn").with_precision(archsim.Precision(8, 8, 8)).layers
    )


def test_other_machines_have_no_use_for_it() -> None:
    with pytest.raises(InputError, match="is no crossbar"):
        archsim.with_activity("digits-cnn", "gap9")
