"""The options table of a contraction: all tilings × loop orders × splits over cores × precisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.machine import Options
from archsim.accelerators.systolic.best_rows import Rows
from archsim.accelerators.systolic.count_table import CountTable
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import Grid
from archsim.accelerators.systolic.pricing import Prices
from archsim.accelerators.systolic.space import Block, Space
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]

CODE = np.int32
"""Of places in a codebook: tables are large, and clearing memory for them is a good part of their price."""


class Table:
    """Columns that are filled block by block; `most` rows at most."""

    def __init__(self, space: Space, hierarchy: Hierarchy, prices: Prices, most: int) -> None:
        self.space, self.prices = space, prices
        self.dram = hierarchy.dram.name
        self.buffers = [m.name for tier in hierarchy.tiers for m in tier.memories]
        self.orders, self.splits = space.orders, space.splits
        leaking = prices.costs.leakage_pj_per_cycle
        self.components = list(dict.fromkeys((*prices.energy, *leaking)))
        floats = ["cycles", "cycles_high", f"traffic:{self.dram}"]
        floats += [f"energy:{name}" for name in self.components] + [f"held:{name}" for name in self.buffers]
        whole = ["precision", *(f"mapping:{key}" for key in ("m", "n", "k", "order", "split"))]
        self.columns: Columns = {name: np.empty(most) for name in floats}
        self.columns |= {name: np.empty(most, dtype=CODE) for name in whole}
        self.rows = 0

    def add(self, block: Block, orders: tuple[str, ...], precision: int, values: Mapping[str, Grid],
            keep: npt.NDArray[np.bool_], nest_shape: tuple[int, ...]) -> None:  # fmt: skip
        """The rows of a grid to keep; `values` broadcast to its shape."""
        picked = None if keep.all() else np.flatnonzero(np.broadcast_to(keep, nest_shape))
        rows = int(np.prod(nest_shape)) if picked is None else len(picked)
        where = slice(self.rows, self.rows + rows)
        for name, grid in values.items():
            column = self.columns[name][where]
            if picked is None:
                column.reshape(nest_shape)[...] = grid
            else:  # laid out in full first: picking from a flat array is several times as fast
                whole = np.array(np.broadcast_to(grid, nest_shape), dtype=column.dtype).reshape(-1)
                np.take(whole, picked, out=column, mode="clip")
        self.columns["precision"][where] = precision
        self.columns["mapping:order"][where] = self.orders.index(orders)
        self.columns["mapping:split"][where] = self.splits.index(block.array.split)
        self.rows += rows

    def add_rows(self, rows: Rows) -> None:
        """The wanted mappings of a flat table at each precision."""
        priced, is_wanted, cycles_high = rows.priced, rows.wanted, rows.cycles_high
        some = is_wanted.any(axis=0)
        if not some.all():
            priced, is_wanted = priced.take(np.flatnonzero(some)), is_wanted[:, some]
            cycles_high = cycles_high[:, some]
        precision, mapping = np.nonzero(is_wanted)
        where = slice(self.rows, self.rows + len(mapping))
        put = {name: column[where] for name, column in self.columns.items()}
        cycles = priced.cycles[precision, mapping]
        put["cycles"][:], put["cycles_high"][:] = cycles, cycles_high[precision, mapping]
        put[f"traffic:{self.dram}"][:] = priced.dram_bits[precision, mapping] / 8
        spent = priced.pricing.component_energy(priced.table)
        leaking = self.prices.costs.leakage_pj_per_cycle
        for name in self.components:
            pj = cycles * leaking.get(name, 0.0)
            put[f"energy:{name}"][:] = pj + spent[name][precision, mapping] if name in spent else pj
        for name in self.buffers:
            put[f"held:{name}"][:] = priced.held_bits[name][precision, mapping] / 8
        put["precision"][:] = precision
        for key, codes in self._codes(priced.table).items():
            put[f"mapping:{key}"][:] = codes[mapping]
        self.rows += len(mapping)

    def _codes(self, table: CountTable) -> Columns:
        """Places in the codebooks of a table's mappings."""
        found: dict[str, list[npt.NDArray[np.int64]]] = {key: [] for key in ("m", "n", "k", "order", "split")}
        for part in table.parts:
            block, index = self.space.blocks[part.block], part.array.nest.rows
            assert index is not None
            for axis, codes in zip("MNK", block.codes, strict=True):
                found[axis.lower()].append(codes[index[axis]])
            size = part.array.nest.shape[0]
            found["order"].append(np.full(size, self.orders.index((part.order,))))
            found["split"].append(np.full(size, self.splits.index(block.array.split)))
        return {key: np.concatenate(parts) for key, parts in found.items()}

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
            codebooks=self.space.codebooks,
            priced=priced,
            exact=exact,
            cycles_high=columns["cycles_high"],
            leakage_pj_per_cycle=dict(self.prices.costs.leakage_pj_per_cycle),
            complete=self.space.complete,
        )
