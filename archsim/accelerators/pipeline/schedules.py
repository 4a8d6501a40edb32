"""What a part of a stage does for one input, pixel by pixel, in raster order."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.kernel.schedule import Firing, Loop, Node, sequence


def feed(pixels: int, cycles: int) -> Node:
    """A source: a pixel every so many cycles."""
    return Loop(pixels, [Firing(cycles, give={"out": 1})])


def paced_feed(pixels: int, cycles: int) -> Node:
    """A source that spreads its pixels evenly over so many cycles."""
    each, more = divmod(cycles, pixels)
    if not more:
        return feed(pixels, each)
    between, left = divmod(pixels - more, more)
    slow, fast = (Firing(n, give={"out": 1}) for n in (each + 1, each))
    return sequence(Loop(more, [slow, Loop(between, [fast])]), Loop(left, [fast]))


def drain(pixels: int, cycles: int) -> Node:
    """A sink: takes a pixel in so many cycles."""
    return Loop(pixels, [Firing(cycles, take={"in": 1})])


def per_pixel(pixels: int, cycles: int, ports: tuple[str, ...] = ("in",)) -> Node:
    """A pixel out for a pixel in (from each of `ports`), in so many cycles."""
    return Loop(pixels, [Firing(cycles, take=dict.fromkeys(ports, 1), give={"out": 1})])


def rated(pixels_in: int, pixels_out: int, cycles: int, ports: tuple[str, ...] = ("in",)) -> Node:
    """So many cycles for each pixel out, of as many pixels in as come to it.

    Where neither number divides the other (a transposition, say) everything is read before anything is made.
    """
    take, make = dict.fromkeys(ports, 1), Firing(cycles, give={"out": 1})
    if pixels_in == pixels_out:
        return per_pixel(pixels_out, cycles, ports)
    if pixels_in % pixels_out == 0:
        read = Loop(pixels_in // pixels_out - 1, [Firing(0, take=take)])
        return Loop(pixels_out, [read, Firing(cycles, take=take, give={"out": 1})])
    if pixels_out % pixels_in == 0:
        first = Firing(cycles, take=take, give={"out": 1})
        return Loop(pixels_in, [first, Loop(pixels_out // pixels_in - 1, [make])])
    return sequence(Loop(pixels_in, [Firing(0, take=take)]), Loop(pixels_out, [make]))


def padding(
    size: tuple[int, int], pad: tuple[int, int, int, int], cycles: int, spread: tuple[int, int] = (1, 1)
) -> Node:
    """An image (rows, columns) with zeros around it (top, left, bottom, right), in so many cycles a pixel.

    `spread`: zeros between its pixels, too, so that one stands every so many rows and columns.
    """
    rows, columns = size
    top, left, bottom, right = pad
    down, across = spread
    zero, copy = Firing(cycles, give={"out": 1}), Firing(cycles, take={"in": 1}, give={"out": 1})
    apart = [Loop(columns - 1, [copy, Loop(across - 1, [zero])]), copy]
    line = [Loop(left, [zero]), *apart, Loop(right, [zero])]
    width = left + (columns - 1) * across + 1 + right
    between = Loop((down - 1) * width, [zero])
    return sequence(
        Loop(top * width, [zero]), Loop(rows - 1, [*line, between]), *line, Loop(bottom * width, [zero])
    )


@dataclass(frozen=True)
class Windows:
    """Windows over a padded image: sizes as (rows, columns); `reach` is the window's extent with dilation."""

    image: tuple[int, int]
    reach: tuple[int, int]
    stride: tuple[int, int]
    outputs: tuple[int, int]

    @property
    def first(self) -> int:
        """Pixels that must be in before the first window is whole; a line buffer holds as many."""
        return (self.reach[0] - 1) * self.image[1] + self.reach[1]

    @property
    def read(self) -> int:
        """Pixels read by the time the last window is whole."""
        rows, columns = (
            (n - 1) * s + r for n, s, r in zip(self.outputs, self.stride, self.reach, strict=True)
        )
        return (rows - 1) * self.image[1] + columns


def window_reads(windows: Windows, read_cycles: int, window_cycles: int) -> Node:
    """A window generator: it fills its line buffer, then makes a window and reads on at the same time.

    A line of windows takes the longer of its reads and its writes (FINN's ConvolutionInputGenerator_rtl,
    `default` style). A single part, so two images do not overlap in it.
    """
    (rows, width), (lines, right) = windows.image, windows.outputs
    down, across = windows.stride
    # pixels that come in while a window is made do so one by one: no FIFO must hold several
    window = [Firing(window_cycles, take={"in": 1}, give={"out": 1}), Loop(across - 1, [_READ])]
    made = [Loop(right - 1, window), Firing(window_cycles, give={"out": 1})]
    spare = max(0, down * width * read_cycles - right * window_cycles)
    return sequence(
        Loop(windows.first, [Firing(read_cycles, take={"in": 1})]),
        Loop(lines - 1, [*made, _reads(down * width - (right - 1) * across, spare)]),
        *made,
        _reads(rows * width - windows.read, spare),
    )


def parallel_windows(windows: Windows, read_cycles: int) -> Node:
    """A window generator that holds all lines in registers: a window is whole when its last pixel is read.

    It takes the time of its reads (FINN's `parallel_window`; also a pool whose windows do not overlap).
    """
    (rows, width), (lines, right) = windows.image, windows.outputs
    down, across = windows.stride
    read = Firing(read_cycles, take={"in": 1})
    made = Firing(read_cycles, take={"in": 1}, give={"out": 1})
    line = [made, Loop(right - 1, [Loop(across - 1, [read]), made])]
    between = down * width - (right - 1) * across - 1
    return sequence(
        Loop(windows.first - 1, [read]),
        Loop(lines - 1, [*line, Loop(between, [read])]),
        *line,
        Loop(rows * width - windows.read, [read]),
    )


_READ = Firing(0, take={"in": 1})


def _reads(pixels: int, cycles: int) -> Node:
    """Pixels read in so many cycles together."""
    if not pixels:
        return Loop(1 if cycles else 0, [Firing(cycles)])
    each, more = divmod(cycles, pixels)
    return sequence(
        Loop(more, [Firing(each + 1, take={"in": 1})]), Loop(pixels - more, [Firing(each, take={"in": 1})])
    )
