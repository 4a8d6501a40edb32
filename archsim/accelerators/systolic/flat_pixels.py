"""The M axis cut into runs of consecutive output pixels, as an array that lays pixels over its rows sees it.

A rectangle of output pixels rarely fills such an array exactly; a run of pixels does. Of every image it
touches, a run needs the input rows under its first to its last output row (and only the columns it covers
when it stays within one row).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from archsim.accelerators.systolic.axes import PixelAxis, axis_of, field_values
from archsim.accelerators.systolic.extents import input_window
from archsim.accelerators.systolic.windows import Nesting, outer_tiles
from archsim.workloads.layer import Contraction

DIM = "BPQ"


def flat_pixel_axis(c: Contraction, nestings: Sequence[tuple[Nesting, ...]]) -> PixelAxis:
    """The M axis with these nested runs of pixels."""
    base = axis_of((DIM,), (c.B * c.P * c.Q,), nestings)
    levels = base.tiles.shape[1]
    shape = (len(nestings), levels, 1)
    windows = [
        [
            [pixels_read(c, start, length) for start, length in outer_tiles(base.size, n[0][: level + 1])]
            for level in range(levels)
        ]
        for n in nestings
    ]
    return PixelAxis(
        **field_values(base),
        window_sum=np.array([[sum(w) for w in row] for row in windows], dtype=np.int64).reshape(shape),
        window_max=np.array([[max(w) for w in row] for row in windows], dtype=np.int64).reshape(shape),
        window_first=np.array([row[0][0] for row in windows], dtype=np.int64),
    )


def pixels_read(c: Contraction, start: int, length: int) -> int:
    """Input rows × columns, over all images, under the output pixels start .. start + length − 1."""
    return sum(
        _window(c, 0, first // c.Q, last // c.Q)
        * (
            _window(c, 1, first % c.Q, last % c.Q)
            if first // c.Q == last // c.Q
            else _window(c, 1, 0, c.Q - 1)
        )
        for first, last in _in_images(start, length, c.P * c.Q)
    )


def _in_images(start: int, length: int, image: int) -> Iterator[tuple[int, int]]:
    """(first, last) output pixel within each image that the run touches."""
    end = start + length
    while start < end:
        stop = min(end, (start // image + 1) * image)
        yield start % image, (stop - 1) % image
        start = stop


def _window(c: Contraction, side: int, first: int, last: int) -> int:
    """Distinct input rows (side 0) or columns (side 1) under outputs first .. last."""
    count, kernel = last - first + 1, (c.R, c.S)[side]
    pad = c.padding[side] - first * c.stride[side]
    window = input_window(count, count, kernel, c.stride[side], c.dilation[side], pad, c.input_size[side])
    return window[0]
