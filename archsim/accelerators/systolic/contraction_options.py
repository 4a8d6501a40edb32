"""Which mappings of a contraction go into its options table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from archsim.accelerators.dominance import certainly_unbeaten
from archsim.accelerators.machine import SLACKS, DoesNotFit, Options, Row, cost_of
from archsim.accelerators.systolic.best_rows import BestRows, Goal, Rows, best_rows
from archsim.accelerators.systolic.cheapest import Cheapest
from archsim.accelerators.systolic.cheapest_mappings import cheapest_mappings
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.count_table import TablePricing
from archsim.accelerators.systolic.counts import Counts, counts_of
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.hierarchy import Hierarchy, Holding
from archsim.accelerators.systolic.nest import Grid
from archsim.accelerators.systolic.pricing import Prices, grids, never_stalls, prices_of
from archsim.accelerators.systolic.relaxation import Branches, branches_of
from archsim.accelerators.systolic.space import Block, Space
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.table import Table
from archsim.accelerators.systolic.tree_search import Forest, forest_of, wanted_rows
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

LATENCY_AND_ENERGY = ("cycles", "energy_pj")


def contraction_options(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    space: Space,
    *,
    minimize: str | None = None,
    front: Sequence[str] | None = None,
) -> Options:
    """The space's mappings at every precision that `costs` has; see `Machine.options`.

    Raises DoesNotFit when none fits the buffers.
    """
    if (minimize or front) and (space.complete or space.is_nested):
        return _searched(layer, spec, hierarchy, costs, space, minimize, front)
    return _enumerated(layer, spec, hierarchy, costs, space, minimize, front)


def _searched(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    space: Space,
    minimize: str | None,
    front: Sequence[str] | None,
) -> Options:
    """The best rows of a space that needs no listing."""
    assert layer.contraction is not None
    holding = Holding(hierarchy)
    known = forest_of(space, holding) if space.is_nested else branches_of(space, holding)
    prices = prices_of(layer, tuple(known.place), spec, hierarchy, costs)
    exact, pricing = never_stalls(spec, prices.costs), TablePricing(prices, known.place)
    if minimize and (exact or minimize == "energy"):
        found = _cheapest(known, pricing, minimize)
    else:
        goal = Goal(tuple(front or LATENCY_AND_ENERGY), certain=front is not None, minimize=minimize)
        found = _best(known, pricing, goal)
    if not found:
        raise DoesNotFit(_nothing_fits(layer, spec, hierarchy, costs, space))
    table = Table(space, hierarchy, prices, sum(int(rows.wanted.sum()) for rows in found))
    for rows in found:
        table.add_rows(rows)
    priced = space.mappings * len(costs)
    return table.options(layer, tuple(costs), priced, exact=exact)


def _cheapest(known: Branches | Forest, pricing: TablePricing, minimize: str) -> list[Rows]:
    precisions = len(pricing.prices.precisions)
    if isinstance(known, Forest):
        return wanted_rows(known, pricing, Cheapest(precisions, minimize))
    rows: list[Rows] = []
    for p, found in enumerate(cheapest_mappings(known, pricing, minimize)):
        if found is not None:
            priced = pricing.price(known.mapping(found.place))
            rows.append(Rows(priced, np.arange(precisions)[:, np.newaxis] == p, priced.cycles_high()))
    return rows


def cheapest_row(
    layer: Layer, spec: SystolicSpec, hierarchy: Hierarchy, costs: Costs, space: Space, minimize: str
) -> Row | None:
    """The first row of the table with that objective, where one row is the answer: of a space that is listed
    in full and no tree, for energy or on a machine that never stalls. None elsewhere, and where none fits."""
    if not space.complete or space.is_nested or not (minimize == "energy" or never_stalls(spec, costs)):
        return None
    branches = branches_of(space, Holding(hierarchy))
    prices = prices_of(layer, tuple(branches.place), spec, hierarchy, {layer.precision: costs})
    (found,) = cheapest_mappings(branches, TablePricing(prices, branches.place), minimize)
    if found is None:
        return None
    energy_pj = found.cost if minimize == "energy" else found.other
    return Row(layer, space.mapping(found.place), found.cycles, energy_pj)


def _best(known: Branches | Forest, pricing: TablePricing, goal: Goal) -> list[Rows]:
    if isinstance(known, Branches):
        return best_rows(known, pricing, goal)
    return wanted_rows(known, pricing, BestRows(len(pricing.prices.precisions), goal))


def _enumerated(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    space: Space,
    minimize: str | None,
    front: Sequence[str] | None,
) -> Options:
    """Every mapping of the space, or with an objective those near the least found so far."""
    assert layer.contraction is not None
    each = [(block, orders) for block in space.blocks for orders in block.orders]
    counted: dict[int, Counts] = {}
    prices: Prices | None = None
    table: Table | None = None
    least = float("inf")
    for p in range(len(costs)):
        for i, (block, orders) in enumerate(each):
            counts = counted.get(i) or counts_of(block.array, hierarchy, orders)
            if len(costs) > 1:
                counted[i] = counts
            if prices is None or table is None:
                keys = [key for key, _ in grids(counts)]
                prices = prices_of(layer, keys, spec, hierarchy, costs)
                table = Table(space, hierarchy, prices, space.mappings * len(costs))
            priced = GridPrices(counts, prices, p)
            keep = priced.fits
            if minimize is not None and keep.any():
                cost = _cost(priced, minimize)
                least = min(least, float(np.where(keep, cost, np.inf).min()))
                keep = keep & (cost <= least * (1 + SLACKS[-1]))
            if front is not None and keep.any():
                keep = _front(priced, front, np.broadcast_to(keep, block.array.nest.shape))
            if keep.any():
                _add(table, block, orders, p, priced, keep)
    assert table is not None
    assert prices is not None
    if not table.rows:
        raise DoesNotFit(_nothing_fits(layer, spec, hierarchy, costs, space))
    exact = never_stalls(spec, prices.costs)
    options = table.options(layer, tuple(costs), space.mappings * len(costs), exact=exact)
    return options if front is None else options.take(_front_of(options, front))


def _add(table: Table, block: Block, orders: tuple[str, ...], p: int, priced: GridPrices, keep: Grid) -> None:
    nest, shape = block.array.nest, block.array.nest.shape
    few = keep.size == np.prod(shape) and np.count_nonzero(keep) * 8 < keep.size
    picked = np.nonzero(keep) if few else None

    def rows(grid: Grid) -> Grid:
        return grid if picked is None else np.broadcast_to(grid, shape)[picked]

    values = {
        "cycles": rows(priced.cycles),
        "cycles_high": rows(priced.cycles_high),
        f"traffic:{table.dram}": rows(priced.dram_bits / 8),
    }
    values |= {f"energy:{name}": pj for name, pj in priced.energy_pj(rows).items()}
    values |= {f"held:{name}": rows(priced.held_bits[name] / 8) for name in table.buffers}
    for axis, codes in zip("MNK", block.codes, strict=True):
        values[f"mapping:{axis.lower()}"] = rows(nest.grid(axis, codes))
    if picked is None:
        table.add(block, orders, p, values, keep, shape)
    else:
        flat = np.ones(len(picked[0]), dtype=bool)
        table.add(block, orders, p, values, flat, flat.shape)


def _cost(priced: GridPrices, minimize: str) -> Grid:
    if minimize == "latency":
        return priced.cycles
    return cost_of(minimize, priced.cycles, priced.total_energy_pj)


def _front(priced: GridPrices, names: Sequence[str], keep: Grid) -> Grid:
    """Of the grid's rows to keep, those that no other beats for certain."""
    leakage = sum(priced.prices.costs.leakage_pj_per_cycle.values())
    picked = np.nonzero(keep)
    low, high = [], []
    behind = priced.cycles_high - priced.cycles
    for name in names:
        kind, _, memory = name.partition(":")
        if kind == "cycles":
            value, more = priced.cycles, behind
        elif kind == "energy_pj":
            value, more = priced.total_energy_pj, behind * leakage
        else:
            value, more = priced.dram_bits if kind == "traffic" else priced.held_bits[memory], 0.0
        low.append(np.broadcast_to(value, keep.shape)[picked])
        high.append(np.broadcast_to(value + more, keep.shape)[picked])
    stays = certainly_unbeaten(np.stack(low), np.stack(high))
    kept = np.zeros(keep.shape, dtype=bool)
    kept[tuple(index[stays] for index in picked)] = True
    return kept


