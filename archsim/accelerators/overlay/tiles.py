"""Tiles of a matrix product in the engine's buffers: what is moved, how long it takes, in which order.

A layer is G products of an M × K with a K × N matrix (pixels × products, products × channels). Tiles of
m × n outputs are finished one by one, their products in chunks of k. The outer of the two tile loops is over
`rows` (inputs stay, weights come again) or `columns` (weights stay). A convolution's input tile is the rows
of the image that its pixels see, once; im2col happens between buffer and engine. The cost model is the usual
one of these designs (Zhang et al., FPGA 2015; HAO, FCCM 2021; HeatViT, HPCA 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from archsim.workloads.layer import Contraction, Layer

Int = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
ROWS, COLUMNS = 0, 1
ORDERS = ("rows", "columns")


@dataclass(frozen=True)
class Product:
    """A layer as the engine sees it."""

    groups: int
    m: int
    n: int
    k: int
    c: Contraction

    @classmethod
    def of(cls, layer: Layer) -> Product:
        c = layer.contraction
        assert c is not None
        m, n, k = c.gemm
        if c.is_depthwise and c.K == 1:  # channels side by side; each has its own products
            return cls(1, m, c.G, k, c)
        return cls(c.G, m, n, k, c)

    def input_elements(self, m: Int, k: Int) -> Array:
        """Of a tile: the rows of the image that m pixels see, the share k of the channels."""
        c = self.c
        if c.R * c.S == 1 and c.stride == (1, 1):
            return (m * k).astype(np.float64)
        columns = max(1, c.Q)
        lines = np.minimum(np.ceil(m / columns), c.P)
        seen = np.minimum((lines - 1) * c.stride[0] + (c.R - 1) * c.dilation[0] + 1, c.input_size[0])
        channels = self.n if c.is_depthwise and c.K == 1 else c.C
        return seen * c.input_size[1] * channels * k / self.k


@dataclass(frozen=True)
class Tiles:
    """Candidate tilings: arrays of (rows,); `order` is ROWS or COLUMNS outermost."""

    m: Int
    n: Int
    k: Int
    order: Int


def candidates(product: Product, step: tuple[int, int, int]) -> Tiles:
    """Tile sizes: the engine's sizes times powers of two, and the whole; a convolution's m in whole lines."""
    lines = max(1, product.c.Q) if product.c.R * product.c.S > 1 else step[0]
    sizes = [
        _sizes(whole, least)
        for whole, least in zip((product.m, product.n, product.k), (lines, *step[1:]), strict=True)
    ]
    axes = [np.array(size, dtype=np.int64) for size in (*sizes, [ROWS, COLUMNS])]
    grid = np.meshgrid(*axes, indexing="ij")
    return Tiles(*(axis.reshape(-1) for axis in grid))


def _sizes(whole: int, least: int) -> list[int]:
    sizes, size = [], min(least, whole)
    while size < whole:
        sizes.append(size)
        size *= 2
    return [*sizes, whole]


@dataclass(frozen=True)
class Traffic:
    """Bytes of all transfers of a layer, and bytes that the buffers hold (of one tile)."""

    input_bytes: Array
    weight_bytes: Array
    output_bytes: Array
    held_input: Array
    held_weight: Array
    held_output: Array


def traffic(product: Product, tiles: Tiles, bits: tuple[float, int, int], sum_bits: int) -> Traffic:
    """`bits` of (weights, activations, outputs)."""
    w, a, o = bits
    count_m, count_n, count_k = (np.ceil(whole / tile) for whole, tile in _axes(product, tiles))
    inputs = product.input_elements(tiles.m, tiles.k) * a / 8
    weights = tiles.n * tiles.k * w / 8
    whole_k = count_k == 1
    # what the outer loop is over stays in its buffer while the inner one runs, if all its products fit
    input_times = np.where((tiles.order == ROWS) & whole_k, 1, count_n)
    weight_times = np.where((tiles.order == COLUMNS) & whole_k, 1, count_m)
    g = product.groups
    return Traffic(
        input_bytes=g * inputs * count_m * count_k * input_times,
        weight_bytes=g * product.n * product.k * w / 8 * weight_times,
        output_bytes=np.full(len(tiles.m), float(g * product.m * product.n * o / 8)),
        held_input=inputs,
        held_weight=weights,
        held_output=tiles.m * tiles.n * sum_bits / 8,
    )


def compute_cycles(product: Product, tiles: Tiles, engine: tuple[int, int, int], start: int) -> Array:
    """Of the whole layer: every tile's share of the engine rounded up, ragged edges as they are."""
    m, n = _rounds(product.m, tiles.m, engine[0]), _rounds(product.n, tiles.n, engine[1])
    k = _rounds(product.k, tiles.k, engine[2])
    tile_count = np.ceil(product.m / tiles.m) * np.ceil(product.n / tiles.n) * np.ceil(product.k / tiles.k)
    return product.groups * (m * n * k + start * tile_count)


def transfer_count(product: Product, tiles: Tiles) -> Array:
    """Loads and stores of the whole layer."""
    m, n, k = (np.ceil(whole / tile) for whole, tile in _axes(product, tiles))
    return product.groups * m * n * (k + 1)


def _rounds(whole: int, tile: Int, parallel: int) -> Array:
    """Passes of the engine along one axis: of the full tiles and of the last."""
    full, rest = whole // tile, whole % tile
    return (full * np.ceil(tile / parallel) + np.ceil(rest / parallel)).astype(np.float64)


def _axes(product: Product, tiles: Tiles) -> list[tuple[int, Int]]:
    return [(product.m, tiles.m), (product.n, tiles.n), (product.k, tiles.k)]


def pieces(whole: int, tile: int) -> list[tuple[int, int]]:
    """(how many, size) of full tiles and of the last."""
    full, rest = divmod(whole, tile)
    return [(count, size) for count, size in ((full, tile), (1 if rest else 0, rest)) if count]


def rounds(size: int, parallel: int) -> int:
    return ceil(size / parallel)
