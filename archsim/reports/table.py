"""A run on the console: the layers, the totals, the energy by component."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from archsim.reports import units
from archsim.reports.columns import Column, column_table, panel, printable, shorten
from archsim.reports.summary import energy_by_component
from archsim.run import LayerRun, Run

_PANEL_WITH_NOTES = 66  # a console narrower than this shows notes below their figure
# What a narrow console does without, in this order; numbers are never cut.
_DISPENSABLE = ("Operator", "Util.", "Bound by", "DRAM", "MACs", "#", "Energy")


def print_run(run: Run, console: Console, max_rows: int | None = None) -> None:
    """Print the layer table, the totals and the energy by component.

    All layers are shown unless `max_rows` is given: then the slowest ones, in execution order, and the
    others as one row of sums. A console too narrow for the table loses columns and the middle of names,
    never digits.
    """
    title = (printable(run.workload), "bold"), " on ", (printable(run.accelerator), "bold")
    console.print(Text.assemble(*title))
    console.print(column_table(_columns(run, max_rows), console.width, _DISPENSABLE, name="Layer"))
    panels = [_totals_panel(run, console.width), _component_panel(run)]
    panels += [_resource_panel(run)] if run.resources else []
    panels += [_sram_panel(run)] if "sram" in run.settings else []
    console.print(Columns(panels))
    for warning in run.warnings:
        console.print(Text(f"Warning: {printable(warning)}", style="yellow"))


def _columns(run: Run, max_rows: int | None) -> list[Column]:
    shown, rest = _chosen(run.layers, max_rows)
    layers = [layer for _, layer in shown]
    left = [layer for _, layer in rest]

    def words(title: str, cells: Sequence[str], last: str = "", foot: str = "") -> Column:
        return Column(title, (*map(printable, cells), *([last] if rest else [])), foot, is_number=False)

    def numbers(title: str, cells: Sequence[str], last: str = "", foot: str = "") -> Column:
        return Column(title, (*cells, *([last] if rest else [])), foot)

    totals = run.totals
    intervals = numbers(
        "Interval",
        [f"{layer.interval_cycles:,}" for layer in layers],
        f"{max((layer.interval_cycles for layer in left), default=0):,}",
        units.cycles(totals.interval_cycles),
    )
    return [
        numbers("#", [str(place) for place, _ in shown]),
        words("Layer", [layer.name for layer in layers], f"{len(rest)} other layers", "total"),
        words("Operator", [layer.operator for layer in layers]),
        numbers(
            "MACs",
            [units.count(layer.macs) for layer in layers],
            units.count(sum(layer.macs for layer in left)),
            units.count(totals.macs),
        ),
        numbers(
            "Cycles",
            [f"{layer.latency_cycles:,}" for layer in layers],
            f"{sum(layer.latency_cycles for layer in left):,}",
            f"{totals.latency_cycles:,}",
        ),
        *([intervals] if run.composition == "pipelined" else []),
        numbers("Util.", [units.percent(layer.utilization) for layer in layers]),
        words("Bound by", [layer.bound_by for layer in layers]),
        numbers(
            "Energy",
            [units.energy(layer.energy_pj) for layer in layers],
            units.energy(sum(layer.energy_pj for layer in left)),
            units.energy(totals.energy_mj * 1e9),
        ),
        numbers(
            "DRAM",
            [units.traffic(layer.dram_bytes) for layer in layers],
            units.traffic(sum(layer.dram_bytes for layer in left)),
            units.traffic(totals.dram_bytes),
        ),
    ]


def _chosen(
    layers: Sequence[LayerRun], max_rows: int | None
) -> tuple[list[tuple[int, LayerRun]], list[tuple[int, LayerRun]]]:
    """The layers to show with their place from 1, and the others; both in execution order."""
    placed = list(enumerate(layers, start=1))
    if max_rows is None or len(placed) <= max_rows:
        return placed, []
    slowest = sorted(placed, key=lambda item: -item[1].latency_cycles)[:max_rows]
    kept = {place for place, _ in slowest}
    return sorted(slowest), [item for item in placed if item[0] not in kept]


def _totals_panel(run: Run, width: int) -> Panel:
    totals = run.totals
    bounds = f"{units.energy(totals.energy_mj_low * 1e9)} – {units.energy(totals.energy_mj_high * 1e9)}"
    peak_layer = shorten(printable(run.peak_memory_layer), 30)
    clock = f"{totals.latency_cycles:,} cycles at {run.roofline.clock_mhz:g} MHz"
    rows = (
        ("Latency", units.duration(totals.latency_ms), clock),
        *_pace(run),
        ("Energy", units.energy(totals.energy_mj * 1e9), bounds),
        ("Throughput", f"{units.digits(totals.tops)} TOPS", ""),
        ("Efficiency", f"{units.digits(totals.tops_per_w)} TOPS/W", ""),
        ("Area", f"{units.digits(totals.area_mm2)} mm²" if totals.area_mm2 > 0 else units.MISSING, ""),
        ("EDP", f"{units.digits(totals.edp_mj_ms)} mJ·ms", ""),
        (
            "Peak memory",
            units.memory(totals.peak_memory_bytes),
            peak_layer,
        ),
        ("DRAM traffic", units.traffic(totals.dram_bytes), ""),
    )
    if width < _PANEL_WITH_NOTES:
        below = [line for label, value, note in rows for line in ((label, value, ""), ("", note, ""))]
        return panel("Totals", [line for line in below if any(line)])
    return panel("Totals", rows)


def _pace(run: Run) -> tuple[tuple[str, str, str], ...]:
    """How often a pipeline gives a result, and which stage sets that."""
    if run.composition != "pipelined":
        return ()
    totals = run.totals
    slowest = max(run.layers, key=lambda layer: layer.interval_cycles)
    set_by = f"by {shorten(printable(slowest.name), 24)}"
    if slowest.interval_cycles < totals.interval_cycles:
        set_by = "by stages that wait for each other"
    interval = units.duration(totals.interval_cycles / run.roofline.clock_mhz / 1e3)
    return (
        ("Interval", interval, f"{units.cycles(totals.interval_cycles)} cycles, {set_by}"),
        ("Frames", f"{units.digits(totals.frames_per_s)} /s", ""),
    )


def _is_limit(capacity: float) -> bool:
    return 0 < capacity < math.inf


def _resource_panel(run: Run) -> Panel:
    rows = tuple(
        (
            printable(use.name),
            f"{use.used:,.0f}" if use.used >= 100 else units.digits(use.used),
            f"{units.percent(use.used / use.capacity)} of {use.capacity:,.0f}"
            if _is_limit(use.capacity)
            else "",
        )
        for use in run.resources
    )
    return panel("Resources", rows, notes="right")


def _component_panel(run: Run) -> Panel:
    rows = tuple(
        (printable(str(component)), units.energy(energy), units.percent(share))
        for component, energy, share in energy_by_component(run)[["energy_pj", "share"]].itertuples()
    )
    return panel("Energy by component", rows, notes="right")


def _sram_panel(run: Run) -> Panel:
    """Memories at supplies of their own: what they are, how many cells fail, what an access costs."""
    rows: list[tuple[str, str, str]] = []
    for memory, at in run.settings["sram"].items():
        volts = at["vdd_v"] if isinstance(at["vdd_v"], list) else [at["vdd_v"]]
        supply = f"{'/'.join(f'{v:g}' for v in volts)} V"
        rows.append((printable(memory), supply, f"{100 * at['energy_factor']:.3g} % of an access"))
        left = "" if at["ecc"] == "none" else f", {at['residual_ber']:.2g} behind {at['ecc']}"
        rows.append(("", f"{at['ber']:.2g}", f"of the cells fail{left}"))
    slowest = run.settings.get("clock_limited_by")
    if slowest is not None:
        wanted = f"{run.settings['clock_wanted_mhz']:g} MHz without {printable(slowest)}"
        rows.append(("Clock", f"{run.roofline.clock_mhz:.4g} MHz", wanted))
    return panel("SRAM supplies", rows)
