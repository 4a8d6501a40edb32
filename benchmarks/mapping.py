"""The mapping space: how fast its best rows are found, for many machines, and for three memory levels.

1. Every distinct contraction of ResNet-50 at 12 precisions on variants of systolic-32-edge: array rows and
   columns of 8 to 64, buffers of 64 KiB to 2 MiB, 176 machines. For each the rows that no other beats in
   latency, energy and DRAM traffic, of all tilings. "Covered" counts mappings × precisions of those spaces.
2. Mappings priced one by one: counts × weights for all precisions, latency, and whether they fit.
3. One convolution (ResNet-18's 56×56×64→64, 3×3) behind two tiers of buffers: the best mapping of all pairs
   of nested tile sizes × loop orders, proven, by energy, by latency (the table's lower bound: the slower of
   array and DRAM channel, with the first load and the last store that nothing hides) and by their product.
   "New" is the first search of a process, which lists and groups the layer's candidates; the other times are
   of machines with other buffers, of which nothing but those candidates is known.

Run: python benchmarks/mapping.py [--machines 176]
"""

from __future__ import annotations

import argparse
from itertools import product
from typing import TYPE_CHECKING, Any

from timing import in_fresh_process, median, timed, verdict

if TYPE_CHECKING:
    from archsim.accelerators.systolic.machine import SystolicMachine
    from archsim.workloads.layer import Layer

SIDES = (8, 16, 32, 64)
KIB = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
FRONT = ("cycles", "energy_pj", "traffic:dram")
GOAL_S, GOAL_MAPPINGS_PER_S, GOAL_ONE_S = 15.0, 50e6, 0.1


def machine(rows: int, columns: int, kib: float, near_kib: float | None = None) -> SystolicMachine:
    from archsim.accelerators.library import load_accelerator
    from archsim.accelerators.systolic.machine import SystolicMachine
    from archsim.accelerators.systolic.spec import Sram

    found = load_accelerator("systolic-32-edge")
    assert isinstance(found, SystolicMachine)
    array = found.spec.array.model_copy(update={"rows": rows, "columns": columns})
    dram, buffer = found.spec.memories
    memories = [dram, buffer.model_copy(update={"capacity_kib": float(kib)})]
    if near_kib is not None:
        near = {"kind": "sram", "name": "near", "capacity_kib": near_kib, "word_bits": 256}
        memories.append(Sram.model_validate(near))
    return SystolicMachine(found.spec.model_copy(update={"array": array, "memories": memories}))


def distinct_layers(network: str) -> list[Layer]:
    from archsim import load_workload

    layers = [x for x in load_workload(network).layers if x.contraction]
    return list({x.contraction: x for x in reversed(layers)}.values())[::-1]


def study(machines: int) -> dict[str, float]:
    from archsim import Precision

    precisions = [Precision(w, a, o) for w in (2, 4, 8) for a in (4, 8) for o in (4, 8)]
    layers = distinct_layers("resnet50")
    shapes = [(r, c, kib) for r, c in product(SIDES, SIDES) for kib in KIB][:machines]
    total = {"tables": 0, "rows": 0, "covered": 0}

    def work() -> None:
        for shape in shapes:
            at = machine(*shape)
            for layer in layers:
                options = at.options(layer, precisions, front=FRONT)
                total["tables"] += 1
                total["rows"] += len(options)
                total["covered"] += options.priced

    _, used = timed(work)
    return {**total, "cpu_s": used.cpu_s, "peak_mb": used.peak_mb}


