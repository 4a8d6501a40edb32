"""A workload on the console: its size, its memory, its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from archsim.reports import units
from archsim.reports.columns import printable
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload


def print_workload(workload: Workload, console: Console) -> None:
    peak = workload.peak_memory
    fused = Counter(operator for layer in workload.layers for operator in layer.fused)
    precisions = dict.fromkeys(layer.precision.label for layer in workload.layers)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for key, value in (
        ("layers", str(len(workload.layers))),
        ("MACs", f"{units.count(workload.macs)} ({workload.macs:,})"),
        ("parameters", f"{units.count(workload.parameters)} ({workload.parameters:,})"),
        ("weights", units.memory(workload.weight_bytes)),
        ("precision", ", ".join(precisions)),
        ("peak activation memory", f"{units.memory(peak.bytes)} at {peak.layer}"),
        ("inputs", _tensors(workload.inputs)),
        ("outputs", _tensors(workload.outputs)),
        ("fused", ", ".join(f"{count} {operator}" for operator, count in fused.most_common()) or "none"),
    ):
        grid.add_row(key, Text(printable(value)))
    console.print(Text(printable(workload.name), style="bold"))
    console.print(grid)
    console.print()
    console.print(_layers(workload))
    for warning in workload.warnings:
        console.print(Text(f"Warning: {printable(warning)}", style="yellow"))


def _layers(workload: Workload) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Layer", overflow="fold")
    table.add_column("Operator")
    for title in ("MACs", "Params", "Output", "Live memory"):
        table.add_column(title, justify="right")
    table.add_column("Fused")
    for layer, live in zip(workload.layers, workload.live_memory, strict=True):
        table.add_row(
            Text(printable(layer.name)),
            layer.operator,
            units.count(layer.macs),
            units.count(layer.parameters),
            _output(layer),
            units.memory(live.bytes),
            Text(printable(", ".join(layer.fused))),
        )
    return table


def _output(layer: Layer) -> str:
    return ", ".join(_shape(tensor) for tensor in layer.outputs)


def _tensors(tensors: Iterable[Tensor]) -> str:
    return ", ".join(f"{tensor.name} {_shape(tensor)}" for tensor in tensors)


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
