"""Small sweeps, and what their results are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from archsim import simulate
from archsim.accelerators.library import read_accelerator
from archsim.accelerators.spec_paths import with_values
from archsim.dse.sweep.files import load_sweep
from archsim.dse.sweep.results import read_results
from archsim.dse.sweep.sweep import TOTALS, Sweep

TRACE = "name,operator,K,C,P,Q,R,S\nconv,conv,16,3,12,12,3,3\nadd,relu\nfc,gemm,10,2304,1,1,1,1\n"


def tiny_trace(folder: Path) -> str:
    """A convolution, a ReLU and a product: some milliseconds a point."""
    path = folder / "tiny.csv"
    path.write_text(TRACE)
    return str(path)


def tiny_sweep(folder: Path, **changes: Any) -> Sweep:
    """24 points; two of its capacities are too small for any tile."""
    told: dict[str, Any] = {
        "name": "tiny",
        "workload": tiny_trace(folder),
        "accelerator": "systolic-32-edge",
        "hardware": {
            "array.rows, array.columns": [8, 16],
            "array.dataflow": ["weight_stationary", "output_stationary"],
            "buffer.capacity_kib": [0.0625, 16, 32],
        },
        "bits": ["w8a8", "w4a8"],
        "names": {"rows": "array.rows", "sram_kib": "buffer.capacity_kib"},
        "minimize": "energy",
    }
    return load_sweep({**told, **changes})


def long_sweep(**changes: Any) -> Sweep:
    """48 points in chunks enough that somebody can be killed between two of them."""
    told: dict[str, Any] = {
        "name": "long",
        "workload": "resnet8",
        "accelerator": "systolic-32-edge",
        "hardware": {
            "array.rows": [8, 16],
            "array.columns": [8, 16],
            "buffer.capacity_kib": [32, 64, 128],
            "dram.bandwidth_gb_s": [1.6, 3.2, 6.4, 12.8],
        },
    }
    return load_sweep({**told, **changes})


def table(path: Path) -> pd.DataFrame:
    """Results without anything that differs from run to run."""
    return read_results(path).frame


def totals_by_simulate(workload: str, accelerator: str, fields: dict[str, Any], **terms: Any) -> list[float]:
    """What `simulate` says of one point."""
    spec = with_values(read_accelerator(accelerator), fields)
    totals = simulate(workload, spec, **terms).totals
    return [getattr(totals, name) for name in TOTALS]
