"""The options table of a contraction: all tilings × loop orders × splits over cores × precisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.machine import Options
from archsim.accelerators.systolic import axes
from archsim.accelerators.systolic.array_work import stationary_side
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.folds import DATAFLOWS
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import LOOP_ORDERS, Grid, Nest
from archsim.accelerators.systolic.pricing import Priced, price
from archsim.accelerators.systolic.spec import Array, SystolicSpec
from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.precision import Precision

AXIS_DIMS = {"m": ("B", "P", "Q"), "n": ("K",), "k": ("CRS",)}


@lru_cache(maxsize=512)
def nest_of(contraction: Contraction, dataflow: str, rows: int, columns: int, levels: int, most: int) -> Nest:
    """The candidate tilings of a contraction: about `most` sizes a dimension, plus multiples of the array."""
    c = lowered(contraction)
    flow = DATAFLOWS[dataflow]
    width = {flow.rows: rows, flow.columns: columns}

    def multiples(axis: str) -> list[int]:
        return [width[axis] * 2**i for i in range(5)] if axis in width else []

    return Nest(
        m=axes.pixel_axis(c, axes.pixel_nestings(c, levels, most, multiples("M"))),
        n=axes.channel_axis(c, axes.channel_nestings(c, levels, most, multiples("N"))),
        k=axes.product_axis(c, axes.product_nestings(c, levels, most, multiples("K"))),
    )


def single_nest(contraction: Contraction, tiles: Mapping[str, Sequence[int]]) -> Nest:
    """The nest of one chosen tiling: tile sizes by dimension (B, P, Q, K, CRS), outermost level first."""
    c = lowered(contraction)

    def chosen(dims: Sequence[str]) -> list[tuple[axes.Nesting, ...]]:
        return [tuple(tuple(int(t) for t in tiles[d]) for d in dims)]

    return Nest(
        m=axes.pixel_axis(c, chosen(AXIS_DIMS["m"])),
        n=axes.channel_axis(c, chosen(AXIS_DIMS["n"])),
        k=axes.product_axis(c, chosen(AXIS_DIMS["k"])),
    )


def contraction_options(
    layer: Layer,
    precisions: Sequence[Precision],
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    most: int,
) -> Options:
    """Price every candidate mapping; raises InputError when none fits the buffers."""
    assert layer.contraction is not None
    array = spec.array
    levels = len(hierarchy.tiers)
    nest = nest_of(layer.contraction, array.dataflow, array.rows, array.columns, levels, most)
    blocks: list[dict[str, npt.NDArray[Any]]] = []
    priced_rows, smallest = 0, None
    for index, precision in enumerate(precisions):
        at = layer.with_precision(precision)
        for split, side in _splits(nest, array):
            for orders in product(LOOP_ORDERS, repeat=levels):
                priced = price(at, nest, spec, hierarchy, costs[precision], orders, split, side)
                priced_rows += int(np.prod(nest.shape))
                block = _flatten(nest, priced, costs[precision], hierarchy, orders, split, index)
                if block is None:
                    smallest = smallest or priced
                else:
                    blocks.append(block)
    if not blocks:
        assert smallest is not None
        raise InputError(_nothing_fits(layer, spec, hierarchy, smallest))
    columns = {key: np.concatenate([b[key] for b in blocks]) for key in blocks[0]}

    def group(prefix: str) -> dict[str, npt.NDArray[Any]]:
        return {key.removeprefix(prefix): v for key, v in columns.items() if key.startswith(prefix)}

    return Options(
        layer=layer,
        precisions=tuple(precisions),
        precision=columns["precision"],
        cycles=columns["cycles"],
        energy_pj=group("energy:"),
        traffic_bytes=group("traffic:"),
        held_bytes=group("held:"),
        mapping=group("mapping:"),
        priced=priced_rows,
    )


def _splits(nest: Nest, array: Array) -> Iterator[tuple[str | None, Any]]:
    for split in "MNK" if array.cores > 1 else (None,):
        yield split, stationary_side(nest, array, split)


def _flatten(
    nest: Nest,
    priced: Priced,
    costs: Costs,
    hierarchy: Hierarchy,
    orders: Sequence[str],
    split: str | None,
    precision: int,
) -> dict[str, npt.NDArray[Any]] | None:
    """The rows that fit, as flat columns; None when there are none."""
    fits = np.broadcast_to(priced.fits, nest.shape)
    m, n, k = np.nonzero(fits)
    rows = len(m)
    if rows == 0:
        return None

    def column(grid: Grid) -> npt.NDArray[np.float64]:
        grid = np.asarray(grid, dtype=np.float64)
        index = tuple(
            i if size > 1 else np.zeros(1, dtype=np.int64) for i, size in zip((m, n, k), grid.shape)
        )
        return np.broadcast_to(grid[index], (rows,))

    columns: dict[str, npt.NDArray[Any]] = {
        "precision": np.full(rows, precision, dtype=np.int64),
        "cycles": column(priced.cycles),
        f"traffic:{hierarchy.dram.name}": column(priced.dram_bits) / 8,
        "mapping:order": np.broadcast_to(np.array(orders), (rows, len(orders))),
        "mapping:split": np.broadcast_to(np.array(split or ""), (rows,)),
    }
    for name, energy in priced.energy_pj(costs).items():
        columns[f"energy:{name}"] = column(energy)
    for name, held in priced.held_bits.items():
        columns[f"held:{name}"] = column(held) / 8
    for axis, chosen in ((nest.m, m), (nest.n, n), (nest.k, k)):
        table = np.array(axis.nestings)  # candidates × dimensions × levels
        for d, dim in enumerate(axis.dims):
            columns[f"mapping:{dim}"] = table[chosen, d]
    return columns


def _nothing_fits(layer: Layer, spec: SystolicSpec, hierarchy: Hierarchy, priced: Priced) -> str:
    needs = []
    for tier in hierarchy.tiers:
        for memory in tier.memories:
            least = float(np.min(priced.held_bits[memory.name])) / 8
            have = memory.capacity_bits / 8
            if least > have:
                needs.append(f"{memory.name} needs {least:,.0f} bytes for the smallest and has {have:,.0f}")
    reason = "; ".join(needs) or "no tile fits all memories at once"
    return (
        f"{spec.name}: no tile of layer {layer.name!r} fits ({reason}). "
        "Give the memory more capacity, fewer operands to hold, or the layer fewer bits."
    )
