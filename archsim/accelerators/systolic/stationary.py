"""Work of an output-, weight- or input-stationary array, tile by tile, from the closed forms of `folds`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from archsim.accelerators.systolic.array_work import ArrayWork
from archsim.accelerators.systolic.axes import IntArray
from archsim.accelerators.systolic.folds import DATAFLOWS, Dataflow, Folds, beats_of, fold_overhead, folds_of
from archsim.accelerators.systolic.nest import IRRELEVANT, Grid, Nest
from archsim.accelerators.systolic.spec import Array


@dataclass(frozen=True)
class StationaryArray:
    """One nest on one array; `split` is the axis shared out over the cores (None with one core).

    The stationary operand is loaded once a fold, and again for each tile of the streamed axis, unless the
    tile is a single fold and the loop order keeps it in place.
    """

    nest: Nest
    array: Array
    split: str | None
    groups: int

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
        return beats_of(self.nest.axis(self.flow.streamed), self.cores(self.flow.streamed))

    @cached_property
    def single_fold(self) -> Grid:
        """Tiles of one fold: their stationary operand can outlive them."""
        flow, innermost = self.flow, self.nest.levels - 1
        rows = self.nest.tiles(flow.rows, innermost) <= self.array.rows * self.cores(flow.rows)
        columns = self.nest.tiles(flow.columns, innermost) <= self.array.columns * self.cores(flow.columns)
        return rows & columns

    def work(self, orders: Sequence[str], bits: Mapping[str, int]) -> ArrayWork:
        nest, flow = self.nest, self.flow
        innermost = nest.levels - 1
        kept = nest.visits(flow.stationary, innermost, orders)
        loads = np.where(self.single_fold, kept, nest.counts(flow.streamed, innermost))
        folds = nest.grid(flow.rows, self.rows.time) * nest.grid(flow.columns, self.columns.time)
        overhead, fill = self._overhead()
        totals = {flow.rows: self.rows.total, flow.columns: self.columns.total}

        def elements(operand: str) -> Grid:
            first, second = (nest.axis(a).size for a in "MNK" if a != IRRELEVANT[operand])
            if operand == flow.stationary:
                return first * second * loads * self.cores(flow.streamed)
            return first * second * nest.grid(IRRELEVANT[operand], totals[IRRELEVANT[operand]])

        macs = nest.m.size * nest.n.size * nest.k.size
        writes = elements("output")
        moving = sum(bits[operand] for operand in ("input", "weight") if operand != flow.stationary)
        preloaded = elements(flow.stationary) * bits[flow.stationary] if flow.preload else 0
        return ArrayWork(
            cycles=folds * (nest.grid(flow.streamed, self.beats) + loads * overhead) + fill,
            reads={"input": elements("input"), "weight": elements("weight")},
            output_writes=writes,
            output_reads=writes - nest.m.size * nest.n.size,
            folds=folds,
            register_bits=macs * (moving + bits["sum"]) + preloaded,
            rounds=self.groups,
        )

    def _overhead(self) -> tuple[Grid | int, int]:
        """(cycles per load of the stationary operand, cycles once a group) beside the streamed beats."""
        overhead = fold_overhead(self.flow, self.array.rows, self.array.columns)
        if not self.array.overlap_folds:
            return overhead, 0
        beats = self.nest.tiles(self.flow.streamed, self.nest.levels - 1)
        return np.maximum(0, self.array.rows - beats), overhead
