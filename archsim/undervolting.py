"""An accelerator's memories below their safe voltage: where data lie, how many cells fail, what it costs.

The mapping of every layer is chosen once, with all memories at their own supply; at every voltage the same
mapping runs, so that data lie in the same cells and energies can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from archsim.accelerators.library import list_accelerators, load_accelerator, read_accelerator
from archsim.accelerators.machine import Machine, Row, is_undervolted
from archsim.accelerators.sram_supplies import sram_places
from archsim.components.sram_supply import Stored
from archsim.errors import InputError
from archsim.numerics.faults.addresses import Placed
from archsim.numerics.faults.cells import FaultModel, Memory, Supply
from archsim.numerics.faults.encoding import Encoding
from archsim.numerics.faults.fault_report import Energy
from archsim.numerics.faults.measured_map import read_fault_map
from archsim.numerics.faults.supply_sweep import Storage, SupplySweep, one_memory
from archsim.numerics.quantised_network import QuantisedNetwork
from archsim.run import Run
from archsim.simulation import choose, run_rows, set_up
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision

Widths = Precision | Callable[[str], Precision]


@dataclass(frozen=True)
class Undervolting:
    """At which voltages (V) of an accelerator's memories, or bit error rates of any memory, to measure.

    `memories` are those whose voltage is set, by name; default: all that hold weights, with `activations`
    those that hold inputs too. `nominal`: names of layers, with `*`, whose data always lie at a safe voltage.
    `protected_bits`: the highest bits of every number do. `ecc` is for a rate; an accelerator's memories have
    their own. `fault_map`: a file with the cells of one real chip. `within`: the knee is the last point with
    so little loss, as a share of 1. Raises InputError for what does not go together.
    """

    vdd_v: Sequence[float] = ()
    ber: Sequence[float] = ()
    memories: Sequence[str] = ()
    activations: bool = False
    nominal: Sequence[str] = ()
    model: FaultModel = FaultModel()
    encoding: Encoding = "twos_complement"
    ecc: bool = False
    protected_bits: int = 0
    fault_map: str | Path | None = None
    within: float = 0.01

    def __post_init__(self) -> None:
        if bool(self.vdd_v) == bool(self.ber):
            raise InputError("give voltages of an accelerator's memories or bit error rates: one of the two")
        if self.ber and (self.memories or self.activations):
            raise InputError(
                "bit error rates are of a memory that holds all weights; memories and activations go with "
                "voltages of an accelerator"
            )
        if self.vdd_v and self.ecc:
            raise InputError(
                "ecc goes with bit error rates; an accelerator says in its YAML which memory has it"
            )

    def is_nominal(self, layer: str) -> bool:
        return any(fnmatchcase(layer, pattern) for pattern in self.nominal)


def supply_sweep(
    asked: Undervolting,
    on: str | Path | Mapping[str, Any] | None,
    model: str | Path,
    precision: Widths,
    *,
    chips: int,
    seed: int,
) -> Callable[[QuantisedNetwork], SupplySweep]:
    """What the twin measures. Raises InputError for voltages without an accelerator whose memories have them,
    rates with one, and names of layers that the model does not have."""
    chosen = Chosen(asked, on, model, precision) if asked.vdd_v and on is not None else None
    if chosen is None and asked.vdd_v:
        raise InputError(
            "voltages (--vdd) are of an accelerator's memories; say of which one (--on): "
            f"{', '.join(_with_supplies())}; or give bit error rates (--ber)"
        )
    if asked.ber and on is not None:
        raise InputError(
            "bit error rates (--ber) go without an accelerator (--on), as they are of one memory that holds "
            "all weights; leave it out, or give voltages of its memories (--vdd)"
        )
    fault_map = None if asked.fault_map is None else read_fault_map(asked.fault_map)

    def sweep(quantised: QuantisedNetwork) -> SupplySweep:
        layers = [p.product.name for p in quantised.products]
        for pattern in asked.nominal:
            if not any(fnmatchcase(layer, pattern) for layer in layers):
                raise InputError(f"no layer is named {pattern!r}; the model has {', '.join(layers)}")
        lowered = [layer for layer in layers if not asked.is_nominal(layer)]
        if chosen is None:
            placed = one_memory(quantised, lowered, ecc=asked.ecc, protected_bits=asked.protected_bits)
            storage = Storage(placed, {}, asked.encoding)
            supplies = [Supply({"weights": (ber,)}) for ber in asked.ber]
            return SupplySweep(storage, supplies, asked.model, fault_map, chips, seed, asked.within)
        return SupplySweep(
            chosen.storage(lowered), chosen.supplies(), asked.model, fault_map, chips, seed, asked.within,
            chosen.energies(), chosen.safe(),
        )  # fmt: skip

    return sweep


def _with_supplies() -> list[str]:
    """The library's accelerators whose weights lie in SRAMs that can have a supply of their own."""
    specs = {name: read_accelerator(name) for name in list_accelerators()}
    return [name for name, spec in specs.items() if spec.get("family") != "crossbar" and sram_places(spec)]


def failing(machine: Machine, rows: Sequence[Row]) -> list[tuple[str, Stored]]:
    """Layers and where their operands lie when these rows run, as far as cells may fail there."""
    if not is_undervolted(machine):
        return []
    stored = ((row.layer.name, at) for row in rows for at in machine.stored(row))
    return [(layer, at) for layer, at in stored if at.supply is not None and not at.supply.is_nominal]


