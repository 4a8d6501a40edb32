"""What bit errors in a layer's weights are expected to cost in accuracy, from a table by bit-error rate.

    {"schema": "archsim.ber_sensitivity/1", "model": …, "faults": "stuck", "chips": 20, "images": 225,
     "layers": {layer: {"ber": [rising], "loss": [what that rate in this layer's weights alone costs]}}}

Between points the loss is linear in the logarithm of the rate, below the first in proportion to the rate;
what falls (as measurements do by chance) is raised to what was before. Layers' losses add up, as a network
that survives is little disturbed by each.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from archsim.dse.quantities import FAULT_LOSS
from archsim.dse.study import Study
from archsim.errors import InputError
from archsim.json_input import checked_document, read_json
from archsim.numerics.faults.cells import Kind

SCHEMA = "archsim.ber_sensitivity/1"
_KIND, _MADE_BY = "table of losses by bit-error rate", "archsim sensitivity MODEL --ber RATE,… -o FILE"
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A layer's loss by bit-error rate; both rise."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]

    def loss(self, rates: FloatArray) -> FloatArray:
        """Infinite beyond the last rate: nothing is known there."""
        known, losses = np.array(self.rates), np.array(self.losses)
        within = np.interp(np.log(np.maximum(rates, known[0])), np.log(known), losses)
        small = losses[0] * rates / known[0]
        found = np.where(rates < known[0], small, within)
        return np.where(rates > known[-1] * (1 + 1e-9), np.inf, found)


@dataclass(frozen=True)
class FaultLosses:
    """The curves of a model's layers, measured with faults of `kind` on the first `chips` chips and `images`
    labelled items."""

    curves: Mapping[str, Curve]
    kind: Kind = "stuck"
    chips: int = 0
    images: int = 0

    def loss(self, layer: str, rates: FloatArray) -> FloatArray:
        """By rate. Raises InputError for a layer that the table lacks and that meets errors."""
        if not rates.any():
            return np.zeros(len(rates))
        if layer not in self.curves:
            raise InputError(
                f"ber_sensitivity: layer {layer!r} has weights in a memory with bit errors, but is not in "
                f"the table, which has: {', '.join(self.curves) or 'none'}"
            )
        return self.curves[layer].loss(rates)

    @property
    def most(self) -> float:
        """The largest loss of any layer."""
        return max((curve.losses[-1] for curve in self.curves.values()), default=0.0)


def fault_losses(study: Study) -> FaultLosses | None:
    """The study's table. Raises InputError where it names none and a budget or the goal reads it."""
    if study.ber_sensitivity is None:
        if FAULT_LOSS.name not in study.quantities_read:
            return None
        raise InputError(
            f"{FAULT_LOSS.name} is read, but no table says what bit errors cost; give ber_sensitivity "
            "(--ber-sensitivity)"
        )
    if isinstance(study.ber_sensitivity, str):
        return read_fault_losses(study.ber_sensitivity)
    return _losses({"schema": SCHEMA, **study.ber_sensitivity}, "ber_sensitivity")


def read_fault_losses(path: str | Path) -> FaultLosses:
    """Read a table. Raises InputError that names the file, and the layer and key of what is wrong."""
    return _losses(read_json(path), str(path))


def _losses(content: Any, where: str) -> FaultLosses:
    document = checked_document(content, SCHEMA, _KIND, where=where, made_by=_MADE_BY)
    try:
        return _losses_of(document)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _losses_of(content: Mapping[str, Any]) -> FaultLosses:
    layers = content.get("layers")
    if not isinstance(layers, dict):
        raise InputError("layers must be an object of layers, each with ber and loss")
    kind = content.get("faults", "stuck")
    if kind not in get_args(Kind):
        raise InputError(f"faults is {kind!r}; allowed: {', '.join(get_args(Kind))}")
    chips, images = (_count(content, key) for key in ("chips", "images"))
    curves = {str(name): _curve(str(name), given) for name, given in layers.items()}
    return FaultLosses(curves, kind, chips, images)


def _count(content: Mapping[str, Any], key: str) -> int:
    given = content.get(key, 0)
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise InputError(f"{key} is {given!r}; give how many {key} were measured, numbers 0, 1, …")
    return given


def _curve(layer: str, given: Any) -> Curve:
    if not isinstance(given, dict):
        raise InputError(f"layers: {layer!r} must be an object with ber and loss")
    rates, losses = (_numbers(layer, key, given.get(key)) for key in ("ber", "loss"))
    if len(rates) != len(losses):
        raise InputError(f"layers: {layer!r} has {len(rates)} ber and {len(losses)} loss; give one for one")
    if not all(0 < rate <= 1 for rate in rates) or any(b <= a for a, b in pairwise(rates)):
        raise InputError(f"layers: {layer!r}: ber must rise, from above 0 up to at most 1")
    rising = np.maximum.accumulate(np.maximum(losses, 0.0))
    return Curve(tuple(rates), tuple(map(float, rising)))


def _numbers(layer: str, key: str, given: Any) -> Sequence[float]:
    fine = isinstance(given, list) and given and all(_is_number(each) for each in given)
    if not fine:
        raise InputError(f"layers: {layer!r}: {key} must be a list of numbers")
    return [float(each) for each in given]


def _is_number(value: Any) -> bool:
    """Of float's range: JSON's whole numbers may be of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
