"""Streams of pixels: what is padded, read and made is conserved; window generators keep FINN's cycles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from archsim.accelerators.pipeline import Windows, padding, window_reads
from archsim.kernel.schedule import Firing, Node, busy_cycles, iterate, leaf_counts


def tokens(schedule: Node) -> tuple[int, int]:
    """(taken, given) of a whole schedule."""
    leaves = [(leaf, times) for leaf, times in leaf_counts(schedule) if isinstance(leaf, Firing)]
    return (
        sum(leaf.take.get("in", 0) * times for leaf, times in leaves),
        sum(leaf.give.get("out", 0) * times for leaf, times in leaves),
    )


@st.composite
def windows(draw: st.DrawFn) -> Windows:
    image = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    reach = draw(st.tuples(st.integers(1, image[0]), st.integers(1, image[1])))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    rows, columns = ((n - r) // s + 1 for n, r, s in zip(image, reach, stride, strict=True))
    return Windows(image, reach, stride, (rows, columns))


@given(windows(), st.integers(1, 3), st.integers(1, 9))
def test_every_pixel_is_read_once_and_every_window_made_once(w: Windows, read: int, make: int) -> None:
    taken, given_ = tokens(window_reads(w, read, make))
    assert taken == w.image[0] * w.image[1]
    assert given_ == w.outputs[0] * w.outputs[1]


@given(windows(), st.integers(1, 3), st.integers(1, 9))
def test_cycles_are_those_of_finn(w: Windows, read: int, make: int) -> None:
    """ConvolutionInputGenerator_rtl.get_exp_cycles: fill, and a line the longer of its reads and writes."""
    line = max(w.outputs[1] * make, w.stride[0] * w.image[1] * read)
    assert busy_cycles(window_reads(w, read, make)) == w.first * read + w.outputs[0] * line


@given(windows(), st.integers(1, 3))
def test_no_window_is_made_before_its_pixels_are_in(w: Windows, make: int) -> None:
    read, made = 0, 0
    columns = w.outputs[1]
    for firing in iterate(window_reads(w, 1, make)):
        assert isinstance(firing, Firing)
        if firing.give:
            row, column = divmod(made, columns)
            rows_above = row * w.stride[0] + w.reach[0] - 1
            assert read >= rows_above * w.image[1] + column * w.stride[1] + w.reach[1]
            made += 1
        read += firing.take.get("in", 0)


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.integers(1, 4),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_padding_adds_its_zeros(
    size: tuple[int, int], pad: tuple[int, int, int, int], cycles: int, spread: tuple[int, int]
) -> None:
    """Around the image and between its pixels, each where a picture of it has one."""
    top, left, bottom, right = pad
    picture = np.zeros(((size[0] - 1) * spread[0] + 1, (size[1] - 1) * spread[1] + 1), dtype=int)
    picture[:: spread[0], :: spread[1]] = 1
    picture = np.pad(picture, ((top, bottom), (left, right)))
    schedule = padding(size, pad, cycles, spread)
    assert [firing.take.get("in", 0) for firing in iterate(schedule)] == picture.ravel().tolist()
    assert busy_cycles(schedule) == picture.size * cycles
