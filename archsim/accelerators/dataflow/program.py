"""A folded stage as parts of a pipeline: padding, window generator, loading of a matrix, compute."""

from __future__ import annotations

from archsim.accelerators.dataflow.shape import StageShape
from archsim.accelerators.dataflow.timing import StageCycles
from archsim.accelerators.pipeline import Part, padding, parallel_windows, per_pixel, rated, window_reads
from archsim.kernel.schedule import Firing, Loop, Node, sequence


def stage_parts(stage: StageShape, cycles: StageCycles, row: int) -> tuple[Part, ...]:
    """The parts of one row of a table."""
    pixel, width = int(cycles.pixel[row]), int(cycles.width[row])
    parts: list[Part] = []
    if stage.is_padded:
        pad_cycles = stage.channels_in // int(cycles.pad_width[row])
        zeros = padding(stage.image, stage.padding, pad_cycles, stage.spread)
        parts.append(Part("pad", zeros, category="stream"))
    if stage.windows is None:
        parts.append(Part("compute", _compute(stage, pixel, int(cycles.load[row]))))
        return tuple(parts)
    words = stage.channels_in // width
    if stage.disjoint:
        parts.append(Part("compute", parallel_windows(stage.windows, pixel)))
    else:
        if cycles.parallel[row]:
            windows = parallel_windows(stage.windows, words)
        else:
            windows = window_reads(stage.windows, words, stage.kernel * words)
        parts.append(Part("window", windows, category="stream"))
        parts.append(Part("compute", per_pixel(stage.pixels_out, pixel)))
    return tuple(parts)


def _compute(stage: StageShape, pixel: int, load: int) -> Node:
    if stage.is_loaded:
        each, more = divmod(load, stage.loaded_pixels)
        loaded = [
            Loop(more, [Firing(each + 1, take={"in1": 1})]),
            Loop(stage.loaded_pixels - more, [Firing(each, take={"in1": 1})]),
        ]
        return sequence(*loaded, rated(stage.pixels_in, stage.pixels_out, pixel, ("in",)))
    ports = ("in", *(f"in{place}" for place in range(1, stage.inputs)))
    return rated(stage.pixels_in, stage.pixels_out, pixel, ports)
