"""How dimensions fall into tiles, against cutting a range into pieces."""

from collections import Counter
from itertools import pairwise
from math import ceil

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from archsim import Contraction
from archsim.accelerators.systolic.extents import (
    channels_touched,
    input_window,
    nested_extents,
    pieces_of_cuts,
    tile_candidates,
)
from archsim.accelerators.systolic.windows import lines_of_cuts, window

sizes = st.integers(1, 60)


def cut(pieces: list[range], tile: int) -> list[range]:
    return [piece[i : i + tile] for piece in pieces for i in range(0, len(piece), tile)]


@given(size=sizes, tiles=st.lists(sizes, max_size=4))
@example(size=10, tiles=[4, 3])
def test_nested_extents(size, tiles):
    pieces = [range(size)]
    for tile in tiles:
        pieces = cut(pieces, tile)
    extents = nested_extents(size, tuple(tiles))
    assert sorted(len(piece) for piece in pieces) == sorted(e for e, n in extents for _ in range(n))
    assert len({e for e, _ in extents}) == len(extents)
    assert all(n > 0 for _, n in extents)


@given(
    size=st.integers(1, 25),
    tile=st.integers(1, 30),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 4),
    pad=st.integers(-12, 8),
    limit=st.integers(1, 60),
)
@example(size=7, tile=3, kernel=1, stride=1, dilation=1, pad=0, limit=5)  # fewer rows than windows
@example(size=4, tile=2, kernel=3, stride=1, dilation=2, pad=0, limit=9)  # holes closed by neighbours, or not
@example(size=4, tile=1, kernel=3, stride=1, dilation=2, pad=0, limit=9)
def test_input_window(size, tile, kernel, stride, dilation, pad, limit):
    """`pad` is negative for a tile that starts further down."""
    read = [
        {row for i in piece for r in range(kernel) if 0 <= (row := i * stride + r * dilation - pad) < limit}
        for piece in cut([range(size)], tile)
    ]
    assert input_window(size, tile, kernel, stride, dilation, pad, limit) == (
        sum(map(len, read)),
        max(map(len, read)),
    )


@given(
    size=st.integers(1, 20),
    tiles=st.lists(st.integers(1, 20), min_size=1, max_size=3),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 5),
    dilation=st.integers(1, 4),
    pad=st.integers(0, 8),
    limit=st.integers(1, 60),
)
def test_lines_of_cuts(size, tiles, kernel, stride, dilation, pad, limit):
    """Many nested cuts at a time, against one after the other."""
    more = {"stride": (stride, 1), "dilation": (dilation, 1), "padding": (pad, 0, 0, 0)}
    c = Contraction(P=size, R=kernel, input_size=(limit, 1), **more)
    cuts = np.minimum.accumulate(np.minimum([tiles, tiles[::-1]], size), axis=1)
    total, largest = lines_of_cuts(c, cuts, 0)
    *_, (extents, counts) = pieces_of_cuts(size, cuts)
    for i, cut in enumerate(cuts.tolist()):
        nesting = ((1,) * len(cut), tuple(cut), (1,) * len(cut))
        for level in range(len(cut)):
            alone = window(c, nesting, level, (False, False))
            assert (total[i, level], largest[i, level]) == alone
        pieces = Counter()
        for extent, count in zip(extents[i].tolist(), counts[i].tolist(), strict=True):
            pieces[extent] += count
        assert +pieces == dict(nested_extents(size, tuple(cut)))


@given(size=st.integers(1, 200), tile=st.integers(1, 220), per_channel=st.integers(1, 30))
def test_channels_touched(size, tile, per_channel):
    touched = [len({i // per_channel for i in piece}) for piece in cut([range(size)], tile)]
    assert channels_touched(size, tile, per_channel) == (sum(touched), max(touched))


@given(
    size=st.integers(1, 4000), most=st.integers(1, 40), preferred=st.lists(st.integers(-2, 5000), max_size=5)
)
def test_tile_candidates(size, most, preferred):
    candidates = tile_candidates(size, most, tuple(preferred))
    assert all(a > b for a, b in pairwise(candidates))
    assert candidates[0] == size
    assert candidates[-1] == 1
    wanted = {t for t in preferred if 0 < t < size}
    assert wanted <= set(candidates)
    even = {ceil(size / n) for n in range(1, size + 1)}
    chosen = set(candidates) - wanted
    assert chosen <= even
    assert len(chosen) <= max(most, 1) + 2


@given(size=st.integers(1, 300))
def test_enough_room_keeps_every_even_cut(size):
    assert set(tile_candidates(size, size)) == {ceil(size / n) for n in range(1, size + 1)}
