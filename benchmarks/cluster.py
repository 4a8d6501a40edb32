"""Clusters: choosing where a network's tensors are, then each layer's row among all tile sizes or a few.

Run: python benchmarks/cluster.py   (about 90 s)
"""

from __future__ import annotations

from typing import Any

from timing import HEADING, in_fresh_process

RUNS = (
    ("mobilenetv2", "gap9"),
    ("mobilenetv2", "pulp-8core-gap8"),
    ("resnet50", "gap9"),
    ("resnet50", "marsellus"),
)


def chosen(network: str, accelerator: str) -> dict[str, Any]:
    """CPU seconds of places, and of the rows there (a layer at a time); cycles of these layers together."""
    from timing import timed

    from archsim.accelerators.choice import best_row
    from archsim.accelerators.cluster.machine import ClusterMachine
    from archsim.accelerators.library import load_accelerator
    from archsim.workloads.library import load_workload

    workload, machine = load_workload(network), load_accelerator(accelerator)
    assert isinstance(machine, ClusterMachine)
    placed = machine.placed_for(workload)
    _, places = timed(lambda: placed.placement)
    alike = workload.first_alike
    found: dict[str, Any] = {"places_s": places.cpu_s}
    for name, tried in (("few", placed.keeping_layouts()), ("all", placed)):

        def rows(tried: ClusterMachine = tried) -> float:
            known: dict[object, float] = {}
            cycles = []
            for layer, first in zip(workload.layers, alike, strict=True):
                key = first, tried.surroundings(layer)
                if key not in known:
                    known[key] = best_row(layer, tried, "latency").cost
                cycles.append(known[key])
            return sum(cycles)

        cycles, used = timed(rows)
        found |= {f"{name}_s": used.cpu_s, f"{name}_cycles": cycles}
    return found


def main() -> None:
    print(f"{'':30s} {HEADING}   places   few sizes   all sizes (CPU s)   cycles of all over few")
    for network, accelerator in RUNS:
        found, used = in_fresh_process(chosen, network, accelerator)
        print(
            f"{network + ' on ' + accelerator:30s} {used} {found['places_s']:8.1f} {found['few_s']:11.1f} "
            f"{found['all_s']:11.1f} {found['all_cycles'] / found['few_cycles']:29.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
