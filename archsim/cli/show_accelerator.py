"""An accelerator on the console: what it is made of, what it can do, what its parts cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.crossbar.machine import CrossbarMachine
from archsim.accelerators.dataflow.machine import DataflowMachine
from archsim.accelerators.low_voltage import SramSite
from archsim.accelerators.machine import Machine, PipelinedMachine, is_pipelined, is_undervolted
from archsim.accelerators.operating_point import Point
from archsim.accelerators.overlay.machine import OverlayMachine
from archsim.accelerators.systolic.machine import SystolicMachine
from archsim.errors import InputError
from archsim.reports import units
from archsim.reports.columns import printable
from archsim.workloads.precision import Precision

if TYPE_CHECKING:
    from archsim.components.figure import Figure

SUPPLY_STEPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55)
"""Of an SRAM, over its nominal supply."""
PER_BYTE = {"input_register", "output_register", "buffer", "bus", "network", "offchip"}
_SPECIFIED = (SystolicMachine, ClusterMachine, CrossbarMachine, DataflowMachine, OverlayMachine)


def print_accelerator(machine: Machine, precision: Precision, console: Console) -> None:
    """Print the machine; unit energies are those of layers at `precision`."""
    peak_tops = 2 * machine.peak_macs_per_cycle * machine.clock_mhz * 1e-6
    dram = machine.dram_bytes_per_cycle
    bandwidth = f"{units.digits(dram * machine.clock_mhz * 1e-3)} GB/s" if dram else "unlimited"
    console.print(Text(printable(machine.name), style="bold"))
    if isinstance(machine, _SPECIFIED):
        _print_lines(console, {"description": machine.spec.description})
    _print_lines(
        console,
        {
            "peak": f"{units.digits(peak_tops)} TOPS (two operations a MAC)",
            **_peak_lines(machine),
            "may use": _capacity(machine) if is_pipelined(machine) else "",
            "DRAM bandwidth": bandwidth,
            "area": f"{_interval(list(machine.area().values()))} mm²",
            "leakage": f"{_interval(list(machine.leakage().values()))} mW",
        },
    )
    if isinstance(machine, ClusterMachine | CrossbarMachine):
        _print_lines(console, {"runs at": _point(machine.prices.point)})
    if isinstance(machine, _SPECIFIED):
        spec = machine.spec.model_dump(exclude_none=True, exclude={"name", "family", "description"})
        _print_lines(console, {key: value for key, value in spec.items() if not _is_section(value)})
        for section, content in spec.items():
            if content and _is_section(content):
                _print_section(console, section, content)
        _print_energies(console, machine.costs(precision).energy_pj, precision)
    for site in machine.sram_sites if is_undervolted(machine) else ():
        _print_low_voltage(console, site)
    _print_area(console, machine)


def _point(point: Point) -> str:
    biased = ", forward body bias" if point.body_bias else ""
    return f"{point.vdd_v:.3g} V, {point.clock_mhz:g} MHz{biased}"


def _peak_lines(machine: Machine) -> Mapping[str, str]:
    """What a crossbar's whole chip does at its most, as such designs are published."""
    if not isinstance(machine, CrossbarMachine):
        return {}
    peak = machine.peak()

    def efficiency(*components: str) -> str:
        per_w, per_mm2 = peak.tops_per_w(*components), peak.tops_per_mm2(*components)
        return f"{units.digits(per_w)} TOPS/W, {units.digits(per_mm2)} TOPS/mm²"

    parts = ", ".join(name.replace("_", " ") for name in peak.macro)
    return {
        "at the peak": f"{efficiency()}, {machine.precision.label}, every part busy",
        "macros alone": f"{efficiency(*peak.macro)}: {parts}",
    }


def _capacity(machine: PipelinedMachine) -> str:
    """What stages may take together."""
    return ", ".join(f"{limit:,.0f} {name}" for name, limit in machine.capacity.items() if limit)


def _is_section(value: Any) -> bool:
    """Whether a key of the YAML holds keys of its own."""
    return isinstance(value, dict) or (isinstance(value, list) and isinstance(next(iter(value), None), dict))


