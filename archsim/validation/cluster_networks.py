"""Whole networks on clusters and microcontrollers, and one kind of layer of theirs."""

from __future__ import annotations

from functools import cache, partial

from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.run import Run, Totals
from archsim.simulation import simulate
from archsim.validation.clusters import machine
from archsim.validation.figure import PublishedFigure

MLPERF = "MLPerf Tiny v1.0, closed division, results of the submitter"
DORY = "Burrello et al., DORY, IEEE TC 2021, abstract"
DEEPLOY = "pulp-platform/Deeploy, pull request 183"
DEEPLOY_DEPTHWISE = "pulp-platform/Deeploy, PULPDWConv3x3.c (35b9a26)"


@cache
def run(workload: str, on: str, precision: str) -> Run:
    return simulate(workload, on, precision=precision)


def total(workload: str, on: str, precision: str, quantity: str, scale: float = 1.0) -> float:
    return getattr(run(workload, on, precision).totals, quantity) * scale


def macs_per_cycle(workload: str, on: str, precision: str) -> float:
    totals = run(workload, on, precision).totals
    return totals.macs / totals.latency_cycles


@cache
def dory() -> Totals:
    """With DORY's tiles and PULP-NN's split over the cores, which are what was measured."""
    gap8 = machine("pulp-8core-gap8", vdd_v=1.0)
    return simulate("mobilenetv1-100-128", ClusterMachine(gap8.spec, like_dory=True)).totals


def depthwise_cycles() -> float:
    """Of the depthwise layers of stride 1 and at least 4×4 pixels of visual wake words, on GAP9's cores."""
    layers = simulate("mobilenetv1-025-96", machine("gap9", software=True), precision="w8a8").layers
    numbers = (1, 3, 5, 7, 8, 9, 10, 11)
    cycles = {layer.name: layer.latency_cycles for layer in layers}
    return float(sum(cycles[f"block{number}.depthwise"] for number in numbers))


def _mlperf_tiny() -> list[PublishedFigure]:
    resnet8 = "resnet8 (image classification)"
    total_of = partial(total, "resnet8")
    return [
        PublishedFigure("gap9", f"{resnet8}, w7a8", "latency, 0.80 V 370 MHz", "ms", 0.616, "calibrated",
                        MLPERF, partial(total_of, "gap9", "w7a8", "latency_ms"), "overheads.layer_cycles"),
        PublishedFigure("gap9", f"{resnet8}, w7a8", "energy, 0.80 V 370 MHz", "µJ", 40.36, "calibrated",
                        MLPERF, partial(total_of, "gap9", "w7a8", "energy_mj", 1e3), "the engine's energies"),
        PublishedFigure("stm32-m4", resnet8, "inferences a second", "1/s", 4.41, "calibrated", MLPERF,
                        lambda: 1e3 / total_of("stm32-m4", "w8a8", "latency_ms"),
                        "cycles_per_instruction"),
        PublishedFigure("stm32-m4", resnet8, "energy", "µJ", 10682, "calibrated", MLPERF,
                        partial(total_of, "stm32-m4", "w8a8", "energy_mj", 1e3), "cores.active_pj"),
        PublishedFigure("stm32-m7", resnet8, "inferences a second", "1/s", 18.4, "calibrated", MLPERF,
                        lambda: 1e3 / total_of("stm32-m7", "w8a8", "latency_ms"),
                        "cycles_per_instruction"),
    ]  # fmt: skip


def _mobilenets() -> list[PublishedFigure]:
    gap8, large, tiny = "pulp-8core-gap8", "mobilenetv1-100-128", "mobilenetv1-025-96"
    menu = f"GreenWaves' nn_menu on GAP9, as told in {DEEPLOY}"
    return [
        PublishedFigure("gap9", "mobilenetv1-025-128, w8a8", "rate of the network", "MAC/cycle", 15.1,
                        "predicted", menu, partial(macs_per_cycle, "mobilenetv1-025-128", "gap9", "w8a8"),
                        "widths assumed; it counts 14 million MACs, of which we have 13.57"),
        PublishedFigure("gap9", "mobilenetv1-100-224, w8a8", "rate of the network", "MAC/cycle", 34.8,
                        "predicted", menu, partial(macs_per_cycle, "mobilenetv1-100-224", "gap9", "w8a8"),
                        "widths, clock and L3 not stated: its weights come from L3, at 200 MB/s here, and at "
                        "240 MHz, where that is more bytes a cycle, it is 34.1"),
        PublishedFigure("gap9", f"{tiny} (visual wake words), w8a8, Deeploy's code in gvsoc",
                        "latency", "cycles", 791_461, "predicted", DEEPLOY,
                        partial(total, tiny, "gap9", "w8a8", "latency_cycles"),
                        "our best plan against generated code with single buffers and every layer on NE16: "
                        "that restriction costs 498 thousand here; its software between tiles is not stated"),
        PublishedFigure("gap9", f"eight 3×3 depthwise layers of {tiny}, w8a8, PULP-NN on the cores, gvsoc",
                        "latency", "cycles", 649_712, "calibrated", DEEPLOY_DEPTHWISE, depthwise_cycles,
                        "by what a column takes to gather, counted in PULP-NN's source with this in view"),
        PublishedFigure(gap8, large, "energy a MAC, 1.0 V", "pJ", 63, "calibrated", DORY,
                        lambda: dory().energy_mj * 1e9 / dory().macs,
                        "cores.active_pj; supply assumed"),
        PublishedFigure(gap8, large, "frames a second, 1.0 V", "1/s", 4.3, "calibrated", DORY,
                        lambda: 1e3 / dory().latency_ms,
                        "90 MHz assumed; DORY's tiles and split, put in when our own gave +10.6 %"),
    ]  # fmt: skip


FIGURES: tuple[PublishedFigure, ...] = (*_mlperf_tiny(), *_mobilenets())
"""A published figure, and how archsim arrives at its own."""
