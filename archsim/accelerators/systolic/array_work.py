"""What an array does for every mapping of a nest: cycles, and what it draws from its buffers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from archsim.accelerators.systolic.nest import Grid


@dataclass(frozen=True)
class ArrayWork:
    """Grids over a nest's mappings, for one group of the layer.

    `reads` are elements of inputs and weights taken from the innermost buffer that holds them;
    `output_writes` are sums put back there, of which all but the last of each output are partial, and
    `output_reads` the partial sums fetched to be added to.
    """

    cycles: Grid
    reads: Mapping[str, Grid]
    output_writes: Grid
    output_reads: Grid
    folds: Grid
    register_bits: Grid | int  # moved or latched in the PEs' own pipeline registers
    register_accesses: Mapping[tuple[str, str], Grid] = field(default_factory=dict)
    """(register memory, read | write) -> bits, where the spec lists registers."""
    register_fits: Grid = field(default_factory=lambda: np.ones((1, 1, 1), dtype=bool))
    together: int = 1  # groups run at the same time
    rounds: int = 1  # so many times, until all groups are done
