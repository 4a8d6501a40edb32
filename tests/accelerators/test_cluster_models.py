"""Kernels, engines and L1 conflicts of clusters: published figures and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from cluster_cases import conv, machine_of, matmul
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.accelerators.choice import best_row
from archsim.accelerators.cluster.core_kernels import SPLITS, Cores, contraction_cycles
from archsim.accelerators.cluster.engines import EngineKind, engine_cycles
from archsim.accelerators.cluster.isa import inner_loop
from archsim.accelerators.cluster.kernel_libraries import kernel_library
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.tcdm import grant_probability, instructions_per_cycle
from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.machine import Row
from archsim.errors import InputError
from archsim.kernel import engine
from archsim.kernel.schedule import iterate
from archsim.simulation import simulate
from archsim.workloads.layer import Layer
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision


def engine_rate(kind: EngineKind, layer: Layer) -> float:
    """MAC/cycle of the engine alone."""
    shape = shape_of(layer)
    sizes = (np.array([float(getattr(shape, dim))]) for dim in "PQKC")
    return layer.macs / float(engine_cycles(kind, shape, layer.precision, *sizes, np.zeros(1))[0])


def cores_rate(isa, layer: Layer, cores: int = 8, banks: int = 16) -> float:
    """MAC/cycle of the cores on one tile, split the best way."""
    shape = shape_of(layer)
    built = Cores(cores, banks, inner_loop(isa, layer.precision), kernel_library(isa), 1.0, None)
    sizes = [np.array([float(getattr(shape, dim))]) for dim in "PQKC"]
    cycles = [float(contraction_cycles(built, shape, s, *sizes, np.zeros(1))[0]) for s in SPLITS]
    return layer.macs / min(cycles)


@pytest.mark.parametrize(
    ("isa", "precision", "instructions", "macs"),
    [
        ("xpulpv2", "w8a8", 14, 32),
        ("xpulpv2", "w4a8", 72, 64),
        ("xpulpv2", "w2a8", 140, 128),
        ("xpulpnn", "w8a8", 14, 32),
        ("xpulpnn", "w4a4", 14, 64),
        ("xpulpnn", "w2a2", 14, 128),
        ("xpulpnn_mac_load", "w8a8", 17, 64),
        ("xpulpnn_mac_load", "w4a4", 17, 128),
        ("xpulpnn_mac_load", "w2a2", 17, 256),
    ],
)
def test_inner_loops_as_counted_in_the_kernels_sources(isa, precision, instructions, macs):
    loop = inner_loop(isa, Precision.parse(precision))
    assert (loop.instructions, loop.macs) == (instructions, macs)


def test_mac_load_gains_what_xpulpnn_reports():
    """Up to 1.64 times the MAC/cycle: arXiv:2011.14325."""
    plain, fused = (inner_loop(isa, Precision()) for isa in ("xpulpv2", "xpulpnn_mac_load"))
    gain = fused.macs / fused.instructions / (plain.macs / plain.instructions)
    assert gain == pytest.approx(1.64, rel=0.01)


def test_pulp_nn_convolution():
    """15.5 MAC/cycle on 8 cores, 16×16×32 to 64 channels: PULP-NN. Calibrated (by DORY's fit)."""
    assert cores_rate("xpulpv2", conv(16, 16, 32, 64)) == pytest.approx(15.5, rel=0.02)


@pytest.mark.parametrize(("channels", "rate"), [(32, 7.4), (64, 10.5), (128, 13.4), (256, 15.5)])
def test_pointwise_convolution(channels, rate):
    """DORY's fitted model, evaluated: 1×1 on 8 cores."""
    assert cores_rate("xpulpv2", conv(16, 16, channels, 64, 1)) == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize(
    ("precision", "rate"),
    [("w8a8", 131), ("w7a8", 145), ("w6a8", 164), ("w5a8", 187), ("w4a8", 219), ("w3a8", 263), ("w2a8", 331)],
)
def test_ne16_convolution(precision, rate):
    """DORY's Ne16PerfModel on 18×18×64×64."""
    assert engine_rate("ne16", conv(18, 18, 64, 64, precision=precision)) == pytest.approx(rate, rel=0.005)


def test_ne16_pointwise_and_depthwise():
    assert engine_rate("ne16", conv(18, 18, 64, 64, 1)) == pytest.approx(56.5, rel=0.002)
    for precision, rate in (("w8a8", 5.5), ("w2a8", 9.2)):
        layer = conv(18, 18, 64, 64, groups=64, precision=precision)
        assert engine_rate("ne16", layer) == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize(
    ("precision", "rate"),
    [("w2a4", 688), ("w3a4", 544), ("w4a4", 450), ("w6a4", 334), ("w8a4", 265), ("w2a8", 365), ("w8a8", 136)],
)
def test_rbe_convolution(precision, rate):
    """Phases read off RBE's RTL, 9×9×64×64."""
    assert engine_rate("rbe", conv(9, 9, 64, 64, precision=precision)) == pytest.approx(rate, rel=0.015)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_rbe_is_as_fast_for_any_activations_of_up_to_four_bits(bits):
    rates = [engine_rate("rbe", conv(9, 9, 64, 64, precision=f"w3a{a}o4")) for a in (bits, 4)]
    assert rates[0] == rates[1]


@given(
    kind=st.sampled_from(("ne16", "rbe", "neureka")),
    rows=st.integers(1, 20),
    inputs=st.integers(1, 80),
    outputs=st.integers(1, 80),
    kernel=st.sampled_from((1, 3)),
    bits=st.integers(2, 7),
)
def test_fewer_weight_bits_are_never_slower(kind, rows, inputs, outputs, kernel, bits):
    few, many = (
        engine_rate(kind, conv(rows, rows, inputs, outputs, kernel, precision=f"w{w}a8"))
        for w in (bits, bits + 1)
    )
    assert few >= many


def monte_carlo_ipc(cores: int, banks: int, access_rate: float, *, cycles: int = 40_000) -> float:
    """Cores that draw a random bank at each access and try it again until they are granted."""
    rng = np.random.default_rng(7)
    wanted = np.full(cores, -1)
    done = 0
    for _ in range(cycles):
        idle = wanted < 0
        asks = idle & (rng.random(cores) < access_rate)
        wanted[asks] = rng.integers(0, banks, asks.sum())
        done += int((idle & ~asks).sum())
        order = rng.permutation(cores)
        asking = order[wanted[order] >= 0]
        _, first = np.unique(wanted[asking], return_index=True)
        granted = asking[first]
        done += len(granted)
        wanted[granted] = -1
    return done / cycles / cores


@pytest.mark.parametrize(
    ("cores", "banks", "rate"), [(8, 16, 6 / 14), (8, 16, 8 / 17), (16, 32, 6 / 9), (16, 16, 6 / 14)]
)
def test_conflicts_in_l1(cores, banks, rate):
    assert instructions_per_cycle(cores, banks, rate) == pytest.approx(
        monte_carlo_ipc(cores, banks, rate), abs=0.03
    )


def test_conflicts_as_measured_by_others():
    """Monte-Carlo values for 8 cores on 16 banks: 0.956 (PULP-NN's loop), 0.946 and 0.894 (mac&load)."""
    for rate, ipc in ((6 / 14, 0.956), (8 / 17, 0.946), (6 / 9, 0.894)):
        assert instructions_per_cycle(8, 16, rate) == pytest.approx(ipc, abs=0.015)


@given(cores=st.integers(1, 32), banks=st.integers(1, 64), rate=st.floats(0.01, 1.0))
def test_grants_are_a_share(cores, banks, rate):
    assert 0 < grant_probability(cores, banks, rate) <= 1 + 1e-12
    assert grant_probability(cores, banks + 1, rate) >= grant_probability(cores, banks, rate) - 1e-12


def test_fp16_waits_for_shared_units():
    alone = machine_of(cores={"count": 8, "isa": "fp16_simd"})
    shared = machine_of(cores={"count": 8, "isa": "fp16_simd", "float_units": 1})
    layer = matmul(64, 64, 64, precision="fp16")
    assert shared.options(layer).cycles.min() > 1.5 * alone.options(layer).cycles.min()


def test_integer_cores_refuse_floating_point():
    with pytest.raises(InputError, match="have no arithmetic for fp16"):
        machine_of().options(matmul(8, 8, 8, precision="fp16"))


def test_binary_layers_gain_from_a_population_count():
    layer = conv(16, 16, 64, 64, precision="w1a1")
    assert cores_rate("binary", layer, 1) > 2.5 * cores_rate("rv32im", layer, 1)
    assert cores_rate("rv32im", layer, 1) > 4 * cores_rate("rv32im", conv(16, 16, 64, 64), 1)


@pytest.mark.parametrize("precision", ["w2a2", "w2a8", "w4a8", "w4a4", "w8a8"])
def test_mixed_precision_against_xpulpnn(precision):
    """1.6 to 14.6 times XpulpNN, says arXiv:2309.08186 of its whole range."""
    gain = cores_rate("mixed_precision", conv(16, 16, 128, 64, precision=precision)) / cores_rate(
        "xpulpnn", conv(16, 16, 128, 64, precision=precision)
    )
    assert 1.2 < gain < 14.6


# properties of the optimum


def best(layer: Layer, **changes) -> float:
    return float(machine_of(tile_candidates=5, **changes).options(layer).cycles.min())


LAYERS = st.builds(
    conv,
    st.integers(4, 20),
    st.integers(4, 20),
    st.integers(1, 64),
    st.integers(1, 64),
    st.sampled_from((1, 3)),
    precision=st.sampled_from(("w8a8", "w4a8")),
)


@settings(max_examples=25, deadline=None)
@given(layer=LAYERS)
def test_more_of_anything_is_never_slower(layer):
    """Banks grow with the cores, so that L1 conflicts do not."""
    few = best(layer, cores={"count": 4, "isa": "xpulpv2"}, l1={"capacity_kib": 64, "banks": 8})
    many = best(layer, cores={"count": 8, "isa": "xpulpv2"}, l1={"capacity_kib": 64, "banks": 16})
    assert many <= few
    assert best(layer, l1={"capacity_kib": 128, "banks": 16}) <= many
    assert best(layer, dma={"bytes_per_cycle": 16, "setup_cycles": 30, "latency_cycles": 14}) <= best(layer)


@settings(max_examples=25, deadline=None)
@given(layer=LAYERS)
def test_an_engine_or_sharing_it_is_never_slower(layer):
    without = best(layer)
    alone = best(layer, engine={"kind": "ne16", "shares_layers": False})
    assert best(layer, engine={"kind": "ne16"}) <= alone <= without


SMALL = st.builds(
    conv,
    st.integers(3, 6),
    st.integers(3, 6),
    st.integers(1, 8),
    st.integers(1, 9),
    st.sampled_from((1, 3)),
    precision=st.sampled_from(("w8a8", "w4a8")),
)


def executed(layer: Layer, **changes) -> float:
    """Cycles on the kernel of the best of all tilings, which is found to 1 %."""
    machine = machine_of(**changes)
    assert "l3" in changes or machine.options(layer).complete
    return best_row(layer, machine, "latency").cost


@settings(max_examples=12, deadline=None)
@given(layer=SMALL)
def test_more_of_anything_is_never_slower_on_the_kernel(layer):
    l1 = {"capacity_kib": 3, "banks": 8}
    small = {"cores": {"count": 2, "isa": "xpulpv2"}, "l1": l1, "dma": {"bytes_per_cycle": 8}}
    slow = executed(layer, **small)
    for more in (
        {"cores": {"count": 4, "isa": "xpulpv2"}},
        {"l1": l1 | {"capacity_kib": 6}},
        {"l1": l1 | {"banks": 16}},
        {"dma": {"bytes_per_cycle": 16}},
        {"engine": {"kind": "ne16"}},
    ):
        assert executed(layer, **small | more) <= slow * 1.01, more


@settings(max_examples=8, deadline=None)
@given(layer=SMALL)
def test_a_faster_l3_is_never_slower(layer):
    slow, fast = (
        executed(layer, l3={"bandwidth_mb_s": rate, "pj_per_byte": 100, "weights": "l3"})
        for rate in (100, 300)
    )
    assert fast <= slow * 1.01


@settings(max_examples=12, deadline=None)
@given(
    layer=st.builds(conv, st.just(6), st.integers(5, 6), st.integers(6, 8), st.integers(6, 9)),
    kind=st.sampled_from(("ne16", "rbe")),
    bits=st.integers(2, 7),
)
def test_fewer_weight_bits_are_never_slower_at_the_optimum(layer, kind, bits):
    """Where the engine is faster than a core, which unpacks narrow weights."""
    engine = {"kind": kind, "shares_layers": False}
    wide, narrow = (
        executed(layer.with_precision(Precision(b, 8, 8)), engine=engine, cores={"count": 1, "isa": "rv32im"})
        for b in (bits + 1, bits)
    )
    assert narrow <= wide * 1.01


# transfers


def test_a_transfer_takes_what_mchan_does():
    """370 cycles to set up (MATCH's PULP model), 14 of latency, a line a cycle, 8 bytes a cycle (gvsoc)."""
    gap8 = load_accelerator("pulp-8core-gap8")
    assert isinstance(gap8, ClusterMachine)
    site = gap8.site_of("w8a8")
    assert float(site.transfer_cycles(np.float64(4096))) == 370 + 14 + 4096 / 8 + 1
    assert float(site.transfer_cycles(np.float64(4096), 1, 16)) == 370 + 14 + 4096 / 8 + 16
    both = site.transfer_cycles(np.float64(8192), 2, 2)
    assert float(both) == 2 * float(site.transfer_cycles(np.float64(4096)))


@pytest.mark.parametrize("bytes_per_cycle", [0.25, 1.0, 8.0, 64.0])
@pytest.mark.parametrize("buffers", [1, 2])
def test_double_buffering_against_its_closed_form(bytes_per_cycle, buffers):
    """T = in(0) + sum of max(compute(i), in(i+1), out(i-1)) + out(last): tiles that are alike in lockstep;
    with single buffers one after the other, but for a store beside the next load.
    """
    machine = machine_of(dma={"bytes_per_cycle": bytes_per_cycle, "setup_cycles": 20})
    layer = conv(16, 16, 32, 32, 1)
    mapping = {"P": 2, "Q": 16, "K": 32, "C": 32, "P2": 16, "K2": 32, "way": "cores:pixels"}
    mapping |= {"order": "weight", "buffers": buffers, "input_in": "l2", "weight_in": "l2", "output_in": "l2"}
    row = Row(layer, mapping, 0.0, 0.0)
    graph = machine.program([row])
    runs = {actor.name.split(":")[1]: list(iterate(actor.schedule)) for actor in graph.actors}
    load, compute, store = ([f.cycles for f in runs[part]] for part in ("load", "compute", "store"))
    assert len(load) == len(compute) == len(store) == 8
    cycles = engine.simulate(graph).cycles
    if buffers == 1:
        between = sum(max(a, b) for a, b in zip(load[1:], store, strict=False))
        assert cycles == load[0] + sum(compute) + between + store[-1]
        return
    padded = [*load[1:], 0], [0, *store[:-1]]
    lockstep = sum(max(parts) for parts in zip(compute, *padded, strict=True))
    assert cycles <= load[0] + lockstep + store[-1]
    assert cycles == pytest.approx(load[0] + lockstep + store[-1], rel=0.01)


def test_the_binary_har_network_on_one_core():
    """Closed form of its MACs; a population count in hardware makes only the 1-bit layers faster."""
    workload = load_workload("har-bnn")
    assert workload.macs == 145 * 32 * 7 * 3 + 68 * 32 * 5 * 32 + 34 * 32 * 17
    labels = {layer.name: layer.precision.label for layer in workload.layers if layer.contraction is not None}
    assert labels == {"conv1": "w8a8o1", "conv2": "w1a1", "fc": "w1a1o32"}
    spec = read_accelerator("riscv-scalar")
    scalar = simulate(workload, load_accelerator(spec))
    counting = simulate(workload, load_accelerator(spec | {"cores": {"count": 1, "isa": "binary"}}))
    cycles = [{layer.name: layer.latency_cycles for layer in run.layers} for run in (scalar, counting)]
    assert cycles[0]["conv1"] == cycles[1]["conv1"]
    assert all(cycles[0][name] > 1.5 * cycles[1][name] for name in ("conv2", "fc"))
