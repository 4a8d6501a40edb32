"""How matrices lie on arrays, against walking through every cell."""

from itertools import product as combinations
from random import Random

import pytest
from cluster_cases import conv, matmul
from crossbar_cases import attention, machine_of

from archsim.accelerators.crossbar.layout import (
    layouts,
    lossless_bits,
    product_of,
    slice_steps,
    slice_widths,
    weight_columns,
    weight_conversions,
)
from archsim.accelerators.crossbar.spec import Array, CrossbarSpec, Dac, numeric_parameters
from archsim.accelerators.crossbar.ways import few
from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import DoesNotFit
from archsim.workloads.layer import Contraction, Layer, Tensor


def array_of(encoding: str = "offset", bits: int = 2, **changes) -> Array:
    cell = {"kind": "rram", "bits": bits}
    fields = {"rows": 128, "columns": 128, "cell": cell, "read_ns": 100, "weight_encoding": encoding}
    return Array.model_validate({**fields, **changes})


@pytest.mark.parametrize(
    ("encoding", "cell_bits", "weight_bits", "columns", "conversions"),
    [
        ("offset", 2, 16, 8, 8),  # ISAAC
        ("offset", 1, 8, 8, 8),
        ("offset", 2, 5, 3, 3),
        ("differential", 4, 5, 2, 2),  # a column a sign, 4 bits of magnitude
        ("differential", 2, 8, 8, 8),
        ("differential", 2, 1, 2, 2),
        ("twos_complement", 1, 8, 8, 8),  # PIM-QAT's bit-serial scheme
        ("twos_complement", 1, 1, 1, 1),
        ("twos_complement", 2, 8, 5, 5),
    ],
)
def test_columns_and_conversions_of_a_weight(encoding, cell_bits, weight_bits, columns, conversions):
    array = array_of(encoding, cell_bits)
    assert weight_columns(array, weight_bits) == columns
    assert weight_conversions(array, weight_bits) == conversions


def test_columns_added_in_analog_share_a_conversion():
    assert weight_conversions(array_of("twos_complement", 1, summed_slices=8), 8) == 1
    assert weight_conversions(array_of("twos_complement", 1, summed_slices=3), 8) == 3
    assert weight_conversions(array_of("differential", 2, subtract="analog"), 8) == 4
    assert weight_conversions(array_of("differential", 2, subtract="analog", summed_slices=4), 8) == 1


def test_slices_of_inputs():
    assert slice_widths(Dac.model_validate({"bits": 1})) == (1,)
    assert slice_widths(Dac.model_validate({"bits": 6})) == (1, 2, 4, 6)
    assert slice_steps(Dac.model_validate({"bits": 4}), 8, 4) == (2, 1)
    assert slice_steps(Dac.model_validate({"bits": 4, "kind": "pulse"}), 8, 4) == (2, 15)
    assert slice_steps(Dac.model_validate({"bits": 8}), 3, 8) == (1, 1)


def chip(rows: int, columns: int, cell_bits: int) -> CrossbarSpec:
    cell = {"kind": "rram", "bits": cell_bits}
    array = {"rows": rows, "columns": columns, "cell": cell, "read_ns": 1}
    return machine_of(array=array, adc={"bits": 6, "columns": 4}).spec


