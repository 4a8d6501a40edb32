"""Pricing all ways of a layer at once: cycles of each resource, what is moved and held, counted actions.

Closed forms (one window, then sums): an input of a bits in slices of s takes ceil(a / s) slices;
conversions = windows × groups × row blocks × weights × conversions a weight × slices; a layer's time on the
arrays is ceil(windows / copies) × slices × (time of a slice), the usual forms of ISAAC (ISCA 2016), PUMA
(ASPLOS 2019) and NeuroSim V1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.actions import counted_actions
from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.traffic import moved_bytes
from archsim.accelerators.crossbar.ways import Ways

Array = npt.NDArray[np.float64]
ROUNDING = 1e-9
MOST_CHUNKS = 32
"""Into so many parts a round's windows are split in the kernel's graph; buffers pass on single windows."""


@dataclass(frozen=True)
class Window:
    """Cycles that one window (of every copy) takes each part of the machine, whatever the others do."""

    load: Array
    compute: Array
    store: Array


@dataclass(frozen=True)
class Priced:
    """An entry a way, for the whole layer (or one input of a pipeline's stage)."""

    cycles: Array  # lower bound of the latency, the layer run alone; of a stage its interval
    cycles_high: Array
    compute: Array
    busy: Mapping[str, Array]  # cycles of each resource
    window: Window
    passes: Array  # windows of each copy in a round
    write: Array  # cycles of a round's writing
    fetch: Array  # cycles of a round's inputs and outputs off chip
    spill: Array
    actions: Mapping[tuple[str, str], Array]
    offchip_bytes: Array
    network_bytes: Array
    buffer_bytes: Array
    held: Array  # bytes in buffers


def price(job: Job, ways: Ways) -> Priced:
    """Price every way. In a pipeline nothing waits: the busiest part is the interval."""
    moved = moved_bytes(job, ways)
    window = window_cycles(job, ways)
    passes, rounds = np.ceil(job.product.windows / ways.copies), ways.rounds
    write = _write_cycles(job, ways)
    rate = job.site.offchip_bytes_per_cycle
    fetch, spill = moved["fetch"] / rounds / rate, moved["spill"] / rounds / rate
    fill = job.site.fill_cycles
    compute = rounds * (passes * window.compute + fill)
    busy = {
        "arrays": compute,
        "buffer in": rounds * passes * window.load,
        "buffer out": rounds * passes * window.store,
        "offchip": rounds * (fetch + spill + job.product.static * write),
        "writing": rounds * write,
    }
    if job.site.pipelined:
        busy["offchip"] = np.maximum(fetch, spill)  # at once, each way
        low = high = np.ceil(np.maximum.reduce(list(busy.values())) - ROUNDING)
    else:
        low, high = latency(window, passes, rounds, write, fetch, spill, fill)
        low = np.maximum(low, busy["offchip"])
    return Priced(
        cycles=low,
        cycles_high=high,
        compute=compute,
        busy=busy,
        window=window,
        passes=passes,
        write=write,
        fetch=fetch,
        spill=spill,
        actions=counted_actions(job, ways, moved),
        offchip_bytes=moved["fetch"] + moved["spill"] + moved["weights"],
        network_bytes=moved["network"],
        buffer_bytes=moved["buffer read"] + moved["buffer write"],
        held=moved["held"],
    )


def chunks_of(passes: Array) -> Array:
    return np.minimum(passes, MOST_CHUNKS)


def latency(
    window: Window, passes: Array, rounds: Array, write: Array, fetch: Array, spill: Array, fill: float
) -> tuple[Array, Array]:
    """Bounds from below and above of the layer run alone.

    Below: the busiest part, with what must come before and after it. Above: chunk after chunk in lockstep,
    every part rounded up to whole cycles.
    """
    chunks = chunks_of(passes)
    small, large = np.floor(passes / chunks), np.ceil(passes / chunks)
    first = np.maximum(write, small * window.load + fetch / chunks)
    last = small * window.store + spill / chunks
    compute = passes * window.compute + fill
    low = np.maximum.reduce(
        [
            first + compute * rounds + write * (rounds - 1) + last,
            rounds * passes * window.load + small * window.compute + last,
            first + rounds * passes * window.store + small * window.compute,
            rounds * (fetch + spill),
        ]
    )
    offchip = np.ceil(fetch / chunks) + np.ceil(spill / chunks)
    parts = (window.load, window.compute, window.store)
    step = np.maximum.reduce([offchip, *(np.ceil(large * part) for part in parts)])
    high = rounds * (np.ceil(write) + fill + (chunks + 4) * step)
    return low, np.maximum(low, high)


def window_cycles(job: Job, ways: Ways) -> Window:
    """What a window takes in the fullest tile: its inputs in, its slices, its outputs out."""
    site, layout, p = job.site, ways.layout, job.product
    compute = np.full(len(ways), float(site.vector_cycles(ways.slice_bits, layout.rows_used)))
    in_tile = np.minimum(ways.arrays, site.tile_arrays)
    tiles = np.ceil(ways.arrays / site.tile_arrays)
    side_by_side = np.clip(in_tile // ways.down, 1, ways.across)  # column blocks that share inputs
    row_blocks = np.ceil(in_tile / side_by_side)
    arriving = row_blocks * layout.rows_used * site.precision.activation_bits / 8
    in_line = p.fresh_in_line if layout.order == "channel" else 1.0
    bus = site.spec.tile.buffer.bytes_per_cycle
    load = np.maximum(arriving * in_line / bus, arriving * p.fresh / site.network_bytes_per_cycle)
    sets = in_tile / ways.down  # of outputs; less than one where row blocks lie in several tiles
    values = np.maximum(1.0, sets) * layout.outputs_used
    partial = (ways.rounds_down > 1) | (sets < 1)
    out = values * np.where(partial, site.sum_bytes, site.precision.output_bits / 8)
    passed_on = np.where(sets < 1, out, 0.0) / site.network_bytes_per_cycle
    windows = ways.rounds * np.ceil(p.windows / ways.copies)
    fused = job.operations / (windows * tiles * site.spec.vector_unit.lanes)
    store = np.maximum.reduce([out / bus, passed_on, fused])
    return Window(load, compute, store)


def _write_cycles(job: Job, ways: Ways) -> Array:
    """Of one round: rows of all arrays side by side, and the weights' way there, the slower of the two."""
    if ways.resident:
        return np.zeros(len(ways))
    rows = float(ways.layout.rows_used * job.site.row_write_cycles)
    if job.product.static:
        rate = np.full(len(ways), job.site.offchip_bytes_per_cycle)
    else:
        rate = job.site.spec.tile.buffer.bytes_per_cycle * np.ceil(ways.arrays / job.site.tile_arrays)
    return np.maximum(rows, job.weight_bytes / ways.rounds / rate)