def _print_section(console: Console, title: str, content: Any) -> None:
    """One key of the accelerator's YAML: a list as a table, a mapping as lines."""
    _print_heading(console, title)
    if isinstance(content, list):
        keys = list(dict.fromkeys(key for entry in content for key in entry))
        table = _table(keys)
        for entry in content:
            table.add_row(*(_cell(entry.get(key, "")) for key in keys))
        console.print(table)
    else:
        _print_lines(console, content)


def _print_energies(
    console: Console, energies: Mapping[tuple[str, str], Figure], precision: Precision
) -> None:
    _print_heading(console, f"unit energies at {precision.label}")
    table = _table(("component", "action", "pJ", "between", "and", "source"), numbers=(2, 3, 4))
    for (component, action), figure in energies.items():
        table.add_row(_cell(component), _cell(action), *_bounds(figure), _cell(figure.source))
    console.print(table)
    per_bit = ", ".join(sorted({c for c, _ in energies} & {"dram", "pe_registers", "wires"}))
    per_byte = ", ".join(sorted({c for c, _ in energies} & PER_BYTE))
    memories = f"Per byte: {per_byte}" if per_byte else "Per word: other memories"
    console.print(f"{f'Per bit: {per_bit}. ' if per_bit else ''}{memories}. Else each.")


def _print_low_voltage(console: Console, site: SramSite) -> None:
    """How an SRAM takes a supply below its nominal one, where the YAML says anything of its cells."""
    sram = site.technology
    if sram is None:
        return
    _print_heading(console, f"SRAM {site.memory} below its nominal supply ({sram.name})")
    table = _table(("V", "V / Vmin", "cells that fail", "energy", "leakage", "MHz at most"), range(6))
    for share in SUPPLY_STEPS:
        volts = share * sram.nominal_v
        try:
            rate = units.digits(float(sram.bit_error_rate(volts)))
        except InputError:  # below the threshold, or outside what was measured
            continue
        factors = (float(factor(volts)) for factor in (sram.energy_factor, sram.leakage_factor))
        mhz = site.at(volts).max_mhz
        assert mhz is not None
        table.add_row(
            _cell(float(f"{volts:.4g}")), f"{volts / sram.vmin_v.value:.3f}", rate,
            *(units.percent(factor) for factor in factors), units.digits(mhz),
        )  # fmt: skip
    console.print(table)
    source = sram.measured_source or sram.mean.source
    console.print(f"Vmin {sram.vmin_v.value:g} V: {sram.vmin_v.source}. Failures: {source}.", markup=False)


def _print_area(console: Console, machine: Machine) -> None:
    leakage = machine.leakage()
    _print_heading(console, "area and leakage")
    titles = ("component", "mm²", "between", "and", "mW", "between", "and", "source of the area")
    table = _table(titles, numbers=range(1, 7))
    for component, area in machine.area().items():
        idle = _bounds(leakage[component]) if component in leakage else ("", "", "")
        table.add_row(_cell(component), *_bounds(area), *idle, _cell(area.source))
    console.print(table)


def _bounds(figure: Figure) -> tuple[str, str, str]:
    return units.digits(figure.value), units.digits(figure.low), units.digits(figure.high)


def _interval(figures: Sequence[Figure]) -> str:
    """The sum and, since parts of one model err together, the sums of the bounds."""
    value, low, high = (sum(getattr(f, bound) for f in figures) for bound in ("value", "low", "high"))
    return f"{units.digits(value)} (between {units.digits(low)} and {units.digits(high)})"


def _print_heading(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))


def _print_lines(console: Console, lines: Mapping[str, Any]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for key, value in lines.items():
        if value != "":
            grid.add_row(_cell(key), _cell(value))
    console.print(grid)


def _table(titles: Iterable[str], numbers: Iterable[int] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place in numbers else "left")
    return table


def _cell(value: Any) -> Text:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, dict):
        value = ", ".join(f"{key} {_cell(item)}" for key, item in value.items())
    elif isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    elif isinstance(value, float):
        value = f"{value:g}"
    return Text(printable(str(value)))
