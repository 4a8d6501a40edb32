"""Measured silicon of the `cluster` family, and MCUNetV2's memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from archsim.accelerators.choice import best_row
from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.kernel import engine
from archsim.validation.figure import PublishedFigure
from archsim.workloads.activation_memory import PUBLISHED, layer_by_layer, peak
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.patches import patch_plan, stages
from archsim.workloads.precision import Precision

MARSELLUS = "Conti et al., JSSC 59(1) 2024 (arXiv:2305.08415), abstract"


def convolution(rows: int, inputs: int, outputs: int, precision: str, kernel: int = 3) -> Layer:
    """A square convolution with "same" padding."""
    pad = kernel // 2
    c = Contraction(
        K=outputs,
        C=inputs,
        P=rows,
        Q=rows,
        R=kernel,
        S=kernel,
        padding=(pad, pad, pad, pad),
        input_size=(rows, rows),
    )
    image = Tensor("conv.in", (1, inputs, rows, rows))
    made = Tensor("conv.out", (1, outputs, rows, rows))
    weight = Tensor("conv.weight", (outputs, inputs, kernel, kernel))
    return Layer("conv", "conv", (image,), (made,), (weight,), c, precision=Precision.parse(precision))


def product(rows: int, products: int, columns: int, precision: str) -> Layer:
    """A matrix product with static weights."""
    c = Contraction(P=rows, K=columns, C=products)
    a, made = Tensor("matmul.in", (1, rows, products)), Tensor("matmul.out", (1, rows, columns))
    weight = Tensor("matmul.weight", (columns, products))
    return Layer("matmul", "gemm", (a,), (made,), (weight,), c, precision=Precision.parse(precision))


VEGA = "Rossi et al., Vega, JSSC 57(1) 2022, abstract"
TWO_BIT_PRODUCT = product(128, 1024, 128, "w2a2")
RBE_LAYER = convolution(27, 64, 64, "w2a4")
PULP_NN_LAYER = convolution(16, 32, 64, "w8a8")


@cache
def machine(name: str, software: bool = False, **point: Any) -> ClusterMachine:
    """A library machine at an operating point; in `software`: without its engine."""
    spec = read_accelerator(name)
    found = load_accelerator(spec | {"engine": None} if software else spec, **point)
    assert isinstance(found, ClusterMachine)
    return found


def compute_gops(on: ClusterMachine, layer: Layer) -> float:
    """Gop/s while the data are in L1: what a peak figure counts."""
    row = best_row(layer, on, "latency").row
    return 2 * layer.macs / on.performed(row).compute_cycles * on.clock_mhz * 1e-3


def tops_per_w(on: ClusterMachine, layer: Layer) -> float:
    """Top/s/W of a layer with its transfers from and to L2."""
    row = best_row(layer, on, "latency").row
    cycles = engine.simulate(on.program([row])).cycles
    pj = sum(action.count * action.unit_energy.value for action in on.performed(row).actions)
    pj += cycles * sum(on.prices.always_on_pj_per_cycle.values())
    return 2 * layer.macs / pj


def macs_per_cycle(on: ClusterMachine, layer: Layer) -> float:
    return layer.macs / on.performed(best_row(layer, on, "latency").row).compute_cycles


def ne16_rate(weight_bits: int) -> float:
    """MAC/cycle of NE16 alone on 18×18×64 to 64 channels."""
    from archsim.accelerators.cluster.engines import engine_cycles
    from archsim.accelerators.cluster.shape import shape_of

    layer = convolution(18, 64, 64, f"w{weight_bits}a8")
    shape = shape_of(layer)
    p, q, k, c = (np.array([float(getattr(shape, dim))]) for dim in "PQKC")
    return layer.macs / float(engine_cycles("ne16", shape, layer.precision, p, q, k, c, np.zeros(1))[0])


def mac_load_gain() -> float:
    from archsim.accelerators.cluster.isa import inner_loop

    plain, fused = (inner_loop(isa, Precision()) for isa in ("xpulpv2", "xpulpnn_mac_load"))
    return fused.macs / fused.instructions / (plain.macs / plain.instructions)


def patched_kib() -> float:
    workload = load_workload("mobilenetv2")
    (stage,) = [s for s in stages(workload) if s.layers[-1].name == "stage3.0.project"]
    return patch_plan(stage, (4, 4), PUBLISHED).peak_bytes / 1024


def whole_kib() -> float:
    return peak(layer_by_layer(load_workload("mobilenetv2"), PUBLISHED)).bytes / 1024


def _marsellus() -> list[PublishedFigure]:
    fast = {"vdd_v": 0.8, "clock_mhz": 470.0, "body_bias": True}
    software = "matrix product 128×1024×128, w2a2, 16 cores"
    rbe = "3×3 convolution 27×27, 64 to 64 channels, w2a4, RBE"

    def figure(
        what: str, quantity: str, unit: str, value: float, kind: Any, run: Callable[[], float], why: str
    ):
        return PublishedFigure("marsellus", what, quantity, unit, value, kind, MARSELLUS, run, why)

    def gops(layer: Layer, software: bool, **point: Any) -> float:
        return compute_gops(machine("marsellus", software, **point), layer)

    def efficiency(layer: Layer, software: bool) -> float:
        return tops_per_w(machine("marsellus", software, vdd_v=0.5), layer)

    second_hand = "layer shape assumed; the clock is second-hand"
    return [
        figure(software, "peak throughput, 0.8 V with body bias", "Gop/s", 180, "predicted",
               lambda: gops(TWO_BIT_PRODUCT, True, **fast), second_hand),
        figure(software, "peak efficiency, 0.5 V", "Top/s/W", 3.32, "calibrated",
               lambda: efficiency(TWO_BIT_PRODUCT, True), "cores.active_pj"),
        figure(rbe, "peak throughput, 0.8 V with body bias", "Gop/s", 637, "predicted",
               lambda: gops(RBE_LAYER, False, **fast), second_hand),
        figure(rbe, "throughput at the peak of efficiency, 0.5 V", "Gop/s", 136, "predicted",
               lambda: gops(RBE_LAYER, False, vdd_v=0.5), f"{second_hand}; from the title at ISSCC 2023"),
        figure(rbe, "peak efficiency, 0.5 V", "Top/s/W", 12.4, "calibrated",
               lambda: efficiency(RBE_LAYER, False), "the engine's energies"),
    ]  # fmt: skip


@cache
def software_cluster(name: str, cores: int, isa: str, clock_mhz: float) -> ClusterMachine:
    """Cores on the memories of Marsellus, two banks a core: a peak figure counts data that are in L1."""
    spec = read_accelerator("marsellus")
    changed = {
        "name": name,
        "technology": {"node_nm": 65, "clock_mhz": clock_mhz},
        "cores": {"count": cores, "isa": isa},
        "l1": {**spec["l1"], "banks": 2 * cores},
    }
    kept = {key: spec[key] for key in ("family", "dma", "l2", "l3")}
    found = load_accelerator(kept | changed)
    assert isinstance(found, ClusterMachine)
    return found


def _two_bit_peaks() -> list[PublishedFigure]:
    """The product that Marsellus' software peak is compared with, on its predecessors."""
    why = (
        "clock second-hand; products 1,024 long assumed, as for Marsellus, and the published rate is {} % "
        "of the inner loop's peak: with products 4,096 long, whose blocks end less often, it is 3 % less"
    )
    return [
        PublishedFigure(name, f"matrix product 128×1024×128, w2a2, {cores} cores", "peak throughput", "Gop/s",
                        value, "predicted", f"{source}, abstract",
                        partial(_software_gops, name, cores, isa, mhz), why.format(share))
        for name, cores, isa, mhz, value, share, source in (
            ("dustin", 16, "xpulpnn", 205.0, 58, 97, "Ottavi et al., Dustin, 65 nm"),
            ("darkside", 8, "xpulpnn_mac_load", 290.0, 65, 93, "Garofalo et al., DARKSIDE, 65 nm"),
        )
    ]  # fmt: skip


