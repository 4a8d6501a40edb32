"""The cells of a layer trace: how names, tensors, sizes and counts are written as text and read back.

Lists are separated by `;`. A name that the plain form cannot carry (it holds `;`, a quote, spaces at its
ends, ...) is written as a JSON string. `-` is the empty list; an empty cell means the column's default.
Readers raise InputError saying what is allowed; the caller adds where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from archsim.errors import InputError
from archsim.workloads.layer import Tensor

NONE = "-"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ITEM = re.compile(rf'(?:[^;"]|{_QUOTED})*')
_TENSOR = re.compile(rf"({_QUOTED}|.*?)(?::([0-9x]+|scalar))?")
_INTEGER = re.compile(r"[0-9]{1,18}")
_OPERATION = re.compile(r"([a-z_]+)\s*=\s*([0-9]{1,18})")


def write_word(word: str) -> str:
    """A name as it stands, or as a JSON string where that would not read back."""
    plain = word == word.strip() and word not in ("", NONE) and word.isprintable()
    return word if plain and not word.startswith("#") and not set(word) & set(';"') else json.dumps(word)


def read_word(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        word = json.loads(text)
    except ValueError:
        raise InputError(
            "is not a complete JSON string; close the quotes or write the name plainly"
        ) from None
    return word


def write_words(words: Iterable[str]) -> str:
    return ";".join(map(write_word, words)) or NONE


def read_words(cell: str) -> tuple[str, ...]:
    return tuple(read_word(item) for item in _split(cell))


def write_tensors(tensors: Iterable[Tensor]) -> str:
    return ";".join(f"{write_word(t.name)}:{_write_shape(t.shape)}" for t in tensors) or NONE


def read_tensors(cell: str) -> tuple[tuple[str, tuple[int, ...] | None], ...]:
    """(name, shape) of every tensor; the shape is None where only a name is written."""
    tensors = []
    for item in _split(cell):
        match = _TENSOR.fullmatch(item)
        if match is None or not match[1]:
            raise InputError(f"holds {item!r}; allowed: name:shape, as in conv1.out:1x64x112x112")
        shape = None if match[2] is None else () if match[2] == "scalar" else read_extent(match[2])
        tensors.append((read_word(match[1]), shape))
    return tuple(tensors)


def write_extent(values: Iterable[int]) -> str:
    return "x".join(map(str, values))


def read_extent(text: str) -> tuple[int, ...]:
    return tuple(read_integer(part) for part in text.split("x"))


def read_pair(cell: str) -> tuple[int, int]:
    """`2` or `2x1`: rows x columns."""
    values = read_extent(cell)
    if len(values) not in (1, 2):
        raise InputError("is not a size; allowed: one number, or rows x columns as in 2x1")
    return values[0], values[-1]


def read_padding(cell: str) -> tuple[int, int, int, int]:
    """`1` on all sides, `1x0` rows x columns, or `0x0x1x1` top x left x bottom x right."""
    values = read_extent(cell)
    if len(values) not in (1, 2, 4):
        raise InputError(
            "is not a padding; allowed: one number, rows x columns, or top x left x bottom x right"
        )
    if len(values) == 4:
        return values[0], values[1], values[2], values[3]
    return values[0], values[-1], values[0], values[-1]


def read_integer(text: str) -> int:
    if _INTEGER.fullmatch(text.strip()) is None:
        raise InputError("is not a whole number; allowed: digits only, at most 18 of them")
    return int(text)


def read_share(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InputError("is not a number; allowed: 0 to 1") from None


def read_flag(cell: str) -> bool:
    if cell.lower() not in ("true", "false"):
        raise InputError("is neither true nor false")
    return cell.lower() == "true"


def write_counts(counts: Mapping[str, int]) -> str:
    return ";".join(f"{name}={count}" for name, count in counts.items()) or NONE


def read_counts(cell: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in _split(cell):
        match = _OPERATION.fullmatch(item)
        if match is None or match[1] in counts:
            raise InputError(
                f"holds {item!r}; allowed: operation=count, each operation once, as in add=100;max=20"
            )
        counts[match[1]] = int(match[2])
    return counts


def _write_shape(shape: tuple[int, ...]) -> str:
    return write_extent(shape) if shape else "scalar"


def _split(cell: str) -> list[str]:
    """The items of a list cell; a `;` inside a JSON string does not separate."""
    if cell == NONE:
        return []
    items, position = [], 0
    while position <= len(cell):
        match = _ITEM.match(cell, position)
        end = match.end() if match else position
        item = cell[position:end].strip()
        if not item or cell[end : end + 1] not in ("", ";"):
            raise InputError(
                "is not a list; allowed: items separated by ; and quotes only around a whole name"
            )
        items.append(item)
        position = end + 1
    return items
