"""The FIFOs of a dataflow pipeline stage by stage: what the stages before one, and the pace, decide."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from archsim.accelerators.dataflow.spec import DataflowSpec
from archsim.accelerators.machine import Row
from archsim.accelerators.pipeline.flow import StageFlow
from archsim.accelerators.pipeline.program import SINK_ROOM, fifo_of
from archsim.kernel.unbounded import Firings, Times
from archsim.workloads.layer import Layer, Tensor

Rooms = Mapping[str, int]


class Surroundings(Protocol):
    """What streams come from and go to, and what FIFOs are made of."""

    @property
    def spec(self) -> DataflowSpec: ...

    def times_in(self, tensor: Tensor, pace: int) -> Times: ...

    def drained(self, tensor: Tensor, layer: Layer) -> Firings: ...

    def flow(self, row: Row) -> StageFlow: ...

    def deep_fifos_of(self, row: Row, rooms: Rooms) -> Mapping[str, float]: ...


@dataclass(frozen=True, eq=False)
class Upstream:
    """The stages before a layer, of `layers` in order, where every stage keeps the pace and no FIFO fills.

    pace: cycles from one input to the next; times: when the pixels come of the tensors that are still read.
    """

    around: Surroundings
    layers: Sequence[Layer]
    pace: int
    place: int = 0
    times: Mapping[str, Times] = field(default_factory=dict)

    def sized(self, row: Row) -> tuple[Rooms | None, Upstream]:
        """Pixels of room in the FIFOs of the next stage, and what is before the stage after it.

        None where the stage waits for the network's output: its FIFOs then hold more than is seen here.
        """
        layer, rest = row.layer, self.layers[self.place + 1 :]
        arrivals = [self._arriving(tensor) for tensor in layer.inputs]
        out, held = self.around.flow(row).passed(arrivals)
        read = {tensor.name for later in rest for tensor in later.inputs}
        made = {tensor.name: out for tensor in layer.outputs}
        rooms = {fifo_of(layer, at): max(self.around.spec.fifo_pixels, most + 1) for at, most in held.items()}
        known = {
            **self.times,
            **{t.name: times for t, times in zip(layer.inputs, arrivals, strict=True)},
            **made,
        }
        after = {name: times for name, times in known.items() if name in read}
        waits = any(
            self._waits(tensor, row.layer, out) for tensor in layer.outputs if tensor.name not in read
        )
        return None if waits else rooms, replace(self, place=self.place + 1, times=after)

    def then(self, row: Row) -> tuple[Mapping[str, float], Upstream]:
        """What the next stage's FIFOs take at least, by resource, and what is before the stage after it."""
        rooms, after = self.sized(row)
        return {} if rooms is None else self.around.deep_fifos_of(row, rooms), after

    @property
    def key(self) -> Hashable:
        """Equal where all that comes later is: the same streams, but for a delay of all of them."""
        rest = self.layers[self.place :]
        known = {*self.times, *(tensor.name for layer in rest for tensor in layer.outputs)}
        alone = any(tensor.name not in known for layer in rest for tensor in layer.inputs)
        start = 0 if alone else min((int(times[0]) for times in self.times.values()), default=0)
        return self.place, tuple((name, (self.times[name] - start).tobytes()) for name in sorted(self.times))

    def _arriving(self, tensor: Tensor) -> Times:
        known = self.times.get(tensor.name)
        return self.around.times_in(tensor, self.pace) if known is None else known

    def _waits(self, tensor: Tensor, layer: Layer, times: Times) -> bool:
        drain = self.around.drained(tensor, layer)
        return drain.most_held(drain.ends({"in": times}), "in", times) >= SINK_ROOM
