"""Plans and fronts of any size as the search writes them, with awkward names and every special case."""

from __future__ import annotations

from typing import Any

AWKWARD_NAMES = (
    "</script><img src=x onerror=alert(2)>",
    "quote \" and ' and & and {b} and [red]",
    "конв/слой-1×1 層",
    "a name of very many signs/" * 12,
)
EDITED = {
    "workload": "net <b>of</b> a test",
    "accelerator": {"name": "array & co", "family": "systolic"},
    "layers": [
        {
            "name": "one",
            "weight_bits": 4,
            "activation_bits": 8,
            "mapping": {"unit": "vector_unit", "chunks": 4},
        },
        {"name": "two", "weight_bits": 3, "activation_bits": 8, "mapping": {}},
    ],
}
"""What somebody wrote by hand: only the keys that must be there."""


def plan_layer(index: int, awkward: bool) -> dict[str, Any]:
    name = f"/stage{index // 12 + 1}/block{index % 12 // 3}/conv{index % 3 + 1}/Conv_{index}"
    mapping: dict[str, Any] = {
        "tile": {"B": [1, 1], "P": [14, 7], "K": [64, 8 + index % 5], "CRS": [576, 64]},
        "order": ["weight", "input"],
        "folds": 36 + index,
    }
    if index % 5 == 1:
        mapping = {"unit": "vector_unit", "chunks": 64}
    if index % 5 == 4:
        mapping |= {"split": "K", "spatial": {"rows": ["C", "R"], "columns": "K"}}
    return {
        "name": AWKWARD_NAMES[index] if awkward and index < len(AWKWARD_NAMES) else name,
        "weight_bits": (8, 4, 2, 8)[index % 4],
        "activation_bits": (8, 8, 4)[index % 3],
        "output_bits": (8, 4)[index % 2],
        "mapping": mapping,
        "latency_cycles": 1000 + 7919 * index % 50_000,
        "energy_pj": 1e6 + 104_729.5 * index % 9e6,
    }


def plan(count: int = 8, *, awkward: bool = True, **changes: Any) -> dict[str, Any]:
    """A plan of `count` layers with every key; `changes` replace some of them."""
    rows = [plan_layer(index, awkward) for index in range(count)]
    cycles = sum(row["latency_cycles"] for row in rows)
    energy_mj = sum(row["energy_pj"] for row in rows) / 1e9
    totals = {
        "latency_cycles": cycles, "latency_ms": cycles / 5e5, "energy_mj": energy_mj,
        "energy_mj_low": energy_mj / 2, "energy_mj_high": energy_mj * 2, "macs": 10**9, "tops": 0.5,
        "tops_per_w": 1.8, "area_mm2": 0.5, "edp_mj_ms": energy_mj * cycles / 5e5,
        "peak_memory_bytes": 1003520, "dram_bytes": 15_510_024,
    }  # fmt: skip
    return {
        "schema": "archsim.plan/1",
        "study": "edge <i>study</i>",
        "workload": "net <b>of</b> a test",
        "dims": {"batch": 2},
        "accelerator": "systolic-32-edge",
        "hardware": {"array.rows": 32, "buffer.capacity_kib": 256},
        "minimize": "energy_mj",
        "status": "OPTIMAL",
        "objective": energy_mj,
        "best_bound": energy_mj * (1 - 1e-9),
        "gap": 1e-9,
        "then": {"latency_ms": totals["latency_ms"]},
        "wall_s": 3.8,
        "layers": rows,
        "totals": totals,
        "budgets": [
            {"name": "area_mm2", "limit": 3.0, "used": 0.5, "slack": 2.5},
            {"name": "sensitivity", "limit": 6.5, "used": 6.0, "slack": 0.5},
            {"name": "held_kib.buffer", "limit": 256.0, "used": 256.0, "slack": 0.0},
            {"name": "resource.dsp <b>", "limit": 0.0, "used": 0.0, "slack": 0.0},
        ],
        "baseline": {
            "bits": "w8a8",
            "objective": 2 * energy_mj,
            **totals,
            "latency_ms": totals["latency_ms"] / 1.25,
            "energy_mj": 2 * energy_mj,
        },
        "buys": [
            {"budget": "area_mm2", "limit": 3.3, "objective": energy_mj, "gain_percent": 0.0},
            {"budget": "sensitivity", "limit": 7.15, "objective": 0.97 * energy_mj, "gain_percent": 3.0},
        ],
        "search": {
            "points": 6, "refused": {"rows <must> divide": 2}, "dropped": {"limits": 3}, "solved": 2,
            "mappings_priced": 5_267_226, "rows_kept": 11_107, "rows_executed": 74,
        },
        "warnings": ["layer <b>x</b> has an unknown operator"],
    } | changes  # fmt: skip


def front(points: int = 5, layers: int = 8, *, area: bool = False, **changes: Any) -> dict[str, Any]:
    """A front over latency and energy, and area if asked; the last point is not proven."""
    entries = []
    for index in range(points):
        values = {"latency_ms": 6.25 + index, "energy_mj": 3.0 / (1 + index)}
        if area:
            values["area_mm2"] = 0.3 + 0.1 * (index % 3)
        content = plan(layers, hardware={"array.rows": 8 << index % 3}) | changes
        bits = [
            row | {"weight_bits": 4} if place < index else row for place, row in enumerate(content["layers"])
        ]
        content |= {"layers": bits, "status": "FEASIBLE" if index == points - 1 else "OPTIMAL"}
        entries.append({"values": values, "plan": content})
    return {"schema": "archsim.front/1", "study": "edge", "status": "FEASIBLE", "points": entries}
