"""Rows of options tables priced per second of CPU on one core.

Tables of a million rows or more: large sets of tile candidates, two tiers of buffers or several precisions.
The candidate nest of a layer, found once for all its tables, is made beforehand. Each table is priced keeping
only what the objective can choose from, as simulate() does, and keeping every row, as a search does.

Run: python benchmarks/pricing.py [--runs 5]
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from timing import in_fresh_process, median, timed, verdict

if TYPE_CHECKING:
    from archsim.accelerators.systolic.machine import SystolicMachine

GOAL_ROWS_PER_S = 5e6
SHARED_BUFFER = {"holds": ["input", "weight", "output"], "capacity_kib": 16384, "word_bits": 1024}
PRECISIONS = ("w8a8", "w8a4", "w4a8", "w4a4", "w2a8", "w2a4", "w6a8", "w6a6")
# (accelerator, second tier?, workload, layer, tile candidates, precisions)
CASES = (
    ("systolic-128", False, "resnet50", "layer1.0.conv2", 48, 6),
    ("systolic-128", True, "resnet50", "layer2.1.conv2", 12, 1),
    ("systolic-128", True, "mobilenetv2", "stage2.0.expand", 16, 1),
    ("systolic-128", True, "bert-base", "layer00.feed_forward.fc1", 24, 1),
    ("systolic-32-edge", False, "vgg16", "conv2_2", 64, 2),
    ("systolic-32-edge", False, "resnet18", "conv1", 64, 8),
    ("eyeriss-like", False, "resnet50", "layer1.0.conv2", 16, 1),
    ("eyeriss-like", False, "vgg16", "conv2_1", 16, 1),
)


def machine(accelerator: str, second_tier: bool, tile_candidates: int) -> SystolicMachine:
    """A library machine, its buffers as they are or behind a larger one that holds all operands."""
    from archsim.accelerators.library import load_accelerator
    from archsim.accelerators.systolic.machine import SystolicMachine
    from archsim.accelerators.systolic.spec import Sram

    found = load_accelerator(accelerator)
    assert isinstance(found, SystolicMachine)
    spec = found.spec
    if second_tier:
        shared = Sram.model_validate({"kind": "sram", "name": "shared", **SHARED_BUFFER})
        dram, *buffers = spec.memories
        spec = spec.model_copy(update={"memories": [dram, shared, *buffers]})
    return SystolicMachine(spec, tile_candidates=tile_candidates)


def price_layer(
    accelerator: str, second_tier: bool, workload: str, name: str, candidates: int, precisions: int, runs: int
) -> dict[str, float]:
    """Rows priced and kept, CPU seconds of both kinds of table, peak memory."""
    from archsim import Precision, load_workload

    priced_by = machine(accelerator, second_tier, candidates)
    layer = next(layer for layer in load_workload(workload).layers if layer.name == name)
    at = [Precision.parse(label) for label in PRECISIONS[:precisions]]
    priced_by.options(layer, at, minimize="latency")  # makes the nest

    def near_the_best() -> None:
        priced_by._known.tables.clear()  # or it would answer from memory
        priced_by.options(layer, at, minimize="latency")

    near = [timed(near_the_best)[1] for _ in range(runs)]
    options = priced_by.options(layer, at)
    priced, kept = options.priced, len(options)
    del options  # or two tables would be held at a time
    every = [timed(lambda: priced_by.options(layer, at))[1] for _ in range(runs)]
    return {
        "priced": priced,
        "kept": kept,
        "near_s": median(near).cpu_s,
        "every_s": median(every).cpu_s,
        "near_mb": near[-1].peak_mb,
        "every_mb": every[-1].peak_mb,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print("million rows per CPU second; near: keeps rows near the best latency, every: all rows that fit")
    print(
        f"{'accelerator':24s} {'layer':28s} {'rows priced':>11s} {'that fit':>11s} "
        f"{'near':>6s} {'MB':>5s} {'every':>6s} {'MB':>5s}"
    )
    slowest = {"near": float("inf"), "every": float("inf")}
    for case in CASES:
        accelerator, second_tier, workload, layer = case[:4]
        found, _ = in_fresh_process(price_layer, *case, runs)
        rate = {kind: found["priced"] / found[f"{kind}_s"] for kind in slowest}
        slowest = {kind: min(least, rate[kind]) for kind, least in slowest.items()}
        print(
            f"{accelerator + (' +tier' if second_tier else ''):24s} {workload + ' ' + layer:28s} "
            f"{found['priced']:11,.0f} {found['kept']:11,.0f} "
            f"{rate['near'] / 1e6:6.1f} {found['near_mb']:5.0f} "
            f"{rate['every'] / 1e6:6.1f} {found['every_mb']:5.0f}",
            flush=True,
        )
    for kind, least in slowest.items():
        goal = f"goal {GOAL_ROWS_PER_S / 1e6:.0f}: {verdict(least >= GOAL_ROWS_PER_S)}"
        print(f"slowest, {kind:5s}: {least / 1e6:.1f} million rows/s ({goal})")


if __name__ == "__main__":
    main()
