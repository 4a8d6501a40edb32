"""Candidate tilings for the classical dataflows: C·R·S is one flattened loop, as the array sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archsim.accelerators.systolic import axes, tile_sizes
from archsim.accelerators.systolic.flat_pixels import DIM, flat_pixel_axis
from archsim.accelerators.systolic.folds import DATAFLOWS
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.spec import Array
from archsim.accelerators.systolic.windows import Nesting
from archsim.workloads.layer import Contraction

WIDTH_MULTIPLES = (1, 4, 16, 2, 8)
"""Tiles of so many array widths are always tried (with several tiers the first three): they leave no fold
half empty."""


def stationary_nests(c: Contraction, array: Array, levels: int, most: int) -> list[Nest]:
    """About `most` tile sizes a dimension and level, plus multiples of the array.

    Where pixels lie over rows or columns there is a second nest, whose tiles are runs of pixels.
    """
    flow = DATAFLOWS[array.dataflow]
    width = {flow.rows: array.rows, flow.columns: array.columns}

    def multiples(axis: str) -> list[int]:
        tried = WIDTH_MULTIPLES if levels == 1 else WIDTH_MULTIPLES[:3]
        return [width[axis] * times for times in tried] if axis in width else []

    n = axes.channel_axis(c, tile_sizes.channel_nestings(c, levels, most, multiples("N")))
    k = axes.product_axis(c, tile_sizes.product_nestings(c, levels, most, multiples("K")))
    pixels = [axes.pixel_axis(c, tile_sizes.pixel_nestings(c, levels, most, multiples("M")))]
    is_flat_already = c.B == c.Q == 1
    if "M" in width and not is_flat_already:
        runs = tile_sizes.flat_nestings(c.B * c.P * c.Q, levels, multiples("M"))
        pixels += [flat_pixel_axis(c, runs)] if runs else []
    return [Nest(m=m, n=n, k=k) for m in pixels]


def single_stationary_nest(c: Contraction, tiles: Mapping[str, Sequence[int]]) -> Nest:
    """The nest of one chosen tiling: tile sizes by dimension (B, P, Q or BPQ; K; CRS), outermost first."""

    def chosen(*dims: str) -> list[tuple[Nesting, ...]]:
        return [tuple(tuple(int(t) for t in tiles[dim]) for dim in dims)]

    flat = DIM in tiles
    return Nest(
        m=flat_pixel_axis(c, chosen(DIM)) if flat else axes.pixel_axis(c, chosen("B", "P", "Q")),
        n=axes.channel_axis(c, chosen("K")),
        k=axes.product_axis(c, chosen("CRS")),
    )
