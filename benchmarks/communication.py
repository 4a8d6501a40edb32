"""DRAM traffic of the least-traffic tiling of ResNet-18's layers against what no tiling can stay below.

Two lower bounds, in bytes with one byte an element:

- compulsory: every input some window covers, every weight and every output once.
- Chen: 2·MACs / sqrt(R·S) − 2·S elements for an on-chip memory of S elements, where R = kernel rows ×
  columns / (stride rows × columns) is how often a window's pixel is used again. The leading term is that of
  Chen, Han, Wang, "Communication Lower Bound in Convolution Accelerators", HPCA 2020 (there up to a constant,
  which is taken from the matrix product: Smith et al., "A Tight I/O Lower Bound for Matrix Multiplication",
  2019, arXiv 1702.02017, R = 1, whose leading term is 2n^3 / sqrt(S)); the term − 2·S, for what the memory
  holds at the start and the end, is the usual one and was not looked up in either. The general form is
  Demmel & Dinh 2018 (arXiv 1802.06905).

The machine is systolic-32-edge with buffers of several sizes. They are double: while a tile is worked on the
next one has its place as well. And partial sums take 4 bytes, so less of the buffer is left for reuse than
the bound supposes.

Run: python benchmarks/communication.py
"""

from __future__ import annotations

from math import prod, sqrt
from typing import TYPE_CHECKING

from timing import in_fresh_process

if TYPE_CHECKING:
    from archsim.workloads.layer import Contraction

SIZES_KIB = (32, 64, 128, 512)


def chen_bound(c: Contraction, elements: float) -> float:
    """Elements that cross to a memory of so many, at the least (0 where the bound is vacuous)."""
    reuse = max(1.0, c.R * c.S / (c.stride[0] * c.stride[1]))
    return max(0.0, c.G * (2 * c.macs / c.G / sqrt(reuse * elements) - 2 * elements))


def compulsory(c: Contraction) -> int:
    """Elements that some window covers, weights and outputs, each once."""
    lines = [
        len({i * stride + k * dilation - pad for i in range(size) for k in range(kernel)} & set(range(limit)))
        for size, kernel, stride, dilation, pad, limit in zip(
            (c.P, c.Q), (c.R, c.S), c.stride, c.dilation, c.padding[:2], c.input_size, strict=True
        )
    ]
    return c.B * c.G * c.C * prod(lines) + c.weight_elements + c.output_elements


def ratios() -> list[tuple[str, list[tuple[float, float, float]]]]:
    """By layer: (bytes moved, compulsory, Chen's bound) for each size."""
    from archsim import load_accelerator, load_workload
    from archsim.accelerators.systolic.machine import SystolicMachine

    base = load_accelerator("systolic-32-edge")
    assert isinstance(base, SystolicMachine)
    machines = []
    for kib in SIZES_KIB:
        dram, buffer = base.spec.memories
        sized = buffer.model_copy(update={"capacity_kib": float(kib)})
        machines.append(SystolicMachine(base.spec.model_copy(update={"memories": [dram, sized]})))
    found, seen = [], set()
    for layer in load_workload("resnet18").layers:
        c = layer.contraction
        if c is None or c in seen:
            continue
        seen.add(c)
        row = []
        for kib, machine in zip(SIZES_KIB, machines, strict=True):
            options = machine.options(layer, front=("traffic:dram",))
            moved = float(options.traffic_bytes["dram"].min())
            row.append((moved, float(compulsory(c)), chen_bound(c, kib * 1024)))
        found.append((layer.name, row))
    return found


def main() -> None:
    found, used = in_fresh_process(ratios)
    print(
        "bytes moved / the larger bound (c: the compulsory traffic is the larger, b: Chen's), by buffer size"
    )
    print(f"{'layer':24s}" + "".join(f"{kib:>10d} KiB" for kib in SIZES_KIB))
    for name, row in found:
        cells = [
            f"{moved / max(once, bound):12.3f} {'b' if bound > once else 'c'}" for moved, once, bound in row
        ]
        print(f"{name:24s}" + "".join(cells))
    totals = [
        sum(row[i][0] for _, row in found) / sum(max(row[i][1:]) for _, row in found)
        for i in range(len(SIZES_KIB))
    ]
    print(f"{'all':24s}" + "".join(f"{total:14.3f}" for total in totals))
    print(f"{used.cpu_s:.2f} CPU s, imports included")


if __name__ == "__main__":
    main()
