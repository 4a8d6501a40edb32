"""The options table of a contraction: all tilings × loop orders × splits over cores × precisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.machine import SLACKS, Options, cost_of, total
from archsim.accelerators.systolic.arrays import ArrayModel
from archsim.accelerators.systolic.axes import Axis
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import LOOP_ORDERS, Grid, Nest
from archsim.accelerators.systolic.pricing import Priced, never_stalls, price
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]


def contraction_options(
    layer: Layer,
    precisions: Sequence[Precision],
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    arrays: Sequence[ArrayModel],
    minimize: str | None = None,
) -> Options:
    """Price every mapping of the candidates; raises InputError when none fits the buffers.

    With `minimize` only rows near the cheapest found so far are kept.
    """
    nests = list({id(array.nest): array.nest for array in arrays}.values())
    splits = list(dict.fromkeys(array.split for array in arrays))
    orders = list(product(LOOP_ORDERS, repeat=nests[0].levels))
    blocks: list[Columns] = []
    tightest: Priced | None = None
    least = float("inf")
    for p, precision in enumerate(precisions):
        at, unit = layer.with_precision(precision), costs[precision]
        for array, (o, order) in product(arrays, enumerate(orders)):
            nest = array.nest
            priced = price(at, array, spec, hierarchy, unit, order)
            keep = priced.fits
            if not keep.any():
                tightest = tightest or priced
                continue
            if minimize is not None:
                cost = np.where(keep, _cost(priced, unit, minimize), np.inf)
                least = min(least, float(cost.min()))
                keep = cost <= least * (1 + SLACKS[-1])
                if not keep.any():
                    continue
            block = _flatten(nest, priced, unit, hierarchy, np.broadcast_to(keep, nest.shape))
            if nest is not nests[0]:
                block["mapping:m"] = block["mapping:m"] + len(nests[0].m)
            for key, code in (
                ("precision", p),
                ("mapping:order", o),
                ("mapping:split", splits.index(array.split)),
            ):
                block[key] = np.broadcast_to(np.int64(code), block["cycles"].shape)
            blocks.append(block)
    if not blocks:
        assert tightest is not None
        raise InputError(_nothing_fits(layer, spec, hierarchy, tightest))
    rows = sum(int(np.prod(array.nest.shape)) for array in arrays) * len(precisions) * len(orders)
    codebooks = {
        "m": _pixel_book([nest.m for nest in nests]),
        "n": _tile_book(nests[0].n),
        "k": _tile_book(nests[0].k),
        "order": {"order": np.array(orders)},
        "split": {"split": np.array([split or "" for split in splits])},
    }
    return _options(layer, precisions, blocks, codebooks, rows, never_stalls(spec, costs[precisions[0]]))


def _options(
    layer: Layer,
    precisions: Sequence[Precision],
    blocks: Sequence[Columns],
    codebooks: Mapping[str, Columns],
    priced: int,
    exact: bool,
) -> Options:
    # popped, so that each part is freed as soon as it is copied
    columns = {key: np.concatenate([b.pop(key) for b in blocks]) for key in list(blocks[0])}

    def group(prefix: str) -> Columns:
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
        codebooks=codebooks,
        priced=priced,
        exact=exact,
    )


def _pixel_book(axes: Sequence[Axis]) -> Columns:
    """Tile sizes of the candidates of all pixel axes in turn; 0 for dimensions an axis does not have."""
    dims = dict.fromkeys(dim for axis in axes for dim in axis.dims)
    books = [(_tile_book(axis), (len(axis), axis.tiles.shape[1])) for axis in axes]
    nothing = {dim: [np.zeros(shape, dtype=np.int64) for _, shape in books] for dim in dims}
    return {
        dim: np.concatenate(
            [book.get(dim, zeros) for (book, _), zeros in zip(books, nothing[dim], strict=True)]
        )
        for dim in dims
    }


def _tile_book(axis: Axis) -> Columns:
    """Tile sizes of each candidate, (candidates, levels) by dimension."""
    table = np.array(axis.nestings)
    return {dim: table[:, i] for i, dim in enumerate(axis.dims)}


def _cost(priced: Priced, costs: Costs, minimize: str) -> Grid:
    if minimize == "latency":
        return priced.cycles
    return cost_of(minimize, priced.cycles, total(priced.energy_pj(costs)))


def _flatten(
    nest: Nest, priced: Priced, costs: Costs, hierarchy: Hierarchy, keep: Grid
) -> dict[str, npt.NDArray[Any]]:
    """The rows to keep, as flat columns."""
    everything = bool(keep.all())
    picked = np.nonzero(keep) if np.count_nonzero(keep) * 8 < keep.size else None

    def column(grid: Grid, dtype: type = np.float64) -> npt.NDArray[Any]:
        full = np.broadcast_to(np.asarray(grid, dtype=dtype), nest.shape)
        return full.ravel() if everything else full[keep if picked is None else picked]

    columns = {
        "cycles": column(priced.cycles),
        f"traffic:{hierarchy.dram.name}": column(priced.dram_bits / 8),
    }
    if picked is None:
        energy = {name: column(pj) for name, pj in priced.energy_pj(costs).items()}
    else:
        energy = priced.energy_pj(costs, column)
    columns |= {f"energy:{name}": pj for name, pj in energy.items()}
    columns |= {f"held:{name}": column(bits / 8) for name, bits in priced.held_bits.items()}
    for axis, size in zip("mnk", nest.shape, strict=True):
        columns[f"mapping:{axis}"] = column(nest.grid(axis.upper(), np.arange(size)), np.int64)
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
