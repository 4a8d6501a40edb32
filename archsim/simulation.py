"""Simulate a workload on an accelerator: choose a row a layer, let the kernel run it, count the energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsim.accelerators.allocation import allocated
from archsim.accelerators.balance import balanced_rows
from archsim.accelerators.choice import MOST_EXECUTED, Choice, best_row
from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import (
    OBJECTIVES,
    Performed,
    PipelinedMachine,
    Row,
    is_pipelined,
    shared_capacity,
    surroundings,
)
from archsim.accelerators.switched_rail import leakage_by_layer, performed_in_line
from archsim.accounting import EnergyRecord, Floats, energies_of, energy_records, totals_of
from archsim.composition import time_rows
from archsim.errors import InputError
from archsim.run import ENERGY_COLUMNS, Assumption, LayerRun, Roofline, Run
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

    from archsim.accelerators.machine import Machine
    from archsim.components.figure import Figure


def simulate(
    workload: Workload | str | Path,
    accelerator: Machine | str | Path | dict[str, Any],
    *,
    minimize: str = "latency",
    precision: Precision | str | None = None,
    timeline: bool = False,
) -> Run:
    """Run a workload on an accelerator, each layer by its cheapest option (a pipeline: its stages balanced).

    `workload` and `accelerator` are objects, library names or paths. `minimize` is latency, energy or edp.
    `precision` (as in "w4a8" or "bf16") replaces every layer's own; without it a layer that is stored in
    floating point runs at the precision the machine is built for. `timeline` keeps every firing for export.
    Raises InputError when an input is bad or a layer has no tile that fits.
    """
    workload, machine, rows = chosen_rows(workload, accelerator, minimize=minimize, precision=precision)
    return run_rows(workload, machine, rows, settings={"minimize": minimize}, timeline=timeline)


def chosen_rows(
    workload: Workload | str | Path,
    accelerator: Machine | str | Path | dict[str, Any],
    *,
    minimize: str,
    precision: Precision | str | None,
) -> tuple[Workload, Machine, list[Row]]:
    """What `simulate` runs: the workload with its warnings, the machine set up for it, a row a layer."""
    if minimize not in OBJECTIVES:
        raise InputError(f"objective {minimize!r} is not known; allowed: {', '.join(OBJECTIVES)}")
    workload, machine = _workload(workload), _machine(accelerator)
    if isinstance(precision, str):
        precision = Precision.parse(precision)
    elif precision is not None and not isinstance(precision, Precision):
        raise InputError(f"precision is {precision!r}; give text such as 'w8a8', or a Precision")
    workload = _at_precision(workload, machine, precision)
    machine = set_up(machine, workload, minimize)
    rows, unproven = choose(workload, machine, minimize)
    for warning in getattr(machine, "warnings", ()):
        workload = _warned(workload, warning)
    if unproven:
        workload = _warned(
            workload,
            f"{unproven} of {len(rows)} layers run the best of at most {MOST_EXECUTED} mappings executed; "
            "a better one among the candidates is not ruled out",
        )
    return workload, machine, rows


def run_rows(
    workload: Workload,
    machine: Machine,
    rows: Sequence[Row],
    *,
    settings: Mapping[str, Any],
    timeline: bool = False,
) -> Run:
    """Execute chosen rows, one a layer in the workload's order, and account for their energy.

    The workload's precisions become those of the rows. `settings` say how the rows were chosen.
    """
    at = {row.layer.name: row.layer.precision for row in rows}
    workload = workload.with_precision(lambda layer: at[layer.name])
    performed = performed_in_line(machine, rows)
    timed = time_rows(machine, workload, rows, performed, timeline=timeline)
    done = [
        (row.layer.name, [(a.component, a.action, a.count, a.unit_energy) for a in did.actions])
        for row, did in zip(rows, performed, strict=True)
    ]
    records = energy_records(machine, done, timed.leaking_cycles, leakage_by_layer(machine, rows))
    energies = energies_of(records)
    energy = _energy_table(records, energies)
    layers = _with_energy(timed.layers, energy)
    area = {name: figure.value for name, figure in machine.area().items()}
    silicon = [use.used for use in timed.resources if use.name == "mm2"]
    area |= {"stages": sum(silicon)} if silicon else {}
    for use in timed.resources:
        if use.used > use.capacity:
            short = f"the stages and what stands between them take {use.used:,.0f} {use.name}"
            workload = _warned(workload, f"{short}, {use.capacity:,.0f} may be used")
    return Run(
        workload=workload.name,
        accelerator=machine.name,
        layers=layers,
        totals=totals_of(
            machine,
            energies,
            macs=sum(layer.macs for layer in layers),
            latency_cycles=sum(layer.latency_cycles for layer in layers),
            interval_cycles=timed.interval_cycles,
            area_mm2=sum(area.values()),
            peak_memory_bytes=timed.peak_memory_bytes,
            dram_bytes=sum(layer.dram_bytes for layer in layers),
        ),
        energy=energy,
        area_mm2=area,
        memory=timed.memory,
        peak_memory_layer=timed.peak_memory_layer,
        assumptions=_assumptions(machine, performed),
        roofline=Roofline(timed.peak_macs_per_cycle, machine.dram_bytes_per_cycle, machine.clock_mhz),
        resources=timed.resources,
        composition=machine.composition,
        settings={**settings, "precision": _precision_label(workload), **machine.settings()},
        warnings=workload.warnings,
        timeline=timed.timeline,
    )


def _workload(given: Workload | str | Path) -> Workload:
    if isinstance(given, Workload):
        return given
    if isinstance(given, str | Path):
        return load_workload(given)
    raise InputError(f"workload is {given!r}; give a Workload, a library name or a path")


def _machine(given: Machine | str | Path | dict[str, Any]) -> Machine:
    if isinstance(given, str | Path | dict):
        return load_accelerator(given)
    if hasattr(given, "options") and hasattr(given, "program"):
        return given
    raise InputError(f"accelerator is {given!r}; give a machine, a library name, a path or a dict")


def _at_precision(workload: Workload, machine: Machine, precision: Precision | None) -> Workload:
    """The workload at the precision it runs at, with warnings of what that means."""
    built = machine.precision
    if precision is None:
        kept = ("int", built.number_format)
        stored = {x.precision.label for x in workload.layers if x.precision.number_format not in kept}
        if stored:
            workload = _warned(
                workload.with_precision(lambda x: built if x.precision.label in stored else x.precision),
                f"the model is stored in {', '.join(sorted(stored))}; simulated at {built.label}, "
                f"which {machine.name} is built for (--bits chooses another precision)",
            )
    else:
        workload = workload.with_precision(precision)
    wider = {x.precision.label for x in workload.layers if x.macs and _is_wider(x.precision, built)}
    # a pipeline's stages are built for their layers, and weights of any width lie in a crossbar's cells
    if wider and not is_pipelined(machine) and machine.family != "crossbar":
        workload = _warned(
            workload,
            f"{', '.join(sorted(wider))} is more than the {built.label} that {machine.name} is built for: "
            f"its area and leakage are those of {built.label} (array.mac_bits)",
        )
    return workload


def _is_wider(precision: Precision, built: Precision) -> bool:
    wider = precision.weight_bits > built.weight_bits or precision.activation_bits > built.activation_bits
    return wider or precision.number_format not in ("int", built.number_format)


def _warned(workload: Workload, warning: str) -> Workload:
    return replace(workload, warnings=(*workload.warnings, warning))


def set_up(machine: Machine, workload: Workload, minimize: str = "latency") -> Machine:
    """The machine as it is set up for a workload, where its family has something to set up. A family that
    places a network's tensors does it for the objective.

    Raises InputError where the machine wants the weights of a workload that has none.
    """
    if getattr(machine, "reads_weights", False):
        from archsim.numerics.weight_norms import weight_norm

        machine = machine.with_weight_norm(weight_norm(workload))  # type: ignore[attr-defined]
    place = getattr(machine, "placed_for", None)
    if place is not None:
        return place(workload, minimize)
    prepare = getattr(machine, "for_workload", None)
    return machine if prepare is None else prepare(workload)


def choose(workload: Workload, machine: Machine, minimize: str) -> tuple[list[Row], int]:
    """The cheapest row of every layer, and for how many of them that is not proven.

    Layers that are alike are priced once. The stages of a pipeline are balanced within its resources; layers
    that keep a part of the machine each (`capacity`) share it out.
    """
    if is_pipelined(machine):
        return _balanced_rows(workload, machine), 0
    capacity = shared_capacity(machine)
    if any(capacity.values()):
        return _allocated_rows(workload, machine, capacity, minimize), 0
    known: dict[object, Choice] = {}
    chosen_row = getattr(machine, "chosen_row", None)
    rows, unproven = [], 0
    for layer, first in zip(workload.layers, workload.first_alike, strict=True):
        alike = first, surroundings(machine, layer)
        if alike not in known:
            chosen = None if chosen_row is None else chosen_row(layer, minimize)
            known[alike] = chosen or best_row(layer, machine, minimize)
        row = known[alike].row
        rows.append(row if row.layer is layer else replace(row, layer=layer))
        unproven += not known[alike].proven
    return rows, unproven


def _balanced_rows(workload: Workload, machine: PipelinedMachine) -> list[Row]:
    front = ("cycles", "energy_pj", *(f"resource:{name}" for name in machine.capacity))
    tables = [machine.options(layer, front=front) for layer in workload.layers]
    return balanced_rows(machine, tables)


def _allocated_rows(
    workload: Workload, machine: Machine, capacity: Mapping[str, float], minimize: str
) -> list[Row]:
    tables = [machine.options(layer) for layer in workload.layers]
    rows = allocated(tables, capacity, minimize)
    return [table.row(index) for table, index in zip(tables, rows, strict=True)]


def _energy_table(records: Sequence[EnergyRecord], energies: Sequence[Floats]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame.from_records(
        [
            (layer, component, action, count, unit.value, *pj, unit.source)
            for (layer, component, action, count, unit), *pj in zip(records, *energies, strict=True)
        ],
        columns=list(ENERGY_COLUMNS),
    )


def _with_energy(layers: Sequence[LayerRun], energy: pd.DataFrame) -> tuple[LayerRun, ...]:
    by_layer: dict[str, list[float]] = {}
    for name, pj in zip(energy["layer"].tolist(), energy["energy_pj"].tolist(), strict=True):
        by_layer.setdefault(name, []).append(pj)
    return tuple(replace(layer, energy_pj=fsum(by_layer.get(layer.name, ()))) for layer in layers)


def _assumptions(machine: Machine, performed: Sequence[Performed]) -> tuple[Assumption, ...]:
    found: dict[tuple[str, str], Assumption] = {}

    def note(component: str, quantity: str, figure: Figure, unit: str) -> None:
        key = component, quantity
        found.setdefault(
            key, Assumption(component, quantity, figure.value, unit, figure.uncertainty, figure.source)
        )

    for did in performed:
        for action in did.actions:
            note(action.component, f"{action.action} energy", action.unit_energy, "pJ")
    for component, figure in machine.area().items():
        note(component, "area", figure, "mm2")
    for component, figure in machine.leakage().items():
        note(component, "leakage", figure, "mW")
    return tuple(found.values())


def _precision_label(workload: Workload) -> str:
    labels = {layer.precision.label for layer in workload.layers}
    return labels.pop() if len(labels) == 1 else "mixed"
