"""What a layer moves between chip and memory, tiles, buffers, registers and arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.ways import Ways

Array = npt.NDArray[np.float64]


def moved_bytes(job: Job, ways: Ways, *, pipelined: bool) -> dict[str, Array]:
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
    inputs_kept, outputs_kept = (True, True) if pipelined else job.on_chip
    refetched = ways.rounds_across * job.input_bytes
    fetch = 0.0 if inputs_kept else refetched
    spill = 0.0 if outputs_kept else job.output_bytes
    weights = job.weight_bytes if p.static and not ways.resident else 0.0
    hops = 0.0 if site.spec.network is None else job.input_bytes * readers + sums * (deep - 1)
    line = job.input_bytes if inputs_kept and not pipelined else min(job.input_bytes, _line_bytes(job))
    kept = job.output_bytes if outputs_kept and not pipelined else 0.0
    counts: dict[str, npt.ArrayLike] = {
        "delivered": whole * in_line * readers,
        "registers": whole * readers,
        "driven": whole * ways.layout.across,
        "buffer read": whole * in_line * readers + waiting / 2,
        "buffer write": job.output_bytes + fetch + waiting / 2,
        "out": job.output_bytes + waiting,
        "network": hops,
        "fetch": fetch,
        "spill": spill,
        "weights": weights,
        "sums": sums * layout.down,
        "held": line + kept,
    }
    return {name: np.asarray(count) * ones for name, count in counts.items()}


def _line_bytes(job: Job) -> float:
    """Of the inputs that windows in work still need: as many lines as a window is high."""
    c = job.layer.contraction
    assert c is not None
    lines = min(c.input_size[0], (c.R - 1) * c.dilation[0] + 1 + c.stride[0])
    return job.input_bytes * lines / c.input_size[0] / c.B
