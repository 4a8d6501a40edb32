"""Layers one after the other on a cluster: what L2 holds meanwhile, and which weights may come early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archsim.accelerators.cluster.elementwise_program import elementwise_program
from archsim.accelerators.cluster.homes import waiting_bytes
from archsim.accelerators.cluster.program import LayerProgram, graph_of
from archsim.accelerators.cluster.residency import kept_bytes
from archsim.accelerators.cluster.tile_program import tile_program
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph

if TYPE_CHECKING:
    from archsim.accelerators.cluster.machine import ClusterMachine
    from archsim.accelerators.machine import Row

Held = Mapping[str, float]
"""Bytes by memory; `l2_weights`: of those in l2, weights that stay there."""


def network_graph(machine: ClusterMachine, rows: Sequence[Row]) -> TimedGraph:
    """Each layer's first weights are fetched while the layer before runs, where there is room for both.

    Raises InputError when the weights that stay in L2 and the activations do not fit it together.
    """
    if len(rows) == 1:
        return graph_of([_layer_program(machine, rows[0], None)])
    waiting = zip(map(machine.held, rows), waiting_bytes(rows), strict=True)
    held = [{**own, "l2": own["l2"] + more} for own, more in waiting]
    resident = _resident_bytes(rows, held)
    _check_l2(machine, held, resident)
    early = [None] + [
        _early_from(machine, row, before, own, resident)
        for row, before, own in zip(rows[1:], held, held[1:], strict=False)
    ]
    return graph_of([_layer_program(machine, *each) for each in zip(rows, early, strict=True)])


def _layer_program(machine: ClusterMachine, row: Row, early_from: str | None) -> LayerProgram:
    layer, site = row.layer, machine.site(row.layer.precision)
    if layer.contraction is None:
        return elementwise_program(layer, site, machine.stream(row))
    mapped = machine.mapped(row)
    return tile_program(
        layer.name,
        site,
        mapped.tiles,
        mapped.l2,
        mapped.plan,
        prefetch=early_from == "l2",
        early_fetch=early_from == "l3",
    )


def _early_from(machine: ClusterMachine, row: Row, before: Held, own: Held, resident: float) -> str | None:
    """The memory from which a layer's first weights may come while the layer before runs."""
    l1, l2, layer = machine.spec.l1, machine.spec.l2, row.layer
    if l1 is None or layer.contraction is None or not layer.has_static_weights:
        return None
    mapped = machine.mapped(row)
    places = mapped.plan.places
    if places.weight == "l2":
        return "l2" if before.get("l1", 0.0) + mapped.weight_tile_bytes <= l1.room_bytes else None
    both = sum(held["l2"] - held["l2_weights"] for held in (before, own)) + resident
    return "l3" if places.input == "l2" and both <= l2.room_bytes else None


def _resident_bytes(rows: Sequence[Row], held: Sequence[Held]) -> float:
    """Of weights that stay in L2 throughout."""
    return kept_bytes(
        (row.layer.weights, str(row.mapping["way"]).partition(":")[0], own["l2_weights"])
        for row, own in zip(rows, held, strict=True)
        if row.layer.contraction is not None
    )


def _check_l2(machine: ClusterMachine, held: Sequence[Held], resident: float) -> None:
    most, room = max(own["l2"] - own["l2_weights"] for own in held), machine.spec.l2.room_bytes
    if machine.spec.l1 is not None and resident + most > room:
        raise InputError(
            f"{machine.name}: {resident:,.0f} bytes of weights and {most:,.0f} of activations do not fit l2 "
            f"together, which has {room:,.0f}; give it more capacity_kib, or an l3 with weights: l3"
        )
