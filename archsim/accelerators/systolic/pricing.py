"""Prices of mappings: linear forms in their counts, and the latency that follows from them.

An access of a buffer costs the bits it uses: so many bits are bits / word_bits accesses, whole or not. So
energy, traffic and what is held are exactly linear in the counts, with weights that are found once for a
layer and a machine, for all precisions at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.counts import Counts
from archsim.accelerators.systolic.hierarchy import Hierarchy
from archsim.accelerators.systolic.nest import Grid
from archsim.accelerators.systolic.spec import Sram, SystolicSpec
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Weights = npt.NDArray[np.float64]
"""One weight a precision."""

KINDS = ("input", "weight", "output", "sum")


@dataclass
class Form:
    """A quantity as weights of counts, and a constant; both by precision."""

    weights: dict[Hashable, Weights] = field(default_factory=dict)
    constant: Weights | float = 0.0

    def add(self, count: Hashable, weight: Weights) -> None:
        self.weights[count] = self.weights[count] + weight if count in self.weights else weight

    def plus(self, other: Form, times: Weights) -> None:
        for count, weight in other.weights.items():
            self.add(count, weight * times)
        self.constant = self.constant + other.constant * times


def operand_bits(layer: Layer, precision: Precision, spec: SystolicSpec) -> dict[str, int]:
    """Widths of input, weight, output and partial sum. Two activations multiplied: both have their width."""
    return {
        "input": precision.activation_bits,
        "weight": precision.weight_bits if layer.has_static_weights else precision.activation_bits,
        "output": precision.output_bits,
        "sum": max(spec.array.mac.accumulator_bits, precision.output_bits),
    }


@dataclass(frozen=True, eq=False)
class Amounts:
    """What the counts of one layer's mappings come to at several precisions, before any price.

    Forms by name: `actions` (component, action) -> times (for memories bits, to be divided by their
    `word_bits`), `read`, `written`, `held` memory -> bits, `exposed` and `dram` bits.
    """

    widths: Mapping[str, Weights]  # kind -> bits
    actions: Mapping[tuple[str, str], Form]
    read: Mapping[str, Form]
    written: Mapping[str, Form]
    held: Mapping[str, Form]
    exposed: Form
    dram: Form


@dataclass(frozen=True)
class Prices:
    """What those amounts cost on one machine; `each` are its costs at every precision."""

    precisions: tuple[Precision, ...]
    costs: Costs
    each: Mapping[Precision, Costs]
    amounts: Amounts
    word_bits: Mapping[str, int]
    capacity: Mapping[str, int]
    ports: tuple[Sram, ...]  # buffers whose bandwidth is finite
    double_buffered: bool

    @cached_property
    def unit_energies(self) -> npt.NDArray[np.float64]:
        """(actions, precisions): pJ of each of the amounts' actions, of memories of a bit."""
        columns = [self.each[p].energy_pj for p in self.precisions]
        actions = self.amounts.actions
        units = np.array([[column[action].value for column in columns] for action in actions])
        return units / np.array([[self.word_bits.get(component, 1)] for component, _ in actions])

    @cached_property
    def energy(self) -> Mapping[str, Form]:
        """Component -> pJ without leakage."""
        found: dict[str, Form] = {}
        for ((component, _), form), unit in zip(
            self.amounts.actions.items(), self.unit_energies, strict=True
        ):
            found.setdefault(component, Form()).plus(form, unit)
        return found

    @property
    def total_energy(self) -> Form:
        total = Form()
        for form in self.energy.values():
            total.plus(form, np.ones(len(self.precisions)))
        return total


def prices_of(
    layer: Layer,
    counted: Collection[Hashable],
    spec: SystolicSpec,
    hierarchy: Hierarchy,
    costs: Mapping[Precision, Costs],
) -> Prices:
    """The forms over `counted`, the keys of all counts (see `grids`), at every precision that `costs` has."""
    assert layer.contraction is not None
    precisions = tuple(costs)
    bits = [operand_bits(layer, p, spec) for p in precisions]
    width = tuple((kind, tuple(float(b[kind]) for b in bits)) for kind in KINDS)
    operations = () if spec.vector_unit is None else tuple(layer.ops.items())
    memories = [m for tier in hierarchy.tiers for m in tier.memories]
    names = hierarchy.dram.name, *(m.name for m in memories)
    amounts = _amounts(tuple(counted), layer.contraction.G, layer.macs, operations, names, width)
    word_bits = {m.name: m.word_bits for m in (*memories, *hierarchy.registers)}
    return Prices(
        precisions=precisions,
        costs=costs[precisions[0]],
        each=dict(costs),
        amounts=amounts,
        word_bits=word_bits,
        capacity={m.name: m.capacity_bits for m in (*memories, *hierarchy.registers)},
        ports=tuple(m for m in memories if m.bandwidth_bits_per_cycle is not None),
        double_buffered=all(m.double_buffered for m in hierarchy.tiers[0].memories),
    )


