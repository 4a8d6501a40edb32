"""Errors of converters and cells: their statistics, their seeds, and what they share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archsim.numerics.cells import conductances
from archsim.numerics.crossbar import Cells, Converter, Crossbar, bit_serial, native
from archsim.numerics.quantised_network import QuantisedNetwork
from archsim.numerics.row_groups import row_groups
from archsim.numerics.sessions import Session
from archsim.numerics.twin import Chip, build_twin
from archsim.numerics.weight_slices import weight_slices
from tests.numerics.twin_cases import inputs_of, matmul, on, run, twin_output, whole_weights

ROWS, OUTPUTS, ITEMS = 32, 400, 60
WORST = Converter(12, full_scale="worst_case", least_lsb=0.0)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> QuantisedNetwork:
    rng = np.random.default_rng(0)
    return matmul(
        tmp_path_factory.mktemp("net"), whole_weights(rng, 4, OUTPUTS, ROWS), inputs(), bits=4, input_bits=4
    )


def inputs() -> np.ndarray:
    return inputs_of(np.random.default_rng(1), 4, ITEMS, ROWS)


def whole(**errors: float | int | str) -> Crossbar:
    """One conversion an output: all bits of weights and inputs at once."""
    return native(ROWS, 4, replace(WORST, **errors))  # pyright: ignore[reportArgumentType]


LSB = ROWS * 7 * 15 / (2**11 - 1)


def errors_in_lsb(network: QuantisedNetwork, crossbar: Crossbar, x: np.ndarray | None = None) -> np.ndarray:
    """Of the result without rounding, (items, outputs)."""
    x = inputs() if x is None else x
    return (twin_output(network, on(crossbar, network, levels=False), x) - run(build_twin(network), x)) / LSB


def test_thermal_noise_is_normal_and_new_in_every_conversion(network: QuantisedNetwork) -> None:
    error = errors_in_lsb(network, whole(thermal_sigma_lsb=0.35))
    count = error.size
    assert error.std() == pytest.approx(0.35, rel=4 / np.sqrt(count))
    assert abs(error.mean()) < 4 * 0.35 / np.sqrt(count)
    share = (np.abs(error) < 0.35).mean()
    assert share == pytest.approx(0.6827, abs=0.01)
    assert abs(np.corrcoef(error[0], error[1])[0, 1]) < 4 / np.sqrt(OUTPUTS)
    assert abs(np.corrcoef(error[:, 0], error[:, 1])[0, 1]) < 4 / np.sqrt(ITEMS)


def test_noise_is_another_in_every_run_and_the_same_for_a_seed(network: QuantisedNetwork) -> None:
    model = build_twin(network, on(whole(thermal_sigma_lsb=0.5), network))
    x = inputs().astype(np.float32)
    first, second = (Session(model) for _ in range(2))
    runs = [first.run(["y"], {"x": x})[0] for _ in range(2)]
    assert not np.array_equal(*runs)
    assert np.array_equal([second.run(["y"], {"x": x})[0] for _ in range(2)], runs)
    other = build_twin(network, on(whole(thermal_sigma_lsb=0.5), network), Chip(1))
    assert not np.array_equal(run(other, x), runs[0])


def test_gains_are_one_draw_an_adc(network: QuantisedNetwork) -> None:
    exact = run(build_twin(network), inputs())
    for columns in (1, 24):  # a weight has 2 · 3 columns, so 24 columns are 4 outputs
        crossbar = whole(gain_sigma=0.05, columns=columns)
        ratio = twin_output(network, on(crossbar, network, levels=False), inputs()) / exact
        gains = np.nanmedian(np.where(np.abs(exact) > 50, ratio, np.nan), axis=0)
        assert np.allclose(
            ratio[np.abs(exact) > 50], np.broadcast_to(gains, ratio.shape)[np.abs(exact) > 50], atol=1e-4
        )
        shared = gains.reshape(-1, max(1, columns // 6))
        assert np.allclose(shared, shared[:, :1], atol=1e-5)
        assert shared[:, 0].std() == pytest.approx(0.05, rel=4 / np.sqrt(2 * len(shared)))
        assert shared[:, 0].mean() == pytest.approx(1, abs=4 * 0.05 / np.sqrt(len(shared)))


def test_offsets_are_there_without_inputs(network: QuantisedNetwork) -> None:
    error = errors_in_lsb(network, whole(offset_sigma_lsb=0.6), np.zeros((3, ROWS)))
    assert np.array_equal(error[0], error[1])
    assert error[0].std() == pytest.approx(0.6, rel=4 / np.sqrt(2 * OUTPUTS))


def test_a_bow_is_largest_in_the_middle_and_none_at_the_ends(network: QuantisedNetwork) -> None:
    error = errors_in_lsb(network, whole(inl_lsb=0.8), np.zeros((1, ROWS)))[0]
    assert np.abs(error).max() == pytest.approx(0.8, rel=0.03)
    assert error.std() == pytest.approx(0.8 / np.sqrt(3), rel=0.1)  # uniform between its ends


@pytest.mark.parametrize("of", ["range", "level"])
def test_programming_errors(network: QuantisedNetwork, of: str) -> None:
    x = inputs()
    cells = Cells(programming_sigma=0.05, programming_of=of)  # pyright: ignore[reportArgumentType]
    crossbar = replace(whole(), cell_bits=3, cells=cells)
    error = errors_in_lsb(network, crossbar) * LSB
    codes = network.products[0].codes.astype(float)
    if of == "level":  # of a pair of cells only one is on
        expected = 0.05 * np.sqrt(x.astype(float) ** 2 @ codes.T**2)
        assert (error / expected).std() == pytest.approx(1, rel=0.1)
    else:  # conductances stop at zero: of a cell that is off, half of the error is left
        on_and_off = 0.05 * 7 * np.sqrt((x**2).sum(axis=1))
        assert 1 < (error / on_and_off[:, np.newaxis]).std() < np.sqrt(2)


def test_read_noise(network: QuantisedNetwork) -> None:
    x = inputs()
    crossbar = replace(whole(thermal_sigma_lsb=0.2), cell_bits=3, cells=Cells(read_sigma=0.1))
    error = errors_in_lsb(network, crossbar)
    codes = network.products[0].codes.astype(float)
    expected = np.sqrt(0.2**2 + 0.1**2 * (x.astype(float) ** 2 @ codes.T**2) / LSB**2)
    assert (error / expected).std() == pytest.approx(1, rel=0.02)
    assert abs(np.corrcoef(error[0], error[1])[0, 1]) < 4 / np.sqrt(OUTPUTS)


def test_drift(network: QuantisedNetwork) -> None:
    cells = Cells(drift_exponent=0.05, drift_start_s=20, drift_time_s=20_000)
    exact = run(build_twin(network), inputs())
    drifted = twin_output(network, on(replace(whole(), cells=cells), network, levels=False), inputs())
    assert np.allclose(drifted, exact * 1000**-0.05, rtol=1e-4, atol=0.05)


def test_a_reference_column_takes_the_current_of_cells_that_are_off(network: QuantisedNetwork) -> None:
    crossbar = replace(bit_serial(ROWS, 1, WORST), cells=Cells(on_off_ratio=10))
    exact = run(build_twin(network), inputs())
    found = twin_output(network, on(crossbar, network, levels=False), inputs())
    assert np.allclose(found, exact, atol=0.01)


def test_ir_drop_is_that_of_the_resistor_network_to_first_order() -> None:
    """One column, all inputs on, against the node equations of the wires."""
    rows, wire = 12, 1e-4
    crossbar = Crossbar(rows, 2, cell_bits=1, encoding="offset", cells=Cells(wire_to_on=wire))
    digits = (np.random.default_rng(3).random((1, 1, rows)) < 0.7).astype(int)
    slices, groups = weight_slices(1, crossbar), row_groups((rows, 1), crossbar)
    # of the two columns of a 1-bit weight the second is left empty
    both = np.concatenate([digits, np.zeros_like(digits)])
    found = conductances(both, slices, groups, crossbar, 1.0, np.random.default_rng(0)).weights[0, 0]
    exact = _currents(digits[0, 0].astype(float), wire)
    lost = digits[0, 0] - found
    assert lost == pytest.approx(digits[0, 0] - exact, rel=0.02, abs=1e-9)
    assert lost.max() > 10 * wire


def _currents(conductance: np.ndarray, wire: float) -> np.ndarray:
    """Currents into the cells of a column at 1 V. Nodes: the row end of each cell, then its column end."""
    rows = len(conductance)
    matrix, source = np.zeros((2 * rows, 2 * rows)), np.zeros(2 * rows)

    def resistor(a: int | None, b: int | None, siemens: float) -> None:
        for one, other in ((a, b), (b, a)):
            if one is not None:
                matrix[one, one] += siemens
                if other is not None:
                    matrix[one, other] -= siemens

    for row in range(rows):
        matrix[row, row] += 1 / wire  # from the driver
        source[row] += 1 / wire
        resistor(row, rows + row, conductance[row])
        resistor(rows + row, rows + row - 1 if row else None, 1 / wire)
    voltage = np.linalg.solve(matrix, source)
    return conductance * (voltage[:rows] - voltage[rows:])


ALL = replace(
    bit_serial(16, 2, Converter(7, columns=8, gain_sigma=0.02, offset_sigma_lsb=0.4, inl_lsb=0.5)),
    cells=Cells(
        programming_sigma=0.03, drift_exponent_sigma=0.02, drift_time_s=1e4, on_off_ratio=20, wire_to_on=1e-4
    ),
)  # fmt: skip


def test_a_chip_is_a_seed_and_the_batch_does_not_matter(network: QuantisedNetwork) -> None:
    x = inputs().astype(np.float32)
    model = build_twin(network, on(ALL, network), Chip(3, seed=1))
    together = run(model, x)
    assert np.array_equal(run(build_twin(network, on(ALL, network), Chip(3, seed=1)), x), together)
    for batch in (1, 7):
        parts = [run(model, x[start : start + batch]) for start in range(0, 21, batch)]
        assert np.array_equal(np.concatenate(parts), together[:21])
    for other in (Chip(4, seed=1), Chip(3, seed=2)):
        assert not np.array_equal(run(build_twin(network, on(ALL, network), other), x), together)


def test_no_two_layers_arrays_or_adcs_are_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    crossbar = bit_serial(16, 1, Converter(12, gain_sigma=0.1, offset_sigma_lsb=1.0, full_scale="worst_case"))
    wide = matmul(tmp_path, whole_weights(rng, 2, 3, 48), inputs_of(rng, 2, 4, 48), 2, 2)
    from archsim.numerics.array_product import array_product

    made = array_product(wide.products[0], crossbar, Chip().layer(0))
    again = array_product(wide.products[0], crossbar, Chip().layer(1))
    offsets = np.concatenate([m.offset_lsb for m in (*made.mismatches, *again.mismatches)])
    assert len(made.mismatches) == 3
    assert len(np.unique(offsets)) == len(offsets) == 2 * 3 * 3 * 2