def arrays_walked(layer: Layer, spec: CrossbarSpec, order: str) -> int:
    """Arrays touched when every weight of one group is put down, in the order's rows."""
    c = layer.contraction
    assert c is not None
    array = spec.array
    beside = array.columns // weight_columns(array, layer.precision.weight_bits)
    touched = set()
    row, block, last = 0, 0, None
    taps = list(combinations(range(c.R), range(c.S)))
    rows = [(ch, tap) for ch in range(c.C) for tap in taps]
    if order == "channel":
        rows = [(ch, tap) for tap in taps for ch in range(c.C)]
    for _, tap in rows:
        fresh = row == array.rows
        if order == "channel" and tap != last:  # a tap is not cut where it fits an array
            fresh = row + min(c.C, array.rows) > array.rows
        if fresh:
            row, block = 0, block + 1
        touched |= {(block, k // beside) for k in range(c.K)}
        row, last = row + 1, tap
    return len(touched)


@pytest.mark.parametrize("number", range(40))
def test_as_many_arrays_as_a_walk_touches(number):
    rng = Random(f"layout {number}")
    spec = chip(rng.choice((8, 16, 30)), rng.choice((8, 24)), rng.choice((1, 2, 4)))
    layer = conv(6, 6, rng.randint(1, 40), rng.randint(1, 20), rng.choice((1, 3)), precision="w4a4")
    for found in layouts(product_of(layer), spec, 4, layer.name):
        assert found.arrays == arrays_walked(layer, spec, found.order), found
        assert found.rows_used <= spec.array.rows


def test_groups_are_packed_along_the_diagonal():
    layer = conv(8, 8, 12, 12, groups=12)  # 9 rows and 4 columns a channel
    kernel, channel = layouts(product_of(layer), chip(40, 16, 2), 8, "x")
    assert (kernel.pack, kernel.packs, kernel.arrays, kernel.rows_used) == (4, 3, 3, 36)
    assert channel.arrays == 3


def test_products_of_layers():
    strided = product_of(conv(8, 8, 3, 5, stride=2))
    assert (strided.windows, strided.rows, strided.outputs, strided.groups) == (16, 27, 5, 1)
    assert strided.fresh_in_line == pytest.approx(2 / 3)
    assert strided.fresh == pytest.approx(8 * 8 * 3 / (16 * 27))
    heads = product_of(attention(4, 5, 6, 7))
    assert (heads.groups, heads.windows, heads.rows, heads.outputs) == (4, 5, 6, 7)
    assert not heads.static
    assert product_of(matmul(5, 6, 7)).fresh == 1.0


def test_a_transposed_convolution_is_a_product_of_every_pixel():
    c = Contraction(K=5, C=3, P=4, Q=4, R=2, S=2, stride=(2, 2), transposed=True)
    layer = Layer("up", "conv_transpose", (Tensor("a", (1, 3, 4, 4)),), (Tensor("b", (1, 5, 8, 8)),),
                  (Tensor("w", (3, 5, 2, 2)),), c)  # fmt: skip
    p = product_of(layer)
    assert (p.windows, p.rows, p.outputs) == (16, 3, 20)
    assert p.windows * p.rows * p.outputs == c.macs


@pytest.mark.parametrize("number", range(60))
def test_few_copies_are_all_that_differ(number):
    rng = Random(f"few {number}")
    total = rng.randint(1, 400)
    most = rng.randint(1, 450)
    wanted: dict[int, int] = {}
    for n in range(1, min(most, total) + 1):
        wanted.setdefault(-(-total // n), n)
    assert few(total, most).tolist() == list(wanted.values())


@pytest.mark.parametrize(("rows", "slice_bits", "cell_bits"), [(128, 1, 2), (5, 1, 1), (9, 3, 2), (1, 1, 1)])
def test_lossless_bits_tell_all_sums_apart(rows, slice_bits, cell_bits):
    spec = chip(128, 16, cell_bits)
    largest = rows * (2**slice_bits - 1) * (2**cell_bits - 1)
    bits = lossless_bits(spec, rows, slice_bits)
    assert 2**bits >= largest + 1 > 2 ** (bits - 1)


def test_isaac_needs_eight_bits_with_its_flipped_encoding():
    """Its section V: log2 R + v + w, one less for single-bit inputs: 9; the encoding makes it 8."""
    assert lossless_bits(chip(128, 16, 2), 128, 1) == 9
    assert lossless_bits(load_accelerator("isaac").spec, 128, 1) == 8


def test_a_weight_wider_than_the_array_does_not_fit():
    machine = machine_of(array={"rows": 8, "columns": 4, "cell": {"kind": "rram", "bits": 1}, "read_ns": 1},
                         adc={"bits": 6, "columns": 4}, precision="w2a8")  # fmt: skip
    with pytest.raises(DoesNotFit, match="takes 8 columns"):
        machine.options(matmul(1, 4, 4))


def test_what_the_twin_reads_is_plain_data():
    numbers = numeric_parameters(machine_of(noise={"thermal_sigma_lsb": 0.3}).spec)
    assert numbers["rows"] == 16
    assert numbers["adc_bits"] == 6
    assert numbers["thermal_sigma_lsb"] == 0.3
    assert numbers["on_ohm"] == 100e3
    assert all(isinstance(value, int | float | str | None) for value in numbers.values())
    digital = machine_of(array={"rows": 16, "columns": 16, "compute": "digital", "cell": {"kind": "sram"},
                                "read_ns": 1}, adc=None, sample_hold=None)  # fmt: skip
    assert numeric_parameters(digital.spec)["adc_bits"] is None
