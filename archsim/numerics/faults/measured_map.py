"""The fault map of a real chip, from a file.

CSV, one faulty cell a row; lines that start with `#` are comments:

    word,bit,stuck_at,vdd_v
    17,63,1,0.62

`bit` counts from the lowest; check bits of ECC stand behind the data bits. `vdd_v` is the highest voltage at
which the cell was seen to fail: it fails at all lower ones. NPZ has either arrays of these names, one entry
a faulty cell, or whole maps: `stuck_at_0` and `stuck_at_1` (voltages, words, bits), true where a cell is
stuck, with `vdd_v` (voltages). A column or array `memory` may name the memory a cell is in; without it every
memory has the same map.

A map holds at the voltages that occur in it and, without any fault, above the highest. Between them and below
nothing is known about the chip, and nothing is invented.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.faults.cells import Faults, Memory, Supply
from archsim.numerics.numpy_files import read_numpy

_COLUMNS = ("word", "bit", "stuck_at", "vdd_v")
_MAPS = ("stuck_at_0", "stuck_at_1", "vdd_v")
_SAME_V = 1e-6  # voltages this close are one
_MOST = 2.0**53  # words and bits up to here are exact as numbers
Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class MeasuredChip:
    """`cells` are faulty from `vdd_v` (cells) downwards; `memory` (cells) names theirs, None if any."""

    cells: Faults
    vdd_v: NDArray[np.float64]
    memory: NDArray[np.str_] | None
    source: str

    @property
    def voltages(self) -> tuple[float, ...]:
        """Where the map holds, highest first."""
        return tuple(np.unique(self.vdd_v)[::-1].tolist())

    def faults(self, memory: Memory, words: int, supply: Supply) -> Faults:
        """The cells that fail at the supply's voltage.

        Raises InputError for a voltage at which the map does not hold, and cells outside the memory.
        """
        vdd = self._checked(supply.vdd_v)
        chosen = self.vdd_v >= vdd - _SAME_V
        if self.memory is not None:
            chosen &= self.memory == memory.name
        found = self.cells.at(chosen)
        if len(found) and (found.word.max() >= memory.words or found.bit.max() >= memory.cells_per_word):
            raise InputError(
                f"{self.source}: has a cell at word {found.word.max()} or bit {found.bit.max()}, but "
                f"{memory.name!r} has {memory.words} words of {memory.cells_per_word} cells"
            )
        return found.at(found.word < words)

    def _checked(self, vdd_v: float | None) -> float:
        if vdd_v is None:
            raise InputError(f"{self.source}: holds at voltages; give --vdd instead of --ber")
        if vdd_v > self.voltages[0] + _SAME_V or any(abs(vdd_v - v) <= _SAME_V for v in self.voltages):
            return vdd_v
        told = ", ".join(f"{v:g}" for v in self.voltages)
        raise InputError(f"{self.source}: holds at {told} V and above the highest; {vdd_v:g} V is neither")


def read_fault_map(path: str | Path) -> MeasuredChip:
    """The map in a .csv or .npz file. Raises InputError, with the line or array, for a bad one."""
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".npz"):
        raise InputError(f"{path}: a fault map is a file whose name ends in .csv or .npz")
    content = _text(path) if suffix == ".csv" else read_numpy(path)
    try:
        columns = _of_csv(content) if isinstance(content, str) else _of_arrays(content)
        return replace(_chip(columns), source=str(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 CSV") from None


def _of_csv(text: str) -> Columns:
    cells: dict[str, list[Any]] = {name: [] for name in (*_COLUMNS, "memory")}
    header: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not header:
            header = [name.strip() for name in line.split(",")]
            continue
        try:
            row = dict(zip(header, next(csv.reader([line], strict=True)), strict=True))
            for name in _COLUMNS:
                cells[name].append(float(row[name]))
        except (KeyError, ValueError, csv.Error):
            raise InputError(
                f"line {number}: a row has the columns {','.join(_COLUMNS)} (and memory, if the header has), "
                "and a number in each"
            ) from None
        cells["memory"].append(row.get("memory", "").strip())
    return {name: np.asarray(values) for name, values in cells.items() if name != "memory" or any(values)}


def _of_arrays(arrays: Columns) -> Columns:
    if set(_MAPS) <= set(arrays):
        return _cells_of(arrays)
    missing = [name for name in _COLUMNS if name not in arrays]
    if missing:
        raise InputError(
            f"has no array {missing[0]!r}; a map has {', '.join(_COLUMNS)}, or {', '.join(_MAPS)}"
        )
    return arrays


def _cells_of(maps: Columns) -> Columns:
    """The cells of whole maps: each once, at the highest of its voltages."""
    zero, one = (maps[name][None] if maps[name].ndim == 2 else maps[name] for name in _MAPS[:2])
    volts = _numbers(maps, "vdd_v")
    if zero.ndim != 3 or zero.shape != one.shape or len(volts) != len(zero):
        raise InputError(
            f"stuck_at_0 is {_shape(maps['stuck_at_0'])}, stuck_at_1 {_shape(maps['stuck_at_1'])}, and there "
            f"are {len(volts)} voltages; both are voltages×words×bits, or words×bits at one voltage"
        )
    found = {}
    for value, stuck in enumerate((zero, one)):
        highest = np.where(stuck.astype(bool), volts[:, None, None], -np.inf).max(axis=0)
        word, bit = np.nonzero(np.isfinite(highest))
        found[value] = (word, bit, np.full(len(word), value), highest[word, bit])
    return {name: np.concatenate(pair) for name, *pair in zip(_COLUMNS, *found.values(), strict=True)}


def _numbers(arrays: Columns, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(arrays[name]).astype(np.float64).reshape(-1)
    except ValueError:
        raise InputError(f"array {name!r} has an entry that is no number") from None


def _counts(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which are whole numbers from 0."""
    return (values >= 0) & (values < _MOST) & (values == np.floor(values))


def _shape(array: NDArray[Any]) -> str:
    return "×".join(map(str, array.shape)) or "one value"


def _chip(arrays: Columns) -> MeasuredChip:
    word, bit, value, volts = (_numbers(arrays, name) for name in _COLUMNS)
    names = arrays.get("memory")
    columns = (word, bit, value, volts, *(() if names is None else (np.atleast_1d(names),)))
    if len({len(column) for column in columns}) > 1:
        told = ", ".join(
            f"{name}: {len(each)}" for name, each in zip((*_COLUMNS, "memory"), columns, strict=False)
        )
        raise InputError(f"its columns have different lengths ({told})")
    if not len(word):
        raise InputError("has no faulty cell, so no voltage at which it holds")
    wrong = ~_counts(word) | ~_counts(bit) | ((value != 0) & (value != 1))
    wrong |= ~(np.isfinite(volts) & (volts > 0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"faulty cell {first + 1} is word {word[first]:g}, bit {bit[first]:g}, stuck at "
            f"{value[first]:g}, {volts[first]:g} V; words and bits count from 0, a cell is stuck at 0 or 1, "
            "below some voltage"
        )
    cells = Faults(word.astype(np.int64), bit.astype(np.int64), value.astype(np.uint32))
    if len(np.unique(np.column_stack((word, bit)), axis=0)) < len(word) and names is None:
        raise InputError("names a cell twice; keep the row with its highest voltage")
    return MeasuredChip(
        cells, volts, None if names is None else np.atleast_1d(names).astype(np.str_), "fault map"
    )
