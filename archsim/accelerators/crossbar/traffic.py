"""What a layer moves between chip and memory, tiles, buffers, registers and arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.ways import Ways

Array = npt.NDArray[np.float64]


def moved_bytes(job: Job, ways: Ways) -> dict[str, Array]:
    """Bytes by where they go, for the whole layer.

    Every tile that holds a column block reads the layer's inputs from its buffer; a multicast tree takes a
    hop a tile. Row blocks in several tiles pass their sums on; sums of several rounds wait in the buffers.
    """
    site, layout, p = job.site, ways.layout, job.product
    ones = np.ones(len(ways))
    windows = float(p.windows * p.groups)
    whole = windows * p.rows * site.precision.activation_bits / 8
    in_line = p.fresh_in_line if layout.order == "channel" else 1.0
    wide = np.ceil(ways.across / np.maximum(1, site.tile_arrays // ways.down))  # tiles with the same inputs
    deep = np.ceil(ways.down / site.tile_arrays)
    readers = wide * ways.rounds_across
    sums = windows * p.outputs * site.sum_bytes
    waiting = 2 * sums * (ways.rounds_down - 1)
    kept = job.activations
    lines_fit = job.line_bytes <= site.buffer_bytes / 2  # otherwise every window is fetched whole
    as_used = kept.input_bytes if lines_fit else whole * in_line
    fetch = kept.arriving if kept.inputs_kept else as_used * ways.rounds_across
    spill = kept.spilled
    weights = job.weight_bytes if p.static and not ways.resident else 0.0
    written = 0.0 if p.static else job.weight_bytes  # activations on their way into the arrays
    hops = 0.0 if site.spec.network is None else kept.input_bytes * readers + sums * (deep - 1)
    counts: dict[str, npt.ArrayLike] = {
        "delivered": whole * in_line * readers + written,
        "registers": whole * readers,
        "driven": whole * ways.layout.across,
        "buffer read": whole * in_line * readers + written + waiting / 2,
        "buffer write": kept.output_bytes + fetch + waiting / 2,
        "out": kept.output_bytes + waiting,
        "network": hops,
        "fetch": fetch,
        "spill": spill,
        "weights": weights,
        "sums": sums * layout.down,
        "held": held_bytes(job),
    }
    return {name: np.asarray(count) * ones for name, count in counts.items()}


def held_bytes(job: Job) -> float:
    """In the buffers: activations that are kept, or the lines and results in work (in a pipeline always)."""
    kept = job.activations
    lines = min(kept.input_bytes, job.line_bytes, job.site.buffer_bytes / 2)
    if job.site.pipelined:
        return min(kept.input_bytes, job.line_bytes)
    inputs = kept.input_bytes if kept.inputs_kept else lines
    return inputs + (kept.output_bytes if kept.outputs_kept else 0.0)
