"""What an array does for every mapping of a nest: cycles, and what it draws from its buffers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archsim.accelerators.systolic.nest import Grid

Moved = dict[tuple[str, str, str], Grid]
"""(memory, read | write, kind of element) -> elements; kinds are input, weight, output and (partial) sum."""

Held = dict[tuple[str, str], Grid]
"""(memory, kind of element) -> elements it must have room for."""


@dataclass(frozen=True)
class ArrayWork:
    """Grids over a nest's mappings, for one group of the layer; nothing here depends on bit-widths.

    `reads` are elements of inputs and weights taken from the innermost buffer that holds them;
    `output_writes` are sums put back there, of which all but the last of each output are partial, and
    `output_reads` the partial sums fetched to be added to.
    """

    cycles: Grid
    reads: Mapping[str, Grid]
    output_writes: Grid
    output_reads: Grid
    folds: Grid
    pipelined: Mapping[str, Grid | int]
    """Kind -> elements moved or latched in the PEs' own pipeline registers."""
    register_accesses: Moved = field(default_factory=dict)  # where the spec lists registers
    register_held: Held = field(default_factory=dict)  # by each PE
    together: int = 1  # groups run at the same time
    rounds: int = 1  # so many times, until all groups are done
