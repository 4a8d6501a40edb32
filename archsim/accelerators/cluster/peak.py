"""What a cluster does at most: no layer is above its peak."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from archsim.accelerators.cluster.engines import ENGINES, engine_cycles
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.work import Site
from archsim.errors import InputError

LABELS = ("w1a1", "w2a2", "w2a4", "w2a8", "w8a8", "fp16")


def peak_macs_per_cycle(spec: ClusterSpec, site_of: Callable[[str], Site]) -> float:
    """MACs a cycle of the fastest unit at its narrowest operands."""
    best = 0.0
    for label in LABELS:
        try:
            site = site_of(label)
        except InputError:
            continue
        best = max(best, spec.cores.count * site.cores.loop.macs / site.cores.iteration_cycles)
        if spec.engine is not None:
            kind = spec.engine.kind
            side = 8 * ENGINES[kind].patch
            shape = Shape(
                side, side, 64, 4096, 3, 3, (1, 1), (1, 1), (1, 1, 1, 1), (side, side), 1, False, True
            )
            if ENGINES[kind].runs(shape, site.precision):
                p, k, c = (np.array([float(n)]) for n in (side, 64, 4096))
                cycles = engine_cycles(kind, shape, site.precision, p, p, k, c, np.zeros(1))
                best = max(best, shape.macs / float(cycles[0]))
    return best
