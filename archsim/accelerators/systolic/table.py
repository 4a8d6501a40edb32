"""The options table of a contraction: all tilings × loop orders × splits over cores × precisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.machine import SLACKS, Options, cost_of, total
from archsim.accelerators.systolic.arrays import array_at
from archsim.accelerators.systolic.axes import Axis
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import LOOP_ORDERS, Grid, Nest
from archsim.accelerators.systolic.pricing import Priced, price
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision


def contraction_options(
    layer: Layer,
    precisions: Sequence[Precision],
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    nest: Nest,
    minimize: str | None = None,
) -> Options:
    """Price every mapping of the candidate nest; raises InputError when none fits the buffers.

    With `minimize` only rows near the cheapest found so far are kept.
    """
    assert layer.contraction is not None
    splits = "MNK" if spec.array.cores > 1 else (None,)
    arrays = [
        (split, array_at(nest, spec, len(hierarchy.tiers), split, layer.contraction.G)) for split in splits
    ]
    orders = list(product(LOOP_ORDERS, repeat=nest.levels))
    blocks: list[dict[str, npt.NDArray[Any]]] = []
    tightest: Priced | None = None
    least = float("inf")
    for index, precision in enumerate(precisions):
        at = layer.with_precision(precision)
        for s, (split, array) in enumerate(arrays):
            for o, order in enumerate(orders):
                priced = price(at, nest, spec, hierarchy, costs[precision], order, split, array)
                keep = priced.fits
                if not keep.any():
                    tightest = tightest or priced
                    continue
                if minimize is not None:
                    cost = np.where(keep, _cost(priced, costs[precision], minimize), np.inf)
                    least = min(least, float(cost.min()))
                    keep = cost <= least * (1 + SLACKS[-1])
                    if not keep.any():
                        continue
                block = _flatten(nest, priced, costs[precision], hierarchy, np.broadcast_to(keep, nest.shape))
                rows = len(block["cycles"])
                for key, code in (("precision", index), ("mapping:order", o), ("mapping:split", s)):
                    block[key] = np.broadcast_to(np.int64(code), (rows,))
                blocks.append(block)
    if not blocks:
        assert tightest is not None
        raise InputError(_nothing_fits(layer, spec, hierarchy, tightest))
    # popped, so that each part is freed as soon as it is copied
    columns = {key: np.concatenate([b.pop(key) for b in blocks]) for key in list(blocks[0])}

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
        codebooks={
            "m": _tile_book(nest.m),
            "n": _tile_book(nest.n),
            "k": _tile_book(nest.k),
            "order": {"order": np.array(orders)},
            "split": {"split": np.array([split or "" for split in splits])},
        },
        priced=len(precisions) * len(arrays) * len(orders) * int(np.prod(nest.shape)),
    )


def _tile_book(axis: Axis) -> dict[str, npt.NDArray[Any]]:
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
