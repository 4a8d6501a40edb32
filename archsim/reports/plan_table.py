"""A plan and a Pareto front on the console: layers, totals beside the baseline, budgets, the proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from archsim.reports import units
from archsim.reports.columns import Column, column_table, panel, printable
from archsim.reports.plan_data import (
    bit_errors,
    comparison,
    complete,
    gathered,
    goal_label,
    in_points,
    is_pipelined,
    label,
    mean_accuracy,
    plan_subject,
    proof,
    told,
)

# What a narrow console does without, in this order; numbers are never cut.
_LAYERS_DISPENSABLE = ("Mapping", "#", "Order", "Energy", "Tile")
_POINTS_DISPENSABLE = ("Activation bits", "Weight bits", "Status")
_TOTALS = (
    ("Latency", "latency_ms", units.duration),
    ("Frames", "frames_per_s", lambda value: f"{value:,.0f} /s"),
    ("Energy", "energy_mj", lambda value: units.energy(value * 1e9)),
    ("EDP", "edp_mj_ms", lambda value: f"{units.digits(value)} mJ·ms"),
    ("Area", "area_mm2", lambda value: f"{units.digits(value)} mm²"),
    ("DRAM traffic", "dram_bytes", units.traffic),
    ("Peak activations", "peak_memory_bytes", units.memory),
)


def print_plan(document: Mapping[str, Any], console: Console) -> None:
    """Print a plan (JSON `archsim.plan/1`; only workload, accelerator and layers must be there).

    A console too narrow for the layers' table loses columns and the middle of names, never digits.
    """
    plan = complete(document)
    console.print(Text(printable(" on ".join(plan_subject(plan))), style="bold"))
    console.print(column_table(_layer_columns(plan), console.width, _LAYERS_DISPENSABLE, name="Layer"))
    panels = [_totals(plan), _accuracy(plan), _hardware(plan), _budgets(plan)]
    console.print(Columns([panel(title, rows) for title, rows in panels if rows]))
    console.print(Text(printable(" ".join(proof(plan)))))
    for warning in plan["warnings"]:
        console.print(Text(f"Warning: {printable(warning)}", style="yellow"))


def print_front(document: Mapping[str, Any], console: Console) -> None:
    """Print the points of a front (JSON `archsim.front/1`): quantities, sizes, layers by their bits."""
    points = [(point["values"], complete(point["plan"])) for point in document["points"]]
    if not points:
        console.print(Text("The front has no point: nothing feasible was found."))
        return
    console.print(Text(printable(" on ".join(plan_subject(points[0][1]))), style="bold"))
    fixed, open_sizes = _sizes([plan["hardware"] for _, plan in points])
    columns = _point_columns(points, open_sizes)
    dispensable = (*_POINTS_DISPENSABLE, *(column.title for column in reversed(open_sizes)))
    console.print(column_table(columns, console.width, dispensable, foot=False))
    if fixed:
        console.print(Text(printable(f"In every point: {', '.join(fixed)}.")))
    proven = sum(plan["status"] == "OPTIMAL" for _, plan in points)
    count = f"{proven} of {len(points)}" if proven < len(points) else "All"
    console.print(Text(f"{count} points are proven; search {document['status']}."))


def _layer_columns(plan: Mapping[str, Any]) -> list[Column]:
    layers = gathered(plan)

    def words(title: str, cells: Sequence[str], foot: str = "") -> Column:
        return Column(title, tuple(map(printable, cells)), foot, is_number=False)

    columns = [
        Column("#", tuple(str(place) for place in range(1, len(layers) + 1))),
        words("Layer", [layer["name"] for layer in layers], "sum of layers"),
        words("Bits", [_bits(layer) for layer in layers]),
        words("Tile", [_tile(layer["mapping"]) for layer in layers]),
        words("Order", [_joined(layer["mapping"].get("order", "")) for layer in layers]),
        words("Mapping", [_rest(layer["mapping"]) for layer in layers]),
    ]
    cycles = [layer["latency_cycles"] for layer in layers]
    energies = [layer["energy_pj"] for layer in layers]
    known = [value for value in cycles if value is not None]
    if known:
        cells = tuple(units.MISSING if value is None else f"{value:,}" for value in cycles)
        columns.append(Column("Cycles", cells, f"{sum(known):,}"))
    spent = [value for value in energies if value is not None]
    if spent:
        columns.append(Column("Energy", tuple(map(units.energy, energies)), units.energy(sum(spent))))
    return [column for column in columns if any(column.cells)]


def _bits(layer: Mapping[str, Any]) -> str:
    output, activations = layer["output_bits"], layer["activation_bits"]
    written = "" if output in (None, activations) else f"→{output}"
    return f"w{layer['weight_bits']}a{activations}{written}"


def _tile(mapping: Mapping[str, Any]) -> str:
    """`P4 K64›16`: sizes from the outermost buffer in; dimensions of size 1 say nothing."""
    tile = mapping.get("tile")
    if not isinstance(tile, Mapping):
        return "" if tile is None else _joined(tile)
    sizes = {dim: size if isinstance(size, list) else [size] for dim, size in tile.items()}
    return " ".join(f"{dim}{'›'.join(map(str, size))}" for dim, size in sizes.items() if set(size) != {1})


def _rest(mapping: Mapping[str, Any]) -> str:
    """What a mapping says beside tile and order, whatever the accelerator's family calls it."""
    rest = {key: value for key, value in mapping.items() if key not in ("tile", "order")}
    return " ".join(f"{key}={_joined(value)}" for key, value in rest.items())