@lru_cache(maxsize=4096)
def _amounts(
    counted: tuple[Hashable, ...],
    groups: int,
    macs: int,
    operations: tuple[tuple[str, int], ...],
    memories: tuple[str, ...],
    widths: tuple[tuple[str, tuple[float, ...]], ...],
) -> Amounts:
    """`memories` are the names of DRAM and of the buffers, `widths` bits by kind and precision."""
    width = {kind: np.array(bits) for kind, bits in widths}
    ones = np.ones(len(width["input"]))
    actions, read, written = _moved_forms(counted, groups, memories, width)
    actions["mac", "mac"] = Form(constant=macs * ones)
    for operation, count in operations:
        actions["vector_unit", operation] = Form(constant=count * ones)
    held: dict[str, Form] = {}
    exposed, dram = Form(), Form()
    for key in counted:
        match key:
            case ("held", memory, kind):
                held.setdefault(memory, Form()).add(key, width[kind])
            case ("exposed", kind):
                exposed.add(key, width[kind])
    for form in (read[memories[0]], written[memories[0]]):
        dram.plus(form, ones)
    return Amounts(width, actions, read, written, held, exposed, dram)


def _moved_forms(
    counted: Collection[Hashable], groups: int, memories: Sequence[str], width: Mapping[str, Weights]
) -> tuple[dict[tuple[str, str], Form], dict[str, Form], dict[str, Form]]:
    """(actions, bits read, bits written)"""
    actions: dict[tuple[str, str], Form] = {}
    bits: dict[str, dict[str, Form]] = {"read": {}, "write": {}}
    for key in counted:
        match key:
            case ("moved", component, action, kind):
                weight = groups * width[kind]
            case _:
                continue
        actions.setdefault((component, action), Form()).add(key, weight)
        if action in bits:
            bits[action].setdefault(component, Form()).add(key, weight)
    for name in memories:
        for action in ("read", "write"):
            actions.setdefault((name, action), Form())
            bits[action].setdefault(name, Form())
    return actions, bits["read"], bits["write"]


def grids(counts: Counts) -> Iterator[tuple[Hashable, Grid]]:
    """Every count that forms may weigh, under its key."""
    for key, grid in counts.moved.items():
        yield ("moved", *key), grid
    for key, grid in {**counts.held, **counts.register_held}.items():
        yield ("held", *key), grid
    for kind, grid in counts.exposed.items():
        yield ("exposed", kind), grid


def never_stalls(spec: SystolicSpec, costs: Costs) -> bool:
    """Whether no memory has a finite bandwidth: then the array alone sets the time."""
    buffers = (m for m in spec.memories if isinstance(m, Sram))
    return costs.dram_bits_per_cycle is None and all(m.bandwidth_bits_per_cycle is None for m in buffers)


def port_cycles(memory: Sram, read_bits: Grid, write_bits: Grid) -> Grid:
    """Cycles the ports of a buffer need for so many bits read and written."""
    assert memory.bandwidth_bits_per_cycle is not None
    if memory.ports == "1r1w":
        return np.maximum(read_bits, write_bits) / memory.bandwidth_bits_per_cycle
    ports = 2 if memory.ports == "2rw" else 1
    return (read_bits + write_bits) / (ports * memory.bandwidth_bits_per_cycle)


def latency_bound(prices: Prices, busiest: Grid, dram_bits: Grid, exposed_bits: Grid) -> Grid:
    """Lower bound of the latency: `busiest` are the cycles of the array or of the slowest buffer port."""
    costs = prices.costs
    rate = costs.dram_bits_per_cycle
    if rate is None:
        return busiest + costs.dram_latency_cycles
    if prices.double_buffered:
        bound = np.maximum(busiest + exposed_bits / rate, dram_bits / rate)
    else:  # one copy of a tile: loading, working and storing take turns
        bound = busiest + dram_bits / rate
    return bound + costs.dram_latency_cycles
