"""One chosen mapping: its nest, the array at work on it, and its counts."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from archsim.accelerators.systolic.arrays import ArrayModel, array_at, chosen_nest
from archsim.accelerators.systolic.counts import Counts, counts_of
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.hierarchy import Hierarchy, Holding
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import Nest
from archsim.accelerators.systolic.spec import Dram, SystolicSpec
from archsim.workloads.layer import Contraction
from archsim.workloads.precision import Precision


class Structure:
    """A machine as far as counts depend on it. Machines that differ only in capacities, bandwidths, energies
    or clock are equal.
    """

    def __init__(self, spec: SystolicSpec, hierarchy: Hierarchy) -> None:
        self.spec, self.hierarchy = spec, hierarchy
        array = spec.array
        unroll = array.unroll and (*array.unroll.rows.items(), "columns", *array.unroll.columns.items())
        shape = array.rows, array.columns, array.dataflow, array.cores, array.overlap_folds, unroll
        self.key = shape, Holding(hierarchy).key
        self._hash = hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.key == other.key

    def __hash__(self) -> int:
        return self._hash


Tiling = tuple[tuple[tuple[str, tuple[int, ...]], ...], tuple[str, ...], str | None]
"""Tile sizes by dimension from the outermost level in, loop orders, the axis that cores share."""

RowKey = tuple[
    Contraction,
    Precision,
    bool,
    tuple[tuple[str, int], ...],
    tuple[tuple[str, tuple[int, ...]], ...],
    tuple[str, ...],
    str | None,
]


@dataclass(frozen=True, eq=False)
class Chosen:
    nest: Nest
    array: ArrayModel
    hierarchy: Hierarchy
    orders: tuple[str, ...]

    @cached_property
    def counts(self) -> Counts:
        return counts_of(self.array, self.hierarchy, self.orders)


@dataclass(frozen=True, eq=False)
class Counted:
    """What a chosen row does, whatever it costs; `repeats` are the folds of a contraction, the chunks of any
    other layer. `busy_cycles` are those of the array or of the vector unit, `weight_tile` the elements of
    an outermost tile of weights, 0 where the outermost tier holds none."""

    actions: Mapping[tuple[str, str], float]  # (component, action) -> times
    dram_bits: float
    held_bits: Mapping[str, float]  # by memory
    busy_cycles: float
    repeats: int
    weight_tile: int = 0

    @classmethod
    def of(cls, priced: GridPrices) -> Counted:
        """`priced` is a grid of one mapping."""
        return cls(
            actions=priced.actions,
            dram_bits=float(priced.dram_bits.max()),
            held_bits={name: float(grid.max()) for name, grid in priced.held_bits.items()},
            busy_cycles=int(priced.counts.compute_cycles.max()),
            repeats=int(priced.counts.folds.max()),
            weight_tile=int(np.max(priced.counts.exposed.get("weight", 0))),
        )


def counting_of(spec: SystolicSpec) -> Hashable:
    """What beside its structure decides how often a machine's parts act on a row (see `Counted`)."""
    words = tuple(m.word_bits for m in spec.memories if not isinstance(m, Dram))
    return words, spec.array.mac.accumulator_bits, spec.vector_unit is not None


@lru_cache(maxsize=4096)
def chosen_mapping(
    contraction: Contraction,
    structure: Structure,
    cuts: tuple[tuple[str, tuple[int, ...]], ...],
    orders: tuple[str, ...],
    split: str | None,
) -> Chosen:
    """`cuts` are tile sizes by dimension, from the outermost level in."""
    spec, hierarchy = structure.spec, structure.hierarchy
    nest = chosen_nest(contraction, spec, dict(cuts))
    array = array_at(nest, spec, len(hierarchy.tiers), split, lowered(contraction))
    return Chosen(nest, array, hierarchy, orders)
