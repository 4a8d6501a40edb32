"""The options table of a stage: every folding × memory of the weights × multiplier × precision, priced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dataflow.fabric import Fabric, Spent
from archsim.accelerators.dataflow.resources import (
    MEMORIES,
    MULTIPLIERS,
    Site,
    StageRows,
    Use,
)
from archsim.accelerators.dataflow.shape import StageShape
from archsim.accelerators.dataflow.spec import DataflowSpec, Folding
from archsim.accelerators.dataflow.timing import StageCycles, stage_cycles
from archsim.accelerators.machine import DoesNotFit, Options
from archsim.errors import InputError
from archsim.workloads.layer import Layer

Int = npt.NDArray[np.int64]
KEYS = ("pe", "simd", "memory", "multiplier")


@dataclass(frozen=True)
class Ends:
    """Bytes that a stage moves from and to memory for each input: the network's own input and output."""

    read_bytes: float = 0.0
    written_bytes: float = 0.0
    cycles: int = 0  # of the longer of the two, and of the host's call


@dataclass(frozen=True)
class Priced:
    """Rows of one stage at one precision with all that they cost."""

    stage: StageShape
    rows: StageRows
    cycles: StageCycles
    use: Use
    interval: npt.NDArray[np.float64]
    streamed_bytes: npt.NDArray[np.float64]  # weights from memory, each input
    spent: Spent


def price(stage: StageShape, rows: StageRows, site: Site, fabric: Fabric, ends: Ends) -> Priced:
    cycles = stage_cycles(stage, rows.pe, rows.simd, site.padding_width)
    use = fabric.use(stage, rows, cycles, site)
    streamed = use["stream_bits"] / 8 * cycles.compute
    interval = np.maximum(cycles.interval, ends.cycles).astype(np.float64)
    return Priced(stage, rows, cycles, use, interval, streamed, fabric.spent(stage, rows, cycles, use, site))


def candidate_rows(layer: Layer, stage: StageShape, spec: DataflowSpec, folding: Folding) -> StageRows:
    """Every folding that divides the stage, in every memory and multiplier it may use.

    Raises InputError where a given folding does not divide it, DoesNotFit where no memory is wide enough.
    """
    pes, simds = _foldings(stage)
    _check(layer, "pe", folding.pe, pes)
    _check(layer, "simd", folding.simd, simds)
    _check(layer, "padding", folding.padding, divisors(stage.channels_in))
    pe, simd = (np.array(axis, dtype=np.int64) for axis in (pes, simds))
    names = spec.weights if folding.weights is None else [folding.weights]
    multipliers = spec.multipliers if folding.multiplier is None else [folding.multiplier]
    if not stage.weights:
        names, multipliers = ["lutram"], ["lut"]
    if stage.is_loaded:
        names = [name for name in names if name != "stream"]
    codes = np.array([MEMORIES.index(name) for name in dict.fromkeys(names)], dtype=np.int64)
    ways = np.array([MULTIPLIERS.index(name) for name in dict.fromkeys(multipliers)], dtype=np.int64)
    grid = [axis.reshape(-1) for axis in np.meshgrid(pe, simd, codes, ways, indexing="ij")]
    kept = np.ones(len(grid[0]), dtype=bool)
    if folding.pe is not None:
        kept &= grid[0] == folding.pe
    if folding.simd is not None:
        kept &= grid[1] == folding.simd
    if stage.kind == "depthwise":  # products of one channel are split only when all channels run
        kept &= (grid[1] == 1) | (grid[0] == stage.rows)
    wide = grid[0] * grid[1] * layer.precision.weight_bits > spec.widest_weights_bits
    kept &= ~wide | (stage.weights == 0)
    if not kept.any():
        raise DoesNotFit(
            f"layer {layer.name!r}: no folding has weights within {spec.widest_weights_bits} bits"
        )
    return StageRows(*(axis[kept] for axis in grid))


def _foldings(stage: StageShape) -> tuple[list[int], list[int]]:
    if stage.kind in ("matrix", "depthwise"):
        return divisors(stage.rows), divisors(stage.products)
    return divisors(int(np.gcd(stage.channels_in, stage.channels_out))), [1]


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _check(layer: Layer, what: str, given: int | None, allowed: Sequence[int]) -> None:
    if given is not None and given not in allowed:
        raise InputError(
            f"layer {layer.name!r}: {what} is {given}; it must be one of {', '.join(map(str, allowed))}"
        )


def stage_options(
    layer: Layer,
    priced: Sequence[tuple[Layer, Priced]],
    ddr_pj_per_byte: float,
    ends: Ends,
) -> Options:
    """Rows of all precisions as one table; `priced` are (the layer at a precision, its rows)."""
    blocks = [p for _, p in priced]
    spent = {
        component: _joined(
            [b.spent[component, action][0] * b.spent[component, action][1].value for b in blocks]
        )
        for component, action in blocks[0].spent
    }
    moved = _joined([b.streamed_bytes for b in blocks]) + ends.read_bytes + ends.written_bytes
    columns = {key: _joined([getattr(b.rows, key) for b in blocks]) for key in KEYS}
    books = {key: np.unique(column) for key, column in columns.items()}
    named = {"memory": np.array(MEMORIES), "multiplier": np.array(MULTIPLIERS)}
    return Options(
        layer=layer,
        precisions=tuple(at.precision for at, _ in priced),
        precision=np.concatenate([np.full(len(b.interval), i) for i, b in enumerate(blocks)]),
        cycles=_joined([b.interval for b in blocks]),
        energy_pj=spent | {"ddr": moved * ddr_pj_per_byte},
        traffic_bytes={"ddr": moved},
        held_bytes={},
        mapping={key: np.searchsorted(books[key], column) for key, column in columns.items()},
        codebooks={key: {key: named[key][book] if key in named else book} for key, book in books.items()},
        priced=sum(len(b.interval) for b in blocks),
        exact=True,
        resources={name: _joined([b.use[name] for b in blocks]) for name in blocks[0].use},
    )


def _joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(parts)
