"""How one loop dimension falls into tiles: exact extents and counts, ragged edges included."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import ceil, gcd

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

Extents = tuple[tuple[int, int], ...]
"""(extent, how many tiles have it), at most one entry per distinct extent."""


@lru_cache(maxsize=100_000)
def nested_extents(size: int, tiles: tuple[int, ...]) -> Extents:
    """Extents of the innermost tiles when `size` is cut by tiles[0], each piece by tiles[1], and so on.

    The last piece of each cut is ragged: 10 cut by 4 is 4, 4, 2; cut again by 3 it is 3, 1, 3, 1, 2.
    """
    extents = {size: 1}
    for tile in tiles:
        pieces: dict[int, int] = {}
        for extent, count in extents.items():
            whole, rest = divmod(extent, tile)
            if whole:
                pieces[tile] = pieces.get(tile, 0) + whole * count
            if rest:
                pieces[rest] = pieces.get(rest, 0) + count
        extents = pieces
    return tuple(extents.items())


def pieces_of_cuts(size: int, cuts: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """`nested_extents` of many cuts (cuts, levels), level by level: (extents, counts), both (cuts, pieces);
    counts may be 0."""
    extents = np.full((len(cuts), 1), size)
    counts = np.ones((len(cuts), 1), dtype=np.int64)
    for tile in cuts.T[:, :, np.newaxis]:
        whole, rest = np.divmod(extents, tile)
        extents = np.concatenate([tile, np.maximum(rest, 1)], axis=1)
        counts = np.concatenate([(whole * counts).sum(axis=1, keepdims=True), counts * (rest > 0)], axis=1)
        yield extents, counts


@lru_cache(maxsize=100_000)
def input_window(
    size: int, tile: int, kernel: int, stride: int, dilation: int, pad: int, limit: int
) -> tuple[int, int]:
    """(sum over all tiles, largest tile) of the distinct input rows that tiles of output rows read.

    `size` output rows are cut into tiles of `tile`; output row i reads rows i·stride + r·dilation − pad for
    r in 0..kernel−1, of which only those in 0..limit−1 exist (padding is not fetched).
    """
    if kernel == stride == 1 and pad == 0 and limit >= size:
        return size, min(size, tile)
    total = largest = 0
    for start in range(0, size, tile):
        rows = _distinct_rows(start, min(tile, size - start), kernel, stride, dilation, pad, limit)
        total += rows
        largest = max(largest, rows)
    return total, largest


def _distinct_rows(
    start: int, count: int, kernel: int, stride: int, dilation: int, pad: int, limit: int
) -> int:
    first = start * stride - pad
    last = first + (count - 1) * stride + (kernel - 1) * dilation
    gapless = (dilation == 1 and (kernel >= stride or count == 1)) or (
        stride == 1 and (count >= dilation or kernel == 1)
    )
    if gapless:
        return max(0, min(last, limit - 1) - max(first, 0) + 1)
    rows = {first + i * stride + r * dilation for i in range(count) for r in range(kernel)}
    return sum(0 <= row < limit for row in rows)


@lru_cache(maxsize=100_000)
def channels_touched(size: int, tile: int, per_channel: int) -> tuple[int, int]:
    """(sum over tiles, largest) of the input channels that tiles of the flattened C·R·S loop touch.

    The loop runs channel by channel, `per_channel` = R·S products each.
    """
    total = largest = 0
    period = per_channel // gcd(per_channel, tile)
    full = size // tile
    pattern = [
        (start * tile + tile - 1) // per_channel - start * tile // per_channel + 1
        for start in range(min(period, full))
    ]
    if pattern:
        rounds, rest = divmod(full, len(pattern))
        total = rounds * sum(pattern) + sum(pattern[:rest])
        largest = max(pattern)
    if size % tile:
        touched = (size - 1) // per_channel - full * tile // per_channel + 1
        total, largest = total + touched, max(largest, touched)
    return total, largest


def channels_of_tiles(size: int, tiles: IntArray, per_channel: int) -> IntArray:
    """`channels_touched` of many tile sizes: (sizes, 2).

    A border between tiles that is none between channels makes one channel be touched twice. The largest tile
    is among those whose start goes through all offsets within a channel, or is the last.
    """
    counts = -(-size // tiles)
    period = per_channel // np.gcd(per_channel, tiles)
    total = size // per_channel + (counts - 1) - (counts - 1) // period
    largest = (size - 1) // per_channel - (counts - 1) * tiles // per_channel + 1
    for i in range(per_channel):
        offset = i * tiles % per_channel
        largest = np.where(
            i < counts - 1, np.maximum(largest, (offset + tiles - 1) // per_channel + 1), largest
        )
    return np.stack([total, largest], axis=1)


def tile_candidates(size: int, most: int, preferred: tuple[int, ...] = ()) -> list[int]:
    """At most about `most` tile sizes worth trying for a dimension, largest first.

    Only sizes of the form ceil(size / n) matter: any other wastes its last tile for nothing. When there are
    more than `most` of them, a geometric choice is kept, and `preferred` sizes (array widths and their
    multiples) are always kept.
    """
    useful = _even_cuts(size)
    kept = {t for t in preferred if 0 < t < size} | {1, size}
    if len(useful) > most:
        ratio = size ** (1 / max(1, most - 1))
        useful = {min(useful, key=lambda t, target=size / ratio**i: abs(t - target)) for i in range(most)}
    return sorted(kept | useful, reverse=True)


@lru_cache(maxsize=10_000)
def _even_cuts(size: int) -> frozenset[int]:
    """Every distinct ceil(size / n)."""
    root = int(size**0.5) + 1
    return frozenset(ceil(size / n) for n in range(1, root + 1)) | {
        t for t in range(1, root) if ceil(size / ceil(size / t)) == t
    }
