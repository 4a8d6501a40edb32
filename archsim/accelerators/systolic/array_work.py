"""What an array does for every mapping of a nest: cycles, and what it draws from its buffers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from archsim.accelerators.systolic.axes import IntArray
from archsim.accelerators.systolic.folds import DATAFLOWS, beats_of, fold_overhead, folds_of
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import Array


@dataclass(frozen=True)
class ArrayWork:
    """Grids over a nest's mappings, for one group of the layer.

    `reads` are elements of inputs and weights taken from the innermost buffer that holds them;
    `output_writes` are sums put back there, of which all but the last of each output are partial, and
    `output_reads` the partial sums fetched to be added to.
    """

    cycles: Grid
    reads: Mapping[str, Grid]
    output_writes: Grid
    output_reads: Grid
    folds: Grid
    register_bits: Grid | int  # moved or latched in the PEs' own pipeline registers
    register_accesses: Mapping[tuple[str, str], Grid] = field(default_factory=dict)
    """(register memory, read | write) -> bits, where the spec lists registers."""


@dataclass(frozen=True)
class StationarySide:
    """The parts of a systolic array's work that do not depend on the loop orders."""

    rows: IntArray  # folds on the busiest core, per candidate of the rows' axis
    columns: IntArray
    rows_total: IntArray
    columns_total: IntArray
    beats: IntArray
    single: Grid  # tiles of one fold: the stationary operand can outlive the tile


def stationary_side(nest: Nest, array: Array, split: str | None) -> StationarySide:
    """`split` is the axis shared out over the cores (None with one core)."""
    flow = DATAFLOWS[array.dataflow]

    def cores(axis: str) -> int:
        return array.cores if axis == split else 1

    row_axis, column_axis = nest.axis(flow.rows), nest.axis(flow.columns)
    rows = folds_of(row_axis, array.rows, cores(flow.rows))
    columns = folds_of(column_axis, array.columns, cores(flow.columns))
    innermost = nest.levels - 1
    single = (nest.tiles(flow.rows, innermost) <= array.rows * cores(flow.rows)) & (
        nest.tiles(flow.columns, innermost) <= array.columns * cores(flow.columns)
    )
    beats = beats_of(nest.axis(flow.streamed), cores(flow.streamed))
    return StationarySide(rows.time, columns.time, rows.total, columns.total, beats, single)


def systolic_work(
    nest: Nest,
    array: Array,
    side: StationarySide,
    orders: Sequence[str],
    split: str | None,
    bits: Mapping[str, int],
) -> ArrayWork:
    """Work of an output-, weight- or input-stationary array (closed forms of `folds`), tile by tile.

    The stationary operand is loaded once a fold, and again for each tile of the streamed axis, unless the
    tile is a single fold and the loop order keeps it in place.
    """
    flow = DATAFLOWS[array.dataflow]
    innermost = nest.levels - 1
    kept = nest.visits(flow.stationary, innermost, orders)
    loads = np.where(side.single, kept, nest.counts(flow.streamed, innermost))
    folds = nest.grid(flow.rows, side.rows) * nest.grid(flow.columns, side.columns)
    overhead, fill = _overhead(nest, array)
    cycles = folds * (nest.grid(flow.streamed, side.beats) + loads * overhead) + fill

    totals = {flow.rows: side.rows_total, flow.columns: side.columns_total}
    macs = nest.m.size * nest.n.size * nest.k.size
    shared = array.cores if split == flow.streamed else 1

    def elements(operand: str) -> Grid:
        first, second = (nest.axis(a).size for a in "MNK" if a != IRRELEVANT[operand])
        repeated = IRRELEVANT[operand]
        if operand == flow.stationary:
            return first * second * loads * shared
        return first * second * nest.grid(repeated, totals[repeated])

    output_writes = elements("output")
    moving = sum(bits[operand] for operand in ("input", "weight") if operand != flow.stationary)
    preloaded = elements(flow.stationary) * bits[flow.stationary] if flow.preload else 0
    return ArrayWork(
        cycles=cycles,
        reads={"input": elements("input"), "weight": elements("weight")},
        output_writes=output_writes,
        output_reads=output_writes - nest.m.size * nest.n.size,
        folds=folds,
        register_bits=macs * (moving + bits["sum"]) + preloaded,
    )


def _overhead(nest: Nest, array: Array) -> tuple[Grid | int, int]:
    """(cycles per load of the stationary operand, cycles once a layer) beside the streamed beats."""
    flow = DATAFLOWS[array.dataflow]
    overhead = fold_overhead(flow, array.rows, array.columns)
    if not array.overlap_folds:
        return overhead, 0
    return np.maximum(0, array.rows - nest.tiles(flow.streamed, nest.levels - 1)), overhead
