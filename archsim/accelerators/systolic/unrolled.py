"""An array with a free spatial unrolling and storage in its PEs (Eyeriss- and ZigZag-style machines).

Loop dimensions are spread over rows and columns by fixed factors. Every PE works through a register tile, one
MAC a cycle; the array works through an array tile, which is the register tile times the unrolling. Operands
that the PEs hold are fetched once per array tile, the others once per step; both are kept while loops turn
that they don't depend on. Equal values go to all PEs that need them at once (multicast), and sums over
unrolled C, R and S are added up in the array, as in Timeloop (Parashar et al., ISPASS 2019) and ZigZag
(Mei et al., IEEE TC 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil

import numpy as np

from archsim.accelerators.systolic import axes
from archsim.accelerators.systolic.array_work import ArrayWork, Held
from archsim.accelerators.systolic.extents import tile_candidates
from archsim.accelerators.systolic.nest import Grid, Nest
from archsim.accelerators.systolic.pe_registers import PeRegisters
from archsim.accelerators.systolic.spec import OPERANDS, Register, SystolicSpec
from archsim.accelerators.systolic.windows import Nesting
from archsim.workloads.layer import Contraction

RELEVANT: Mapping[str, str] = {"input": "BPQCRS", "weight": "KCRS", "output": "BPQK"}
REGISTER_SIZES = 4
"""Register-tile sizes tried per dimension."""


def unrolling(spec: SystolicSpec) -> dict[str, int]:
    """PEs along each loop dimension, rows and columns together."""
    assert spec.array.unroll is not None
    total: dict[str, int] = {}
    for side in (spec.array.unroll.rows, spec.array.unroll.columns):
        for dim, width in side.items():
            total[dim] = total.get(dim, 1) * width
    return total


def registers_holding(spec: SystolicSpec) -> dict[str, Register]:
    return {o: m for m in spec.memories if isinstance(m, Register) for o in m.holds}


def unrolled_nest(c: Contraction, spec: SystolicSpec, levels: int, most: int) -> Nest:
    """Candidates: `levels` buffer tiles, then the array tile, then one step (a MAC in every PE)."""
    few = max(3, most // 2)
    spread = unrolling(spec)
    sizes = {dim: getattr(c, dim) for dim in "BPQKCRS"}

    def nestings(dim: str) -> list[Nesting]:
        size = sizes[dim]
        step = min(size, spread.get(dim, 1))
        if dim in "RS":  # a kernel wider than its unrolling runs its positions one after the other
            step = size if step == size else 1
            return [(size,) * levels + chain for chain in sorted({(size, step), (step, step)})]
        buffers = _descending(tile_candidates(size, few, (step, 2 * step, 4 * step)), levels)
        return [
            (*chain, array, step) for chain in buffers for array in _array_tiles(dim, step, chain[-1], spec)
        ]

    return Nest(
        m=axes.pixel_axis(c, list(product(*map(nestings, "BPQ"))), cases=4),
        n=axes.channel_axis(c, [(n,) for n in nestings("K")]),
        k=axes.kernel_axis(c, list(product(*map(nestings, "CRS")))),
    )


def _descending(sizes: Sequence[int], levels: int) -> list[Nesting]:
    chains: list[Nesting] = [()]
    for _ in range(levels):
        chains = [(*chain, t) for chain in chains for t in sizes if not chain or t <= chain[-1]]
    return chains


def _array_tiles(dim: str, step: int, most: int, spec: SystolicSpec) -> list[int]:
    """Array-tile sizes: the step times a register-tile size, no larger than the tile around it."""
    if dim not in "KC":
        return [min(step, most)]
    room = max((m.capacity_bits // m.word_bits for m in registers_holding(spec).values()), default=1)
    factors = {min(room, ceil(most / step)), *(4**i for i in range(REGISTER_SIZES) if 4**i <= room)}
    return sorted({min(most, step * f) for f in factors})


def single_unrolled_nest(c: Contraction, tiles: Mapping[str, Sequence[int]]) -> Nest:
    """The nest of one chosen mapping: tile sizes by dimension, outermost level first."""

    def chosen(dims: str) -> list[tuple[Nesting, ...]]:
        return [tuple(tuple(int(t) for t in tiles[dim]) for dim in dims)]

    return Nest(
        m=axes.pixel_axis(c, chosen("BPQ"), cases=4),
        n=axes.channel_axis(c, chosen("K")),
        k=axes.kernel_axis(c, chosen("CRS")),
    )


@dataclass(frozen=True)
class UnrolledArray:
    """One nest of a (lowered) contraction on one unrolled array; `levels` are its levels of buffers.

    Groups run `together`, as many at a time as G is unrolled.
    """

    nest: Nest
    spec: SystolicSpec
    levels: int
    contraction: Contraction

    split = None  # one core

    @property
    def together(self) -> int:
        return min(self.contraction.G, unrolling(self.spec).get("G", 1))

    @cached_property
    def registers(self) -> PeRegisters:
        return PeRegisters(self.nest, self.contraction, self.levels, registers_holding(self.spec))

    def work(self, orders: Sequence[str]) -> ArrayWork:
        nest = self.nest
        held = registers_holding(self.spec)
        level = {o: self.levels if o in held else self.levels + 1 for o in OPERANDS}
        visits = {o: nest.visits(o, level[o], orders) for o in OPERANDS}
        outputs = nest.m.size * nest.n.size
        reads = {o: nest.volume(o, level[o]) * visits[o] for o in ("input", "weight")}
        writes = outputs * visits["output"]
        m, n, k = (nest.counts(axis, nest.levels - 1) for axis in "MNK")
        return ArrayWork(
            cycles=m * n * k,  # register steps of every array tile of every buffer tile
            reads=reads,
            output_writes=writes,
            output_reads=writes - outputs,
            folds=nest.counts("M", self.levels)
            * nest.counts("N", self.levels)
            * nest.counts("K", self.levels),
            pipelined={},
            register_accesses=self.registers.accesses(orders, visits["output"]),
            register_held=self._held,
            together=self.together,
            rounds=-(-self.contraction.G // self.together),
        )

    @cached_property
    def _held(self) -> Held:
        """What the registers of each PE keep of an array tile."""
        kept: Held = {}
        for operand, memory in registers_holding(self.spec).items():
            part: Grid = np.ones((), dtype=np.int64)
            for name in "MNK":
                axis = self.nest.axis(name)
                dims = [i for i, dim in enumerate(axis.dims) if dim in RELEVANT[operand]]
                steps = -(-axis.cuts[:, dims, -2] // axis.cuts[:, dims, -1])
                part = part * self.nest.grid(name, steps.prod(axis=1))
            kept[memory.name, "sum" if operand == "output" else operand] = part
        return kept
