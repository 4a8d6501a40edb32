"""Which word of a memory holds which number.

A layer's numbers lie in its memory in their own order (a weight tensor's: output by output), as many whole
numbers a word as fit, the first in the lowest bits. Layers whose numbers fit a memory together lie one behind
the other and stay there. Otherwise the memory is refilled: every layer starts at word 0 and goes round, so
that the same cells are met again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from archsim.errors import InputError
from archsim.numerics.faults.cells import Faults, Memory


@dataclass(frozen=True, slots=True)
class Region:
    """`numbers` of `bits` each, from word `start` of `memory` on."""

    memory: Memory
    numbers: int
    bits: int
    start: int = 0

    @property
    def per_word(self) -> int:
        return self.memory.word_bits // self.bits

    @property
    def words(self) -> int:
        return -(-self.numbers // self.per_word)

    @property
    def reach(self) -> int:
        """How many words of the memory, from its first on, hold any of the numbers at some time."""
        return min(self.memory.words, self.start + self.words)

    def met(self, faults: Faults) -> Faults:
        """The faults as the region's words meet them: its first word is 0, and a cell that is filled several
        times comes as often."""
        size = self.memory.words
        first = (faults.word - self.start) % size
        rounds = np.arange(-(-self.words // size))
        word = (first + rounds[:, None] * size).reshape(-1)
        again = np.tile(np.arange(len(faults)), len(rounds))
        kept = word < self.words
        chosen = faults.at(again[kept])
        return Faults(word[kept], chosen.bit, chosen.value)


def allocate(layers: Mapping[str, tuple[Memory, int, int]]) -> dict[str, Region]:
    """A region for every layer, from its memory, how many numbers it has, and the bits of one.

    Raises InputError where a number is wider than a word, and for two memories of one name that differ.
    """
    free: dict[str, int] = {}
    regions: dict[str, Region] = {}
    memories: dict[str, Memory] = {}
    for layer, (memory, numbers, bits) in layers.items():
        if bits > memory.word_bits:
            raise InputError(
                f"layer {layer!r}: a number of {bits} bits does not fit the {memory.word_bits}-bit words of "
                f"{memory.name!r}; use fewer bits or wider words"
            )
        if memories.setdefault(memory.name, memory) != memory:
            raise InputError(f"two memories are named {memory.name!r} and differ; rename one")
        regions[layer] = Region(memory, numbers, bits, free.get(memory.name, 0))
        free[memory.name] = regions[layer].start + regions[layer].words
    resident = {name for name, used in free.items() if used <= memories[name].words}
    return {
        layer: region
        if region.memory.name in resident
        else Region(region.memory, region.numbers, region.bits)
        for layer, region in regions.items()
    }