def price_all(runs: int) -> dict[str, float]:
    """Mappings of whole branches of one layer's space, priced at 12 precisions on 11 machines."""
    import numpy as np

    from archsim import Precision
    from archsim.accelerators.systolic.count_table import TablePricing
    from archsim.accelerators.systolic.hierarchy import Holding
    from archsim.accelerators.systolic.pricing import prices_of
    from archsim.accelerators.systolic.relaxation import branches_of
    from archsim.accelerators.systolic.space import space_of

    precisions = [Precision(w, a, o) for w in (2, 4, 8) for a in (4, 8) for o in (4, 8)]
    layer = next(x for x in distinct_layers("resnet50") if x.name == "layer2.0.conv2")
    machines = [machine(32, 32, kib) for kib in KIB]
    assert layer.contraction is not None
    space = space_of(layer.contraction, machines[0].spec, 1, None)
    branches = branches_of(space, Holding(machines[0].hierarchy))
    some = np.arange(0, len(branches.bounds), max(1, len(branches.bounds) // 60))
    tables = [
        table.take(np.arange(start, min(start + 2048, len(table))))
        for table in branches.mappings(some)
        for start in range(0, len(table), 2048)
    ]
    place = branches.bounds.place
    pricings = []
    for at in machines:
        costs = {p: at.costs(p) for p in precisions}
        pricings.append(TablePricing(prices_of(layer, tuple(place), at.spec, at.hierarchy, costs), place))

    def work() -> int:
        fits = 0
        for table in tables:
            for pricing in pricings:
                fits += int(pricing.price(table).fits().sum())
        return fits

    fits, _ = timed(work)
    used = median([timed(work)[1] for _ in range(runs)])
    mappings = sum(map(len, tables)) * len(precisions) * len(machines)
    return {"mappings": mappings, "fits": fits, "cpu_s": used.cpu_s}


def three_levels(kib: float, near_kib: float, minimize: str, runs: int) -> dict[str, Any]:
    from math import prod

    from archsim.accelerators.machine import cost_of

    layer = next(x for x in distinct_layers("resnet18") if x.name == "layer1.0.conv1")

    def work(larger: float) -> Any:
        return machine(32, 32, kib + larger, near_kib).options(layer, minimize=minimize)

    _, new = timed(lambda: work(1.0))
    used = median([timed(lambda times=times: work(-times / 64))[1] for times in range(runs)])
    options = work(0.0)
    c = layer.contraction
    assert c is not None
    pairs = [size * (size + 1) // 2 for size in (c.B, c.P, c.Q, c.K, c.C * c.R * c.S)]
    return {
        "cost": float(cost_of(minimize, options.cycles, options.total_energy_pj).min()),
        "proven": options.complete,
        "mappings": 9 * prod(pairs),
        "new_s": new.cpu_s,
        "cpu_s": used.cpu_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--machines", type=int, default=176)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()

    found, _ = in_fresh_process(study, asked.machines)
    print(
        f"ResNet-50, 12 precisions, {asked.machines} machines: {found['tables']:,} tables in "
        f"{found['cpu_s']:.1f} CPU s, {found['cpu_s'] / found['tables'] * 1e3:.1f} ms and "
        f"{found['rows'] / found['tables']:.0f} rows each; {found['peak_mb']:.0f} MB",
        f"(goal {GOAL_S:.0f} s for 176: {verdict(found['cpu_s'] / asked.machines * 176 <= GOAL_S)})",
    )
    rate = found["covered"] / found["cpu_s"]
    print(f"covered {found['covered']:.3g} mappings, {rate / 1e6:,.0f} million per second and core")
    found, _ = in_fresh_process(price_all, asked.runs)
    rate = found["mappings"] / found["cpu_s"]
    print(
        f"priced one by one: {rate / 1e6:.0f} million mappings per second and core",
        f"(goal {GOAL_MAPPINGS_PER_S / 1e6:.0f}: {verdict(rate >= GOAL_MAPPINGS_PER_S)})",
    )
    print("three memory levels, ResNet-18 56×56×64→64 3×3 on a 32×32 array:")
    for (kib, near), minimize in product(((512, 32), (256, 32), (128, 16)), ("energy", "latency", "edp")):
        found, _ = in_fresh_process(three_levels, kib, near, minimize, asked.runs)
        print(
            f"  {kib:4d} and {near:2d} KiB, {minimize:7s}: {found['cpu_s']:.3f} CPU s",
            f"(goal {GOAL_ONE_S}: {verdict(found['cpu_s'] < GOAL_ONE_S)}), new {found['new_s']:.2f},",
            f"for {found['mappings']:.2g} mappings; {'' if found['proven'] else 'not '}proven",
        )


if __name__ == "__main__":
    main()
