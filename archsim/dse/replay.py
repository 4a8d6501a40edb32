"""Plans and runs: the plan of what was found, and the run of what a plan says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.spec_paths import with_values
from archsim.dse.plan import Plan
from archsim.dse.retention import Retention
from archsim.dse.unrolled import unrolled_rows
from archsim.errors import InputError
from archsim.simulation import run_rows, set_up
from archsim.workloads.library import load_workload
from archsim.workloads.patched import Patching, patched
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

    from archsim.accelerators.machine import Machine, Row
    from archsim.run import Run


def run_plan(
    plan: Plan,
    *,
    workload: Workload | str | Path | None = None,
    accelerator: str | Path | dict[str, Any] | None = None,
    timeline: bool = False,
) -> Run:
    """Execute a plan on the kernel. Workload and accelerator are the plan's own unless others are given.

    Raises InputError for a plan that does not fit: other layers, a mapping that the machine cannot run.
    """
    if not isinstance(workload, Workload):
        workload = load_workload(plan.workload if workload is None else workload, dims=dict(plan.dims))
    if plan.patches is not None:
        workload = patched(workload, Patching(plan.patches.stage, plan.patches.grid))
    source = accelerator if accelerator is not None else plan.accelerator
    machine = set_up(load_accelerator(with_values(read_accelerator(source), plan.hardware)), workload)
    steps = [Retention(step.layer, step.kept_until) for step in plan.schedule]
    workload, rows = unrolled_rows(workload, plan_rows(plan, workload, machine), steps)
    settings = {"minimize": plan.minimize, "plan": plan.study, "hardware": dict(plan.hardware)}
    return run_rows(workload, machine, rows, settings=settings, timeline=timeline)


def plan_rows(plan: Plan, workload: Workload, machine: Machine) -> list[Row]:
    """A plan's rows, one a layer in the workload's order. Raises InputError as `run_plan`."""
    planned = {layer.name: layer for layer in plan.layers}
    missing = [layer.name for layer in workload.layers if layer.name not in planned]
    unknown = planned.keys() - {layer.name for layer in workload.layers}
    if missing or unknown:
        first = f"has no layer {missing[0]!r}" if missing else f"names layer {min(unknown)!r}"
        raise InputError(f"the plan {first}, but {workload.name} does{'' if missing else ' not have it'}")
    rows = []
    for layer in workload.layers:
        entry = planned[layer.name]
        written = entry.output_bits or entry.activation_bits
        precision = Precision(entry.weight_bits, entry.activation_bits, written)
        rows.append(machine.row(layer.with_precision(precision), entry.mapping))
    return rows
