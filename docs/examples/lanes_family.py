"""A family of one's own: `lanes` multiply-accumulate units that share one buffer and one memory channel."""

from collections.abc import Sequence
from math import ceil
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from archsim.accelerators.families import register_family
from archsim.accelerators.machine import Action, DoesNotFit, Options, Performed, Row
from archsim.components.figure import Figure
from archsim.kernel.graph import Actor, Channel, Resource, TimedGraph
from archsim.kernel.schedule import Firing, Loop
from archsim.workloads.precision import Precision


class LanesSpec(BaseModel, extra="forbid"):
    """The YAML: what a user may write, checked before anything runs."""

    name: str = "lanes"
    family: Literal["lanes"] = "lanes"
    lanes: int = Field(64, ge=1, description="multiply-accumulate units")
    buffer_kib: float = Field(512, gt=0, description="holds two tiles of weights")
    bytes_per_cycle: float = Field(8, gt=0, description="of the memory outside")
    clock_mhz: float = Field(500, gt=0)


class LanesMachine:
    """A tile is the weights of some output channels; the input is read anew for every tile."""

    family, composition, outer_memory, counts_from_zero = "lanes", "sequential", "dram", False
    mac = Figure(0.2, "8-bit MAC at 45 nm: Horowitz, ISSCC 2014", 1.3)
    byte = Figure(80.0, "DRAM byte, 1.3-2.6 nJ a 64-bit word: Horowitz, ISSCC 2014", 1.4)

    def __init__(self, spec: LanesSpec) -> None:
        self.spec, self.name, self.clock_mhz = spec, spec.name, spec.clock_mhz
        self.precision, self.timing = Precision(), spec.model_dump_json(exclude={"name"})
        self.capacities = (spec.buffer_kib * 1024,)
        self.peak_macs_per_cycle, self.dram_bytes_per_cycle = float(spec.lanes), spec.bytes_per_cycle

    def settings(self):
        return {"family": self.family, "lanes": self.spec.lanes, "clock_mhz": self.clock_mhz}

    def area(self):
        return {}

    def leakage(self):
        return {}

    def options(self, layer, precisions=(), *, minimize=None, front=None) -> Options:
        """A row for every number of output channels a tile may have: one table, no loop over tiles."""
        channels = np.arange(1, (layer.contraction.K if layer.contraction else 1) + 1)
        held = 2.0 * channels * self._weights_of_a_channel(layer)
        fits = held <= self.capacities[0]
        if not fits.any():
            raise DoesNotFit(f"{self.name}: layer {layer.name!r}: one channel's weights exceed buffer_kib")
        channels, held = channels[fits], held[fits]
        compute, moved = self._work(layer, channels)
        energy = {"mac": np.full(len(channels), layer.macs * self.mac.value), "dram": moved * self.byte.value}
        return Options(
            layer=layer, precisions=(layer.precision,), precision=np.zeros(len(channels), int),
            cycles=np.maximum(compute, moved / self.spec.bytes_per_cycle), energy_pj=energy,
            traffic_bytes={"dram": moved}, held_bytes={"buffer": held},
            mapping={"channels": np.arange(len(channels))}, codebooks={"channels": {"channels": channels}},
            priced=len(fits),
        )  # fmt: skip

    def row(self, layer, mapping) -> Row:
        table = self.options(layer)
        (place,) = np.flatnonzero(table.codebooks["channels"]["channels"] == int(mapping["channels"]))
        return table.row(int(place))

    def performed(self, row: Row) -> Performed:
        compute, moved = (float(x[0]) for x in self._work(row.layer, np.array([row.mapping["channels"]])))
        bound = "compute" if compute >= moved / self.spec.bytes_per_cycle else "dram"
        actions = (
            Action("mac", "mac", row.layer.macs, self.mac),
            Action("dram", "byte", moved, self.byte),
        )
        return Performed(actions, moved, int(compute), bound, {"channels": int(row.mapping["channels"])})

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Each tile is loaded, then computed; two lie in the buffer, so loading runs ahead by one."""
        actors, channels, before = [], [], ()
        for row in rows:
            name, tiles = row.layer.name, int(self._tiles(row.layer, row.mapping["channels"]))
            compute, moved = (float(x[0]) for x in self._work(row.layer, np.array([row.mapping["channels"]])))
            load = ceil(moved / self.spec.bytes_per_cycle / tiles)
            tile = ceil(compute / tiles)
            loads = Loop(tiles, [Firing(load, give={f"{name}:tile": 1})])
            computes = Loop(tiles, [Firing(tile, take={f"{name}:tile": 1})])
            actors += [Actor(f"{name}:load", loads, "dram", after=before, category="dma")]
            actors += [Actor(f"{name}:compute", computes, "lanes", category="compute")]
            channels += [Channel(f"{name}:tile", f"{name}:load", f"{name}:compute", capacity=2)]
            before = (f"{name}:compute",)
        return TimedGraph(actors, channels, [Resource("dram"), Resource("lanes")])

    def _weights_of_a_channel(self, layer) -> int:
        c = layer.contraction
        return c.C * c.R * c.S if c else 0

    def _tiles(self, layer, channels):
        c = layer.contraction
        return c.G * -(-c.K // channels) if c else 1

    def _work(self, layer, channels):
        """(cycles of the lanes, bytes moved) of every tile size: an output channel a lane."""
        c = layer.contraction
        if c is None:
            elements = sum(t.elements for t in (*layer.inputs, *layer.outputs))
            return np.full(1, -(-sum(layer.ops.values()) // self.spec.lanes)), np.full(1, float(elements))
        tiles = self._tiles(layer, channels)
        rounds = tiles * -(-channels // self.spec.lanes)
        inputs = tiles * c.input_elements / c.G
        return c.B * c.P * c.Q * c.C * c.R * c.S * rounds, inputs + c.weight_elements + c.output_elements


register_family("lanes", LanesSpec, LanesMachine)
