"""Every way to run a product on the arrays: what is there at once, in how many copies, kept or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.layout import Layout, Product
from archsim.accelerators.crossbar.site import Site

Array = npt.NDArray[np.float64]
COUNTS = ("down", "across", "packs", "copies")
KEYS = ("row_order", "slice_bits", *COUNTS, "weights")


@dataclass(frozen=True)
class Ways:
    """Ways of one layout and slice width, an entry each.

    down × across × packs of the layout's blocks are in the arrays at once, `copies` times: each copy has
    windows of its own. Rounds of writing go through the rest (`resident`: there is nothing to write).
    """

    layout: Layout
    slice_bits: int
    down: Array
    across: Array
    packs: Array
    copies: Array
    resident: bool

    def __len__(self) -> int:
        return len(self.copies)

    @property
    def arrays(self) -> Array:
        return self.down * self.across * self.packs * self.copies

    @property
    def rounds_down(self) -> Array:
        return np.ceil(self.layout.down / self.down)

    @property
    def rounds_across(self) -> Array:
        return np.ceil(self.layout.across / self.across)

    @property
    def rounds(self) -> Array:
        return self.rounds_down * self.rounds_across * np.ceil(self.layout.packs / self.packs)

    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """By key of KEYS."""
        words = {"row_order": self.layout.order, "weights": "resident" if self.resident else "reload"}
        values: dict[str, Any] = {**words, "slice_bits": self.slice_bits}
        values |= {name: getattr(self, name).astype(np.int64) for name in COUNTS}
        return {key: np.broadcast_to(np.asarray(values[key]), len(self)) for key in KEYS}


def ways_of(site: Site, product: Product, layouts: list[Layout]) -> Iterator[Ways]:
    """All ways that the machine's arrays allow; none if weights must stay and do not fit."""
    for layout in layouts:
        for width in site.widths:
            if site.resident and product.static:
                yield from _resident(site, product, layout, width)
            if site.reload:
                yield _reload(site, product, layout, width)


def _resident(site: Site, product: Product, layout: Layout, width: int) -> Iterator[Ways]:
    if layout.arrays <= site.resident:
        copies = few(product.windows, site.resident // layout.arrays)
        yield _whole(layout, width, copies, resident=True)


def _reload(site: Site, product: Product, layout: Layout, width: int) -> Ways:
    """All blocks at once in some copies; or, if they do not fit, as many as do, in rounds."""
    room = site.reload
    if layout.arrays <= room:
        return _whole(layout, width, few(product.windows, room // layout.arrays), resident=False)
    down = few(layout.down, min(layout.down, room))
    across = np.minimum(layout.across, room // down)
    packs = np.minimum(layout.packs, np.maximum(1, room // (down * across)))
    copies = np.clip(room // (down * across * packs), 1, product.windows)
    return Ways(layout, width, *(a.astype(np.float64) for a in (down, across, packs, copies)), resident=False)


def _whole(layout: Layout, width: int, copies: npt.NDArray[np.int64], *, resident: bool) -> Ways:
    ones = np.ones(len(copies))
    return Ways(
        layout,
        width,
        layout.down * ones,
        layout.across * ones,
        layout.packs * ones,
        copies.astype(np.float64),
        resident,
    )


def few(total: int, most: int) -> npt.NDArray[np.int64]:
    """The least n for every value that ceil(total / n) takes, up to `most`: about 2 sqrt(total) numbers."""
    most = min(most, total)
    small = np.arange(1, isqrt(total) + 2, dtype=np.int64)
    shares = -(-total // small)  # every value of ceil(total / n) is among these or belongs to a small n
    numbers = np.unique(np.concatenate([small, -(-total // shares), shares]))
    numbers = numbers[numbers <= most]
    passes = -(-total // numbers)
    first = np.concatenate([[True], passes[1:] < passes[:-1]])
    return numbers[first]


def way_of(mapping: Mapping[str, Any], layout: Layout) -> Ways:
    """The one way of a row."""
    down, across, packs, copies = (np.array([float(mapping[key])]) for key in COUNTS)
    resident = str(mapping["weights"]) == "resident"
    return Ways(layout, int(mapping["slice_bits"]), down, across, packs, copies, resident)
