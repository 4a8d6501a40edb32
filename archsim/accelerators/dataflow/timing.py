"""Cycles of a stage's parts for one input, for every row of a table at once.

FINN's expected cycles (finn/custom_op/fpgadataflow, `get_exp_cycles`), which its tests compare with RTL
simulation to 10 to 15 cycles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dataflow.shape import StageShape

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class StageCycles:
    """Arrays, one entry a row.

    pixel: of the compute part for an output pixel; width: channels that the parts before it stream at a time;
    parallel: its windows come whole from registers, at the rate of the pixels.
    """

    pixel: Int
    compute: Int
    width: Int
    pad_width: Int
    parallel: npt.NDArray[np.bool_]
    window: Int
    padding: Int
    load: Int

    @property
    def interval(self) -> Int:
        """Cycles between inputs that the stage can keep."""
        return np.maximum.reduce([self.compute + self.load, self.window, self.padding])

    @property
    def in_time(self) -> Int:
        """(rows, figures) that decide when pixels come and go: equal for rows that are alike in time."""
        figures = [self.pixel, self.width, self.pad_width, self.parallel.astype(np.int64), self.load]
        return np.stack(figures, axis=1)

    @property
    def bound_by(self) -> npt.NDArray[np.str_]:
        names = np.array(["compute", "window", "padding"])
        return names[np.argmax([self.compute + self.load, self.window, self.padding], axis=0)]


def stage_cycles(stage: StageShape, pe: Int, simd: Int, padding_width: int | None = None) -> StageCycles:
    """`pe` rows (or channels) and `simd` products of each at once, (rows,) each.

    `padding_width`: channels that the padding streams at once; None: the fewest that do not hold up the rest.
    """
    pixel = _pixel_cycles(stage, pe, simd)
    compute = pixel * stage.pixels_out
    nothing = np.zeros_like(pixel)
    width = stream_width(stage, pe, simd)
    window, parallel = nothing, np.zeros(len(pixel), dtype=bool)
    if stage.windows is not None and stage.disjoint:
        compute = pixel * stage.windows.image[0] * stage.windows.image[1]
    elif stage.windows is not None:
        window, parallel = _window_cycles(stage, width, compute)
    pace = np.maximum(compute, window)
    pad_width = nothing + padding_width if padding_width else _padding_width(stage, pace)
    whole = stage.padded[0] * stage.padded[1]
    padding = whole * (stage.channels_in // pad_width) if stage.is_padded else nothing
    load = nothing
    if stage.is_loaded:
        load = nothing + stage.groups * -(-stage.rows * stage.products // (pe * simd))
    return StageCycles(pixel, compute, width, pad_width, parallel, window, padding, load)


def _pixel_cycles(stage: StageShape, pe: Int, simd: Int) -> Int:
    if stage.kind in ("matrix", "depthwise"):
        return stage.groups * (stage.rows // pe) * (stage.products // simd)
    if stage.kind == "pool" and not stage.disjoint:
        return (stage.channels_in // pe) * stage.products
    return max(stage.channels_in, stage.channels_out) // pe


def stream_width(stage: StageShape, pe: Int, simd: Int) -> Int:
    """Channels at a time into the stage: what its folding reads, so that a converter is only in between."""
    if stage.kind == "matrix":
        return np.gcd(simd, stage.channels_in)
    return np.gcd(pe, stage.channels_in)


def _window_cycles(stage: StageShape, width: Int, compute: Int) -> tuple[Int, npt.NDArray[np.bool_]]:
    """From a line buffer; in parallel where that would hold the stage up and all channels come at once."""
    windows = stage.windows
    assert windows is not None
    words = stage.channels_in // width
    line = np.maximum(windows.outputs[1] * stage.kernel * words, windows.stride[0] * windows.image[1] * words)
    buffered = windows.first * words + windows.outputs[0] * line
    streamed = windows.image[0] * windows.image[1] * words
    parallel = (buffered > np.maximum(compute, streamed)) & (width == stage.channels_in)
    return np.where(parallel, streamed, buffered), parallel


def _padding_width(stage: StageShape, pace: Int) -> Int:
    """The narrowest stream of zeros and pixels that does not hold up the rest, if any."""
    whole = stage.padded[0] * stage.padded[1]
    chosen = np.full_like(pace, stage.channels_in)
    for divisor in sorted(
        (d for d in range(1, stage.channels_in + 1) if stage.channels_in % d == 0), reverse=True
    ):
        fits = whole * (stage.channels_in // divisor) <= pace
        chosen = np.where(fits, divisor, chosen)
    return chosen
