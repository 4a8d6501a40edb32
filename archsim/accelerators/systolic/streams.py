"""How the streamed axis of a stationary array is cut where its stationary operand is loaded anew.

At depth 0 the operand is loaded once for the whole axis, at depth d once for every tile that level d − 1 cuts
the axis into (see `Nest.depth`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

import numpy as np

from archsim.accelerators.systolic.axes import Axis, IntArray
from archsim.accelerators.systolic.extents import nested_extents
from archsim.accelerators.systolic.windows import Nesting


@dataclass(frozen=True)
class Streams:
    """Arrays are (candidates, depths).

    `loads`: how often the operand is loaded; `core_loads`: the same, added up over the cores that have
    something to stream. With overlapped folds a load hides behind the beats streamed before the next one:
    `exposed` is what is left of all loads, `exposed_last` of the last one, after which nothing follows.
    `beats` (candidates,): to stream every innermost tile once, each shared out over the cores.
    """

    beats: IntArray
    loads: IntArray
    core_loads: IntArray
    exposed: IntArray
    exposed_last: IntArray


def streams_of(axis: Axis, cores: int, load_cycles: int) -> Streams:
    """`load_cycles`: what the beats between two loads have to hide (0: folds don't overlap)."""
    candidates, levels = axis.tiles.shape
    once = np.ones((candidates, 1), dtype=np.int64)
    loads = np.concatenate([once, axis.counts], axis=1)
    nothing = np.zeros_like(loads)
    extents, number = axis.pieces
    beats = (-(-extents // cores) * number).sum(axis=1)
    if cores == 1 and load_cycles == 0:
        return Streams(beats, loads, loads, nothing, nothing)
    if levels == 1:
        return Streams(beats, loads, *_cut_once(axis, cores, load_cycles, beats))
    core_loads, exposed, last = loads.copy(), nothing.copy(), nothing.copy()
    for candidate in range(candidates):
        nesting = axis.nestings[candidate]
        for depth in range(levels + 1):
            tiles = list(tiles_at(axis.sizes, nesting, depth))
            core_loads[candidate, depth] = sum(n * cores_at_work(e, nesting, cores) for e, n in tiles)
            each = [(beats_of_tile(e, nesting, depth, cores), n) for e, n in tiles]
            exposed[candidate, depth] = sum(n * max(0, load_cycles - b) for b, n in each)
            final = beats_of_tile(last_tile(axis.sizes, nesting, depth), nesting, depth, cores)
            last[candidate, depth] = max(0, load_cycles - final)
    return Streams(beats, loads, core_loads, exposed, last)


def _cut_once(
    axis: Axis, cores: int, load_cycles: int, beats: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """(core_loads, exposed, exposed_last) with one level of tiles: depth 0 is the axis, depth 1 its tiles."""
    extents, counts = axis.pieces
    busy = [np.minimum(cores, axis.tiles[:, 0]), (np.minimum(cores, extents) * counts).sum(axis=1)]
    hidden = np.maximum(0, load_cycles - beats)
    each = np.maximum(0, load_cycles - -(-extents // cores))
    final = np.maximum(0, load_cycles - -(-axis.last[:, 0] // cores))
    return (
        np.stack(busy, axis=1),
        np.stack([hidden, (each * counts).sum(axis=1)], axis=1),
        np.stack([hidden, final], axis=1),
    )


def tiles_at(
    sizes: Sequence[int], nesting: Sequence[Nesting], depth: int
) -> Iterator[tuple[tuple[int, ...], int]]:
    """(extents by dimension, count) of the tiles at a depth."""
    for pieces in product(*(nested_extents(s, n[:depth]) for s, n in zip(sizes, nesting, strict=True))):
        yield tuple(e for e, _ in pieces), prod(k for _, k in pieces)


def beats_of_tile(extents: Sequence[int], nesting: Sequence[Nesting], depth: int, cores: int) -> int:
    """Beats to stream a tile of `depth`, innermost tile by innermost tile, each shared out over the cores."""
    inner = (nested_extents(e, n[depth:]) for e, n in zip(extents, nesting, strict=True))
    return sum(ceil(prod(e for e, _ in p) / cores) * prod(k for _, k in p) for p in product(*inner))


def cores_at_work(extents: Sequence[int], nesting: Sequence[Nesting], cores: int) -> int:
    """Cores that get something to stream in the tile's first innermost tile."""
    return min(cores, prod(min(e, n[-1]) for e, n in zip(extents, nesting, strict=True)))


def last_tile(sizes: Sequence[int], nesting: Sequence[Nesting], depth: int) -> tuple[int, ...]:
    extents = list(sizes)
    for level in range(depth):
        extents = [(e - 1) % n[level] + 1 for e, n in zip(extents, nesting, strict=True)]
    return tuple(extents)
