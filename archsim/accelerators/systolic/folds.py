"""Closed forms of a systolic array: folds, cycles and buffer accesses of the three classical dataflows.

Follows the timing of SCALE-Sim (Samajdar et al., ISPASS 2020; version 3.0.0 agrees to the cycle). A layer's
GEMM M×N×K is mapped with one axis on the rows, one on the columns, and the third streamed:

| dataflow          | stationary | rows | columns | streamed | cycles of a fold             |
|-------------------|------------|------|---------|----------|------------------------------|
| output stationary | output     | M    | N       | K        | K + rows + columns − 2       |
| weight stationary | weight     | K    | N       | M        | M + 2·rows + columns − 2     |
| input stationary  | input      | K    | M       | N        | N + 2·rows + columns − 2     |

A fold is one array-full of the stationary operand; edge folds take as long as full ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np

from archsim.accelerators.systolic.axes import Axis, IntArray


@dataclass(frozen=True, slots=True)
class Dataflow:
    stationary: str  # operand
    rows: str  # axis over the rows
    columns: str
    streamed: str
    preload: int  # 1 when the stationary operand is first shifted in, row by row


DATAFLOWS: Mapping[str, Dataflow] = {
    "output_stationary": Dataflow("output", "M", "N", "K", 0),
    "weight_stationary": Dataflow("weight", "K", "N", "M", 1),
    "input_stationary": Dataflow("input", "K", "M", "N", 1),
}


def fold_overhead(dataflow: Dataflow, rows: int, columns: int) -> int:
    """Cycles of a fold beside its streamed beats: preload (if any), skew in and skew out."""
    return (1 + dataflow.preload) * rows + columns - 2


def gemm_cycles(dataflow: Dataflow, m: int, n: int, k: int, rows: int, columns: int) -> tuple[int, int]:
    """(folds, cycles) of an untiled GEMM whose operands are always at hand."""
    size = {"M": m, "N": n, "K": k}
    folds = ceil(size[dataflow.rows] / rows) * ceil(size[dataflow.columns] / columns)
    return folds, folds * (size[dataflow.streamed] + fold_overhead(dataflow, rows, columns))


@dataclass(frozen=True)
class Folds:
    """Per candidate of an axis laid over one side of the array: array-fulls its innermost tiles need."""

    time: IntArray  # one after the other (on the busiest core)
    total: IntArray  # over all cores: how often the other operand is read


def folds_of(axis: Axis, width: int, cores: int) -> Folds:
    """Cut every innermost tile into pieces of `width`, shared out evenly over `cores`."""
    extents, counts = axis.pieces
    share, larger = np.divmod(extents, cores)
    more, fewer = -(-(share + 1) // width), -(-share // width)
    busiest = np.where(larger > 0, more, fewer)
    together = larger * more + (cores - larger) * fewer
    return Folds((busiest * counts).sum(axis=1), (together * counts).sum(axis=1))


def split_folds(extent: int, width: int, cores: int) -> tuple[int, int]:
    """(folds of the busiest core, folds of all cores) for `extent` shared out evenly."""
    share, larger = divmod(extent, cores)
    most = ceil((share + 1) / width) if larger else ceil(share / width)
    return most, larger * ceil((share + 1) / width) + (cores - larger) * ceil(share / width)