def _front_of(options: Options, names: Sequence[str]) -> np.ndarray:
    """Indexes of rows that no other row of the same precision beats for certain."""
    low, high = [], []
    for name in names:
        kind, _, memory = name.partition(":")
        if kind == "cycles":
            low.append(options.cycles)
            high.append(options.cycles_high)
        elif kind == "energy_pj":
            low.append(options.total_energy_pj)
            high.append(options.energy_at(options.cycles_high))
        else:
            table = options.traffic_bytes if kind == "traffic" else options.held_bytes
            low.append(table[memory])
            high.append(table[memory])
    least, most = np.stack(low), np.stack(high)
    kept = []
    for p in range(len(options.precisions)):
        some = np.flatnonzero(options.precision == p)
        if len(some):
            kept.append(some[certainly_unbeaten(least[:, some], most[:, some])])
    return np.concatenate(kept)


def _nothing_fits(
    layer: Layer,
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
    space: Space,
) -> str:
    assert layer.contraction is not None
    block = space.blocks[0]
    counts = counts_of(block.array, hierarchy, block.orders[0])
    prices = prices_of(layer, [key for key, _ in grids(counts)], spec, hierarchy, costs)
    needs = []
    for name, bits in GridPrices(counts, prices, 0).held_bits.items():
        least, have = float(np.min(bits)) / 8, prices.capacity[name] / 8
        if least > have:
            needs.append(f"{name} needs {least:,.0f} bytes for the smallest and has {have:,.0f}")
    reason = "; ".join(needs) or "no tile fits all memories at once"
    return (
        f"{spec.name}: no tile of layer {layer.name!r} fits ({reason}). "
        "Give the memory more capacity, fewer operands to hold, or the layer fewer bits."
    )
