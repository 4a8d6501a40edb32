"""A layer's tiles in the order they run, as what each moves and computes: whatever the DRAM's bandwidth.

The same facts as in `contraction_program` and `vector_program`, which make the kernel's graph of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from math import ceil

from archsim.accelerators.systolic.contraction_program import Groups
from archsim.accelerators.systolic.contraction_tiles import ContractionTiles
from archsim.accelerators.systolic.tile_loops import Piece, Tile, TileLoop
from archsim.accelerators.systolic.vector import VectorWork


@dataclass(frozen=True, slots=True)
class Step:
    """One tile: bits to load, cycles to compute, bits to store if it finishes an output tile.

    `opens`: it is the first of its output tile, and so needs a free output buffer.
    """

    load_bits: float
    compute: int
    store_bits: float | None
    opens: bool


@dataclass(frozen=True, slots=True)
class Turns:
    """So many repetitions of a body."""

    count: int
    body: tuple[Turns | Step, ...]
    touches_output: bool  # whether an output tile is begun or finished in the body

    @classmethod
    def of(cls, count: int, body: Sequence[Turns | Step]) -> Turns:
        touches = any(
            part.touches_output if isinstance(part, Turns) else part.opens or part.store_bits is not None
            for part in body
        )
        return cls(count, tuple(body), touches)


@dataclass(frozen=True, eq=False)
class LayerSteps:
    """A layer; `early_bits` are those of the first load that may be fetched before the layer begins."""

    turns: Turns
    early_bits: float = 0

    @cached_property
    def first(self) -> Step:
        found: Turns | Step = self.turns
        while isinstance(found, Turns):
            found = found.body[0]
        return found


def contraction_steps(tiles: ContractionTiles, groups: Groups) -> LayerSteps:
    """Groups of a contraction one round after the other."""
    loops = tiles.loops

    def step(tile: Tile, together: int) -> Step:
        ends = loops.ends_output(tile)
        return Step(
            load_bits=tiles.load_bits(tile) * together,
            compute=tiles.compute_cycles(tile),
            store_bits=tiles.store_bits(tile) * together if ends else None,
            opens=loops.starts("output", tile),
        )

    def group(together: int) -> Turns:
        return _filled(Turns.of(1, _nested(loops.loops, lambda tile: step(tile, together))), tiles.array.fill)

    first = {loop.dim: loop.pieces[0] for loop in loops.loops}
    early = tiles.weight_bits_of(first) * groups[0][0] if "weight" in tiles.held_outermost else 0
    rounds = [Turns.of(times, [group(together)]) for together, times in groups if times]
    return LayerSteps(Turns.of(1, rounds), early)


def _nested(
    loops: Sequence[TileLoop], step: Callable[[Tile], Step], tile: dict[str, Piece] | None = None
) -> tuple[Turns | Step, ...]:
    tile = tile or {}
    if not loops:
        return (step(tile),)
    loop, *inner = loops
    parts: list[Turns | Step] = []
    for piece in loop.pieces:
        body = _nested(inner, step, tile | {loop.dim: piece})
        parts += body if piece.count == 1 else (Turns.of(piece.count, body),)
    return tuple(parts)


def _filled(turns: Turns, cycles: int) -> Turns:
    """The same with the first step's computation longer."""
    if not cycles:
        return turns
    first, *others = turns.body
    longer = (
        replace(first, compute=first.compute + cycles) if isinstance(first, Step) else _filled(first, cycles)
    )
    once = Turns.of(1, [longer, *others])
    again = replace(turns, count=turns.count - 1)
    return Turns.of(1, [once, again] if again.count else [once])


def undivided_steps(cycles: int) -> LayerSteps:
    """A layer whose transfers take no time (see `undivided_program`)."""
    return LayerSteps(Turns.of(1, [Step(0, cycles, 0, opens=True)]))


def vector_steps(work: VectorWork) -> LayerSteps:
    """Chunks one after the other, each an output tile of its own."""
    return _vector_steps(work.load_bits, work.store_bits, work.vector_cycles, work.chunks)


@lru_cache(maxsize=1024)
def _vector_steps(load_bits: int, store_bits: int, vector_cycles: float, chunks: int) -> LayerSteps:
    work = VectorWork(load_bits, store_bits, vector_cycles, chunks, {}, {})

    def step(chunk: int) -> Step:
        done, after = (ceil(vector_cycles * i / chunks) for i in (chunk, chunk + 1))
        return Step(work.chunk(chunk, load_bits), after - done, work.chunk(chunk, store_bits), opens=True)

    alike = groupby(map(step, range(chunks)))
    return LayerSteps(Turns.of(1, [Turns.of(sum(1 for _ in run), [one]) for one, run in alike]))
