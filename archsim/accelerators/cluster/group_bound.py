"""What groups of tilings cost at the least: the table's prices, had each group the least of its counts.

The formulas are those of latency, actions and pricing, in terms of counts that they rise with. So no tiling
of a group costs less; a single tiling's bound is its price, but for what its units take (see `group_work`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.group_traffic import GroupTraffic
from archsim.accelerators.cluster.group_work import ExactWork, LeastWork
from archsim.accelerators.cluster.tile_work import work_of
from archsim.accelerators.cluster.tiles import L2Tile, Tiles, l2_tile, tiles_of
from archsim.accelerators.cluster.tilings import Groups, Tilings

Array = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]


def bound_of(tilings: Tilings, groups: Groups) -> Bound:
    """Of any groups, from below."""
    x, k, c = tilings.counts(groups)
    return Bound(tilings, groups.plan, x, k, c, LeastWork(x, k, c))


def price_of(tilings: Tilings, singles: Groups) -> Bound:
    """Of single tilings, exactly."""
    tiles, l2 = tiles_of_singles(tilings, singles)
    work = ExactWork(work_of(tilings.site, tiles, tilings.way), tiles, l2)
    return Bound(tilings, singles.plan, *tilings.counts(singles), work)


def tiles_of_singles(tilings: Tilings, singles: Groups) -> tuple[Tiles, L2Tile]:
    sizes = tilings.sizes(singles)
    tiles = tiles_of(tilings.shape, np.stack([sizes[dim] for dim in "PQKC"], axis=1))
    return tiles, l2_tile(tiles, sizes["P2"], sizes["K2"])


@dataclass(frozen=True, eq=False)
class Bound(GroupTraffic):
    """By group."""

    @cached_property
    def cycles(self) -> Array:
        """See `latency.bounds`."""
        site, repeats = self.of.site, self.of.shape.repeats
        compute, fastest = repeats * self.work.cycles("all"), self.work.cycles("least")
        loads, stores = self._dma(self.input, self.weight), self._dma(self.output)
        each = self._channels("tile")
        load_first = site.transfer_cycles(self.x["window_first"] * each * self._element)
        load_first = load_first + site.transfer_cycles(self.k["weight"] * self.c["weight"])
        output = site.precision.output_bits / 8
        store_last = site.transfer_cycles(self.x["pixels_last"] * self.k["last"] * output)
        low = np.maximum(loads, stores)
        fetch_first, spill_last = self._ends_in_l3
        end = store_last + spill_last
        one = fetch_first + loads + np.where(self.of.buffers[self.plan] == 1, compute, fastest) + end
        two = np.where(self.of.buffers[self.plan] == 1, compute, fastest * self.c["trips"])
        two = fetch_first + load_first + two + stores + spill_last
        low = np.maximum.reduce([low, one, two, fetch_first + load_first + compute + end])
        if self.of.places.uses_l3:
            low = np.maximum(low, self._through_l3(load_first, end))
        return low + site.spec.overheads.layer_cycles

    @cached_property
    def _ends_in_l3(self) -> tuple[Array, Array]:
        """Fetch of the first L2 tile, spill of the last one."""
        nothing = np.zeros(len(self.plan))
        if not self.of.places.uses_l3:
            return nothing, nothing
        far = self.of.in_l3
        window, weight = (
            self.x["l2_window_first"] * self._l2_line * self._channels("l2"),
            self._l2_tile("")[1],
        )
        first = far["input"] * self._l3(1.0, window) + far["weight"] * self._l3(1.0, weight)
        output = self.of.site.precision.output_bits / 8
        last = self.x["l2_last"] * self.of.shape.Q * self.k["l2_last"] * output
        return first, far["output"] * self._l3(1.0, last)

    def _through_l3(self, load_first: Array, end: Array) -> Array:
        """See `latency._through_l3`; L3 busy by itself, too."""
        repeats, far = self.of.shape.repeats, self.of.in_l3
        fetch_first = self._ends_in_l3[0]
        arriving = repeats * (self._l3(*self._fetched_input) + self._l3(*self._fetched_weight))
        spills = repeats * self._l3(*self._spilled)
        inputs, weights = self._l2_tile("less_")
        output = self.of.site.precision.output_bits / 8
        spill_most = far["output"] * self._l3(
            1.0, self.x["less_l2"] * self.k["less_l2"] * self.of.shape.Q * output
        )
        fetch_most = far["input"] * self._l3(1.0, inputs) + far["weight"] * self._l3(1.0, weights)
        early = np.maximum(0.0, spills - 2 * spill_most)
        fetching = (far["input"] + far["weight"] > 0) * (arriving + early + self.work.cycles("end") + end)
        late = np.maximum(0.0, arriving - 2 * fetch_most)
        spilling = far["output"] * (fetch_first + load_first + self.work.cycles("first") + spills + late)
        return np.maximum.reduce([arriving + spills, fetching, spilling])

    @cached_property
    def energy_pj(self) -> Array:
        """All components', leakage at the least latency."""
        site, costs, repeats = self.of.site, self.of.costs, self.of.shape.repeats
        price = {key: figure.value for key, figure in costs.energy_pj.items()}
        compute = self.work.cycles("all")
        working = self.work.cores
        active, idle = price["cores", "active"], price["cores", "idle"]
        if active < idle:  # where more work costs less, it may be all of the time
            working = site.cores.count * compute
        dynamic = working * active + np.maximum(0.0, site.cores.count * compute - working) * idle
        if site.engine is not None:
            dynamic = dynamic + self.work.engine * price["engine", "active"]
        byte = {
            "in": price["l1", "write"] / 4 + price["l2", "read"] / 8 + price["dma", "byte"],
            "out": price["l1", "read"] / 4 + price["l2", "write"] / 8 + price["dma", "byte"],
        }
        brought = self.input.bytes + self.weight.bytes
        dynamic = dynamic + self.x["units"] + brought * byte["in"] + self.output.bytes * byte["out"]
        if site.spec.l3 is not None:
            far = price["l3", "byte"]
            incoming = self._fetched_input[1] + self._fetched_weight[1]
            dynamic = dynamic + incoming * (price["l2", "write"] / 8 + far)
            dynamic = dynamic + self._spilled[1] * (price["l2", "read"] / 8 + far)
        return repeats * dynamic + self.cycles * sum(costs.always_on_pj_per_cycle.values())

    @property
    def fits(self) -> Bool:
        """Whether every memory may hold what lies in it."""
        return self.fits_l1 & (self._held_l2 <= self.of.site.spec.l2.room_bytes)

    @property
    def fits_l1(self) -> Bool:
        l1 = self.of.site.spec.l1
        assert l1 is not None  # whoever works in L2 has no tiles
        return self._held_l1 <= l1.room_bytes

    def quantity(self, name: str) -> Array:
        """cycles, energy_pj, traffic:<memory> or held:<memory>."""
        kind, _, memory = name.partition(":")
        if kind in ("cycles", "energy_pj"):
            return self.cycles if kind == "cycles" else self.energy_pj
        return self.traffic(memory) if kind == "traffic" else self.held(memory)
