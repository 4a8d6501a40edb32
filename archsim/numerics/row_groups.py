"""Which products of an output share a conversion: the rows of an array that are active at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.crossbar import Crossbar


@dataclass(frozen=True, slots=True)
class RowGroup:
    """`rows`: places in the flattened products (channel, then taps) in the order of the array's rows.

    `channels` is the range of input channels that they touch; `array` counts arrays down the rows.
    """

    rows: NDArray[np.intp]
    channels: tuple[int, int]
    array: int


def row_groups(shape: tuple[int, ...], crossbar: Crossbar) -> list[RowGroup]:
    """Groups of at most `crossbar.rows_at_once` rows; `shape` is one output's: (channels, *taps).

    An array holds `crossbar.rows` rows, and no group reaches from one array into the next.
    """
    places = np.arange(int(np.prod(shape)), dtype=np.intp).reshape(shape[0], -1)
    order = (places if crossbar.row_order == "kernel" else places.T).reshape(-1)
    taps = places.shape[1]
    found: list[RowGroup] = []
    for array, start in enumerate(range(0, len(order), crossbar.rows)):
        stored = order[start : start + crossbar.rows]
        for first in range(0, len(stored), crossbar.rows_at_once):
            rows = stored[first : first + crossbar.rows_at_once]
            touched = rows // taps
            found.append(RowGroup(rows, (int(touched.min()), int(touched.max()) + 1), array))
    return found
