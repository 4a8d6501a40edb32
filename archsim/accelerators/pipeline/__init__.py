"""Layers as the stages of one pipeline: what every streaming machine's program is made of."""

from archsim.accelerators.pipeline.program import Part, Stage, pipeline_graph
from archsim.accelerators.pipeline.schedules import (
    Windows,
    drain,
    feed,
    paced_feed,
    padding,
    parallel_windows,
    per_pixel,
    rated,
    window_reads,
)

__all__ = [
    "Part",
    "Stage",
    "Windows",
    "drain",
    "feed",
    "paced_feed",
    "padding",
    "parallel_windows",
    "per_pixel",
    "pipeline_graph",
    "rated",
    "window_reads",
]
