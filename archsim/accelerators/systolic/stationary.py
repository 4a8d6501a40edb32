"""Work of an output-, weight- or input-stationary array, tile by tile, from the closed forms of `folds`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from archsim.accelerators.systolic.array_work import ArrayWork
from archsim.accelerators.systolic.axes import IntArray
from archsim.accelerators.systolic.folds import DATAFLOWS, Dataflow, Folds, fold_overhead, folds_of
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import Array
from archsim.accelerators.systolic.streams import Streams, streams_of


@dataclass(frozen=True)
class StationaryArray:
    """One nest on one array; `split` is the axis shared out over the cores (None with one core).

    The stationary operand is loaded once a fold, and again for each tile of the streamed axis, unless the
    tile is a single fold and the loop order keeps it in place. With `overlap_folds` the next operand is
    loaded, a row a cycle, while this fold streams; then skew and preload are seen once a group.
    """

    nest: Nest
    array: Array
    split: str | None
    groups: int

    @property
    def together(self) -> int:
        """Groups run at the same time."""
        return 1

    @property
    def flow(self) -> Dataflow:
        return DATAFLOWS[self.array.dataflow]

    def cores(self, axis: str) -> int:
        return self.array.cores if axis == self.split else 1

    @cached_property
    def rows(self) -> Folds:
        return folds_of(self.nest.axis(self.flow.rows), self.array.rows, self.cores(self.flow.rows))

    @cached_property
    def columns(self) -> Folds:
        axis = self.flow.columns
        return folds_of(self.nest.axis(axis), self.array.columns, self.cores(axis))

    @cached_property
    def beats(self) -> IntArray:
        return self.streams.beats

    @cached_property
    def single_fold(self) -> Grid:
        """Tiles of one fold: their stationary operand can outlive them."""
        flow, innermost = self.flow, self.nest.levels - 1
        rows = self.nest.tiles(flow.rows, innermost) <= self.array.rows * self.cores(flow.rows)
        columns = self.nest.tiles(flow.columns, innermost) <= self.array.columns * self.cores(flow.columns)
        return rows & columns

    @cached_property
    def streams(self) -> Streams:
        load_cycles = self.array.rows if self.array.overlap_folds else 0
        return streams_of(self.nest.axis(self.flow.streamed), self.cores(self.flow.streamed), load_cycles)

    def at(self, m: IntArray, n: IntArray, k: IntArray) -> StationaryArray:
        """The array at work on single mappings (see `Nest.at`); what the axes' candidates cost is kept."""
        chosen = replace(self, nest=self.nest.at(m, n, k))
        for table in ("rows", "columns", "beats", "streams"):
            chosen.__dict__[table] = getattr(self, table)
        return chosen

    def load_depth(self, orders: Sequence[str]) -> Grid:
        """Depth at which the stationary operand is loaded anew (see `streams`)."""
        kept = self.nest.depth(self.flow.stationary, self.nest.levels - 1, orders)
        return np.where(self.single_fold, kept, self.nest.levels)

    def work(self, orders: Sequence[str]) -> ArrayWork:
        nest, flow = self.nest, self.flow
        depth = self.load_depth(orders)

        def at_depth(table: IntArray) -> Grid:
            result = nest.grid(flow.streamed, table[:, -1])
            for d in range(nest.levels):
                result = np.where(depth == d, nest.grid(flow.streamed, table[:, d]), result)
            return result

        loads = at_depth(self.streams.core_loads)
        totals = {flow.rows: self.rows.total, flow.columns: self.columns.total}

        def elements(operand: str) -> Grid:
            first, second = (nest.axis(a).size for a in "MNK" if a != IRRELEVANT[operand])
            if operand == flow.stationary:
                return first * second * loads
            return first * second * nest.grid(IRRELEVANT[operand], totals[IRRELEVANT[operand]])

        folds = nest.grid(flow.rows, self.rows.time) * nest.grid(flow.columns, self.columns.time)
        beats, overhead = nest.grid(flow.streamed, self.beats), self.overhead
        if self.array.overlap_folds:
            exposed, last = at_depth(self.streams.exposed), at_depth(self.streams.exposed_last)
            cycles = folds * (beats + exposed) + (overhead - last)
        else:
            cycles = folds * (beats + at_depth(self.streams.loads) * overhead)
        macs = nest.m.size * nest.n.size * nest.k.size
        writes = elements("output")
        pipelined: dict[str, Grid | int] = {"input": macs, "weight": macs, "sum": macs}
        pipelined[flow.stationary] = elements(flow.stationary) if flow.preload else 0
        return ArrayWork(
            cycles=cycles,
            reads={"input": elements("input"), "weight": elements("weight")},
            output_writes=writes,
            output_reads=writes - nest.m.size * nest.n.size,
            folds=folds,
            pipelined=pipelined,
            rounds=self.groups,
        )

    @property
    def overhead(self) -> int:
        """Cycles beside the streamed beats: of each load, or with overlapped folds once a group."""
        return fold_overhead(self.flow, self.array.rows, self.array.columns)
