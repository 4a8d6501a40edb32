"""Layers that are no contraction: chunk by chunk through L1, on the cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from archsim.accelerators.cluster.core_kernels import elementwise_cycles
from archsim.accelerators.cluster.space import possible_places
from archsim.accelerators.cluster.work import Site
from archsim.accelerators.machine import DoesNotFit
from archsim.workloads.layer import Layer

MOST_CHUNKS = 64


@dataclass(frozen=True)
class Stream:
    """A layer's work: bytes in and out, split into chunks."""

    load_bytes: float
    store_bytes: float
    chunks: int
    in_l3: bool
    out_l3: bool

    def part(self, total: float, chunk: int) -> float:
        """What of `total` a chunk has: as even as whole bytes allow."""
        return total * (chunk + 1) // self.chunks - total * chunk // self.chunks


def streams_of(layer: Layer, site: Site) -> list[Stream]:
    """Every number of chunks worth trying: the fewest that fit, and powers of two times that, which overlap
    more.

    Raises DoesNotFit when not even single elements fit.
    """
    whole = _whole(layer, site)
    least = _fewest_chunks(whole, site)
    smallest = min(t.elements for t in layer.outputs)
    if least > smallest:
        raise DoesNotFit(
            f"{site.spec.name}: layer {layer.name!r} does not fit l1 even one element at a time; "
            "give l1 more capacity_kib"
        )
    if site.spec.l1 is None:
        return [whole]
    counts = {min(least << i, smallest) for i in range(8) if i == 0 or least << i <= MOST_CHUNKS}
    # one chunk needs no second buffer; two and more do
    room = site.spec.l1.room_bytes
    fitting = [n for n in sorted(counts) if n == 1 or 2 * (whole.load_bytes + whole.store_bytes) <= n * room]
    return [replace(whole, chunks=n) for n in fitting]


def _whole(layer: Layer, site: Site) -> Stream:
    p = layer.precision
    made = sum(t.elements for t in layer.outputs)
    read, constants = (sum(t.elements for t in group) for group in (layer.inputs, layer.weights))
    if layer.operator in ("gather", "slice"):  # only what is picked out is fetched
        read, constants = min(read, made), min(constants, made)
    load = (read * p.activation_bits + constants * p.weight_bits) / 8
    places = possible_places(layer, site)[-1]
    return Stream(load, made * p.output_bits / 8, 1, places.input == "l3", places.output == "l3")


def _fewest_chunks(whole: Stream, site: Site) -> int:
    load, store, chunks = whole.load_bytes, whole.store_bytes, 1
    if site.spec.l1 is not None:
        room = site.spec.l1.room_bytes
        chunks = 1 if load + store <= room else ceil(2 * (load + store) / room)
    if whole.in_l3 or whole.out_l3:
        room = site.spec.l2.room_bytes
        chunks = max(chunks, ceil(2 * (load * whole.in_l3 + store * whole.out_l3) / room))
    return chunks


def chunk_cycles(layer: Layer, site: Site, stream: Stream) -> int:
    """Of the cores on one chunk: its share of the work, and what a kernel costs to start."""
    return ceil(elementwise_cycles(site.cores, layer, 1 / stream.chunks)) + site.spec.overheads.tile_cycles


def latency_bound(layer: Layer, site: Site, stream: Stream) -> float:
    """The slower of moving and working, with the first chunk's load and the last one's store."""
    work = stream.chunks * chunk_cycles(layer, site, stream)
    first, last = stream.part(stream.load_bytes, 0), stream.part(stream.store_bytes, stream.chunks - 1)
    exposed = site.transfer_cycles(np.float64(first)) + site.transfer_cycles(np.float64(last))
    loads = site.transfer_cycles(np.float64(stream.load_bytes), stream.chunks, stream.chunks)
    bound = max(work + exposed, loads)
    if stream.in_l3 or stream.out_l3:
        size = stream.load_bytes * stream.in_l3 + stream.store_bytes * stream.out_l3
        bound = max(bound, float(site.l3_cycles(np.float64(size))))
    return float(bound) + site.spec.overheads.layer_cycles


def latency_most(layer: Layer, site: Site, stream: Stream) -> float:
    """Everything one after the other, each chunk's parts rounded up."""
    n = stream.chunks
    moved = site.transfer_cycles(np.float64(stream.load_bytes + stream.store_bytes), 2 * n, 2 * n)
    total = n * chunk_cycles(layer, site, stream) + float(moved)
    if stream.in_l3 or stream.out_l3:
        far = stream.load_bytes * stream.in_l3 + stream.store_bytes * stream.out_l3
        total += float(site.l3_cycles(np.float64(far), 2 * n))
    return total + 4 * n + site.spec.overheads.layer_cycles


def counted_actions(layer: Layer, site: Site, stream: Stream) -> dict[tuple[str, str], float]:
    """(component, action) -> count."""
    busy = stream.chunks * elementwise_cycles(site.cores, layer, 1 / stream.chunks)
    load, store = stream.load_bytes, stream.store_bytes
    actions: dict[tuple[str, str], float] = {("cores", "active"): busy * site.cores.count}
    if site.spec.l1 is None:
        return actions | {("l2", "read"): load / 8, ("l2", "write"): store / 8}
    incoming, outgoing = load * stream.in_l3, store * stream.out_l3
    actions |= {
        ("l1", "read"): (load + store) / 4,
        ("l1", "write"): (load + store) / 4,
        ("l2", "read"): (load + outgoing) / 8,
        ("l2", "write"): (store + incoming) / 8,
        ("dma", "byte"): load + store,
    }
    if site.spec.l3 is not None:
        actions["l3", "byte"] = incoming + outgoing
    return actions


def held_bytes(site: Site, stream: Stream) -> Mapping[str, float]:
    copies = 2 if stream.chunks > 1 else 1
    chunk = copies * (stream.load_bytes + stream.store_bytes) / stream.chunks
    resident = stream.load_bytes * (not stream.in_l3) + stream.store_bytes * (not stream.out_l3)
    passing = copies * (stream.load_bytes * stream.in_l3 + stream.store_bytes * stream.out_l3) / stream.chunks
    held = {"l2": resident + passing, "l2_weights": 0.0}
    return held if site.spec.l1 is None else {"l1": chunk, **held}
