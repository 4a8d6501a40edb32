"""Which model of the array a spec asks for: a classical stationary dataflow or a free unrolling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archsim.accelerators.systolic.flat_pixels import DIM
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.stationary import StationaryArray
from archsim.accelerators.systolic.stationary_nest import single_stationary_nest
from archsim.accelerators.systolic.unrolled import UnrolledArray, single_unrolled_nest
from archsim.workloads.layer import Contraction

ArrayModel = StationaryArray | UnrolledArray

LoopTiles = Mapping[str, tuple[int, ...]]
"""Tile sizes by loop dimension, from the outermost level in."""


def is_unrolled(spec: SystolicSpec) -> bool:
    return spec.array.dataflow == "unrolled"


def chosen_nest(contraction: Contraction, spec: SystolicSpec, tiles: LoopTiles) -> Nest:
    c = lowered(contraction)
    return single_unrolled_nest(c, tiles) if is_unrolled(spec) else single_stationary_nest(c, tiles)


def array_at(nest: Nest, spec: SystolicSpec, tiers: int, split: str | None, c: Contraction) -> ArrayModel:
    """The array model at work on a nest of the lowered `c`; `split` is the axis that several cores share."""
    if is_unrolled(spec):
        return UnrolledArray(nest, spec, tiers, c)
    return StationaryArray(nest, spec.array, split, c.G)


def tiles_of(mapping: Mapping[str, Any], spec: SystolicSpec) -> dict[str, tuple[int, ...]]:
    """The tile sizes of an options row; a run of pixels (BPQ) stands in place of B, P and Q."""
    products = tuple("CRS") if is_unrolled(spec) else ("CRS",)
    pixels = (DIM,) if DIM in mapping and max(mapping[DIM]) else tuple("BPQ")
    return {dim: tuple(int(t) for t in mapping[dim]) for dim in (*pixels, "K", *products)}
