"""Work on a tile as a sum of products: of its pixels, of its output and of its input channels.

So the work on all tiles of a layer is a sum of products, too: of sums over rows and columns, over output and
over input channels, each of which is known by itself. Every factor is at least 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster import core_kernels as kernels
from archsim.accelerators.cluster.core_kernels import Cores
from archsim.accelerators.cluster.engines import blocks_of, first_load, passes, patches
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.work import Site, balance

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Product:
    """pixels(p, q) × outputs(k) × inputs(c), and × the partial sums that are passed if `sums`."""

    pixels: Callable[[Array, Array], Array]
    outputs: Callable[[Array], Array]
    inputs: Callable[[Array], Array]
    sums: bool = False


@dataclass(frozen=True)
class WorkProducts:
    """Of one way to divide a tile (see `work.Busy`): cycles until it is done, the engine's own, core-cycles.

    `cycles_least`: cycles are no less than this, either, which groups of tiles tell more of. Where engine and
    cores share a tile, both are bounds from below; else `cycles` are exact.
    """

    cycles: tuple[Product, ...]
    cycles_least: tuple[Product, ...]
    engine: tuple[Product, ...]
    cores: tuple[Product, ...]

    @property
    def parts(self) -> Literal["cycles", "bound"]:
        """Which of the two bounds the work on some of the tiles: the one of fewer terms."""
        return "bound" if 0 < len(self.cycles_least) < len(self.cycles) else "cycles"


def products_of(site: Site, shape: Shape, way: str) -> WorkProducts:
    unit, _, detail = way.partition(":")
    tile = site.spec.overheads.tile_cycles
    if unit == "cores":
        own = _on_cores(site.cores, shape, detail)
        working = tuple(_balanced(product, site.cores.count, detail) for product in own)
        pixels, channels = _busiest(site.cores, detail)
        least = (
            ()
            if shape.depthwise
            else (own[0], *_at_least(site.cores, shape, pixels, channels), _constant(tile))
        )
        return WorkProducts((*own, _constant(tile)), least, (), working)
    if unit == "engine":
        own = _on_engine(site, shape, 0)
        return WorkProducts((*own, _constant(tile)), (), own, ())
    return _shared(site, shape, int(detail))


def _constant(cycles: float) -> Product:
    """Of every tile."""
    return Product(_one_pixel, np.ones_like, lambda c: np.full_like(c, cycles))


def _one_pixel(p: Array, q: Array) -> Array:
    return np.ones_like(p * q)


def _on_engine(site: Site, shape: Shape, rows: int) -> tuple[Product, ...]:
    """Of a tile whose `rows` the cores take, if it has more than those."""
    given, precision = site.spec.engine, site.precision
    assert given is not None
    kind = given.kind

    def of_tile(p: Array, q: Array) -> Array:
        return patches(kind, shape, p - np.where(p > rows, rows, 0), q)

    def block(part: str) -> Callable[[Array], Array]:
        return lambda k: getattr(blocks_of(kind, shape, precision, k), part)

    return (
        Product(of_tile, block("a_pass"), lambda c: passes(kind, shape, precision, c)),
        Product(of_tile, block("once"), np.ones_like),
        Product(of_tile, block("sums"), np.ones_like, sums=True),
        _constant(given.setup_cycles + first_load(kind, shape)),
    )


def _shared(site: Site, shape: Shape, rows: int) -> WorkProducts:
    """Both units are at work until the slower one is done."""
    given = site.spec.engine
    assert given is not None
    own, tile = _on_engine(site, shape, rows), site.spec.overheads.tile_cycles

    def divided(p: Array, q: Array) -> Array:
        return np.where(p > rows, 1.0, 0.0) * np.ones_like(q)

    def pixels(p: Array, q: Array) -> Array:
        return rows * divided(p, q) * q

    def evenly(p: Array, q: Array) -> Array:
        return pixels(p, q) / site.cores.count

    either = Product(divided, np.ones_like, lambda c: np.full_like(c, given.share_cycles)), _constant(tile)
    by_cores = _at_least(site.cores, shape, evenly, np.array)
    return WorkProducts(
        (*own, *either), (*by_cores, *either), own, _at_least(site.cores, shape, pixels, np.array)
    )


def _at_least(
    cores: Cores, shape: Shape, pixels: Callable[[Array, Array], Array], channels: Callable[[Array], Array]
) -> tuple[Product, ...]:
    """Had every pixel and output the part of a block that takes least."""
    slow = cores.cycles_per_instruction
    return (
        Product(pixels, channels, lambda c: kernels.least_output(cores, shape, c) * slow),
        Product(pixels, np.ones_like, lambda c: kernels.least_pixel(cores, shape, c) * slow),
    )


def _on_cores(cores: Cores, shape: Shape, split: str) -> tuple[Product, ...]:
    """`core_kernels.contraction_cycles`, multiplied out."""
    slow = cores.cycles_per_instruction
    pixels, channels = _busiest(cores, split)
    if shape.depthwise:
        start = _constant(kernels.TILE * slow)
        return (
            start,
            Product(
                lambda p, q: kernels.depthwise_channel(cores, shape, split, p, q) * slow,
                channels,
                np.ones_like,
            ),
        )
    found = [_constant((kernels.TILE_IN_PLACE if shape.pointwise else kernels.TILE) * slow)]
    wide, most = cores.loop.channels, cores.loop.pixels
    for at_a_time in (most, 1):

        def groups(p: Array, q: Array, at_a_time: int = at_a_time) -> Array:
            whole, left = kernels.divided(pixels(p, q), most)
            return left if at_a_time == 1 else whole

        def gathered(c: Array, at_a_time: int = at_a_time) -> Array:
            return np.ones_like(c) * kernels.group_cycles(cores, shape, c * shape.taps, at_a_time) * slow

        found.append(Product(groups, np.ones_like, gathered))
        for block in (wide, 1):

            def blocks(k: Array, block: int = block) -> Array:
                whole, left = kernels.divided(channels(k), wide)
                return left if block == 1 else whole

            def cycles(c: Array, block: int = block, at_a_time: int = at_a_time) -> Array:
                return cores.block_cycles(c * shape.taps, block, at_a_time) * slow

            found.append(Product(groups, blocks, cycles))
    passing = Product(pixels, channels, lambda c: np.full_like(c, kernels.SUM_INSTRUCTIONS * slow), sums=True)
    return (*found, passing)


def _busiest(cores: Cores, split: str) -> tuple[Callable[[Array, Array], Array], Callable[[Array], Array]]:
    """Pixels and channels of the core that has most to do."""

    def pixels(p: Array, q: Array) -> Array:
        return kernels.busiest_share(cores.count, split, p, q, np.ones_like(p))[0]

    def channels(k: Array) -> Array:
        one = np.ones_like(k)
        return kernels.busiest_share(cores.count, split, one, one, k)[1]

    return pixels, channels


def _balanced(product: Product, count: int, split: str) -> Product:
    """Core-cycles at work: the others wait for the one that has most to do."""
    one = np.ones(1)
    if split == "channels":
        outputs = product.outputs

        def by_channels(k: Array) -> Array:
            return outputs(k) * count * balance(count, split, one, one, k)

        return Product(product.pixels, by_channels, product.inputs, product.sums)
    pixels = product.pixels

    def by_pixels(p: Array, q: Array) -> Array:
        return pixels(p, q) * count * balance(count, split, p, q, one)

    return Product(by_pixels, product.outputs, product.inputs, product.sums)
