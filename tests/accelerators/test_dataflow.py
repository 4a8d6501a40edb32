"""The dataflow family: FINN's cycles and resources, FIFOs, accumulators, packing."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.accelerators.dataflow import memories
from archsim.accelerators.dataflow.accumulators import data_type_bits, l1_norm_bits
from archsim.accelerators.dataflow.machine import DataflowMachine
from archsim.accelerators.dataflow.packing import dsps_per_product, products_per_dsp
from archsim.accelerators.dataflow.shape import stage_shape
from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import DoesNotFit
from archsim.errors import InputError
from archsim.kernel import engine
from archsim.kernel.execution import DeadlockError
from archsim.kernel.steady import steady_state
from archsim.simulation import choose, simulate
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.models import build_model
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload


def machine(**changes: Any) -> DataflowMachine:
    spec = {"family": "dataflow", "name": "test", "device": "zcu102", "clock_mhz": 200.0, "precision": "w4a4"}
    found = load_accelerator(spec | changes)
    assert isinstance(found, DataflowMachine)
    return found


def small_residual() -> Workload:
    """A padded 3×3 convolution around which the image is carried, on 8×8 pixels."""
    net = NetworkBuilder("small")
    a = net.conv("a", Tensor("input", (1, 4, 8, 8)), 8, 1)
    b = net.conv("b", a, 8, 3, padding=1)
    net.conv("d", net.add("c", a, b), 4, 1)
    return net.build().with_precision(Precision(4, 4, 4))


def test_cnv_as_finn_builds_it() -> None:
    """Xilinx/finn's own figures for this folding: 32768 cycles, set by the first dense layer."""
    run = simulate("cnv-w1a1", "finn-cnv-pynq-z1")
    by_name = {layer.name: layer.interval_cycles for layer in run.layers}
    assert run.totals.interval_cycles == 32_768 == by_name["fc0"]
    assert [by_name[f"conv{i}"] for i in range(6)] == [32_400, 28_224, 20_736, 28_800, 20_736, 18_432]
    assert run.totals.frames_per_s == pytest.approx(3_051.76, abs=0.01)
    assert run.warnings == ()


