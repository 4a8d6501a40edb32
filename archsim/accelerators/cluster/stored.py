"""Where a layer's data lie on a cluster: whole operands in L2, their tiles in L1 (or in L2, from L3)."""

from __future__ import annotations

from math import ceil

from archsim.accelerators.cluster.costs import L2_WORD_BYTES, WORD_BYTES, Costs, sites_of
from archsim.accelerators.cluster.elementwise import Stream
from archsim.accelerators.cluster.mapping import Mapped
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.traffic import OPERANDS
from archsim.components.sram_supply import Stored
from archsim.workloads.layer import Layer


def stored_of(layer: Layer, costs: Costs, spec: ClusterSpec, mapped: Mapped) -> tuple[Stored, ...]:
    """A contraction's operands. Tiles of inputs and outputs are taken to be alike: the mean of all."""
    bits, elements = _bits(layer), _elements(layer)
    tiles, l2 = mapped.tiles, mapped.l2
    trips = {dim: float(tiles.trips(dim).max()) for dim in "PQKC"}
    weight = ceil(mapped.weight_tile_bytes * 8 / bits["weight"])
    l1 = {
        "input": ceil(elements["input"] / (trips["P"] * trips["Q"] * trips["C"])),
        "weight": min(weight, elements["weight"]),
        "output": ceil(elements["output"] / (trips["P"] * trips["Q"] * trips["K"])),
    }
    outer = {
        "input": float(l2.trips_p.max()),
        "weight": float(l2.trips_k.max()),
        "output": float((l2.trips_p * l2.trips_k).max()),
    }
    places = mapped.plan.places
    found: list[Stored] = []
    for operand in OPERANDS:
        far = getattr(places, operand) == "l3"
        tile = ceil(elements[operand] / outer[operand]) if far else elements[operand]
        resident = operand == "weight" and layer.has_static_weights and not far
        found.append(_stored("l2", operand, bits[operand], tile, 2 if far else 1, costs, spec, resident))
        if spec.l1 is not None:
            found.append(_stored("l1", operand, bits[operand], l1[operand], mapped.plan.buffers, costs, spec))
    return tuple(found)


def stored_in_chunks(layer: Layer, costs: Costs, spec: ClusterSpec, stream: Stream) -> tuple[Stored, ...]:
    """Of a layer that is no contraction: its chunks."""
    bits, elements = _bits(layer), _elements(layer)
    far = {"input": stream.in_l3, "output": stream.out_l3}
    copies = 2 if stream.chunks > 1 else 1
    found: list[Stored] = []
    for operand, is_far in far.items():
        chunk = ceil(elements[operand] / stream.chunks)
        whole = chunk if is_far else elements[operand]
        found.append(_stored("l2", operand, bits[operand], whole, copies if is_far else 1, costs, spec))
        if spec.l1 is not None:
            found.append(_stored("l1", operand, bits[operand], chunk, copies, costs, spec))
    return tuple(found)


def _bits(layer: Layer) -> dict[str, int]:
    p = layer.precision
    weight = p.weight_bits if layer.has_static_weights else p.activation_bits
    return {"input": p.activation_bits, "weight": weight, "output": p.output_bits}


def _elements(layer: Layer) -> dict[str, int]:
    c = layer.contraction
    if c is not None:
        return {"input": c.input_elements, "weight": c.weight_elements, "output": c.output_elements}
    groups = {"input": layer.inputs, "weight": layer.weights, "output": layer.outputs}
    return {operand: sum(t.elements for t in tensors) for operand, tensors in groups.items()}


def _stored(
    memory: str,
    operand: str,
    bits: int,
    elements: int,
    buffers: int,
    costs: Costs,
    spec: ClusterSpec,
    is_resident: bool = False,
) -> Stored:
    site = next(s for s in sites_of(spec, costs.point) if s.memory == memory)
    word_bytes = WORD_BYTES if memory == "l1" else L2_WORD_BYTES
    given = spec.l1 if memory == "l1" else spec.l2
    assert given is not None
    return Stored(
        operand=operand,
        memory=memory,
        word_bits=8 * word_bytes,
        words=int(given.capacity_kib * 1024) // word_bytes,
        element_bits=bits,
        tile_elements=max(1, elements),
        buffers=buffers,
        is_resident=is_resident,
        supply=site.supply,
    )
