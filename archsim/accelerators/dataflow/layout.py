"""The stages of a dataflow machine put together: FIFOs between them, memory and host at the ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from archsim.accelerators.dataflow.fabric import Fabric
from archsim.accelerators.dataflow.program import stage_parts
from archsim.accelerators.dataflow.shape import channels, pixels
from archsim.accelerators.dataflow.spec import DataflowSpec
from archsim.accelerators.dataflow.table import Priced
from archsim.accelerators.machine import Row
from archsim.accelerators.pipeline import Stage, drain, feed, paced_feed, pipeline_graph
from archsim.accelerators.pipeline.fifos import enough_room, fifo_channels, smallest_rooms
from archsim.accelerators.pipeline.program import input_port
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.kernel.schedule import Firing, Node, sequence
from archsim.workloads.layer import Layer, Tensor


@dataclass(frozen=True)
class Streams:
    """How tensors come and go. `whole`: all at once, not pixel by pixel."""

    whole: bool
    dma_bits: int
    host_cycles: int  # of the driver, before each input

    def pixels(self, tensor: Tensor) -> int:
        return 1 if self.whole else pixels(tensor)

    def pixel_cycles(self, tensor: Tensor, bits: int) -> int:
        """Of a pixel's transfer from or to memory."""
        values = tensor.elements if self.whole else channels(tensor)
        return ceil(values * bits / self.dma_bits)

    def transfer_cycles(self, tensor: Tensor, bits: int) -> int:
        return self.pixels(tensor) * self.pixel_cycles(tensor, bits)


@dataclass(frozen=True)
class Layout:
    """Programs of chosen rows; FIFO depths are worked out once a choice."""

    spec: DataflowSpec
    fabric: Fabric
    streams: Streams
    priced: Callable[[Row], Priced]
    _rooms: dict[object, dict[str, int]] = field(default_factory=dict, repr=False)

    def deep_fifos(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """What FIFOs take, by resource, that are deeper than the one priced with each stage."""
        taken: dict[str, float] = {}
        for row in rows:
            for name, count in self._deep_fifos(row, self.rooms(rows)).items():
                taken[name] = taken.get(name, 0.0) + count
        return taken

    def _deep_fifos(self, row: Row, rooms: Mapping[str, int]) -> Mapping[str, float]:
        priced = self.priced(row)
        stage, width = priced.stage, float(priced.cycles.width[0])
        bits = width * row.layer.precision.activation_bits
        taken: dict[str, float] = {}
        prefix = f"{row.layer.name}."
        for name, room in rooms.items():
            if not name.startswith(prefix) or room <= self.spec.fifo_pixels:
                continue
            windows = stage.kernel if name == f"{prefix}compute" and stage.windows is not None else 1
            for resource, count in self.fabric.fifo(room * windows * stage.channels_in / width, bits).items():
                taken[resource] = taken.get(resource, 0.0) + count
        return taken

    def rooms(self, rows: Sequence[Row]) -> Mapping[str, int]:
        """Pixels of room in layers' input FIFOs, as `<layer>.<port>`. InputError: the YAML names others."""
        key = tuple((row.layer.name, row.layer.precision, *row.mapping.values()) for row in rows)
        if key not in self._rooms:
            channels = fifo_channels(self._stages(rows, {}))
            given = self.spec.fifos
            for name in given:
                if name not in channels:
                    raise InputError(f"fifos: {name!r} is none of {', '.join(channels)}")

            def build(rooms: Mapping[str, int | None], count: int, pace: int | None) -> TimedGraph:
                return self.graph(rows, {**rooms, **given}, count, pace)

            rooms = enough_room(build, channels, self.spec.fifo_pixels)
            if self.spec.fifo_sizing == "smallest":
                free = {name: room for name, room in rooms.items() if name not in given}
                rooms = smallest_rooms(build, free, self.spec.fifo_pixels)
            self._rooms[key] = {**rooms, **given}
        return self._rooms[key]

    def _stages(self, rows: Sequence[Row], rooms: Mapping[str, int | None]) -> list[Stage]:
        stages = []
        for row in rows:
            priced = self.priced(row)
            fifos = tuple(
                rooms.get(f"{row.layer.name}.{input_port(place)}", self.spec.fifo_pixels)
                for place in range(len(row.layer.inputs))
            )
            first, *others = stage_parts(priced.stage, priced.cycles, 0)
            inner = [
                replace(part, fifo=rooms.get(f"{row.layer.name}.{part.name}", self.spec.fifo_pixels))
                for part in others
            ]
            stages.append(Stage(row.layer, (first, *inner), fifos))
        return stages

    def graph(
        self, rows: Sequence[Row], rooms: Mapping[str, int | None], inputs: int, pace: int | None = None
    ) -> TimedGraph:
        """`rooms`: pixels of each FIFO (None: unbounded); `pace`: cycles from one input to the next."""
        made = {t.name: (t, row.layer) for row in rows for t in row.layer.outputs}
        read = {t.name: (t, row.layer) for row in rows for t in row.layer.inputs}
        source = {name: self._source(*read[name], pace) for name in read if name not in made}
        sink = {
            name: drain(self.streams.pixels(t), self.streams.pixel_cycles(t, layer.precision.output_bits))
            for name, (t, layer) in made.items()
            if name not in read
        }
        return pipeline_graph(self._stages(rows, rooms), source=source, sink=sink, inputs=inputs)

    def _source(self, tensor: Tensor, layer: Layer, pace: int | None) -> Node:
        """The host's call and the input from memory; or an input every `pace` cycles, evenly."""
        count = self.streams.pixels(tensor)
        if pace is not None:
            return paced_feed(count, pace)
        transfer = self.streams.pixel_cycles(tensor, layer.precision.activation_bits)
        return sequence(Firing(self.streams.host_cycles), feed(count, transfer))