@pytest.mark.parametrize(
    ("workload", "accelerator", "interval"),
    [
        ("tfc-w1a1", "finn-tfc-pynq-z1", 98),
        ("kws-mlp-w3a3", "finn-kws-pynq-z1", 392),
        ("cybsec-mlp-w2a2", "finn-cybsec-pynq-z1", 100),
        ("vgg10-w4a4", "finn-vgg10-zcu104", 258 * 32 // 8),  # the padding before conv2
    ],
)
def test_published_foldings(workload: str, accelerator: str, interval: int) -> None:
    assert simulate(workload, accelerator).totals.interval_cycles == interval


def test_block_ram_of_cnv_s_weights_is_what_vivado_took() -> None:
    """98 RAMB36 and 3 of the 9 RAMB18 of Xilinx/finn's PR #209 are the memories of the weights."""
    run = simulate("cnv-w1a1", "finn-cnv-pynq-z1")
    weights = {
        layer.name: layer.mapping.get("bram18", 0) for layer in run.layers if "weights" in layer.mapping
    }
    assert list(weights.values()) == [0, 57, 29, 29, 24, 36, 8, 16, 0]
    assert sum(weights.values()) == 2 * 98 + 3


def test_a_padding_s_width_can_be_given() -> None:
    """FINN's FMPadding: the padded pixels times its channels over the width."""
    narrow = simulate(small_residual(), machine(folding={"b": {"pe": 8, "simd": 72, "padding": 1}}))
    by_name = {layer.name: layer for layer in narrow.layers}
    assert (by_name["b"].interval_cycles, by_name["b"].bound_by) == (100 * 8, "padding")
    with pytest.raises(InputError, match="padding is 3; it must be one of 1, 2, 4, 8"):
        simulate(small_residual(), machine(folding={"b": {"padding": 3}}))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_any_folding_keeps_its_slowest_stage_on_the_kernel(seed: int) -> None:
    workload = small_residual()
    m = machine().for_workload(workload)
    rng = np.random.default_rng(seed)
    rows = []
    for layer in workload.layers:
        table = m.options(layer)
        rows.append(table.row(int(rng.integers(len(table)))))
    slowest = max(row.cycles for row in rows)
    assert m.kept_pace(rows) == slowest  # known from the FIFOs; and found by executing inputs:
    assert steady_state(lambda inputs: m.program(rows, inputs)).interval_cycles == slowest


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_fifos_sized_stage_by_stage_are_those_of_the_kernel_s_execution(seed: int) -> None:
    """A FIFO that is given has the whole pipeline executed to size the others; here it has room enough."""
    workload = small_residual()
    m = machine().for_workload(workload)
    executed = machine(fifos={"a.in": 1000}).for_workload(workload)
    rng = np.random.default_rng(seed)
    tables = [m.options(layer) for layer in workload.layers]
    rows = [table.row(int(rng.integers(len(table)))) for table in tables]
    rooms = {**m.layout.rooms(rows), "a.in": 1000}
    assert executed.kept_pace(rows) is None
    assert rooms == executed.layout.rooms(rows)
    upstream, taken = m.upstream(workload.layers, int(max(row.cycles for row in rows))), 0.0
    for row in rows:
        amounts, upstream = upstream.then(row)
        taken += amounts.get("lut", 0.0)
    assert taken == m.between(rows).get("lut", 0.0)


def test_a_slow_host_s_interval_is_found_by_executing() -> None:
    """The driver's call leaves less than an even share of the interval for each pixel."""
    workload = small_residual()
    m = machine(host={"latency_us": 3.0}).for_workload(workload)
    rows, _ = choose(workload, m, "latency")
    assert m.kept_pace(rows) is None
    assert steady_state(lambda n: m.program(rows, n)).interval_cycles >= max(row.cycles for row in rows)


def test_smallest_fifos_keep_the_pace_and_none_can_be_smaller() -> None:
    workload = small_residual()
    m = machine(fifo_sizing="smallest").for_workload(workload)
    rows, _ = choose(workload, m, "latency")
    rooms = dict(m.layout.rooms(rows))
    enough = machine().for_workload(workload)
    ends = engine.simulate(enough.program(rows, 3)).cycles
    assert engine.simulate(m.program(rows, 3)).cycles <= ends
    assert sum(rooms.values()) <= sum(enough.layout.rooms(rows).values())
    for name, room in rooms.items():
        if room > m.spec.fifo_pixels:
            tighter = machine(fifos={**rooms, name: room - 1}).for_workload(workload)
            with pytest.raises((AssertionError, RuntimeError)):
                assert engine.simulate(tighter.program(rows, 3)).cycles <= ends


@pytest.mark.parametrize("seed", [4, 5])
def test_of_all_depths_that_keep_the_pace_the_smallest_are_found(seed: int) -> None:
    """Every mix of depths is executed: none that keeps the pace is smaller anywhere, or in all."""
    net = NetworkBuilder("bypass")
    a = net.conv("a", Tensor("input", (1, 2, 3, 3)), 4, 1)
    net.add("c", a, net.conv("b", a, 4, 3, padding=1))
    workload = net.build().with_precision(Precision(4, 4, 4))
    m = machine(fifo_sizing="smallest", fifo_pixels=1).for_workload(workload)
    rng = np.random.default_rng(seed)
    tables = [m.options(layer) for layer in workload.layers]
    rows = [table.row(int(rng.integers(len(table)))) for table in tables]
    enough = machine(fifo_pixels=1).for_workload(workload).layout.rooms(rows)
    smallest = m.layout.rooms(rows)

    def end(depths: tuple[int, ...]) -> float:
        try:
            return engine.simulate(m.layout.graph(rows, dict(zip(enough, depths, strict=True)), 3)).cycles
        except DeadlockError:
            return np.inf

    found, latest = tuple(smallest[name] for name in enough), end(tuple(enough.values()))
    assert sum(found) < sum(enough.values())
    assert end(found) <= latest
    less = [d for d in product(*(range(1, n + 1) for n in enough.values())) if sum(d) < sum(found)]
    assert len(less) > 50
    assert all(end(depths) > latest for depths in less)


def test_a_bypass_holds_what_the_first_window_needs() -> None:
    """A line and two pixels of an image of 8 by 8 come before the padded 3×3 window is whole."""
    workload = small_residual()
    with pytest.raises(InputError, match=r"locks up; give its FIFOs more room \(full: a\.out > c\.in\)"):
        simulate(workload, machine(fifos={"c.in": 8 + 1}))
    assert simulate(workload, machine(fifos={"c.in": 8 + 2})).totals.latency_cycles > 0


def test_a_bypass_too_small_is_explained() -> None:
    workload = small_residual()
    given_rooms = {"c.in": 1, "c.in1": 1}
    with pytest.raises(InputError, match=r"locks up; give its FIFOs more room \(full: a\.out > c\.in\)"):
        simulate(workload, machine(fifos=given_rooms))
    with pytest.raises(InputError, match=r"'c\.in7' is none of a\.in"):
        simulate(workload, machine(fifos={"c.in7": 4}))


def test_more_pe_and_simd_cost_more_and_take_less() -> None:
    layer = small_residual().layers[1]
    table = machine().options(layer)
    work = table.cycles * table.codebooks["pe"]["pe"][table.mapping["pe"]]
    work = work * table.codebooks["simd"]["simd"][table.mapping["simd"]]
    compute = layer.macs
    assert np.all(work >= compute)  # nothing is faster than its multipliers
    assert table.resources["lut"][table.cycles == table.cycles.min()].min() > table.resources["lut"].min()


@pytest.mark.parametrize("device", ["pynq-z1", "ultra96", "zcu102", "zcu104", "kv260", "u250", "vu9p"])
def test_the_balanced_choice_fits_every_device(device: str) -> None:
    workload = load_workload("resnet8")
    run = simulate(workload, machine(device=device, precision="w4a4"), precision="w4a4")
    assert all(use.used <= use.capacity * 1.05 for use in run.resources)  # FIFOs come on top
    assert run.totals.interval_cycles >= max(layer.interval_cycles for layer in run.layers)


def test_a_network_too_large_for_its_device_is_told() -> None:
    with pytest.raises(DoesNotFit, match=r"do not fit the machine: .*bram18"):
        simulate(load_workload("vgg16"), machine(device="pynq-z1", weights=["bram"]))


@pytest.mark.parametrize("name", ["resnet8", "ds-cnn", "mobilenetv2", "resnet18"])
def test_networks_of_the_library_have_a_stage_for_every_layer(name: str) -> None:
    workload = build_model(name)
    m = machine(device="u250").for_workload(workload)
    for layer in workload.layers:
        table = m.options(layer.with_precision(Precision(8, 8, 8)))
        assert len(table) > 0
        assert np.all(table.cycles > 0)


def test_a_transposed_convolution_is_one_over_spread_pixels() -> None:
    """DCGAN's 4×4 of stride 2: 8×8 pixels become 15×15 with zeros between and 19×19 with zeros around."""
    c = Contraction(
        K=4, C=8, P=8, Q=8, R=4, S=4, stride=(2, 2), padding=(1,) * 4, input_size=(8, 8), transposed=True
    )
    image, made = Tensor("in", (1, 8, 8, 8)), Tensor("out", (1, 4, *c.output_size))
    layer = Layer("up", "conv_transpose", (image,), (made,), (Tensor("w", (8, 4, 4, 4)),), c)
    workload = Workload.from_layers("decoder", [layer])
    run = simulate(workload, machine(folding={"up": {"pe": 4, "simd": 128}}))
    assert (c.output_size, run.totals.interval_cycles) == ((16, 16), 19 * 19)
    slow = simulate(workload, machine(folding={"up": {"pe": 1, "simd": 8}}))
    assert slow.totals.interval_cycles == 16 * 16 * 4 * 16  # every product with a zero is made
    cut = replace(c, K=4, R=2, S=2, padding=(2, 0, 0, 0))
    with pytest.raises(InputError, match="'up' cuts off more than its kernel adds"):
        stage_shape(replace(layer, contraction=cut))


def test_what_no_stage_does_is_refused() -> None:
    with pytest.raises(InputError, match=r"no stage for layer_norm; .* \(family: overlay\) does the others"):
        simulate("deit-tiny", machine())
    with pytest.raises(InputError, match="has a batch"):
        simulate(build_model("resnet8", {"batch": 2}), machine())
    with pytest.raises(InputError, match="pe is 3; it must be one of 1, 2, 4, 8"):
        simulate(small_residual(), machine(folding={"a": {"pe": 3}}))
    with pytest.raises(InputError, match="'conv9' matches no layer"):
        simulate(small_residual(), machine(folding={"conv9": {"pe": 1}}))


def test_a_plan_s_mapping_finds_its_row_again() -> None:
    workload = small_residual()
    m = machine().for_workload(workload)
    rows, _ = choose(workload, m, "latency")
    for row in rows:
        again = m.row(row.layer, m.performed(row).mapping)
        assert (dict(again.mapping), again.cycles) == (dict(row.mapping), row.cycles)
        assert again.energy_pj == pytest.approx(row.energy_pj)


@given(st.integers(1, 5000), st.integers(1, 16), st.integers(1, 16))
def test_no_input_overflows_the_accumulator_of_its_types(products: int, w: int, a: int) -> None:
    bits = data_type_bits(products, w, a)
    worst = products * 2 ** (w - 1) * 2 ** (a - 1)
    assert worst <= 2 ** (bits - 1)
    assert bits <= np.log2(products) + w + a + 2


@given(st.lists(st.integers(-8, 7), min_size=1, max_size=30), st.integers(1, 8), st.booleans())
def test_the_l1_bound_is_no_more_than_the_types_need(weights: list[int], bits: int, signed: bool) -> None:
    found = l1_norm_bits(sum(map(abs, weights)), bits, signed=signed)
    assert found <= max(2, data_type_bits(len(weights), 4, bits, signed=signed))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=4), st.integers(1, 3), st.booleans())
