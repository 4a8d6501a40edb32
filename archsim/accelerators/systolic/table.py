"""The options table of a contraction: all tilings × loop orders × splits over cores × precisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.machine import Options
from archsim.accelerators.systolic.axes import Axis
from archsim.accelerators.systolic.best_rows import Rows
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import Grid
from archsim.accelerators.systolic.pricing import Prices
from archsim.accelerators.systolic.space import Block, Space
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]


class Table:
    """Columns that are filled block by block; `most` rows at most."""

    def __init__(self, space: Space, hierarchy: Hierarchy, prices: Prices, most: int) -> None:
        self.space, self.prices = space, prices
        self.dram = hierarchy.dram.name
        self.buffers = [m.name for tier in hierarchy.tiers for m in tier.memories]
        self.orders = list(dict.fromkeys(orders for block in space.blocks for orders in block.orders))
        self.splits = list(dict.fromkeys(block.array.split for block in space.blocks))
        leaking = prices.costs.leakage_pj_per_cycle
        self.components = list(dict.fromkeys((*prices.energy, *leaking)))
        floats = ["cycles", "cycles_high", f"traffic:{self.dram}"]
        floats += [f"energy:{name}" for name in self.components] + [f"held:{name}" for name in self.buffers]
        whole = ["precision", *(f"mapping:{key}" for key in ("m", "n", "k", "order", "split"))]
        self.columns: Columns = {name: np.empty(most) for name in floats}
        self.columns |= {name: np.empty(most, dtype=np.int64) for name in whole}
        self.rows = 0

    def add(self, block: Block, orders: tuple[str, ...], precision: int, values: Mapping[str, Grid],
            keep: npt.NDArray[np.bool_], nest_shape: tuple[int, ...]) -> None:  # fmt: skip
        """The rows of a grid to keep; `values` broadcast to its shape."""
        everything = bool(keep.all())
        keep = np.broadcast_to(keep, nest_shape)
        picked = None if everything else np.nonzero(keep)
        rows = keep.size if picked is None else len(picked[0])
        where = slice(self.rows, self.rows + rows)
        for name, grid in values.items():
            column = self.columns[name][where]
            if picked is None:
                column.reshape(nest_shape)[...] = grid
            else:
                column[:] = np.broadcast_to(grid, nest_shape)[picked]
        self.columns["precision"][where] = precision
        self.columns["mapping:order"][where] = self.orders.index(orders)
        self.columns["mapping:split"][where] = self.splits.index(block.array.split)
        self.rows += rows

    def add_rows(self, rows: Rows) -> None:
        """The wanted mappings of a flat table at each precision."""
        mapping, precision = np.nonzero(rows.wanted)
        where = slice(self.rows, self.rows + len(mapping))
        cycles = rows.cycles[mapping, precision]
        put = {name: column[where] for name, column in self.columns.items()}
        put["cycles"][:], put["cycles_high"][:] = cycles, rows.cycles_high[mapping, precision]
        put[f"traffic:{self.dram}"][:] = rows.prices.values(self.prices.dram)[mapping, precision] / 8
        leaking = self.prices.costs.leakage_pj_per_cycle
        for name in self.components:
            pj = cycles * leaking.get(name, 0.0)
            if name in self.prices.energy:
                pj = pj + rows.prices.values(self.prices.energy[name])[mapping, precision]
            put[f"energy:{name}"][:] = pj
        for name in self.buffers:
            put[f"held:{name}"][:] = rows.prices.values(self.prices.held[name])[mapping, precision] / 8
        index = rows.table.array.nest.rows
        assert index is not None
        for axis, codes in zip("MNK", rows.block.codes, strict=True):
            put[f"mapping:{axis.lower()}"][:] = codes[index[axis][mapping]]
        put["precision"][:] = precision
        put["mapping:order"][:] = self.orders.index(rows.table.orders)
        put["mapping:split"][:] = self.splits.index(rows.block.array.split)
        self.rows += len(mapping)

    def options(self, layer: Layer, precisions: Sequence[Precision], priced: int, *, exact: bool) -> Options:
        columns = {key: column[: self.rows] for key, column in self.columns.items()}
        if (np.diff(columns["precision"]) < 0).any():
            order = np.argsort(columns["precision"], kind="stable")
            columns = {key: column[order] for key, column in columns.items()}

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
            codebooks=self._codebooks(),
            priced=priced,
            exact=exact,
            cycles_high=columns["cycles_high"],
            leakage_pj_per_cycle=dict(self.prices.costs.leakage_pj_per_cycle),
            complete=self.space.complete,
        )

    def _codebooks(self) -> dict[str, Columns]:
        return {
            "m": _pixel_book(self.space.pixels),
            "n": _tile_book(self.space.channels),
            "k": _tile_book(self.space.products),
            "order": {"order": np.array(self.orders)},
            "split": {"split": np.array([split or "" for split in self.splits])},
        }


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
