"""The grid of a sweep: every combination of its axes has a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.dse.hardware_axes import Value, listed, paths_of
from archsim.dse.sweep.sweep import Sweep
from archsim.errors import InputError

Int = npt.NDArray[np.int64]

MOST_COMBINATIONS = 1 << 62
OWN_BITS = "own"
"""The column `bits` of points whose layers keep their own precisions."""


@dataclass(frozen=True)
class Choice:
    """One value of an axis: what it sets, and what the results' columns say of it."""

    columns: Mapping[str, Value]
    fields: Mapping[str, Value]


@dataclass(frozen=True)
class Axis:
    """One parameter of a sweep; `name` is its first column."""

    name: str
    choices: tuple[Choice, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers, so that neighbours are alike."""
        values = [choice.columns[self.name] for choice in self.choices]
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


@dataclass(frozen=True)
class Design:
    """One point: places of its workload and accelerator in the sweep's lists, fields by path, precision."""

    number: int
    workload: int
    accelerator: int
    fields: Mapping[str, Value]
    bits: str | None


@dataclass(frozen=True)
class Space:
    """All combinations of the axes; the first axis varies slowest."""

    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, sweep: Sweep) -> Space:
        """Raises InputError for more combinations than can be numbered."""
        space = cls(
            (
                _named("workload", sweep.workloads),
                _named("accelerator", sweep.accelerator_names),
                *(_hardware(sweep, key) for key in sweep.hardware),
                *(_settings(sweep, name) for name in sweep.settings),
                _named("bits", sweep.bits or [OWN_BITS]),
            )
        )
        if space.size > MOST_COMBINATIONS:
            raise InputError(f"{sweep.name}: more than {MOST_COMBINATIONS:,} combinations; leave values out")
        return space

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.choices) for axis in self.axes)

    @cached_property
    def size(self) -> int:
        return prod(self.shape)

    @cached_property
    def open_axes(self) -> tuple[Axis, ...]:
        """Those with more than one value."""
        return tuple(axis for axis in self.axes if len(axis.choices) > 1)

    def places(self, numbers: Int | Sequence[int]) -> Int:
        """(points, axes): which value of each axis a point has."""
        return np.stack(np.unravel_index(np.asarray(numbers, dtype=np.int64), self.shape), axis=1)

    def numbers(self, places: Int) -> Int:
        """The points' numbers from (points, axes)."""
        return np.asarray(np.ravel_multi_index(tuple(places.T), self.shape), dtype=np.int64)

    def designs(self, numbers: Sequence[int]) -> Iterator[Design]:
        for number, places in zip(numbers, self.places(numbers).tolist(), strict=True):
            chosen = [axis.choices[place] for axis, place in zip(self.axes, places, strict=True)]
            bits = chosen[-1].columns["bits"]
            yield Design(
                number=int(number),
                workload=places[0],
                accelerator=places[1],
                fields={path: value for choice in chosen for path, value in choice.fields.items()},
                bits=None if bits == OWN_BITS else str(bits),
            )

    def columns(self, numbers: Int | Sequence[int]) -> dict[str, npt.NDArray[Any]]:
        """The parameters of points as columns, by name."""
        found: dict[str, npt.NDArray[Any]] = {}
        for axis, places in zip(self.axes, self.places(numbers).T, strict=True):
            for name in axis.choices[0].columns:
                found[name] = _alike([choice.columns[name] for choice in axis.choices])[places]
        return found

    @property
    def paths(self) -> list[str]:
        """Every field that is set."""
        return [path for axis in self.axes for path in axis.choices[0].fields]


def _alike(values: list[Value]) -> npt.NDArray[Any]:
    """Values as one column: of numbers, or else of text."""
    kinds = {bool if isinstance(value, bool) else type(value) for value in values}
    if kinds <= {int, float} or len(kinds) == 1:
        return np.array(values, dtype=object if kinds == {str} else None)
    return np.array([str(value) for value in values], dtype=object)


def _named(name: str, values: Sequence[str]) -> Axis:
    return Axis(name, tuple(Choice({name: value}, {}) for value in values))


def _hardware(sweep: Sweep, key: str) -> Axis:
    paths = paths_of(key)
    columns = [sweep.column(path) for path in paths]
    return Axis(
        columns[0],
        tuple(
            Choice(dict.fromkeys(columns, value), dict.fromkeys(paths, value))
            for value in listed(sweep.hardware[key])
        ),
    )


def _settings(sweep: Sweep, name: str) -> Axis:
    return Axis(name, tuple(Choice({name: label}, fields) for label, fields in sweep.settings[name].items()))