def _joined(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_joined(item)}" for key, item in value.items())
    return "·".join(map(_joined, value)) if isinstance(value, list | tuple) else str(value)


def _totals(plan: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, str]]]:
    totals, baseline = plan["totals"], plan["baseline"] or {}
    rows = []
    for title, key, write in _TOTALS:
        if totals.get(key) is None or (key == "frames_per_s" and not is_pipelined(plan)):
            continue
        before = baseline.get(key)
        rows.append((title, write(totals[key]), _against(comparison(totals[key], before), write, before)))
    bits = baseline.get("bits")
    return (f"Totals against the {bits} baseline" if bits else "Totals"), rows


def _against(change: str, write: Callable[[float], str], before: float | None) -> str:
    if not change or before is None:
        return ""
    return "the same" if change == "same" else f"{change} than {write(before)}"


def _accuracy(plan: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, str]]]:
    measured = plan["accuracy"]
    if measured is None:
        return "Accuracy", []
    chips = f"{measured['chips']} chips" if measured["chips"] > 1 else "1 chip"
    worst = f"worst {units.percent(measured['hardware']['worst'])}, {chips}, {measured['images']} images"
    rows = [("Hardware", mean_accuracy(plan), worst)]
    if (of_bits := bit_errors(plan)) is not None:
        without, loss = of_bits
        rows.append(("Without bit errors", units.percent(without), f"they cost {in_points(loss)}"))
    return "Accuracy", [*rows, ("Float model", units.percent(measured["float"]), "")]


def _hardware(plan: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, str]]]:
    return "Sizes", [(printable(path), _joined(size), "") for path, size in plan["hardware"].items()]


def _budgets(plan: Mapping[str, Any]) -> tuple[str, list[tuple[str, str, str]]]:
    goal, buys = goal_label(plan["minimize"]), {row["budget"]: row for row in plan["buys"]}
    rows = []
    for budget in plan["budgets"]:
        name, limit, used = budget["name"], budget["limit"], budget["used"]
        notes = [f"of {told(name, limit)}"]
        if limit:
            notes[0] += f" ({units.percent(used / limit)})"
        if budget["slack"] < 0:
            notes.append("EXCEEDED")
        if name in buys and limit:
            gain = buys[name]["gain_percent"]
            bought = f"{gain:.3g} % less {goal}" if gain >= 0.005 else "nothing"
            notes.append(f"{100 * (buys[name]['limit'] / limit - 1):.3g} % more buys {bought}")
        rows.append((printable(label(name)), told(name, used), "; ".join(notes)))
    return "Budgets", rows


def _sizes(points: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[Column]]:
    """The sizes that all points have in common as words, the others as columns."""
    fixed, columns = [], []
    for path in dict.fromkeys(path for hardware in points for path in hardware):
        sizes = [_joined(hardware.get(path, units.MISSING)) for hardware in points]
        if len(set(sizes)) == 1:
            fixed.append(f"{path} {sizes[0]}")
        else:
            columns.append(Column(printable(path), tuple(map(printable, sizes))))
    return fixed, columns


def _point_columns(
    points: Sequence[tuple[Mapping[str, float], Mapping[str, Any]]], sizes: Sequence[Column]
) -> list[Column]:
    plans = [plan for _, plan in points]
    columns = [
        Column("#", tuple(str(place) for place in range(1, len(points) + 1))),
        *(
            Column(printable(label(name)), tuple(told(name, values[name]) for values, _ in points))
            for name in points[0][0]
        ),
        Column("Accuracy", tuple(map(mean_accuracy, plans))),
        *sizes,
        Column("Weight bits", tuple(_widths(plan, "weight_bits") for plan in plans), is_number=False),
        Column("Activation bits", tuple(_widths(plan, "activation_bits") for plan in plans), is_number=False),
        Column("Status", tuple(plan["status"] for plan in plans), is_number=False),
    ]
    return [column for column in columns if any(column.cells)]


def _widths(plan: Mapping[str, Any], key: str) -> str:
    """`8×28 4×3`: how many layers have which width."""
    counts = Counter(layer[key] for layer in plan["layers"])
    return " ".join(f"{bits}×{counts[bits]}" for bits in sorted(counts, reverse=True))
