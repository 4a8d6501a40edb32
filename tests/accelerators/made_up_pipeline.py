"""A pipelined machine of a few lines: a layer's row is a number of engines, its interval MACs over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.machine import Action, Options, Performed, Row
from archsim.accelerators.pipeline import Part, Stage, drain, feed, per_pixel, pipeline_graph
from archsim.components.figure import Figure
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

ENGINES = np.array([1.0, 2.0, 4.0, 8.0])


def pixels(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape[2:])) if len(tensor.shape) > 2 else 1


def residual() -> Workload:
    """Three 1×1 convolutions, an addition around the second, on 4×4 pixels."""
    net = NetworkBuilder("residual")
    a = net.conv("a", Tensor("input", (1, 4, 4, 4)), 8, 1)
    b = net.conv("b", a, 8, 1)
    net.conv("d", net.add("c", a, b), 4, 1)
    return net.build()


@dataclass
class MadeUpPipeline:
    capacity: Mapping[str, float] = field(default_factory=lambda: {"engines": 16.0})
    fifo: int = 4
    name: str = "made-up"
    family: str = "made-up"
    composition: Literal["sequential", "pipelined"] = "pipelined"
    clock_mhz: float = 100.0
    precision: Precision = Precision()
    timing: None = None
    capacities: tuple[float, ...] = ()
    outer_memory: str = "dram"
    peak_macs_per_cycle: float = 16.0
    dram_bytes_per_cycle: float | None = None
    counts_from_zero: bool = False

    def settings(self) -> Mapping[str, Any]:
        return {"family": self.family}

    def area(self) -> Mapping[str, Figure]:
        return {}

    def leakage(self) -> Mapping[str, Figure]:
        return {"engines": Figure(2.0, "test", 1.5)}

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        used = ENGINES if layer.macs else np.zeros(1)
        return Options(
            layer=layer,
            precisions=tuple(precisions) or (layer.precision,),
            precision=np.zeros(len(used), dtype=np.int64),
            cycles=np.array([float(self.pixel_cycles(layer, n) * self.outputs(layer)) for n in used]),
            energy_pj={"engines": np.full(len(used), float(layer.macs))},
            traffic_bytes={"dram": np.zeros(len(used))},
            held_bytes={},
            mapping={"engines": np.arange(len(used))},
            codebooks={"engines": {"engines": used}},
            priced=len(used),
            exact=True,
            resources={"engines": used},
        )

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        raise InputError("not of this machine")

    def performed(self, row: Row) -> Performed:
        engines = float(row.mapping["engines"])
        action = Action("engines", "multiply", float(row.layer.macs), Figure(1.0, "test", 1.2))
        cycles = ceil(row.layer.macs / engines) if engines else 0
        used = {"engines": engines}
        return Performed((action,), 0.0, cycles, "compute", used, held_bytes=8.0, resources=used)

    def between(self, rows: Sequence[Row]) -> Mapping[str, float]:
        return {}

    def program(self, rows: Sequence[Row], inputs: int = 1) -> TimedGraph:
        stages = [
            Stage(row.layer, (Part("compute", self.schedule(row)),), (self.fifo,) * len(row.layer.inputs))
            for row in rows
        ]
        read = rows[0].layer.inputs[0]
        made = rows[-1].layer.outputs[0]
        return pipeline_graph(
            stages,
            source={read.name: feed(pixels(read), 1)},
            sink={made.name: drain(pixels(made), 1)},
            inputs=inputs,
        )

    def schedule(self, row: Row):
        ports = ("in", "in1")[: len(row.layer.inputs)]
        cycles = self.pixel_cycles(row.layer, float(row.mapping["engines"]))
        return per_pixel(self.outputs(row.layer), cycles, ports)

    def outputs(self, layer: Layer) -> int:
        return pixels(layer.outputs[0])

    def pixel_cycles(self, layer: Layer, engines: float) -> int:
        return ceil(layer.macs / self.outputs(layer) / engines) if layer.macs else 1
