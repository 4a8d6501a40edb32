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
from archsim.accelerators.dataflow.upstream import Upstream
from archsim.accelerators.machine import Row
from archsim.accelerators.pipeline import Stage, drain, feed, paced_feed, pipeline_graph
from archsim.accelerators.pipeline.fifos import enough_room, fifo_channels, smallest_rooms
from archsim.accelerators.pipeline.flow import StageFlow, watched
from archsim.accelerators.pipeline.program import fifo_of, input_port
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.kernel.schedule import Firing, Node, sequence
from archsim.kernel.unbounded import Firings, Times
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
class Sized:
    """FIFOs of a pipeline: pixels of room of each, and the pace that they are known to keep."""

    rooms: Mapping[str, int]
    kept_pace: int | None


@dataclass(frozen=True)
class Layout:
    """Programs of chosen rows; FIFO depths are worked out once a choice."""

    spec: DataflowSpec
    fabric: Fabric
    streams: Streams
    priced: Callable[[Row], Priced]
    _known: dict[object, Sized] = field(default_factory=dict, repr=False)

    def deep_fifos(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """What FIFOs take, by resource, that are deeper than the one priced with each stage."""
        rooms, taken = self.rooms(rows), dict[str, float]()
        for row in rows:
            own = {name: room for name, room in rooms.items() if name.startswith(fifo_of(row.layer, ""))}
            _add(taken, self.deep_fifos_of(row, own))
        return taken

    def deep_fifos_of(self, row: Row, rooms: Mapping[str, int]) -> Mapping[str, float]:
        """What the FIFOs of one row take, with so many pixels of room each."""
        priced = self.priced(row)
        stage, width = priced.stage, float(priced.cycles.width[0])
        bits = width * row.layer.precision.activation_bits
        taken: dict[str, float] = {}
        for name, room in rooms.items():
            if room > self.spec.fifo_pixels:
                behind_windows = name == fifo_of(row.layer, "compute") and stage.windows is not None
                words = room * (stage.kernel if behind_windows else 1) * stage.channels_in / width
                _add(taken, self.fabric.fifo(words, bits))
        return taken

    def rooms(self, rows: Sequence[Row]) -> Mapping[str, int]:
        """Pixels of room in FIFOs in front of layers and of parts. InputError: the YAML names others."""
        return self._sized(rows).rooms

    def kept_pace(self, rows: Sequence[Row]) -> int | None:
        """The pace of the slowest stage where it is known that the FIFOs keep it, None where it is not.

        No FIFO fills with pixels that come evenly at that pace. Where memory brings each at least as soon, no
        part ends later (start times are a max-plus function of the times that firings take).
        """
        return self._sized(rows).kept_pace

    def _sized(self, rows: Sequence[Row]) -> Sized:
        key = tuple((row.layer.name, row.layer.precision, *row.mapping.values()) for row in rows)
        if key not in self._known:
            self._known[key] = self._size(rows)
        return self._known[key]

    def _size(self, rows: Sequence[Row]) -> Sized:
        channels = fifo_channels(self._stages(rows, {}))
        given, least = self.spec.fifos, self.spec.fifo_pixels
        for name in given:
            if name not in channels:
                raise InputError(f"fifos: {name!r} is none of {', '.join(channels)}")

        def build(rooms: Mapping[str, int | None], count: int, pace: int | None) -> TimedGraph:
            return self.graph(rows, {**rooms, **given}, count, pace)

        pace = round(max(float(self.priced(row).interval[0]) for row in rows))
        in_order = self._stage_by_stage(rows, pace)
        enough = in_order or enough_room(build, channels, least, pace)
        if self.spec.fifo_sizing == "smallest":
            free = {name: room for name, room in enough.items() if name not in given}
            enough = smallest_rooms(build, free, least)
        elif in_order and self._brings_in_time(rows, pace):
            return Sized(in_order, pace)
        return Sized({**enough, **given}, None)

    def _brings_in_time(self, rows: Sequence[Row], pace: int) -> bool:
        """Whether memory, the host's call included, brings every pixel in its even share of the pace."""
        made = {tensor.name for row in rows for tensor in row.layer.outputs}
        return all(
            self.streams.host_cycles + self.streams.pixel_cycles(tensor, row.layer.precision.activation_bits)
            <= pace // self.streams.pixels(tensor)
            for row in rows
            for tensor in row.layer.inputs
            if tensor.name not in made
        )

    def _stage_by_stage(self, rows: Sequence[Row], pace: int) -> dict[str, int] | None:
        """Room that is enough, without the kernel's events; None where some stage waits for room."""
        if self.spec.fifos:
            return None
        upstream, found = Upstream(self, [row.layer for row in rows], pace), dict[str, int]()
        for row in rows:
            rooms, upstream = upstream.sized(row)
            if rooms is None:
                return None
            found |= rooms
        return found

    def times_in(self, tensor: Tensor, pace: int) -> Times:
        """When the pixels of an input of the network come."""
        feed = watched(paced_feed(self.streams.pixels(tensor), pace))
        return feed.given(feed.ends({}), "out")

    def drained(self, tensor: Tensor, layer: Layer) -> Firings:
        """What takes away an output of the network."""
        return watched(self._drain(tensor, layer))

    def flow(self, row: Row) -> StageFlow:
        priced = self.priced(row)
        return StageFlow.of(stage_parts(priced.stage, priced.cycles, 0))

    def _stages(self, rows: Sequence[Row], rooms: Mapping[str, int | None]) -> list[Stage]:
        stages = []
        for row in rows:
            priced = self.priced(row)
            fifos = tuple(
                rooms.get(fifo_of(row.layer, input_port(place)), self.spec.fifo_pixels)
                for place in range(len(row.layer.inputs))
            )
            first, *others = stage_parts(priced.stage, priced.cycles, 0)
            inner = [
                replace(part, fifo=rooms.get(fifo_of(row.layer, part.name), self.spec.fifo_pixels))
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
        sink = {name: self._drain(t, layer) for name, (t, layer) in made.items() if name not in read}
        return pipeline_graph(self._stages(rows, rooms), source=source, sink=sink, inputs=inputs)

    def _drain(self, tensor: Tensor, layer: Layer) -> Node:
        bits = layer.precision.output_bits
        return drain(self.streams.pixels(tensor), self.streams.pixel_cycles(tensor, bits))

    def _source(self, tensor: Tensor, layer: Layer, pace: int | None) -> Node:
        """The host's call and the input from memory; or an input every `pace` cycles, evenly."""
        count = self.streams.pixels(tensor)
        if pace is not None:
            return paced_feed(count, pace)
        transfer = self.streams.pixel_cycles(tensor, layer.precision.activation_bits)
        return sequence(Firing(self.streams.host_cycles), feed(count, transfer))


def _add(total: dict[str, float], more: Mapping[str, float]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0.0) + count
