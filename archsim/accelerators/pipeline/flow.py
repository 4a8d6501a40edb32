"""What passes through a stage whose FIFOs never fill: when its pixels come out, and how many wait where.

In front of a stage stands what decides that: the stages before it, and the pace at which inputs come. Stages
behind it do not. So a pipeline's FIFOs can be sized stage by stage, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archsim.accelerators.pipeline.program import Part, input_port
from archsim.kernel.schedule import Loop, Node
from archsim.kernel.unbounded import Firings, Times

WATCHED_INPUTS = 3
"""Inputs that are watched: the pipeline is full with the first, and what repeats is seen with the others."""


@dataclass(frozen=True)
class StageFlow:
    """The parts of a stage in order, written out for the inputs that are watched."""

    parts: tuple[tuple[str, Firings], ...]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> StageFlow:
        return cls(tuple((part.name, watched(part.schedule)) for part in parts))

    def passed(self, arrivals: Sequence[Times]) -> tuple[Times, Mapping[str, int]]:
        """When pixels come out, given when those of its inputs come; and the most pixels that its FIFOs hold,
        by input (`in`, `in1` ...) or by the part behind them.
        """
        coming = {input_port(place): times for place, times in enumerate(arrivals)}
        held: dict[str, int] = {}
        for number, (name, firings) in enumerate(self.parts):
            ends = firings.ends(coming)
            for port, times in coming.items():
                held[name if number else port] = firings.most_held(ends, port, times)
            coming = {"in": firings.given(ends, "out")}
        return coming["in"], held


def watched(schedule: Node) -> Firings:
    return Firings.of(Loop(WATCHED_INPUTS, [schedule]))
