"""Layouts of a layer, kept where it is asked for again and again with its operands in other places."""

from __future__ import annotations

from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.space import Layout, layouts_of
from archsim.accelerators.cluster.tiles import Choice
from archsim.accelerators.cluster.work import Site

MOST_KEPT = 50_000
"""Tiles of all ways of one layer, some 500 bytes each."""


def layouts_kept(shape: Shape, site: Site, choice: Choice) -> list[Layout]:
    """`layouts_of`, whatever is around the layer; worked out once where the site keeps them."""
    if site.layouts is None:
        return layouts_of(shape, site, choice)
    if shape in site.layouts:
        return site.layouts[shape]
    layouts = layouts_of(shape, site, choice)
    if sum(len(layout.tiles) * len(layout.work) for layout in layouts) <= MOST_KEPT:
        site.layouts[shape] = layouts
    return layouts
