"""What every accelerator family gives the rest of archsim: the options table and the machine protocol."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from archsim.accelerators.low_voltage import SramSite
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]


class DoesNotFit(InputError):
    """A layer has no mapping that the machine's memories can hold."""


OBJECTIVES = ("latency", "energy", "edp")
SLACKS = (0.0, 0.01, 0.05)
"""How much dearer by its bound a row on the shortlist may be."""


@dataclass(frozen=True)
class Options:
    """Every legal way to run one layer, a row each; all arrays have one entry a row.

    `cycles` is a lower bound on the latency of the layer run alone (each resource's own busy time, and the
    time before the first and after the last tile's computation), `cycles_high` an upper bound (infinite where
    a family knows none); the kernel gives the exact latency between them. `energy_pj` is by component,
    leakage included at `cycles`: see `energy_at`. Of a stage of a pipelined machine `cycles` are its
    interval, from one input to the next, and `energy_pj` leaves leakage out, which belongs to no stage.
    Where rows differ in supply leakage has an entry a row.
    `traffic_bytes` and `held_bytes` are by memory. `mapping` columns are indexes into the codebook of the
    same name, which holds by key whatever the family needs to name and rebuild a row.
    """

    layer: Layer
    precisions: tuple[Precision, ...]
    precision: IntArray  # index into `precisions`
    cycles: FloatArray
    energy_pj: Mapping[str, FloatArray]
    traffic_bytes: Mapping[str, FloatArray]
    held_bytes: Mapping[str, FloatArray]
    mapping: Mapping[str, IntArray]
    codebooks: Mapping[str, Mapping[str, npt.NDArray[Any]]]
    priced: int  # rows priced, those that broke a capacity included
    exact: bool = False  # nothing can stall: `cycles` are the latency itself
    cycles_high: FloatArray = field(default_factory=lambda: np.empty(0))
    leakage_pj_per_cycle: Mapping[str, float | FloatArray] = field(default_factory=dict)  # by component
    resources: Mapping[str, FloatArray] = field(default_factory=dict)  # taken by a row: LUTs, crossbars, ...
    complete: bool = False  # no mapping of the machine costs less than some row in every quantity
    unlisted: float = np.inf  # of the objective asked for: mappings of less are all rows of the table

    def __post_init__(self) -> None:
        if len(self.cycles_high) != len(self.cycles):
            unknown = np.full(len(self.cycles), np.inf)
            object.__setattr__(self, "cycles_high", self.cycles if self.exact else unknown)

    def __len__(self) -> int:
        return len(self.cycles)

    @property
    def total_energy_pj(self) -> FloatArray:
        return total(self.energy_pj)

    def energy_at(self, cycles: FloatArray) -> FloatArray:
        """Total energy of every row, in pJ, if it takes so many cycles (those the kernel found, say)."""
        leakage = sum(self.leakage_pj_per_cycle.values())
        return self.total_energy_pj + leakage * (cycles - self.cycles)

    def take(self, rows: IntArray) -> Options:
        """The table with some of its rows."""
        groups = ("energy_pj", "traffic_bytes", "held_bytes", "mapping", "resources")
        columns = {name: {key: v[rows] for key, v in getattr(self, name).items()} for name in groups}
        single = {name: getattr(self, name)[rows] for name in ("precision", "cycles", "cycles_high")}
        leakage = {
            name: pj[rows] if isinstance(pj, np.ndarray) else pj
            for name, pj in self.leakage_pj_per_cycle.items()
        }
        return replace(self, **single, **columns, leakage_pj_per_cycle=leakage)

    def row(self, index: int) -> Row:
        """The row at `index` as a value of its own."""
        return Row(
            layer=self.layer.with_precision(self.precisions[int(self.precision[index])]),
            mapping={
                key: values[self.mapping[column][index]]
                for column, book in self.codebooks.items()
                for key, values in book.items()
            },
            cycles=float(self.cycles[index]),
            energy_pj=float(sum(values[index] for values in self.energy_pj.values())),
        )

    def shortlist(self, minimize: str) -> list[int]:
        """Rows worth executing first: the cheapest, and of those nearly as cheap the least costly otherwise,
        which move less and so stall less. No row twice, best bound first.
        """
        cost = cost_of(minimize, self.cycles, self.total_energy_pj)
        other = self.cycles if minimize == "energy" else self.total_energy_pj
        least = cost.min()
        found: list[int] = []
        for slack in SLACKS:
            near = np.flatnonzero(cost <= least * (1 + slack))
            found.append(int(near[np.lexsort((cost[near], other[near]))[0]]))
        return list(dict.fromkeys(found))


def total(parts: Mapping[str, FloatArray]) -> FloatArray:
    """Sum of arrays that broadcast together, smaller ones first."""
    first, *others = sorted(parts.values(), key=np.size)
    return sum(others, start=first)


def cost_of(minimize: str, cycles: FloatArray, energy_pj: FloatArray) -> FloatArray:
    """The quantity an objective minimises. Raises InputError for an objective that is not known."""
    if minimize == "latency":
        return cycles
    if minimize == "energy":
        return energy_pj
    if minimize == "edp":
        return energy_pj * cycles
    raise InputError(f"objective {minimize!r} is not known; allowed: {', '.join(OBJECTIVES)}")


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
class UnitEnergies:
    """What one action costs, in pJ, by (component, action)."""

    energy_pj: Mapping[tuple[str, str], Figure]