def left_out(machine: Machine) -> list[str]:
    """What an accuracy without bit errors does not count of a machine whose SRAMs are below nominal."""
    if not is_undervolted(machine):
        return []
    supplies = {site.memory: site.supply for site in machine.sram_sites}
    weak = [
        f"{100 * supply.bit_error_rate:.2g} % of {memory!r}"
        for memory, supply in supplies.items()
        if supply is not None and supply.bit_error_rate
    ]
    told = "at their supply cells of SRAMs fail, which is not in this accuracy; --vdd measures it"
    return [f"{told} ({', '.join(weak)})"] if weak else []


def storage_of(
    found: Sequence[tuple[str, Stored]],
    layers: Sequence[str],
    encoding: Encoding = "twos_complement",
    protected_bits: int = 0,
) -> Storage:
    """Of what `failing` found, where the weights and the inputs of `layers` lie."""
    placed: dict[str, dict[str, list[Placed]]] = {"weight": {}, "input": {}}
    for layer, at in found:
        if layer in layers and at.operand in placed:
            placed[at.operand].setdefault(layer, []).append(_placed(at, protected_bits))
    return Storage(placed["weight"], placed["input"], encoding)


def supply_of(found: Sequence[tuple[str, Stored]], vdd_v: float | None = None) -> Supply:
    """Of what `failing` found, the bit error rates of the memories: of all layers together the mean."""
    of_layers: dict[str, dict[str, tuple[float, ...]]] = {}
    by_memory: dict[str, list[tuple[float, ...]]] = {}
    for layer, at in found:
        if at.supply is not None:
            of_layers.setdefault(layer, {})[at.memory] = at.supply.bit_error_rates
            by_memory.setdefault(at.memory, []).append(at.supply.bit_error_rates)
    means = {
        name: rates[0] if len(set(rates)) == 1 else tuple(np.mean(rates, axis=0).tolist())
        for name, rates in by_memory.items()
    }
    return Supply(means, vdd_v, of_layers)


def _placed(at: Stored, protected_bits: int) -> Placed:
    ecc = at.supply is not None and at.supply.ecc == "secded"
    memory = Memory(at.memory, at.words, at.word_bits, ecc, protected_bits)
    return Placed(memory, None if at.is_resident else at.tile_elements, at.buffers)


class Chosen:
    """An accelerator with some of its memories at another voltage, and the mapping of the model's layers.

    Raises InputError where no memory's cells may fail, and for a voltage that a memory cannot have.
    """

    def __init__(
        self, asked: Undervolting, on: str | Path | Mapping[str, Any], model: str | Path, precision: Widths
    ) -> None:
        self._asked = asked
        self._spec = read_accelerator(on)
        widths = precision if callable(precision) else lambda _name: precision
        self._workload = load_workload(model).with_precision(lambda layer: widths(layer.name))
        own = self._at(None, ())
        self._rows, _ = choose(self._workload, own, "latency")
        self._lowered = self._wanted()
        self._machines = {vdd: self._at(vdd, self._lowered) for vdd in asked.vdd_v}
        self._safe_run = self._run(own)

    @property
    def _first(self) -> Machine:
        return next(iter(self._machines.values()))

    def storage(self, layers: Sequence[str]) -> Storage:
        """Where the data of these layers lie; at every voltage the same."""
        found, asked = failing(self._first, self._rows), self._asked
        return storage_of(found, layers, asked.encoding, asked.protected_bits)

    def supplies(self) -> list[Supply]:
        return [supply_of(failing(machine, self._rows), vdd) for vdd, machine in self._machines.items()]

    def energies(self) -> dict[float, Energy]:
        return {vdd: self._energy(self._run(machine)) for vdd, machine in self._machines.items()}

    def safe(self) -> Energy:
        """With the memories at their own supply."""
        return self._energy(self._safe_run)

    def _at(self, vdd_v: float | None, memories: Sequence[str]) -> Machine:
        volts = {} if vdd_v is None else dict.fromkeys(memories, vdd_v)
        return set_up(load_accelerator(self._spec, sram_vdd_v=volts), self._workload)

    def _wanted(self) -> list[str]:
        """The memories whose voltage is set."""
        asked = self._asked
        if asked.memories:
            return list(asked.memories)
        operands = {"weight", "input"} if asked.activations else {"weight"}
        found = [name for name in sram_places(self._spec) if operands & self._operands(name)]
        if not found:
            raise InputError(
                f"accelerator {self._spec.get('name')!r} has no SRAM whose cells may fail that holds "
                f"{' or '.join(sorted(operands))}s"
            )
        return found

    def _operands(self, memory: str) -> set[str]:
        lowered = self._at(self._asked.vdd_v[0], [memory])
        return {at.operand for _, at in failing(lowered, self._rows)}

    def _run(self, machine: Machine) -> Run:
        return run_rows(self._workload, machine, self._rows, settings={})

    def _energy(self, run: Run) -> Energy:
        """Layers that always run at a safe voltage take the energy that they have there."""
        nominal = [layer.name for layer in run.layers if self._asked.is_nominal(layer.name)]
        at_safe = self._safe_run.energy
        rows = pd.concat(
            [run.energy[~run.energy["layer"].isin(nominal)], at_safe[at_safe["layer"].isin(nominal)]]
        )
        memories = rows["energy_pj"][rows["component"].isin(self._lowered)]
        return Energy(
            float(rows["energy_pj"].sum()) * 1e-9, float(memories.sum()) * 1e-9, run.totals.latency_ms
        )