def _software_gops(name: str, cores: int, isa: str, clock_mhz: float) -> float:
    return compute_gops(software_cluster(name, cores, isa, clock_mhz), TWO_BIT_PRODUCT)


FLOAT_WHY = (
    "supply assumed; TransLib's kernel, counted in its source, put in when one of 4 by 2 accumulators gave {}"
)
FP16_WHY = "; 16 bits gain 1.64 times there on average, as do the published figures, and 1.8 times as counted"


def _vega_flops_per_w(bits: str) -> float:
    return 1e3 * tops_per_w(machine("vega-like", vdd_v=0.6), product(128, 1024, 128, bits))


def _kernels() -> list[PublishedFigure]:
    dory_model = "DORY, Ne16PerfModel.py (be3d6dd)"
    peaks = {8: 131, 7: 145, 6: 164, 5: 187, 4: 219, 3: 263, 2: 331}
    return [
        PublishedFigure("pulp-8core-gap8", "3×3 convolution 16×16, 32 to 64 channels, w8a8", "kernel rate",
                        "MAC/cycle", 15.5, "calibrated", "Garofalo et al., PULP-NN, 2020, abstract",
                        lambda: macs_per_cycle(machine("pulp-8core-gap8"), PULP_NN_LAYER),
                        "by DORY's fit of the block overheads"),
        PublishedFigure("vega-like", "3×3 convolution 16×16, 32 to 64 channels, w8a8", "efficiency, 0.6 V",
                        "Gop/s/W", 615, "calibrated", VEGA,
                        lambda: 1e3 * tops_per_w(machine("vega-like", vdd_v=0.6), PULP_NN_LAYER),
                        "the library's core energy; the supply is assumed"),
        *(
            PublishedFigure("vega-like", f"matrix product 128×1024×128, {bits}", "efficiency, 0.6 V",
                            "Gflop/s/W", value, "calibrated", VEGA,
                            partial(_vega_flops_per_w, bits), why)
            for bits, value, why in (
                ("fp32", 79, FLOAT_WHY.format("+55 %")),
                ("fp16", 129, FLOAT_WHY.format("+108 %") + FP16_WHY),
            )
        ),
        PublishedFigure("xpulpnn", "inner loop, w8a8", "gain of mac&load", "times", 1.64, "predicted",
                        "Garofalo et al., XpulpNN, arXiv:2011.14325, abstract", mac_load_gain),
        *(
            PublishedFigure("gap9", f"3×3 convolution 18×18, 64 to 64 channels, w{bits}a8, NE16",
                            "engine rate", "MAC/cycle", rate, "calibrated", dory_model,
                            partial(ne16_rate, bits),                            "the same model")
            for bits, rate in peaks.items()
        ),
    ]  # fmt: skip


def _memory() -> list[PublishedFigure]:
    source = "Lin et al., MCUNetV2, NeurIPS 2021"
    return [
        PublishedFigure("mcunetv2", "mobilenetv2 224×224, layer by layer", "peak activations", "KiB", 1372,
                        "predicted", source, whole_kib, "depthwise in place, no residuals, no input image"),
        PublishedFigure("mcunetv2", "mobilenetv2 224×224, 4×4 patches up to 28×28", "peak activations", "KiB",
                        172, "predicted", source, patched_kib, "as above; with residuals 196 KiB"),
    ]  # fmt: skip


FIGURES: tuple[PublishedFigure, ...] = (
    *_marsellus(),
    *_two_bit_peaks(),
    *_kernels(),
    *_memory(),
)
