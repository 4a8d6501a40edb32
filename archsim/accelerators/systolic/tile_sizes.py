"""Which nested tile sizes are worth trying where not all of them can be (see `complete_axes` for all)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from archsim.accelerators.systolic.extents import tile_candidates
from archsim.accelerators.systolic.windows import Nesting
from archsim.workloads.layer import Contraction


def pixel_nestings(
    c: Contraction, levels: int, most: int, widths: Sequence[int]
) -> list[tuple[Nesting, ...]]:
    """Tiles of (B, P, Q) worth trying; `widths` are tile sizes that fill the array exactly."""
    few = max(2, most // 3)
    return list(
        product(
            _nestings(c.B, levels, min(few, 3)),
            _nestings(c.P, levels, most, widths if c.Q == 1 else ()),
            _nestings(c.Q, levels, few),
        )
    )


def flat_nestings(size: int, levels: int, widths: Sequence[int]) -> list[tuple[Nesting, ...]]:
    """Runs of pixels that fill the array exactly (see `flat_pixels`)."""
    return [(n,) for n in _chains([w for w in widths if w < size], levels)]


def channel_nestings(
    c: Contraction, levels: int, most: int, widths: Sequence[int]
) -> list[tuple[Nesting, ...]]:
    return [(n,) for n in _nestings(c.K, levels, most, widths)]


def product_nestings(
    c: Contraction, levels: int, most: int, widths: Sequence[int]
) -> list[tuple[Nesting, ...]]:
    """Tiles of C·R·S worth trying: whole channels, and `widths` that fill the array exactly."""
    kernel = c.R * c.S
    channels = [t * kernel for t in tile_candidates(c.C, most if levels == 1 else max(3, most // levels))]
    return [(n,) for n in _nestings(c.C * kernel, levels, 2, (*channels, *widths))]


def _nestings(size: int, levels: int, most: int, preferred: Sequence[int] = ()) -> list[Nesting]:
    """Every non-increasing choice of one tile size a level; the more levels, the fewer sizes are tried."""
    per_level = most if levels == 1 else max(3, most // levels)
    sizes = tile_candidates(size, per_level, tuple(preferred))
    return _chains(sizes, levels)


def _chains(sizes: Sequence[int], levels: int) -> list[Nesting]:
    """Every non-increasing choice of one size a level."""
    chains: list[Nesting] = [()]
    for _ in range(levels):
        chains = [(*chain, t) for chain in chains for t in sizes if not chain or t <= chain[-1]]
    return chains