@dataclass(frozen=True)
class Performed:
    """What a chosen row does, beside its timing."""

    actions: tuple[Action, ...]
    dram_bytes: float
    compute_cycles: int
    bound_by: str
    mapping: Mapping[str, Any]  # readable: tile sizes, order, folds, utilisation of the array, ...
    held_bytes: float = 0.0  # activations a pipeline's stage keeps all the time: FIFOs, line buffers
    resources: Mapping[str, float] = field(default_factory=dict)  # what the stage takes of the machine's


@dataclass(frozen=True, slots=True)
class Tallied:
    """Of one of several rows run in order: when it ends, and what it does."""

    end: int
    actions: Mapping[tuple[str, str], float]  # (component, action) -> times
    dram_bytes: float


class Machine(Protocol):
    """An executable model of one accelerator. A family is these methods in one place and a YAML."""

    name: str
    family: str
    composition: Literal["sequential", "pipelined"]
    clock_mhz: float
    precision: Precision  # what its arithmetic is built for
    timing: (
        Hashable | None
    )  # equal on machines on which mappings of contractions take the same; None: unknown
    capacities: tuple[float, ...]  # of the on-chip memories: with equal timing, more fits at least as much
    outer_memory: str  # the one that holds the whole network: traffic with it is `dram_bytes`
    peak_macs_per_cycle: float
    dram_bytes_per_cycle: float | None  # None: unlimited
    counts_from_zero: bool  # report the index of a contraction's last cycle instead of the count

    def settings(self) -> Mapping[str, Any]:
        """What a reader of a result needs to know about the machine: family, technology, clock, ..."""
        ...

    def area(self) -> Mapping[str, Figure]:
        """mm² by component."""
        ...

    def leakage(self) -> Mapping[str, Figure]:
        """mW by component."""
        ...

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every legal way to run the layer; DoesNotFit (an InputError) when no tile of it fits.

        With `minimize` only rows whose bound is near the least need be kept (SLACKS), and of those only what
        another one does not beat in latency and energy. With `front`, names among cycles, energy_pj,
        traffic:<memory> and held:<memory>, rows are left out that another row of the same precision beats in
        all of them whatever latency the kernel finds for either: its `cycles_high` is no more than their
        `cycles`, its energy at `cycles_high` no more than theirs at `cycles`, and so on; of equal rows one
        is kept.
        """
        ...

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row of a readable mapping as `performed` gives it (and results hold it), priced.

        Keys that follow from the others (folds, chunks) are ignored. Raises InputError, naming layer and key,
        for a mapping that the machine cannot run.
        """
        ...

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row; their energy is what the table priced."""
        ...

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """The timed dataflow graph of rows run in order. A layer's actors are named `<layer>:<part>`."""
        ...


class UndervoltedMachine(Machine, Protocol):
    """A machine whose SRAMs may have supplies of their own, apart from the logic's."""

    sram_sites: Sequence[SramSite]

    def stored(self, row: Row) -> Sequence[Stored]:
        """Where the operands of a row's layer lie on chip: an entry for each on-chip memory that an operand
        lies in or passes, from the outermost in; nothing for what only passes registers.
        """
        ...

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """By row the share of faulty bits in static weights as they are read, behind the memories' codes."""
        ...


class CountedMachine(Machine, Protocol):
    """A sequential machine that knows what the kernel would find, to the cycle."""

    def tally(self, rows: Sequence[Row]) -> list[Tallied]:
        """Of rows run in order: ends as in the execution of `program`, the rest as `performed` has it."""
        ...

    def unit_energies(self, precision: Precision) -> Mapping[tuple[str, str], Figure]:
        """pJ by (component, action)."""
        ...


class PipelinedMachine(Machine, Protocol):
    """A machine whose layers are stages that all work at once: the slowest one sets the pace."""

    capacity: Mapping[str, float]
    """What the stages may take together, by name in Options.resources."""

    def between(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """What stands between the stages takes, by resource, beyond `Performed.resources` of each."""
        ...

    def program(self, rows: Sequence[Row], inputs: int = 1) -> TimedGraph:
        """Every stage with what stands between them, for so many inputs right behind each other.

        Which layer feeds which follows from the names of their tensors. Actors are named `<layer>:<part>`.
        """
        ...


def is_counted(machine: Machine) -> TypeGuard[CountedMachine]:
    return hasattr(machine, "tally")


def is_pipelined(machine: Machine) -> TypeGuard[PipelinedMachine]:
    return machine.composition == "pipelined"


def surroundings(machine: Machine, layer: Layer) -> Hashable:
    """What of the network around a layer changes its options on this machine; layers alike have the same."""
    found = getattr(machine, "surroundings", None)
    return None if found is None else found(layer)


def taken(machine: PipelinedMachine, rows: Sequence[Row], performed: Sequence[Performed]) -> dict[str, float]:
    """What the stages and all that stands between them take, by resource; `performed` is that of `rows`."""
    between = machine.between(rows)
    return {
        name: sum(did.resources.get(name, 0.0) for did in performed) + between.get(name, 0.0)
        for name in machine.capacity
    }


def is_undervolted(machine: Machine) -> TypeGuard[UndervoltedMachine]:
    """Whether its SRAMs may have supplies of their own; those of others are nominal."""
    return hasattr(machine, "sram_sites")


def shared_capacity(machine: Machine) -> Mapping[str, float]:
    """What layers take for good and so share, by resource: stages of a pipeline, or layers of a sequential
    machine whose weights stay in their part of it. Nothing on other machines.
    """
    return getattr(machine, "capacity", {})
