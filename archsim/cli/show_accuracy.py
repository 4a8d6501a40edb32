"""An accuracy measurement on the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from archsim.numerics.accuracy_report import Accuracy, LayerAccuracy, Spread
    from archsim.numerics.faults.fault_report import LowVoltage, SupplyAccuracy

_LAYERS = 40  # more than these are left to the JSON


def print_accuracy(found: Accuracy, console: Console) -> None:
    """Accuracies, causes, the sweep over ADC resolutions, and the layers."""
    where = f" on {found.accelerator}" if found.accelerator else ""
    console.print(
        f"{found.model}{where}: {found.images} test items, {found.calibration_images} to calibrate",
        markup=False,
    )
    console.print(_accuracies(found))
    if found.adc_sweep:
        console.print(_sweep(found))
    if found.low_voltage:
        print_low_voltage(found.low_voltage, console)
    console.print(_layers(found))
    if len(found.layers) > _LAYERS:
        console.print(f"… and {len(found.layers) - _LAYERS} more layers: see --json", markup=False)
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False)


def _accuracies(found: Accuracy) -> Table:
    table = _table("Accuracy %", "Mean", "Std", "Worst")
    table.add_row("float", _percent(found.float), "", "")
    table.add_row("quantized", _percent(found.quantized), "", "")
    if found.accelerator:
        _add(table, f"hardware, {found.chips} chips", found.hardware)
    if found.batch_norm:
        _add(table, "  without batch-norm re-calibration", found.batch_norm.without)
    for cause in found.causes[1:]:  # the first is the quantized row
        _add(table, f"  {cause.cause} alone", cause.accuracy)
    return table


def _sweep(found: Accuracy) -> Table:
    table = _table("ADC bits", "Mean", "Std", "Worst")
    for point in found.adc_sweep:
        _add(table, str(point.adc_bits), point.hardware)
    return table


def print_low_voltage(found: LowVoltage, console: Console) -> None:
    """Accuracy and energy at every operating point, and the knee."""
    wrong = "cells stuck at 0 or 1" if found.kind == "stuck" else "cells that flip"
    chips = f"the chip of {found.fault_map}" if found.fault_map else f"{found.chips} chips"
    places = ", ".join(
        _placed(memory.name, memory.weights_of, memory.activations_of) for memory in found.memories
    )
    console.print(f"Below the safe voltage: {wrong}, {chips}; {places}", markup=False, highlight=False)
    console.print(_supplies(found))
    if found.knee is None:
        console.print("No knee: the first point loses more than allowed", markup=False)
        return
    where = (
        f"BER {max(found.knee.ber.values()):.3g}" if found.knee.vdd_v is None else f"{found.knee.vdd_v:g} V"
    )
    saved = (
        "" if found.knee.energy_saving is None else f", {_percent(found.knee.energy_saving)} % less energy"
    )
    console.print(
        f"Knee, within {100 * found.knee.within:g} points: {where}, {_percent(found.knee.accuracy)} %{saved}",
        markup=False,
        highlight=False,
    )


def _placed(memory: str, weights: tuple[str, ...], activations: tuple[str, ...]) -> str:
    sides = ((len(weights), "weights"), (len(activations), "inputs"))
    held = [f"{what} of {count} layer{'s' if count > 1 else ''}" for count, what in sides if count]
    return f"{memory}: {' and '.join(held)}"


def _supplies(found: LowVoltage) -> Table:
    with_volts = any(point.vdd_v is not None for point in found.points)
    titles = ["Cells that fail %", "Bits wrong %", "Mean", "Std", "Worst", "Energy µJ", "SRAM", "Latency µs"]
    table = _table("V" if with_volts else "BER", *(titles if with_volts else titles[:5]))
    for point in found.points:
        table.add_row(*_supply(point, with_volts))
    return table


def _supply(point: SupplyAccuracy, with_volts: bool) -> list[str]:
    ber = max(point.ber.values(), default=0.0)
    spread = point.hardware
    cells = [f"{point.vdd_v:g}" if with_volts else f"{ber:.3g}"]
    cells += [f"{100 * share:.3g}" for share in (ber, point.flip_rate)]
    cells += [_percent(share) for share in (spread.mean, spread.std, spread.worst)]
    if point.energy is None:
        return cells
    energy = point.energy
    return [
        *cells,
        *(f"{1e3 * value:.4g}" for value in (energy.total_mj, energy.memories_mj, energy.latency_ms)),
    ]


def _layers(found: Accuracy) -> Table:
    table = _table(
        "Layer", "Bits", "SQNR dB quantized", "hardware", "arrays", "Conversions", "ADC", "LSB", "Clipped %"
    )
    for layer in found.layers[:_LAYERS]:
        table.add_row(layer.name, f"w{layer.weight_bits}a{layer.activation_bits}", *_measured(layer))
    return table


def _measured(layer: LayerAccuracy) -> list[str]:
    arrays = layer.arrays
    own = [_decibel(layer.quantized_sqnr_db), _decibel(layer.hardware_sqnr_db)]
    if arrays is None:
        return [*own, "exact", "", "", "", ""]
    return [
        *own,
        _decibel(arrays.sqnr_db),
        str(arrays.conversions_per_output),
        f"{arrays.adc_bits}{' lossless' if arrays.lossless else ''}",
        f"{arrays.adc_lsb:.3g}",
        _percent(arrays.clipped),
    ]


def _table(*titles: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="left" if title == titles[0] else "right", overflow="fold")
    return table


def _add(table: Table, title: str, spread: Spread) -> None:
    table.add_row(title, _percent(spread.mean), _percent(spread.std), _percent(spread.worst))


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _decibel(value: float | None) -> str:
    return "exact" if value is None else f"{value:.1f}"
