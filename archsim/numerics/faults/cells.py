"""The weak cells of a chip's memories.

Every cell has a threshold t, uniform over 0 … 1: it fails where the memory's bit error rate (BER: the share
of faulty cells) is above t. So the faults at a BER are among those at every higher one, as a lower voltage
adds faults and removes none (Stutz et al. 2021, MLSys, arXiv:2006.13977, who draw errors so), and a chip is
the same whichever BERs are asked about. A faulty cell

    flip    reads the opposite of what was written (BER = share of flipped bits)
    stuck   reads 0 or 1 whatever was written: about half of the faulty cells hold that value already, so the
            share of flipped bits is about half the BER (IBM's NeuralFuse code does this)

Profiled chips have whole columns of weak cells. A share s of the faults at any small BER falls on columns of
an array (`array_rows` rows share a bit line): with v uniform a column and w uniform a cell,

    t = min(v / s, w / (1 - s + s·w))           P(t < p) = 1 - (1 - s·p)·(1 - (1-s)·p / (1 - s·p)) = p
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.faults.secded import check_bits

Kind = Literal["stuck", "flip"]


@dataclass(frozen=True, slots=True)
class Memory:
    """`words` of `word_bits` data bits each; `ecc` adds check bits (SECDED) behind them.

    `protected_bits`: the highest bits of every stored number lie in cells that never fail.
    Raises InputError for sizes that are not positive.
    """

    name: str
    words: int
    word_bits: int
    ecc: bool = False
    protected_bits: int = 0
    array_rows: int = 512

    def __post_init__(self) -> None:
        if min(self.words, self.word_bits, self.array_rows) < 1:
            raise InputError(f"memory {self.name!r}: words, word bits and array rows must be at least 1")

    @property
    def cells_per_word(self) -> int:
        return self.word_bits + (check_bits(self.word_bits) if self.ecc else 0)


@dataclass(frozen=True, slots=True)
class Supply:
    """What a chip is run at: the BER of every memory below its safe voltage, by name; others do not fail.

    A BER for each of the banks, over which words are interleaved: word i lies in bank i mod banks. `vdd_v`
    tells which voltage that is, where it is known. `of_layers`: BERs while a layer runs, in place of those,
    where the supply is switched between layers. Raises InputError for a BER outside 0 … 1.
    """

    ber: Mapping[str, tuple[float, ...]]
    vdd_v: float | None = None
    of_layers: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rates in (self.ber, *self.of_layers.values()):
            for name, banks in rates.items():
                for ber in banks:
                    if not 0 <= ber <= 1:
                        raise InputError(f"the bit error rate of {name!r} is {ber!r}; it must be from 0 to 1")

    def while_running(self, layer: str) -> Supply:
        own = self.of_layers.get(layer)
        return self if own is None else Supply({**self.ber, **own}, self.vdd_v)

    def of(self, memory: Memory) -> tuple[float, ...]:
        return self.ber.get(memory.name, (0.0,))

    def mean(self) -> dict[str, float]:
        """The BER of every memory, over its banks."""
        return {name: float(np.mean(banks)) for name, banks in self.ber.items()}


@dataclass(frozen=True, eq=False)
class Faults:
    """Faulty cells, each at a word and a bit of it (0 is the lowest of the first number in the word).

    `value` is what it is stuck at, 0 or 1; None where faults flip. All (faults).
    """

    word: NDArray[np.int64]
    bit: NDArray[np.int64]
    value: NDArray[np.uint32] | None

    def __len__(self) -> int:
        return len(self.word)

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Faults:
        return Faults(self.word[chosen], self.bit[chosen], None if self.value is None else self.value[chosen])


class ChipMap(Protocol):
    """Where a chip's faults are."""

    def faults(self, memory: Memory, words: int, supply: Supply) -> Faults:
        """The faulty cells among the first `words` words of `memory`."""
        ...


@dataclass(frozen=True, slots=True)
class FaultModel:
    """How cells fail. `stuck_at_one`: share of stuck cells that read 1. `column_share`: s above.

    Raises InputError for shares outside 0 … 1.
    """

    kind: Kind = "stuck"
    stuck_at_one: float = 0.5
    column_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("stuck_at_one", "column_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)!r}; it is a share from 0 to 1")


@dataclass(frozen=True, slots=True)
class DrawnChip:
    """Chip number `number` of `seed`. Its cells do not depend on what is stored or asked."""

    model: FaultModel
    number: int = 0
    seed: int = 0

    def faults(self, memory: Memory, words: int, supply: Supply) -> Faults:
        ber = np.array(supply.of(memory))
        if not ber.any():
            return _none(self.model)
        arrays = range(-(-min(words, memory.words) // memory.array_rows))
        found = _joined((self._array(memory, number, ber) for number in arrays), self.model)
        return found.at(found.word < min(words, memory.words))

    def _array(self, memory: Memory, number: int, ber: NDArray[np.float64]) -> Faults:
        """The faults of one array: of its data columns, then of its check columns, drawn apart so that the
        data cells are the same with and without ECC. `ber` (banks)."""
        parts = []
        word = number * memory.array_rows + np.arange(memory.array_rows)
        failing = ber[word % len(ber), None]
        for part, (first, columns) in enumerate(
            ((0, memory.word_bits), (memory.word_bits, memory.cells_per_word - memory.word_bits))
        ):
            key = [self.seed, self.number, crc32(memory.name.encode()), number, part]
            random = np.random.default_rng(key)
            threshold, value = _thresholds(random, (memory.array_rows, columns), self.model)
            row, column = np.nonzero(threshold < failing)
            stuck = value[row, column].astype(np.uint32) if self.model.kind == "stuck" else None
            parts.append(Faults(row + number * memory.array_rows, column + first, stuck))
        return _joined(parts, self.model)


def _thresholds(
    random: np.random.Generator, shape: tuple[int, int], model: FaultModel
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Threshold and stuck value of the cells of one array, (rows, columns) both."""
    share = model.column_share
    own = random.random(shape)
    value = random.random(shape, np.float32) < model.stuck_at_one
    if not share:
        return own, value
    column, column_value = random.random(shape[1]) / share, random.random(shape[1]) < model.stuck_at_one
    own = own / np.maximum(1 - share + share * own, np.finfo(float).tiny)
    return np.minimum(column, own), np.where(column < own, column_value, value)


def _joined(parts: Iterable[Faults], model: FaultModel) -> Faults:
    kept = [*parts, _none(model)]
    values = [part.value for part in kept if part.value is not None]
    return Faults(
        np.concatenate([part.word for part in kept]),
        np.concatenate([part.bit for part in kept]),
        np.concatenate(values) if values else None,
    )


def _none(model: FaultModel) -> Faults:
    nothing = np.zeros(0, np.int64)
    return Faults(nothing, nothing, np.zeros(0, np.uint32) if model.kind == "stuck" else None)
