"""Layers as the stages of one pipeline: what every streaming machine's program is made of."""

from archsim.accelerators.pipeline.program import Part, Stage, pipeline_graph
from archsim.accelerators.pipeline.schedules import Windows, drain, feed, padding, per_pixel, window_reads

__all__ = [
    "Part",
    "Stage",
    "Windows",
    "drain",
    "feed",
    "padding",
    "per_pixel",
    "pipeline_graph",
    "window_reads",
]
