"""A made-up run of any size: plausible shapes of numbers, awkward names, every special case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from archsim.run import ENERGY_COLUMNS, Assumption, LayerRun, Roofline, Run, Totals

AWKWARD_NAMES = (
    "<script>alert(1)</script>",
    "quote \" and ' and & and {b} and [red]",
    "конв/слой-1×1 層",
    "</script><img src=x onerror=alert(2)>",
    "comma, semicolon; line\nbreak",
)
PRICES = (  # component, action, pJ, uncertainty factor, source
    ("dram", "read", 160.0, 1.4, "LPDDR4 figure of a test, per byte"),
    ("dram", "write", 170.0, 1.4, "LPDDR4 figure of a test, per byte"),
    ("weight_sram", "read", 6.0, 1.3, "SRAM model of a test, 28 nm"),
    ("activation_sram", "read", 5.0, 1.3, "SRAM model of a test, 28 nm"),
    ("activation_sram", "write", 5.5, 1.3, "SRAM model of a test, 28 nm"),
    ("accumulator", "update", 1.1, 1.5, "register file model of a test"),
    ("mac", "multiply", 0.23, 1.2, "8-bit MAC of a test, 28 nm"),
    ("vector_unit", "operation", 0.9, 2.0, "estimate"),
    ("leakage", "cycle", 22.0, 1.6, "estimate"),
)
PEAK = 256.0


def _layer(index: int, name: str, start: int, rng: np.random.Generator, bytes_per_cycle: float) -> LayerRun:
    kind = ("conv", "conv", "gemm", "add", "conv", "max_pool")[index % 6]
    macs = 0 if kind in ("add", "max_pool") else int(10 ** rng.uniform(5.5, 8.3))
    dram = 0 if index % 11 == 3 else int(10 ** rng.uniform(3.5, 6.3))
    compute = int(macs / (PEAK * rng.uniform(0.3, 1.0))) or int(10 ** rng.uniform(2, 4))
    transfer = int(dram / bytes_per_cycle)
    cycles = max(compute, transfer) + int(rng.integers(0, 500))
    bound = "compute" if compute >= transfer else ("dram" if index % 5 else "weight_sram")
    return LayerRun(
        name=name,
        operator=kind,
        macs=macs,
        latency_cycles=cycles,
        compute_cycles=compute,
        stall_cycles=cycles - compute,
        utilization=macs / (PEAK * cycles),
        bound_by=bound,
        energy_pj=0.0,
        dram_bytes=dram,
        weight_bits=8 if index % 4 else 4,
        activation_bits=8,
        mapping={} if not macs else {
            "stationary": "weight",
            "spatial": {"K": 16, "C": 16},
            "tile": {"K": 64, "C": np.int64(128), "P": 14, "Q": 14},
            "order": ["K", "P", "C"],
        },
        start_cycle=start,
        end_cycle=start + cycles,
        interval_cycles=cycles,
        fused=(f"relu_{index}", "<b>bias</b>") if kind == "conv" else (),
    )  # fmt: skip


def _energy(layers: list[LayerRun]) -> pd.DataFrame:
    rows = []
    for layer in layers:
        work = layer.macs or 1000
        counts = (layer.dram_bytes * 0.8, layer.dram_bytes * 0.2, work / 16, work / 8, work / 64, work / 16,
                  layer.macs, 0 if layer.macs else work, layer.latency_cycles)  # fmt: skip
        for (component, action, price, factor, source), times in zip(PRICES, counts, strict=True):
            if times:
                energy = times * price
                bounds = (energy, energy / factor, energy * factor)
                rows.append((layer.name, component, action, times, price, *bounds, source))
    return pd.DataFrame(rows, columns=list(ENERGY_COLUMNS))


def build_run(layers: int = 8, *, dram_bytes_per_cycle: float | None = 16.0, awkward: bool = True) -> Run:
    """A run of `layers` layers whose sums agree with each other, the same one every time."""
    rng = np.random.default_rng(layers)
    runs: list[LayerRun] = []
    for index in range(layers):
        stage = f"/stage{index // 12 + 1}/block{index % 12 // 3}/conv{index % 3 + 1}/Conv_{index}"
        name = AWKWARD_NAMES[index] if awkward and index < len(AWKWARD_NAMES) else stage
        start = runs[-1].end_cycle if runs else 0
        runs.append(_layer(index, name, start, rng, dram_bytes_per_cycle or 1e9))
    energy = _energy(runs)
    spent = energy.groupby("layer")["energy_pj"].sum()
    runs = [replace(layer, energy_pj=float(spent[layer.name])) for layer in runs]
    live = [int(2e6 * np.exp(-3 * i / layers) * rng.uniform(0.4, 1.0)) + 4096 for i in range(layers)]
    peak = int(np.argmax(live))
    memory = tuple((layer.name, size) for layer, size in zip(runs, live, strict=True))
    return Run(
        workload="resnet-<test>",
        accelerator="array & co",
        layers=tuple(runs),
        totals=_totals(runs, energy, live[peak]),
        energy=energy,
        area_mm2={"mac": 0.61, "weight_sram": 1.85, "activation_sram": np.float64(0.92), "control": 0.13},
        memory=memory,
        peak_memory_layer=runs[peak].name,
        assumptions=(
            Assumption("dram", "read energy", 160.0, "pJ/byte", 1.4, "LPDDR4 figure of a test <x>"),
            Assumption("mac", "energy", 0.23, "pJ", 1.2, "8-bit MAC of a test, 28 nm"),
        ),
        roofline=Roofline(PEAK, dram_bytes_per_cycle, 400.0),
        settings={"minimize": "latency", "precision": "w8a8", "family": "systolic", "technology": "28 nm",
                  "vdd_v": np.float32(0.5)},
        warnings=("layer <b>x</b> has an unknown operator; it is priced as data movement",),
    )  # fmt: skip


def _totals(layers: list[LayerRun], energy: pd.DataFrame, peak_memory_bytes: int) -> Totals:
    cycles = sum(layer.latency_cycles for layer in layers)
    macs = sum(layer.macs for layer in layers)
    latency_ms = cycles / 400e3
    energy_mj = float(energy["energy_pj"].sum()) / 1e9
    return Totals(
        latency_cycles=cycles,
        latency_ms=latency_ms,
        interval_cycles=float(cycles),
        frames_per_s=1e3 / latency_ms,
        energy_mj=energy_mj,
        energy_mj_low=float(energy["energy_pj_low"].sum()) / 1e9,
        energy_mj_high=float(energy["energy_pj_high"].sum()) / 1e9,
        macs=macs,
        tops=2 * macs / (latency_ms * 1e9),
        tops_per_w=2 * macs / (energy_mj * 1e9),
        area_mm2=3.51,
        edp_mj_ms=energy_mj * latency_ms,
        peak_memory_bytes=peak_memory_bytes,
        dram_bytes=sum(layer.dram_bytes for layer in layers),
    )


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    return build_run


@pytest.fixture(scope="session")
def run() -> Run:
    return build_run()
