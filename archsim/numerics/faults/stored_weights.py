"""Weights as a chip with weak cells reads them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.faults.addresses import Placed, Region, allocate
from archsim.numerics.faults.cells import ChipMap, Faults, Supply
from archsim.numerics.faults.encoding import Encoding, Ints, Words, from_bits, to_bits
from archsim.numerics.faults.secded import checked
from archsim.numerics.quantised_network import QuantisedNetwork


@dataclass(frozen=True, slots=True)
class Flips:
    """`flipped` of `stored` bits are read wrong; ECC put `corrected_words` right (of all that are stored)."""

    flipped: int = 0
    stored: int = 0
    corrected_words: int = 0

    def __add__(self, other: Flips) -> Flips:
        return Flips(
            self.flipped + other.flipped,
            self.stored + other.stored,
            self.corrected_words + other.corrected_words,
        )

    @property
    def rate(self) -> float:
        """The effective flip rate."""
        return self.flipped / self.stored if self.stored else 0.0


@dataclass(frozen=True, eq=False)
class ReadBack:
    """`codes`: the whole numbers of the layers that changed, by name, in their weights' shape."""

    codes: Mapping[str, Ints] = field(default_factory=dict)
    flips: Flips = Flips()


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """The weights of the layers that `placed` names, each in the memories that they pass, one after the
    other; other layers are never faulty."""

    quantised: QuantisedNetwork
    placed: Mapping[str, Sequence[Placed]]
    encoding: Encoding = "twos_complement"

    @cached_property
    def regions(self) -> dict[str, tuple[Region, ...]]:
        """By layer; a memory of each place in the sequence is shared out on its own."""
        sizes = {p.product.name: (p.codes.size, p.weight_bits) for p in self.quantised.products}
        passed = zip_longest(*self.placed.values())
        by_place = [
            allocate(
                {layer: (at, *sizes[layer]) for layer, at in zip(self.placed, places, strict=True) if at}
            )
            for places in passed
        ]
        return {layer: tuple(p[layer] for p in by_place if layer in p) for layer in self.placed}

    @cached_property
    def _bits(self) -> dict[str, Words]:
        return {
            p.product.name: to_bits(p.codes.reshape(-1), p.weight_bits, self.encoding)
            for p in self.quantised.products
            if p.product.name in self.placed
        }

    def read(self, chip: ChipMap, supply: Supply) -> ReadBack:
        """What the chip reads at a supply. Raises InputError as the chip's map does."""
        faults = self._faults(chip, supply)
        codes: dict[str, Ints] = {}
        total = Flips()
        for p in self.quantised.products:
            name = p.product.name
            if name not in self.placed:
                continue
            written = seen = self._bits[name]
            corrected = 0
            own = supply.while_running(name)
            for region in self.regions[name]:
                met = faults[region.memory.name, own.of(region.memory)]
                seen, flips = read_words(seen, region, met)
                corrected += flips.corrected_words
            flipped = int(np.bitwise_count(seen ^ written).sum())
            total += Flips(flipped, p.codes.size * p.weight_bits, corrected)
            if flipped:
                values = from_bits(seen, p.weight_bits, self.encoding)
                codes[name] = values.astype(p.codes.dtype).reshape(p.codes.shape)
        return ReadBack(codes, total)

    def _faults(self, chip: ChipMap, supply: Supply) -> dict[tuple[str, tuple[float, ...]], Faults]:
        """Of every memory at all of its BERs."""
        regions = [region for passed in self.regions.values() for region in passed]
        memories = {region.memory.name: region.memory for region in regions}
        reach = {name: max(r.reach for r in regions if r.memory.name == name) for name in memories}
        own = {layer: supply.while_running(layer) for layer in self.regions}
        asked = {
            (region.memory.name, own[layer].of(region.memory)): own[layer]
            for layer, passed in self.regions.items()
            for region in passed
        }
        return {key: chip.faults(memories[key[0]], reach[key[0]], at) for key, at in asked.items()}


def read_words(stored: Words, region: Region, faults: Faults) -> tuple[Words, Flips]:
    """The numbers (numbers,) of a region as they are read through the faults of its memory."""
    met = region.met(faults)
    wrong = met.at(_flips(stored, region, met))
    corrected = 0
    if region.memory.ecc:
        flips_of_word = np.bincount(wrong.word, minlength=region.words)
        corrected = int((flips_of_word == 1).sum())
        wrong = wrong.at(flips_of_word[wrong.word] > 1)
    number, bit, holds = places(region, wrong)
    masks = np.bincount(number[holds], np.ldexp(1.0, bit[holds]), minlength=region.numbers).astype(np.uint32)
    flipped = int(holds.sum())
    return stored ^ masks, Flips(flipped, region.numbers * region.bits, corrected)


def _flips(stored: Words, region: Region, met: Faults) -> NDArray[np.bool_]:
    """Which faults change what is stored: all but those of protected bits and those stuck at its value."""
    number, bit, holds = places(region, met)
    changes = ~(holds & (bit >= region.bits - region.memory.protected_bits))
    if met.value is None:
        return changes
    written = np.zeros(len(met), np.uint32)  # bits that hold no number hold 0
    written[holds] = (stored[number[holds]] >> bit[holds].astype(np.uint32)) & 1
    check = met.bit >= region.memory.word_bits
    if check.any():
        words, back = np.unique(met.word[check], return_inverse=True)
        written[check] = checked(_data_bits(stored, region, words))[
            back, met.bit[check] - region.memory.word_bits
        ]
    return changes & (written != met.value)


def places(region: Region, faults: Faults) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The number and the bit in it that a faulty cell holds, and whether it holds one at all."""
    slot, bit = np.divmod(faults.bit, region.bits)
    number, holds = region.number_of(faults.word, slot)
    return number, bit, holds


def _data_bits(stored: Words, region: Region, words: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The data bits (words, word bits) of some words."""
    number, holds = region.number_of(words[:, None], np.arange(region.per_word))
    values = np.where(holds, stored[np.minimum(number, region.numbers - 1)], 0)
    spread = (values[:, :, None] >> np.arange(region.bits, dtype=np.uint32)) & 1
    data = np.zeros((len(words), region.memory.word_bits), np.uint8)
    data[:, : region.per_word * region.bits] = spread.reshape(len(words), -1)
    return data
