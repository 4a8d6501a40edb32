"""Every layer run of SCALE-Sim 3.0.0 in tests/data/scalesim_reference.csv, to the unit.

Its cycle count is the index of the last cycle. The stalls of its own DRAM model are in it, and are taken off.
Its count of output writes has rows + columns too many in every fold of an output-stationary array (its
off-by-one in the demand matrices); the term is added to ours before comparing.
"""

import csv
from functools import cache
from math import ceil
from pathlib import Path

import pytest
from systolic_cases import counts_of, layer_of, machine_of, row_of, sizes_of, three_srams

import archsim
from archsim import Contraction
from archsim.accelerators.systolic.folds import DATAFLOWS, gemm_cycles
from archsim.workloads.workload import Workload

NAMES = {"os": "output_stationary", "ws": "weight_stationary", "is": "input_stationary"}
CSV = Path(__file__).parent.parent / "data" / "scalesim_reference.csv"
with CSV.open(newline="") as file:
    ROWS = list(csv.DictReader(file))


def label(row) -> str:
    return f"{row['topology']}-{row['layer']}-{row['array_h']}-{row['dataflow']}-{row['sram_kb_each']}kb"


every_row = pytest.mark.parametrize("row", ROWS, ids=label)


def contraction_of(row) -> Contraction:
    if not row["ifmap_h"]:
        return Contraction(P=int(row["M"]), K=int(row["N"]), C=int(row["K"]))
    h, w, r, s, stride = (int(row[k]) for k in ("ifmap_h", "ifmap_w", "filt_h", "filt_w", "stride"))
    return Contraction(
        K=int(row["num_filter"]),
        C=int(row["channels"]),
        P=ceil((h - r + stride) / stride),
        Q=ceil((w - s + stride) / stride),
        R=r,
        S=s,
        stride=(stride, stride),
        input_size=(h, w),
    )


def machine_for(row, *, sram_kib: float | None = None):
    kib = sram_kib or float(row["sram_kb_each"])
    return machine_of(
        three_srams(kib * 1024, word_bits=8),
        dataflow=NAMES[row["dataflow"]],
        rows=int(row["array_h"]),
        columns=int(row["array_w"]),
        counts_from_zero=True,
    )


def cycles_without_stalls(row) -> int:
    return int(row["total_cycles"]) - int(row["stall_cycles"])


def accesses(row) -> tuple[int, int, int]:
    return tuple(int(row[f"sram_{k}"]) for k in ("ifmap_reads", "filter_reads", "ofmap_writes"))


def upstream_overcount(row, folds: int) -> int:
    """What SCALE-Sim counts too much in the output writes of an output-stationary array."""
    return folds * (int(row["array_h"]) + int(row["array_w"])) if row["dataflow"] == "os" else 0


def pixels_read(c: Contraction) -> int:
    """Input pixels that some window covers and that exist: a stride may step over others."""
    rows = {p * c.stride[0] + r for p in range(c.P) for r in range(c.R)} & set(range(c.input_size[0]))
    columns = {q * c.stride[1] + s for q in range(c.Q) for s in range(c.S)} & set(range(c.input_size[1]))
    return len(rows) * len(columns)


@cache
def chosen_run(index: int):
    row = ROWS[index]
    machine = machine_for(row)
    workload = Workload.from_layers("reference", [layer_of(contraction_of(row))])
    return machine, archsim.simulate(workload, machine, minimize="latency")


def test_the_reference_is_complete():
    assert len(ROWS) == 197
    assert {row["dataflow"] for row in ROWS} == set(NAMES)


@every_row
def test_gemm_view(row):
    assert contraction_of(row).gemm == (int(row["M"]), int(row["N"]), int(row["K"]))


@every_row
def test_closed_forms(row):
    rows, columns = int(row["array_h"]), int(row["array_w"])
    flow = DATAFLOWS[NAMES[row["dataflow"]]]
    m, n, k = contraction_of(row).gemm
    folds, cycles = gemm_cycles(flow, m, n, k, rows, columns)
    assert cycles - 1 == cycles_without_stalls(row)
    size = {"M": m, "N": n, "K": k}
    mapped = size[flow.rows] * size[flow.columns] / (folds * rows * columns)
    assert 100 * mapped == pytest.approx(float(row["mapping_eff"]), rel=1e-12)
    total = cycles - 1 + int(row["stall_cycles"])
    assert 100 * m * n * k / (total * rows * columns) == pytest.approx(float(row["overall_util"]), rel=1e-12)


@every_row
def test_untiled_mapping_counts_what_scalesim_counts(row):
    """One tile that is the whole layer: price, performed actions and the kernel's latency."""
    c = contraction_of(row)
    machine = machine_for(row, sram_kib=1 << 20)
    chosen = row_of(layer_of(c), {dim: (size,) for dim, size in sizes_of(c).items()}, ("weight",))
    did = machine.performed(chosen)
    counts = counts_of(did)
    m, n, _ = c.gemm
    flow = DATAFLOWS[NAMES[row["dataflow"]]]
    folds = gemm_cycles(flow, *c.gemm, int(row["array_h"]), int(row["array_w"]))[0]
    reads_in, reads_weight, writes_out = accesses(row)
    assert did.mapping["folds"] == folds
    assert did.compute_cycles - 1 == cycles_without_stalls(row)
    assert counts["input", "read"] == reads_in
    assert counts["weight", "read"] == reads_weight
    # fills from DRAM write the buffers of inputs and weights once
    assert counts["input", "write"] == pixels_read(c) * c.C
    assert counts["weight", "write"] == c.weight_elements
    # partial sums are as wide as the accumulator (4 words of 8 bits), results one word
    writes = writes_out - upstream_overcount(row, folds)
    assert counts["output", "write"] == 4 * (writes - m * n) + m * n
    # each partial sum is read to be added to, each result to be stored in DRAM
    assert counts["output", "read"] == 4 * (writes - m * n) + m * n


@pytest.mark.parametrize("index", range(len(ROWS)), ids=lambda i: label(ROWS[i]))
def test_simulate_finds_scalesims_cycles(index):
    """Memory is free, so the best mapping that fits the row's SRAMs needs no more folds than the array."""
    row = ROWS[index]
    _, run = chosen_run(index)
    (layer,) = run.layers
    assert layer.latency_cycles == cycles_without_stalls(row)
    assert run.totals.latency_cycles == layer.latency_cycles
    assert layer.compute_cycles == layer.latency_cycles + 1
    assert layer.stall_cycles == 0
    pes = int(row["array_h"]) * int(row["array_w"])
    assert layer.utilization == pytest.approx(layer.macs / (layer.latency_cycles * pes), rel=1e-12)
    if int(row["stall_cycles"]) == 0:
        assert 100 * layer.utilization == pytest.approx(float(row["overall_util"]), rel=1e-12)
