"""Where a network's tensors are on a cluster: each in L2 or in L3, so that layers cost the least together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archsim.accelerators.choice import Choice, best_row
from archsim.accelerators.cluster.home_search import HomeSearch
from archsim.accelerators.cluster.homes import Homes, Network, alive_at
from archsim.accelerators.cluster.residency import layouts_bytes, resident_weights_bytes
from archsim.accelerators.cluster.work import Surroundings
from archsim.accelerators.machine import DoesNotFit

if TYPE_CHECKING:
    from archsim.accelerators.cluster.machine import ClusterMachine
    from archsim.workloads.workload import Workload

WORTH_TELLING = 0.015
"""Of a network's cost: rows are chosen to 1 %, places to another."""


@dataclass(frozen=True)
class Placement:
    """By layer what is around it, and the row that it runs where that is known (for EDP)."""

    around: Mapping[str, Surroundings]
    chosen: Mapping[str, Choice] = field(default_factory=dict)
    cost: float = 0.0  # of all layers, each by itself, with the tile sizes tried for places
    bound: float | None = None  # no places cost less with these; None: not known

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.bound is None:
            return ()
        short = 1 - self.bound / self.cost
        if short <= WORTH_TELLING:
            return ()
        return (
            f"other places of tensors in L2 and L3 may cost up to {short:.1%} less; the search for them "
            "ended before that was ruled out",
        )


def place(machine: ClusterMachine, workload: Workload, minimize: str) -> Placement:
    """Homes of a network's tensors, and rows of its layers, that cost the least together.

    For EDP, which is no sum over layers, homes are the better of those for latency and those for energy.
    Where nothing fits, all is in L3, and no row will fit there either.
    """
    network, l3 = Network.of(machine.spec, workload), machine.spec.l3
    if l3 is None or _all_fits(machine, workload):
        stay = network.weight_sets if l3 is None or l3.weights == "l2" else frozenset()
        return Placement(_around(machine, network, Homes(network.groups, stay)))
    try:
        if minimize != "edp":
            placement = _cheapest(machine, network, minimize)
        else:
            both = [_for_edp(machine, network, each) for each in ("latency", "energy")]
            placement = min(both, key=lambda each: each.cost)
    except DoesNotFit:
        placement = None
    return placement or Placement(_around(machine, network, Homes(frozenset(), frozenset())))


def _cheapest(machine: ClusterMachine, network: Network, minimize: str) -> Placement:
    """Raises DoesNotFit where nothing fits."""
    found = HomeSearch(machine, network, minimize).run()
    if found is None:
        raise DoesNotFit(f"{machine.name}: no tiles fit l2 with any tensors in l3")
    return Placement(_around(machine, network, found.homes), cost=found.cost, bound=found.bound)


def _for_edp(machine: ClusterMachine, network: Network, objective: str) -> Placement:
    """Homes of another objective, rows that are the best for EDP there, and the product of their sums."""
    placement = _cheapest(machine, network, objective)
    there = machine.within(placement.around)
    known: dict[object, Choice] = {}
    for step in network.steps:
        alike = step.alike, placement.around[step.layer.name]
        if alike not in known:
            known[alike] = best_row(step.layer, there, "edp")
    chosen = {x.layer.name: known[x.alike, placement.around[x.layer.name]] for x in network.steps}
    energy = sum(choice.row.energy_pj for choice in chosen.values())
    cycles = sum(choice.cost / choice.row.energy_pj for choice in chosen.values())
    return Placement(placement.around, chosen, energy * cycles)


def _all_fits(machine: ClusterMachine, workload: Workload) -> bool:
    """Whether L2 has room for all activations with weights where they are to be (or tiles of them as large as
    may be): then nothing is gained by an activation in L3.
    """
    spec = machine.spec
    assert spec.l3 is not None
    if spec.l3.weights == "auto":  # and not all of them fit
        return False
    room = spec.l2.room_bytes
    if spec.l3.weights == "l2":
        return resident_weights_bytes(spec, workload) + workload.peak_memory.bytes <= room
    sizes = workload.tensor_bytes
    return all(
        sum(sizes[name] for name in names) + 2 * layouts_bytes(spec, layer) <= room
        for layer, names in zip(workload.layers, alive_at(workload), strict=True)
    )


def _around(machine: ClusterMachine, network: Network, homes: Homes) -> dict[str, Surroundings]:
    """By layer. Where all weights stay, what they take is not in it: it follows from the rows chosen."""
    found = {}
    for step in network.steps:
        at = step.places(homes)
        apart = machine.shared_l2_bytes is not None
        waiting = step.waiting_bytes(homes) if apart else network.waiting_bytes(step, homes)
        found[step.layer.name] = Surroundings(at.input, at.weight, at.output, waiting)
    return found