def test_no_input_overflows_the_l1_bound_and_one_bit_less_is_too_few(
    weights: list[int], bits: int, signed: bool
) -> None:
    """By all inputs there are; sums so far too. Of some weights of the same norm every bit is needed."""
    values = range(-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else range(2**bits)
    inputs = np.array(list(product(values, repeat=len(weights))))
    norm = sum(map(abs, weights))
    found = l1_norm_bits(norm, bits, signed=signed)
    sums = np.cumsum(inputs * np.array(weights), axis=1)
    assert -(2 ** (found - 1)) <= sums.min()
    assert sums.max() <= 2 ** (found - 1) - 1
    if norm:
        one_sign = np.abs(weights) * (-1 if signed else 1)
        assert (inputs @ one_sign).max() > 2 ** (found - 2) - 1


def test_products_in_a_dsp() -> None:
    """FINN's RTL: four of 4×4, two of 8×8 in a DSP48, three in a DSP58; its estimate of 8 bits is half."""
    assert [products_per_dsp("dsp48e2", w, a) for w, a in ((2, 2), (4, 4), (4, 8), (8, 8), (9, 9))] == [
        4, 4, 2, 2, 1,
    ]  # fmt: skip
    assert products_per_dsp("dsp58", 8, 8) == 3
    assert [dsps_per_product("dsp48e1", w, w) for w in (16, 18, 25)] == [1, 1, 2]


@given(st.integers(1, 20_000), st.integers(1, 200))
def test_memories_hold_what_is_put_in(words: int, bits: int) -> None:
    deep, wide = np.array([float(words)]), np.array([float(bits)])
    assert memories.bram18s(deep, wide)[0] * 18_432 >= words * bits
    assert memories.rom_luts(deep, wide)[0] * 64 >= words * bits
    assert memories.urams(deep, wide)[0] * 294_912 >= words * bits


def test_more_bits_never_cost_less() -> None:
    layer = small_residual().layers[1]
    m = machine()
    tables = [m.options(replace(layer, precision=Precision(b, b, b))) for b in (1, 2, 4, 8)]
    least = [float(table.resources["lut"].min()) for table in tables]
    assert least == sorted(least)
