"""ResNet-18 on ZigZag's `tpu_like` machine, archsim beside ZigZag 3.9.1's own search, layer by layer.

ZigZag's figures (its best mapping of each layer by energy and by latency, and the 140 CPU seconds it took)
were measured once and are kept in zigzag_tpu_like.json. Both run the same 21 contractions alone, one after
another; archsim's latencies are those of its kernel.

Run: python benchmarks/zigzag.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from timing import in_fresh_process, timed, verdict

REFERENCE = Path(__file__).with_name("zigzag_tpu_like.json")
NOTABLE = 0.02


def zigzag_name(name: str) -> str:
    if name == "fc":
        return "/fc/Gemm"
    name = re.sub(r"^layer(\d)\.(\d)\.", r"layer\1/layer\1.\2/", name)
    return f"/{name}/downsample.0/Conv" if name.endswith("downsample") else f"/{name}/Conv"


def choose_all(minimize: str) -> tuple[dict[str, dict[str, Any]], float]:
    """(by layer: latency, energy and busy cycles of the best row found, executed), CPU seconds."""
    from archsim import load_accelerator, load_workload
    from archsim.accelerators.choice import best_row
    from archsim.kernel import engine

    machine, workload = load_accelerator("zigzag-tpu-like"), load_workload("resnet18")

    def work() -> dict[str, dict[str, Any]]:
        found: dict[object, dict[str, Any]] = {}
        result: dict[str, dict[str, Any]] = {}
        for layer in workload.layers:
            if not layer.macs:
                continue
            if layer.contraction not in found:
                row = best_row(layer, machine, minimize).row
                did = machine.performed(row)
                found[layer.contraction] = {
                    "latency_cycles": engine.simulate(machine.program([row])).cycles,
                    "energy_pj": row.energy_pj,
                    "array": did.compute_cycles,
                    "dram": did.dram_bytes / (machine.dram_bytes_per_cycle or float("inf")),
                }
            result[zigzag_name(layer.name)] = found[layer.contraction]
        return result

    rows, used = timed(work)
    return rows, used.cpu_s


def main() -> None:
    reference = json.loads(REFERENCE.read_text())
    spent = 0.0
    for minimize, quantity in (("energy", "energy_pj"), ("latency", "latency_cycles")):
        (ours, cpu_s), _ = in_fresh_process(choose_all, minimize)
        theirs = reference["layers"][minimize]
        spent += cpu_s
        print(f"\nby {minimize}{'':22s} archsim        ZigZag   ratio  array cycles   DRAM cycles")
        for name, row in ours.items():
            ratio = row[quantity] / theirs[name][quantity]
            mark = " *" if abs(ratio - 1) > NOTABLE else ""
            print(
                f"{name:36s} {row[quantity]:13,.0f} {theirs[name][quantity]:13,.0f} {ratio:7.3f} "
                f"{row['array']:13,} {row['dram']:13,.0f}{mark}"
            )
        total, published = (sum(row[quantity] for row in rows.values()) for rows in (ours, theirs))
        print(f"{'network':36s} {total:13,.0f} {published:13,.0f} {total / published:7.3f}", end="")
        print(f"  (goal at most 1: {verdict(total <= published)})")
        share = cpu_s / reference["cpu_s"]
        print(f"{cpu_s:.2f} CPU s, {share:.2%} of ZigZag's (goal below 1 %: {verdict(share < 0.01)})")
    print(f"\nboth searches: {spent / reference['cpu_s']:.2%} of ZigZag's CPU time for one")


if __name__ == "__main__":
    main()
