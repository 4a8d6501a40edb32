"""Measured FPGA builds of the `dataflow` family: FINN's examples and published systems."""

from __future__ import annotations

from functools import cache, partial

from archsim.run import Run
from archsim.simulation import simulate
from archsim.validation.figure import Kind, PublishedFigure

EXAMPLES = "finn-examples notebooks (outputs in their git history), batches of 1000 to 10102"
FOLDING = "finn-examples 810a1e7, folding configuration"
PR_209 = "Xilinx/finn, pull request #209: cnv-w1a1 after synthesis, without the shell"
IDS = "Khandelwal, Walsh and Shreejith, DATE 2023 (arXiv:2401.12240)"


@cache
def run(workload: str, accelerator: str) -> Run:
    bits = "w16a16" if accelerator == "cnna-ultra96" else None
    return simulate(workload, accelerator, precision=bits)


def total(workload: str, accelerator: str, quantity: str, scale: float = 1.0) -> float:
    return getattr(run(workload, accelerator).totals, quantity) * scale


def resource(workload: str, accelerator: str, name: str) -> float:
    (use,) = (use for use in run(workload, accelerator).resources if use.name == name)
    return use.used


def _build(
    workload: str, accelerator: str, interval: int, frames: float, remark: str, kind: Kind = "predicted"
) -> list[PublishedFigure]:
    """The interval that follows from a published folding, and the rate measured on the board."""
    return [
        PublishedFigure(
            accelerator, workload, "interval", "cycles", interval, kind, FOLDING,
            partial(total, workload, accelerator, "interval_cycles"), remark,
        ),
        PublishedFigure(
            accelerator, workload, "frames a second", "1/s", frames, kind, EXAMPLES,
            partial(total, workload, accelerator, "frames_per_s"), "the board's figure has the driver in it",
        ),
    ]  # fmt: skip


def _cnv() -> list[PublishedFigure]:
    build = "cnv-w1a1", "finn-cnv-pynq-z1"

    def figure(quantity: str, unit: str, value: float, kind: Kind, source: str, simulated, why: str = ""):
        return PublishedFigure(build[1], build[0], quantity, unit, value, kind, source, simulated, why)

    return [
        *_build(*build, 32_768, 3_020.5, ""),
        figure("latency of one image", "ms", 1.512, "predicted", EXAMPLES,
               partial(total, *build, "latency_ms"), "without the processor and its DMA calls"),
        figure("LUT", "", 21_135, "calibrated", PR_209, partial(resource, *build, "lut"),
               "the form of one-bit products was settled with this figure in view"),
        figure("BRAM18", "", 205, "calibrated", PR_209, partial(resource, *build, "bram18"),
               "98 RAMB36 and 9 RAMB18; that weights are read and written at one port was found with it"),
        figure("FF", "", 31_517, "calibrated", PR_209, partial(resource, *build, "ff"), "flip-flops a LUT"),
    ]  # fmt: skip


def _others() -> list[PublishedFigure]:
    ids = "ids-mlp-w4a4", "finn-ids-zcu104"
    padded = "FINN's formula for the padding before conv2 gives 1032, its matrices 1024"
    return [
        *_build("kws-mlp-w3a3", "finn-kws-pynq-z1", 392, 247_502, ""),
        *_build("vgg10-w4a4", "finn-vgg10-zcu104", 1_024, 231_049, padded),
        *_build("cybsec-mlp-w2a2", "finn-cybsec-pynq-z1", 100, 926_918, "folding chosen for 1 M frames/s",
                "calibrated"),
        PublishedFigure(ids[1], ids[0], "latency of a message", "ms", 0.12, "calibrated", IDS,
                        partial(total, *ids, "latency_ms"), "host.latency_us"),
        PublishedFigure(ids[1], ids[0], "energy of a message", "mJ", 0.25, "calibrated", IDS,
                        partial(total, *ids, "energy_mj"), "host.power_w"),
        PublishedFigure(ids[1], ids[0], "messages a second", "1/s", 8_300, "calibrated", IDS,
                        partial(total, *ids, "frames_per_s"), "more than; follows from host.latency_us"),
    ]  # fmt: skip


def _econ_t() -> list[PublishedFigure]:
    source = "Di Guglielmo et al., IEEE TNS 68(8), 2021 (arXiv:2105.01683), abstract"
    chip = "econ-t", "econ-t-65nm"

    def milliwatts() -> float:
        return total(*chip, "energy_mj") * total(*chip, "frames_per_s")

    return [
        PublishedFigure(chip[1], chip[0], "energy of an inference", "nJ", 2.4, "calibrated", source,
                        partial(total, *chip, "energy_mj", 1e6), "device.glitch_factor"),
        PublishedFigure(chip[1], chip[0], "power at 40 MHz", "mW", 95, "calibrated", source, milliwatts,
                        "the same figure"),
        PublishedFigure(chip[1], chip[0], "area", "mm²", 3.6, "predicted", source,
                        partial(total, *chip, "area_mm2"), "without test logic and configuration bus"),
    ]  # fmt: skip


def _overlays() -> list[PublishedFigure]:
    cnna = "Bjerge, Schougaard and Larsen, CNNA, arXiv:2004.13075, abstract"
    vgg16, engine = "vgg16", "cnna-ultra96"
    deit, small = "heatvit-zcu102", "heatvit-deit-small"

    def watts(workload: str, accelerator: str) -> float:
        totals = run(workload, accelerator).totals
        return totals.energy_mj / totals.latency_ms

    def gops_per_w() -> float:
        return total(vgg16, engine, "tops", 1e3) / watts(vgg16, engine)

    return [
        PublishedFigure(engine, f"{vgg16}, 16 bits", "latency", "s", 2.0, "calibrated", cnna,
                        partial(total, vgg16, engine, "latency_ms", 1e-3), "clock_mhz"),
        PublishedFigure(engine, f"{vgg16}, 16 bits", "power", "W", 2.63, "calibrated", cnna,
                        partial(watts, vgg16, engine), "host.power_w"),
        PublishedFigure(engine, f"{vgg16}, 16 bits", "efficiency", "Gop/s/W", 6.0, "calibrated", cnna,
                        gops_per_w, "follows from the other two"),
        PublishedFigure(deit, small, "latency", "ms", 9.15, "calibrated", "quoted in arXiv:2502.05602",
                        partial(total, small, deit, "latency_ms"), "engine.products, vector_lanes"),
        PublishedFigure(deit, small, "power", "W", 10.697, "calibrated", "quoted in arXiv:2502.05602",
                        partial(watts, small, deit), "host.power_w"),
        PublishedFigure(deit, "heatvit-deit-tiny", "latency", "ms", 5.45, "predicted",
                        "Dong et al., HeatViT, HPCA 2023 (second-hand notes)",
                        partial(total, "heatvit-deit-tiny", deit, "latency_ms"),
                        "the paper builds an engine for each network; this is the one for DeiT-Small"),
        *(
            PublishedFigure("quasar-zcu102", network, "frames a second", "1/s", frames, "predicted",
                            "Li et al., Quasar-ViT, ICS 2024 (arXiv:2407.18175), abstract",
                            partial(total, network, "quasar-zcu102", "frames_per_s"),
                            f"its network ({accuracy} % top-1) is not published; this one: {nearest} %")
            for network, frames, accuracy, nearest in (
                ("deit-small", 101.5, 80.4, 79.9), ("deit-tiny", 251.6, 74.9, 72.2),
            )
        ),
    ]  # fmt: skip


FIGURES: tuple[PublishedFigure, ...] = (*_cnv(), *_others(), *_overlays(), *_econ_t())
