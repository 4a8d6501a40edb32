"""The four networks of MLPerf Tiny on every cluster of the library: no layer is impossible, none is silly.

What kernels cost beside their inner loops is checked against counts in the sources of their libraries.
"""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from cluster_cases import conv

from archsim.accelerators.cluster.isa import inner_loop
from archsim.accelerators.cluster.kernel_libraries import CMSIS_NN, PULP_NN, kernel_library
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.library import load_accelerator
from archsim.simulation import simulate
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision

NETWORKS = ("resnet8", "ds-cnn", "mobilenetv1-025-96", "toyadmos-autoencoder")
MACHINES = ("gap9", "stm32-m4", "stm32-m7", "pulp-8core-gap8", "marsellus", "vega-like")
SLOWEST = 0.07
"""MACs a cycle and core, of layers of more than 10,000 MACs: PULP-NN's depthwise kernel, stride 2 on 6×6."""


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("network", NETWORKS)
def test_no_layer_is_impossible_or_silly(name: str, network: str) -> None:
    machine = load_accelerator(name)
    assert isinstance(machine, ClusterMachine)
    spec = machine.spec
    run = simulate(network, machine, precision="w8a8")
    for layer in run.layers:
        assert layer.macs <= machine.peak_macs_per_cycle * layer.latency_cycles, layer.name
        if layer.macs > 10_000:
            assert layer.macs >= SLOWEST * spec.cores.count * layer.latency_cycles, layer.name
    weights = sum(layer.weights[0].elements for layer in load_workload(network).layers if layer.contraction)
    if spec.dma is not None:  # all weights pass from L2 to L1 once at least
        assert run.totals.latency_cycles >= weights / spec.dma.bytes_per_cycle
    assert run.totals.dram_bytes == 0 or spec.l3 is None  # all of them fit L2


def test_a_matrix_vector_product_is_bound_by_its_weights():
    """Each is used once: 640 × 128 bytes pass in 10,240 cycles, and little else takes time."""
    run = simulate("toyadmos-autoencoder", "gap9", precision="w8a8")
    dense = {layer.name: layer for layer in run.layers}
    assert {dense["dense1"].bound_by, dense["dense10"].bound_by} == {"dma_in"}
    for name in ("dense1", "dense10"):
        assert 640 * 128 / 8 <= dense[name].latency_cycles <= 1.25 * 640 * 128 / 8


def test_which_library_a_core_runs():
    assert kernel_library("armv7em") is CMSIS_NN
    assert all(kernel_library(isa) is PULP_NN for isa in ("rv32im", "xpulpv2", "fp16_simd"))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_column_of_pulp_nn_is_gathered_row_by_row(stride):
    """Every input row that the column covers: 12.5 instructions for three taps in one word."""
    shape = shape_of(conv(24, 24, 16, 16, stride=stride, groups=16))
    rows, columns = np.array([float(shape.P)]), np.array([float(shape.Q)])
    read = (shape.P - 1) * stride + 3
    assert PULP_NN.depthwise_gather(shape, rows, columns) == shape.Q * read * 12.5


@pytest.mark.parametrize(("kernel", "gathered"), [(3, 0.0), (5, 25 * 11 / 4)])
def test_cmsis_nn_gathers_no_column_for_3x3(kernel, gathered):
    shape = shape_of(conv(24, 24, 16, 16, kernel, groups=16))
    rows, columns = np.array([24.0]), np.array([24.0])
    assert CMSIS_NN.depthwise_gather(shape, rows, columns) == 24 * 24 * gathered


def test_an_output_of_a_depthwise_convolution():
    """3×3: 59 instructions in MATCH's model of PULP-NN; in CMSIS-NN four pairs of taps, one tap, the end."""
    for isa, counted in (("xpulpv2", 39 + 2 * 7 + 6), ("armv7em", 4 * 26 / 4 + 16 / 4 + 34)):
        loop = inner_loop(isa, Precision())
        assert kernel_library(isa).depthwise_output(loop, 9) == counted


@pytest.mark.parametrize("pixels", [1, 2])
def test_columns_of_convolutions(pixels):
    """DORY's fit for PULP-NN; CMSIS-NN widens every element and calls that for every tap."""
    products = np.array([288.0])
    fitted = {1: max(38 + 16 * 9, 29 + 288 / 8), 2: max(61 + 32 * 9, 29 + 288 * 2 / 8)}
    assert PULP_NN.gather(9, products, pixels) == fitted[pixels]
    assert CMSIS_NN.gather(9, products, pixels) == pixels * (16 * 9 + 288 * 11 / 4)


def test_an_addition_by_cmsis_nn_rescales_what_it_reads():
    """Three re-quantisations an element; PULP-NN's addition has none of its inputs. One more is the ReLU."""
    cycles = {}
    for name in ("stm32-m4", "riscv-scalar"):
        added = next(layer for layer in simulate("resnet8", name).layers if layer.name == "stack1.add")
        spec = load_accelerator(name).spec  # type: ignore[union-attr]
        cycles[name] = added.latency_cycles / spec.cores.cycles_per_instruction / (16 * 32 * 32)
    assert cycles["stm32-m4"] == pytest.approx(2 * 23 + 24 + 2 + 1.5 + 0.75, rel=0.01)
    assert cycles["riscv-scalar"] == pytest.approx(6 + 2 + 1.5 + 0.75, rel=0.01)


@pytest.mark.parametrize(("bits", "instructions", "macs"), [("fp32", 3, 1), ("fp16", 7, 4), ("bf16", 7, 4)])
def test_floating_point_loops_as_counted_in_translib(bits, instructions, macs):
    """At 0.94 instructions a cycle. On average 16 bits gain 1.64 times there, in the products 12/7."""
    loop = inner_loop("fp16_simd", Precision.parse(bits))
    assert loop.macs == macs
    assert loop.instructions == pytest.approx(instructions / 0.94)
    assert ceil(loop.of_block(loop.channels, loop.pixels)) == ceil(instructions / 0.94)


def test_a_binary_network_on_a_cortex_m():
    """Its blocks of eight outputs end by CMSIS-NN's re-quantisation, too."""
    run = simulate("har-bnn", "stm32-m4")
    assert run.totals.latency_cycles > simulate("har-bnn", "riscv-scalar").totals.latency_cycles / 2
