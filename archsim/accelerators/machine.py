"""What every accelerator family gives the rest of archsim: the options table and the machine protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from archsim.components.figure import Figure
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

FloatArray = npt.NDArray[np.float64]
OBJECTIVES = ("latency", "energy", "edp")


@dataclass(frozen=True)
class Options:
    """Every legal way to run one layer, a row each; all arrays have one entry a row.

    `cycles` is a lower bound on the latency of the layer run alone (each resource's own busy time, and the
    time before the first and after the last tile's computation); the kernel gives the exact latency.
    `energy_pj` is by component, leakage included at that latency. `traffic_bytes` and `held_bytes` are by
    memory. `mapping` holds whatever the family needs to name and rebuild a row.
    """

    layer: Layer
    precisions: tuple[Precision, ...]
    precision: npt.NDArray[np.int64]  # index into `precisions`
    cycles: FloatArray
    energy_pj: Mapping[str, FloatArray]
    traffic_bytes: Mapping[str, FloatArray]
    held_bytes: Mapping[str, FloatArray]
    mapping: Mapping[str, npt.NDArray[Any]]
    priced: int  # rows priced, those that broke a capacity included

    def __len__(self) -> int:
        return len(self.cycles)

    @property
    def total_energy_pj(self) -> FloatArray:
        return np.sum(list(self.energy_pj.values()), axis=0)

    def row(self, index: int) -> Row:
        """The row at `index` as a value of its own."""
        return Row(
            layer=self.layer.with_precision(self.precisions[int(self.precision[index])]),
            mapping={key: values[index] for key, values in self.mapping.items()},
            cycles=float(self.cycles[index]),
            energy_pj=float(sum(values[index] for values in self.energy_pj.values())),
        )

    def cheapest(self, minimize: str) -> int:
        """Index of the best row: least `minimize` (latency, energy or edp), ties by the other cost."""
        energy = self.total_energy_pj
        if minimize == "latency":
            order = np.lexsort((energy, self.cycles))
        elif minimize == "energy":
            order = np.lexsort((self.cycles, energy))
        elif minimize == "edp":
            order = np.lexsort((self.cycles, energy * self.cycles))
        else:
            raise InputError(f"objective {minimize!r} is not known; allowed: {', '.join(OBJECTIVES)}")
        return int(order[0])


@dataclass(frozen=True)
class Row:
    """One chosen option of a layer (its precision is in `layer.precision`)."""

    layer: Layer
    mapping: Mapping[str, Any]
    cycles: float
    energy_pj: float


@dataclass(frozen=True, slots=True)
class Action:
    """So many times a component did something."""

    component: str
    action: str
    count: float
    unit_energy: Figure  # pJ


@dataclass(frozen=True)
class Performed:
    """What a chosen row does, beside its timing."""

    actions: tuple[Action, ...]
    dram_bytes: float
    compute_cycles: int
    bound_by: str
    mapping: Mapping[str, Any]  # readable: tile sizes, order, folds, utilisation of the array, ...


class Machine(Protocol):
    """An executable model of one accelerator. A family is these methods in one place and a YAML."""

    name: str
    family: str
    composition: Literal["sequential", "pipelined"]
    clock_mhz: float
    peak_macs_per_cycle: float
    dram_bytes_per_cycle: float | None  # None: unlimited
    counts_from_zero: bool  # report the index of each layer's last cycle instead of the count

    def settings(self) -> Mapping[str, Any]:
        """What a reader of a result needs to know about the machine: family, technology, clock, ..."""
        ...

    def area(self) -> Mapping[str, Figure]:
        """mm² by component."""
        ...

    def leakage(self) -> Mapping[str, Figure]:
        """mW by component."""
        ...

    def options(self, layer: Layer, precisions: Sequence[Precision] = ()) -> Options:
        """Every legal way to run the layer; InputError when no tile of it fits."""
        ...

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row; their energy is what the table priced."""
        ...

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """The timed dataflow graph of rows run in order. A layer's actors are named `<layer>:<part>`."""
        ...
