"""Candidate tilings for the classical dataflows: C·R·S is one flattened loop, as the array sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archsim.accelerators.systolic import axes
from archsim.accelerators.systolic.folds import DATAFLOWS
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.spec import Array
from archsim.workloads.layer import Contraction

WIDTH_MULTIPLES = (1, 4, 16, 2, 8)
"""Tiles of so many array widths are always tried (with several tiers the first three): they leave no fold
half empty."""


def stationary_nest(c: Contraction, array: Array, levels: int, most: int) -> Nest:
    """About `most` tile sizes a dimension and level, plus multiples of the array."""
    flow = DATAFLOWS[array.dataflow]
    width = {flow.rows: array.rows, flow.columns: array.columns}

    def multiples(axis: str) -> list[int]:
        tried = WIDTH_MULTIPLES if levels == 1 else WIDTH_MULTIPLES[:3]
        return [width[axis] * times for times in tried] if axis in width else []

    return Nest(
        m=axes.pixel_axis(c, axes.pixel_nestings(c, levels, most, multiples("M"))),
        n=axes.channel_axis(c, axes.channel_nestings(c, levels, most, multiples("N"))),
        k=axes.product_axis(c, axes.product_nestings(c, levels, most, multiples("K"))),
    )


def single_stationary_nest(c: Contraction, tiles: Mapping[str, Sequence[int]]) -> Nest:
    """The nest of one chosen tiling: tile sizes by dimension (B, P, Q, K, CRS), outermost level first."""

    def chosen(*dims: str) -> list[tuple[axes.Nesting, ...]]:
        return [tuple(tuple(int(t) for t in tiles[dim]) for dim in dims)]

    return Nest(
        m=axes.pixel_axis(c, chosen("B", "P", "Q")),
        n=axes.channel_axis(c, chosen("K")),
        k=axes.product_axis(c, chosen("CRS")),
    )
