"""Which word of a memory holds which number.

A layer's numbers lie in the order of their tensor (weights: output by output), as many whole ones a word as
fit, the first in the lowest bits. They stay in the memory behind those of other layers (`Placed` alone), or
come tile by tile: tile t is written over tile t - `buffers`, from the first word of part t mod `buffers` of
the memory on. Where numbers are more than fit they go round, and meet the same cells again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.faults.cells import Faults, Memory

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Placed:
    """The memory that a layer's numbers lie in, all of them, or a tile of so many numbers at a time."""

    memory: Memory
    tile_numbers: int | None = None
    buffers: int = 1


@dataclass(frozen=True, slots=True)
class Region:
    """`numbers` of `bits` each, from word `start` of `memory` on, or in tiles.

    The region's own words count from 0, tile after tile; a tile's last may be filled in part.
    """

    memory: Memory
    numbers: int
    bits: int
    start: int = 0
    tile_numbers: int | None = None
    buffers: int = 1

    @property
    def per_word(self) -> int:
        return self.memory.word_bits // self.bits

    @property
    def tile(self) -> int:
        """Numbers of a tile."""
        return min(self.numbers, self.tile_numbers or self.numbers)

    @property
    def tile_words(self) -> int:
        return -(-self.tile // self.per_word)

    @property
    def tiles(self) -> int:
        return -(-self.numbers // self.tile)

    @property
    def words(self) -> int:
        return self.tiles * self.tile_words

    @property
    def reach(self) -> int:
        """How many words of the memory, from its first on, hold any of the numbers at some time."""
        last = min(self.tiles, self.buffers) - 1
        return min(self.memory.words, last * self._part_words + self.start + self.tile_words)

    @property
    def _part_words(self) -> int:
        return max(1, self.memory.words // self.buffers)

    def met(self, faults: Faults) -> Faults:
        """The faults by the region's own words; a cell that is filled several times comes as often."""
        part, row = np.divmod(faults.word, self._part_words)
        rounds = np.arange(-(-self.tile_words // self._part_words)) * self._part_words
        offset = ((row - self.start) % self._part_words)[:, None, None] + rounds[:, None]
        tile = part[:, None, None] + np.arange(-(-self.tiles // self.buffers)) * self.buffers
        kept = (offset < self.tile_words) & (tile < self.tiles) & (part < self.buffers)[:, None, None]
        word = (tile * self.tile_words + offset)[kept]
        chosen = faults.at(np.nonzero(kept)[0])
        return Faults(word, chosen.bit, chosen.value)

    def number_of(self, word: Ints, slot: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """The number in a slot of a word, and whether there is one."""
        tile, offset = np.divmod(word, self.tile_words)
        within = offset * self.per_word + slot
        number = tile * self.tile + within
        return number, (slot < self.per_word) & (within < self.tile) & (number < self.numbers)


def allocate(layers: Mapping[str, tuple[Placed, int, int]]) -> dict[str, Region]:
    """A region for every layer, from where it is placed, how many numbers it has, and the bits of one.

    Layers that stay lie one behind the other; where they do not fit together each starts at word 0. Raises
    InputError where a number is wider than a word, and for two memories of one name that differ.
    """
    free: dict[str, int] = {}
    memories: dict[str, Memory] = {}
    regions: dict[str, Region] = {}
    for layer, (placed, numbers, bits) in layers.items():
        memory = placed.memory
        if bits > memory.word_bits:
            raise InputError(
                f"layer {layer!r}: a number of {bits} bits does not fit the {memory.word_bits}-bit words of "
                f"{memory.name!r}; use fewer bits or wider words"
            )
        if memories.setdefault(memory.name, memory) != memory:
            raise InputError(f"two memories are named {memory.name!r} and differ; rename one")
        start = 0 if placed.tile_numbers else free.get(memory.name, 0)
        regions[layer] = Region(memory, numbers, bits, start, placed.tile_numbers, placed.buffers)
        if not placed.tile_numbers:
            free[memory.name] = start + regions[layer].words
    too_many = {name for name, used in free.items() if used > memories[name].words}
    return {
        layer: replace(region, start=0) if region.memory.name in too_many else region
        for layer, region in regions.items()
    }
