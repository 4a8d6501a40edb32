"""Layers that are no contraction: chunk by chunk through L1, on the cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from archsim.accelerators.cluster.core_kernels import elementwise_cycles
from archsim.accelerators.cluster.space import possible_places
from archsim.accelerators.cluster.work import Site
from archsim.accelerators.machine import DoesNotFit
from archsim.errors import InputError
from archsim.workloads.layer import Layer


@dataclass(frozen=True)
class Stream:
    """A layer's work: bytes in and out, split into chunks."""

    load_bytes: float
    store_bytes: float
    chunks: int
    in_l3: bool
    out_l3: bool

    @property
    def places(self) -> dict[str, str]:
        """Where what is read and what is made are."""
        return {"input": "l3" if self.in_l3 else "l2", "output": "l3" if self.out_l3 else "l2"}

    @property
    def resident_bytes(self) -> float:
        """Of L2, as long as the layer runs."""
        return self.load_bytes * (not self.in_l3) + self.store_bytes * (not self.out_l3)

    @property
    def far_bytes(self) -> float:
        """What comes from L3 and what goes there."""
        return self.load_bytes * self.in_l3 + self.store_bytes * self.out_l3

    def parts(self, total: float) -> list[tuple[int, float]]:
        """Of `total` in order so many chunks have so much: as even as bytes allow, larger ones first."""
        size, more = divmod(total // 1, self.chunks)
        runs = (int(more), size + 1), (self.chunks - int(more), size)
        return [(chunks, each) for chunks, each in runs if chunks]


def streams_of(layer: Layer, site: Site) -> list[Stream]:
    """Every number of chunks worth trying that fits: more overlap more, and cost more to start. What is tried
    does not depend on the memories, so that a larger one only adds to it.

    Raises DoesNotFit when not even single elements fit.
    """
    places = possible_places(layer, site)[-1]
    whole = whole_stream(layer, places.input, places.output)
    if site.spec.l1 is None:
        return [whole]
    smallest = min(t.elements for t in layer.outputs)
    streams = (replace(whole, chunks=n) for n in _chunk_counts(smallest))
    fitting = [stream for stream in streams if _fits_l1(stream, site) and _fits_l2(stream, site)]
    if not fitting:
        raise DoesNotFit(
            f"{site.spec.name}: layer {layer.name!r} does not fit even one element at a time; "
            "give l1 (or, with an l3, l2) more capacity_kib"
        )
    return fitting


def _chunk_counts(most: int) -> list[int]:
    """Up to one an element, four for every doubling."""
    counts = (step << i for i in range(most.bit_length()) for step in (1, 2, 3, *range(4, 8)))
    return sorted({n for n in counts if n < most} | {most})


def _fits_l1(stream: Stream, site: Site) -> bool:
    """One chunk needs no second buffer; two and more do."""
    return site.spec.l1 is None or held_bytes(site, stream)["l1"] <= site.spec.l1.room_bytes


def _fits_l2(stream: Stream, site: Site) -> bool:
    return held_bytes(site, stream)["l2"] <= site.spec.l2.room_bytes


def stream_of(layer: Layer, site: Site, raw: Mapping[str, Any]) -> Stream:
    """The stream that a row's columns stand for. Raises InputError where it does not fit."""
    whole = whole_stream(layer, str(raw["input_in"]), str(raw["output_in"]))
    stream = replace(whole, chunks=int(raw["chunks"]))
    most = min(t.elements for t in layer.outputs)
    if not 1 <= stream.chunks <= most or not _fits_l1(stream, site):
        raise InputError(
            f"layer {layer.name!r}: mapping has chunks {stream.chunks}; allowed: 1 to {most}, "
            "and as many as let two chunks fit l1"
        )
    return stream


def raw_mapping(layer: Layer, site: Site, readable: Mapping[str, Any]) -> dict[str, Any]:
    """A row's columns by its readable mapping; without places, activations are where their size puts them.

    Raises InputError for a mapping that is not of this family.
    """
    usual = possible_places(layer, site)[-1]
    allowed = ("l2",) if site.spec.l3 is None else ("l2", "l3")
    try:
        raw: dict[str, Any] = {"chunks": int(readable["chunks"])}
        places = {"input": usual.input, "output": usual.output} | dict(readable.get("places", {}))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"layer {layer.name!r}: mapping {dict(readable)} is not one of a cluster ({error}); "
            "it needs chunks and places, as archsim run writes them"
        ) from None
    for name in ("input", "output"):
        if places[name] not in allowed:
            raise InputError(
                f"layer {layer.name!r}: mapping places {name} in {places[name]!r}; "
                f"allowed: {', '.join(allowed)}"
            )
    return raw | {f"{name}_in": str(places[name]) for name in ("input", "output")}


def whole_stream(layer: Layer, source: str, target: str) -> Stream:
    """A layer in one chunk, what it reads and makes in the given memories."""
    p = layer.precision
    made = sum(t.elements for t in layer.outputs)
    read, constants = (sum(t.elements for t in group) for group in (layer.inputs, layer.weights))
    if layer.operator in ("gather", "slice"):  # only what is picked out is fetched
        read, constants = min(read, made), min(constants, made)
    load = (read * p.activation_bits + constants * p.weight_bits) / 8
    return Stream(load, made * p.output_bits / 8, 1, source == "l3", target == "l3")


def chunk_cycles(layer: Layer, site: Site, stream: Stream) -> int:
    """Of the cores on one chunk: its share of the work, and what a kernel costs to start."""
    return ceil(elementwise_cycles(site.cores, layer, 1 / stream.chunks)) + site.spec.overheads.tile_cycles


def latency_bound(layer: Layer, site: Site, stream: Stream) -> float:
    """The slower of moving and working, with the first chunk's load and the last one's store."""
    work = stream.chunks * chunk_cycles(layer, site, stream)
    first, last = stream.parts(stream.load_bytes)[0][1], stream.parts(stream.store_bytes)[-1][1]
    exposed = site.transfer_cycles(np.float64(first)) + site.transfer_cycles(np.float64(last))
    loads = site.transfer_cycles(np.float64(stream.load_bytes), stream.chunks, stream.chunks)
    bound = max(work + exposed, loads)
    if stream.far_bytes:
        bound = max(bound, float(site.l3_cycles(np.float64(stream.far_bytes))))
    return float(bound) + site.spec.overheads.layer_cycles


def latency_most(layer: Layer, site: Site, stream: Stream) -> float:
    """Everything one after the other, each chunk's parts rounded up."""
    n = stream.chunks
    moved = site.transfer_cycles(np.float64(stream.load_bytes + stream.store_bytes), 2 * n, 2 * n)
    total = n * chunk_cycles(layer, site, stream) + float(moved)
    if stream.far_bytes:
        total += float(site.l3_cycles(np.float64(stream.far_bytes), 2 * n))
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
    passing = copies * stream.far_bytes / stream.chunks
    held = {"l2": stream.resident_bytes + passing + site.waiting_bytes, "l2_weights": 0.0}
    return held if site.spec.l1 is None else {"l1": chunk, **held}
