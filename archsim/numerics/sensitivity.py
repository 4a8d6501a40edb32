"""The sensitivity table: what a layer's bit-width costs the network, layer by layer.

The loss of a network is taken as the sum of its layers' (the additive model of HAWQ-V3, Yao et al. 2021,
arXiv:2011.10680, equation 5): every layer is perturbed alone, interactions are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import fsum
from types import MappingProxyType
from typing import Literal, get_args

from archsim.errors import InputError

Operand = Literal["weight", "activation"]
OPERANDS: tuple[Operand, ...] = get_args(Operand)
WIDTHS = range(1, 33)

Key = tuple[str, Operand, int]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Loss increase for every (layer, operand, bits), measured or estimated one at a time.

    `losses` keeps its order (that of the layers in the network). `unit` says what one loss is in, `source` by
    which method and from what data it comes; losses of different units must not be added.
    In a product of two activations "weight" is the operand that stands in the weights' place.
    Raises InputError for an empty table and for an entry that is not valid.
    """

    losses: Mapping[Key, float]
    unit: str = "loss"
    source: str = ""

    def __post_init__(self) -> None:
        if not self.losses:
            raise InputError("a sensitivity table needs at least one entry: layer, operand, bits, loss")
        losses: dict[Key, float] = {}
        for (layer, operand, bits), loss in self.losses.items():
            check_entry(layer, operand, bits, loss)
            losses[layer, operand, int(bits)] = float(loss)
        object.__setattr__(self, "losses", MappingProxyType(losses))
        object.__setattr__(self, "unit", " ".join(self.unit.split()) or "loss")
        lines = (line.strip() for line in self.source.splitlines())
        object.__setattr__(self, "source", "\n".join(line for line in lines if line))

    def __reduce__(self) -> tuple[object, ...]:
        # a mapping proxy cannot be pickled
        values = (dict(self.losses) if f.name == "losses" else getattr(self, f.name) for f in fields(self))
        return type(self), tuple(values)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the table's order."""
        return tuple(dict.fromkeys(layer for layer, _, _ in self.losses))

    def bits(self, layer: str, operand: Operand) -> tuple[int, ...]:
        """The widths that the table knows of a layer's operand, ascending; none is an empty tuple."""
        return tuple(sorted(b for name, side, b in self.losses if (name, side) == (layer, operand)))

    def loss(self, layer: str, operand: Operand, bits: int) -> float:
        """The loss of one layer's operand at `bits`.

        A width the table does not have is never interpolated.
        Raises InputError when the layer, the operand or the width is not in the table, and says what is.
        """
        found = self.losses.get((layer, operand, bits))
        if found is None:
            raise InputError(self._missing(layer, operand, bits))
        return found

    def total(self, choices: Iterable[Key]) -> float:
        """Loss of the network when every (layer, operand, bits) of `choices` is taken: the sum."""
        return fsum(self.loss(*choice) for choice in choices)

    def column(self, layer: str, operand: Operand, bits: Sequence[int]) -> list[float]:
        """The losses of one operand at several widths, in their order."""
        return [self.loss(layer, operand, width) for width in bits]

    def _missing(self, layer: str, operand: str, bits: int) -> str:
        names = self.layers
        if layer not in names:
            close = get_close_matches(layer, names, n=1, cutoff=0.6)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            return f"the sensitivity table has no layer {layer!r}{hint} It has: {_listed(names)}"
        if operand not in OPERANDS:
            return f"operand {operand!r} is not known; allowed: {', '.join(OPERANDS)}"
        known = self.bits(layer, operand)
        if not known:
            return f"the sensitivity table has no {operand} losses for layer {layer!r}; add rows for it"
        return (
            f"the sensitivity table has no {bits}-bit {operand} loss for layer {layer!r}; it has "
            f"{', '.join(map(str, known))} bits. Losses between them are not invented: add a row, "
            "or allow these widths only"
        )


def check_entry(layer: object, operand: object, bits: object, loss: object) -> None:
    """Raise InputError unless the four make an entry of a table."""
    if not isinstance(layer, str) or not layer.strip() or not layer.isprintable():
        raise InputError(f"layer {layer!r} is no name; give a text on one line")
    if operand not in OPERANDS:
        raise InputError(f"layer {layer!r}: operand is {operand!r}; allowed: {', '.join(OPERANDS)}")
    if isinstance(bits, bool) or not isinstance(bits, int) or bits not in WIDTHS:
        raise InputError(
            f"layer {layer!r}: bits is {bits!r}; allowed: a whole number from {WIDTHS[0]} to {WIDTHS[-1]}"
        )
    if not _is_loss(loss):
        raise InputError(f"layer {layer!r}: loss is {loss!r}; allowed: a finite number of at least 0")


def _is_loss(value: object) -> bool:
    """JSON's whole numbers may be of any length, and beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= sys.float_info.max


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
