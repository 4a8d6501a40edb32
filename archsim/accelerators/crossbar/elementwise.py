"""Layers that are no contraction: chunk by chunk from the buffers through the tiles' vector units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archsim.accelerators.crossbar.activations import activations_of
from archsim.accelerators.crossbar.pricing import MOST_CHUNKS, ROUNDING, Window, latency
from archsim.accelerators.crossbar.program import LayerProgram
from archsim.accelerators.crossbar.site import Site
from archsim.workloads.layer import Layer


@dataclass(frozen=True)
class Stream:
    """A layer's bytes in and out, whether they are kept on the chip, and cycles of all tiles together."""

    load_bytes: float
    store_bytes: float
    fetch_bytes: float
    spill_bytes: float
    operations: float
    chunks: int

    def cycles(self, site: Site, tiles: int) -> Window:
        """Of one chunk, spread over so many tiles."""
        bus, lanes = site.spec.tile.buffer.bytes_per_cycle * tiles, site.spec.vector_unit.lanes * tiles
        each = (self.load_bytes / bus, self.operations / lanes, self.store_bytes / bus)
        return Window(*(np.array([part / self.chunks]) for part in each))

    def interval(self, site: Site, tiles: int) -> float:
        """From one input to the next, in a pipeline."""
        window = self.cycles(site, tiles)
        slowest = float(np.maximum.reduce([window.load, window.compute, window.store])[0])
        off_chip = max(self.fetch_bytes, self.spill_bytes) / site.offchip_bytes_per_cycle
        return float(np.ceil(max(self.chunks * slowest, off_chip) - ROUNDING))

    def bounds(self, site: Site) -> tuple[float, float]:
        """Of the latency, from below and above."""
        rate, one = site.offchip_bytes_per_cycle, np.ones(1)
        window = self.cycles(site, site.spec.tile.count)
        fetch, spill = self.fetch_bytes / rate * one, self.spill_bytes / rate * one
        low, high = latency(window, self.chunks * one, one, 0 * one, fetch, spill, 0.0)
        return float(low[0]), float(high[0])

    def actions(self) -> dict[tuple[str, str], float]:
        """(component, action) -> count."""
        return {
            ("vector_unit", "operate"): self.operations,
            ("buffer", "read"): self.load_bytes + self.spill_bytes,
            ("buffer", "write"): self.store_bytes + self.fetch_bytes,
            ("bus", "move"): self.load_bytes + self.store_bytes,
            ("offchip", "byte"): self.fetch_bytes + self.spill_bytes,
        }

    def program(self, layer: Layer, site: Site) -> LayerProgram:
        window, rate = self.cycles(site, site.spec.tile.count), site.offchip_bytes_per_cycle
        return LayerProgram(
            name=layer.name,
            rounds=1,
            passes=self.chunks,
            chunks=self.chunks,
            load=float(window.load[0]),
            compute=float(window.compute[0]),
            store=float(window.store[0]),
            fill=0,
            fetch=self.fetch_bytes / rate,
            spill=self.spill_bytes / rate,
            resource="vector_unit",
        )


def stream_of(layer: Layer, site: Site) -> Stream:
    """A layer's bytes and operations; a pipeline keeps its parameters."""
    p = site.precision
    made = sum(t.elements for t in layer.outputs)
    read, constants = (sum(t.elements for t in group) for group in (layer.inputs, layer.weights))
    if layer.operator in ("gather", "slice"):  # only what is picked out is fetched
        read, constants = min(read, made), min(constants, made)
    load, store = read * p.activation_bits / 8, made * p.output_bits / 8
    parameters = constants * p.weight_bits / 8
    kept = activations_of(layer, site, load, store)
    return Stream(
        load_bytes=load + parameters,
        store_bytes=store,
        fetch_bytes=(kept.arriving if kept.inputs_kept else load) + (0.0 if site.pipelined else parameters),
        spill_bytes=kept.spilled,
        operations=float(sum(layer.ops.values())),
        chunks=max(1, min(MOST_CHUNKS, *(t.elements for t in layer.outputs))),
    )


def tiles_to_choose(site: Site) -> list[int]:
    """Numbers of tiles that a stage's work may be spread over: powers of two, and all."""
    most = site.spec.tile.count
    return sorted({*(2**i for i in range(most.bit_length()) if 2**i < most), most})
